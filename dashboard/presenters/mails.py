"""What mails say, and what pages say about mails.

A mail leaves the house: it names people, environments and numbers, and links to the page that has the rest. It holds
no reason, no comment, no SQL, no message of a server and no address of a database. The one secret that one may hold is
a one-time link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from dashboard.models import Mail, OneTimeLink, command_line, environments
from dashboard.services.audit import Event
from dashboard.services.mails import MailText


@dataclass(frozen=True, slots=True, kw_only=True)
class MailWords:
    label: str  # in lists of mails that were not delivered
    choice: str = ""  # beside its box on the page Account


@dataclass(frozen=True, slots=True, kw_only=True)
class MailChoice:
    kind: str
    label: str
    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredMail:
    """A mail that nobody has got, or not yet."""

    name: str
    label: str
    problem: str
    queued_at: datetime
    next_try_at: datetime | None  # None: it was given up


WORDS: Mapping[str, MailWords] = {
    Mail.Kind.APPROVAL_WANTED: MailWords(label="A request waits", choice="A request waits for my approval"),
    Mail.Kind.MENTIONED: MailWords(label="Mentioned in a comment", choice="Somebody mentions me in a comment"),
    Mail.Kind.DECIDED: MailWords(
        label="A request was decided", choice="A request of mine was approved, rejected or voided"
    ),
    Mail.Kind.RUN_FAILED: MailWords(label="A run failed", choice="A run of mine failed or did not begin"),
    Mail.Kind.GLASS: MailWords(label="Break-glass"),
    Mail.Kind.REVIEW_OPEN: MailWords(label="A review is open"),
    Mail.Kind.ACCOUNT: MailWords(label="An account was changed"),
    Mail.Kind.LINK: MailWords(label="One-time link"),
    Mail.Kind.AUDIT_HEAD: MailWords(label="Head of the audit log"),
}

PROBLEMS: Mapping[str, str] = {
    Mail.Problem.AWAY: "The mail server does not answer.",
    Mail.Problem.LACKS: "The mail server offers no encryption or no signing in, and the URL asks for it.",
    Mail.Problem.NO_TLS: "The way to the mail server could not be encrypted.",
    Mail.Problem.NO_SIGN_IN: "The mail server does not take our user name and password.",
    Mail.Problem.SENDER: "The mail server does not take our sender.",
    Mail.Problem.BROKE_OFF: "The mail server broke off in the middle of the mail.",
    Mail.Problem.LATER: "The mail server asks to try again later.",
    Mail.Problem.ADDRESS: "The mail server refuses the address.",
    Mail.Problem.CONTENT: "The mail server refuses the mail.",
    Mail.Problem.WORDING: "Signalbox failed while it wrote the mail. The log of the worker says why.",
}

#: What happened, by event. {by}, {name}, {place}, {request} and {run} are filled in.
EVENTS: Mapping[str, str] = {
    Event.REQUEST_OPENED: "{by} asks for a run on {place}, and you may approve it: request {request}.",
    Event.REQUEST_APPROVED: "Request {request} for {place} is approved, and can be run. The last approval is by {by}.",
    Event.REQUEST_REJECTED: "Request {request} for {place} was rejected by {by}. The page has the reason.",
    Event.REQUEST_SUPERSEDED: "Request {request} for {place} was voided: what would run is not what was asked for.",
    Event.REQUEST_EXPIRED: "Request {request} for {place} has expired: it was not decided or run in time.",
    Event.REQUEST_REEVALUATED: "Request {request} for {place} was held against a changed policy, and is {status} now.",
    Event.REQUEST_COMMENTED: "{by} mentions you in a comment on request {request} for {place}.",
    Event.REQUEST_NOT_STARTED: "Request {request} for {place} was not started at its time. The page says why.",
    Event.RUN_FAILED: "Run {run} on {place} failed. The page says what is there now and what to do next.",
    Event.RUN_INTERRUPTED: "Run {run} on {place} was interrupted. What it committed is being found out.",
    Event.BREAK_GLASS_OPENED: (
        "{by} broke the glass on {place}: request {request} may be run for some minutes without what the policy asks "
        "for. If nobody agreed to that, speak to {by} now, and have their account deactivated."
    ),
    Event.BREAK_GLASS_USED: (
        "{by} has started run {run} on {place} by break-glass, without what the policy asks for. Somebody else has to "
        "sign the review, on the page of request {request}."
    ),
    Event.PASSWORD_SET: "The password of {name} was changed.",
    Event.SECOND_FACTOR_ADDED: "{name} has a second factor more: {factor}.",
    Event.SECOND_FACTOR_REMOVED: "{name} has a second factor less: {factor}. It was removed by {by}.",
    Event.PROVIDER_CONNECTED: "An account at {provider} signs {name} in from now on.",
    Event.ROLE_CHANGED: "{by} changed the role of {name}.",
    Event.EMAIL_CHANGED: "{by} changed the mail address of {name}. The former address is told too.",
    Event.LINK_MADE: "{by} made a one-time link with which a new password for {name} can be chosen.",
    Event.TOKEN_MADE: "{by} made the token {token}, with which a machine acts in the name of {name}.",
    Event.TOKEN_REVOKED: "{by} revoked the token {token}, with which a machine acted in the name of {name}.",
    Event.LINK_USED: "A one-time link was used to choose a new password for {by}.",
    Event.PERSON_DEACTIVATED: "{by} deactivated {name}: the account signs nobody in any more.",
    Event.PERSON_REACTIVATED: "{by} reactivated {name}: the account signs in again.",
    Event.SIGNED_IN: "{by} signed in from a browser that was not known before.",
}
SUBJECTS: Mapping[str, str] = {
    Mail.Kind.APPROVAL_WANTED: "Request {request} for {place} waits for your approval",
    Mail.Kind.MENTIONED: "You were mentioned on request {request}",
    Mail.Kind.DECIDED: "News of request {request} for {place}",
    Mail.Kind.RUN_FAILED: "A run on {place} failed or did not begin",
    Mail.Kind.GLASS: "BREAK-GLASS on {place} by {by}",
    Mail.Kind.REVIEW_OPEN: "Break-glass on {place}: the review is still open",
    Mail.Kind.ACCOUNT: "Security notice about your account",
    Mail.Kind.LINK: "Choose your password",
    Mail.Kind.AUDIT_HEAD: "audit head {id}",
}
_NOT_YOU = "If this is not right, tell an administrator of Signalbox at once. This mail cannot be switched off."


def text(mail: Mail, token: str = "") -> MailText:
    """Plain text; addresses begin with what is configured, whatever a request may have said its host is."""
    facts = {**mail.facts, "place": _place(mail.facts.get("environment", ""))}
    subject = f"[Signalbox] {SUBJECTS[mail.kind].format(**facts)}"
    paragraphs = [*_greeting(mail.person), *_paragraphs(mail, facts, token), f"-- \nSignalbox, {settings.BASE_URL}/"]
    return MailText(subject=subject, body="\n\n".join(paragraphs) + "\n")


def choices(unwanted: Iterable[str]) -> tuple[MailChoice, ...]:
    """What a person may switch off, for the page Account."""
    off = set(unwanted)
    return tuple(
        MailChoice(kind=kind, label=words.choice, wanted=kind not in off)
        for kind, words in WORDS.items()
        if words.choice
    )


def undelivered(mails: Iterable[Mail]) -> tuple[UndeliveredMail, ...]:
    return tuple(
        UndeliveredMail(
            name=mail.person.get_username() if mail.person else mail.address,
            label=WORDS[mail.kind].label,
            problem=_problem(mail),
            queued_at=mail.queued_at,
            next_try_at=mail.next_try_at if mail.status == Mail.Status.WAITING else None,
        )
        for mail in mails
    )


def standing(*, undelivered: int, unreachable: int) -> str:
    """For the doctor: whether any is sent, how many wait in trouble, and how many people have no address."""
    if not settings.SENDS_MAIL:
        return "none is sent. Set SIGNALBOX_EMAIL_URL for notices by mail; everything is on the pages without it."
    sentences = [f"sent as {settings.MAIL_SENDER}, with links to {settings.BASE_URL}/."]
    if undelivered:
        sentences.append(f"{_counted(undelivered, 'mail')} not delivered; the page People lists them.")
    if unreachable:
        sentences.append(f"{_counted(unreachable, 'active account')} without a mail address.")
    return " ".join(sentences)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _greeting(person: User | None) -> Iterator[str]:
    if person is not None:
        yield f"Hello {person.get_username()},"


def _paragraphs(mail: Mail, facts: Mapping[str, Any], token: str) -> Iterator[str]:
    match mail.kind:
        case Mail.Kind.LINK:
            yield from _of_link(facts, token)
        case Mail.Kind.AUDIT_HEAD:
            yield f"audit head id={facts['id']} hash={facts['hash']}"
            verify = command_line.of("audit verify --head ID:HASH")
            yield f"Keep this mail: {verify} shows whether the log still has that event."
        case Mail.Kind.REVIEW_OPEN:
            yield (
                f"{facts['by']} let request {facts['request']} run on {facts['place']} by break-glass, and nobody has "
                "signed the review. Anybody who may approve can, but not the one who did it."
            )
            yield _address("request", facts["request"])
        case Mail.Kind.ACCOUNT:
            yield EVENTS[facts["event"]].format(**facts)
            yield f"When: {facts['at']}" + (f"\nFrom: {facts['source_ip']}" if facts["source_ip"] else "")
            yield _NOT_YOU
        case _:
            yield EVENTS[facts["event"]].format(**facts)
            yield _address("run", facts["run"]) if facts["run"] else _address("request", facts["request"])
            if mail.kind not in Mail.ALWAYS:
                yield f"Which of these mails you get: {_address('account')}"


def _of_link(facts: Mapping[str, Any], token: str) -> Iterator[str]:
    if facts["purpose"] == OneTimeLink.Purpose.INVITATION:
        yield f"{facts['by']} invites you to Signalbox. Choose your password here:"
    else:
        yield f"{facts['by']} sends you a link to choose a new password. Your present one works until you use it:"
    yield _address("join", token)
    yield (
        "The link works once, and for three days after it was made. Whoever opens it first chooses the password, so "
        "pass it on to nobody. If you did not expect it, leave it alone and tell an administrator."
    )


def _place(slug: str) -> str:
    return environments.get_even_former(slug).name if slug else ""


def _address(name: str, *arguments: object) -> str:
    return settings.BASE_URL + reverse(name, args=arguments)


def _problem(mail: Mail) -> str:
    answered = f" It answered {mail.reply}." if mail.reply else ""
    return f"{PROBLEMS[mail.problem]}{answered}" if mail.problem else ""
