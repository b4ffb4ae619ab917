"""Audit events as sentences. The words of each stand in templates/audit/events/<event>.html."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from dashboard.engine.rehearsal.report import Verdict
from dashboard.models import AuditEvent, command_line
from dashboard.models.failures import without_values
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.requirements import WORDS
from dashboard.selectors.audit import Titles
from dashboard.services.actors import SIGNALBOX
from dashboard.services.audit import Event
from dashboard.services.audit_chain import ChainCheck, ChainFault
from dashboard.services.audit_guard import Power
from dashboard.services.audit_keys import FALLBACK_VARIABLE, OWN_VARIABLE
from dashboard.services.evidence import EvidenceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A request or a run: its number, what it is called, where it is."""

    number: int
    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    number: int
    at: datetime
    template: str
    tone: str
    icon: str
    actor: str
    place: Badge | None
    request: Link | None
    run: Link | None
    data: Mapping[str, Any]
    by_person: bool  # False: Signalbox did it by itself
    unproven: tuple[str, ...]  # what an approval accepted without proof
    proved_nothing: bool  # of a rehearsal: it neither passed nor failed
    failure: str  # how a run or a rehearsal failed, without a value of the data
    source_ip: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    tone: str
    icon: str
    sentence: str


#: What the filter calls each kind, with its tone and icon.
KINDS: Mapping[Event, tuple[str, str, str]] = {
    Event.SIGNED_IN: ("Signed in", "muted", "user"),
    Event.SIGN_IN_FAILED: ("Sign-in failed", "warn", "attention"),
    Event.SIGNED_OUT: ("Signed out", "muted", "sign-out"),
    Event.SESSIONS_ENDED: ("Sessions ended", "muted", "sign-out"),
    Event.PERSON_INVITED: ("Person invited", "info", "plus"),
    Event.LINK_MADE: ("One-time link made", "warn", "lock"),
    Event.LINK_USED: ("One-time link used", "warn", "lock"),
    Event.TOKEN_MADE: ("Token made", "warn", "lock"),
    Event.TOKEN_REVOKED: ("Token revoked", "warn", "lock"),
    Event.TOKEN_REFUSED: ("Token refused", "warn", "lock"),
    Event.PERSON_CREATED: ("Person added", "info", "user"),
    Event.PERSON_DEACTIVATED: ("Person deactivated", "warn", "cancel"),
    Event.PERSON_REACTIVATED: ("Person reactivated", "warn", "user"),
    Event.ROLE_CHANGED: ("Roles changed", "warn", "user"),
    Event.EMAIL_CHANGED: ("Mail address changed", "warn", "user"),
    Event.PROVIDER_CONNECTED: ("First sign-in through a provider", "warn", "lock"),
    Event.PASSWORD_SET: ("Password set", "warn", "lock"),
    Event.SECOND_FACTOR_ADDED: ("Second factor added", "info", "lock"),
    Event.SECOND_FACTOR_REMOVED: ("Second factor removed", "warn", "lock"),
    Event.REQUEST_OPENED: ("Request opened", "info", "request"),
    Event.REQUEST_APPROVED: ("Request approved", "ok", "ok"),
    Event.REQUEST_REJECTED: ("Request rejected", "danger", "fail"),
    Event.REQUEST_WITHDRAWN: ("Request withdrawn", "muted", "cancel"),
    Event.REQUEST_EXPIRED: ("Request expired", "muted", "queued"),
    Event.REQUEST_SUPERSEDED: ("Request superseded", "warn", "modified"),
    Event.REQUEST_DONE: ("Request done", "muted", "ok"),
    Event.REQUEST_REEVALUATED: ("Request held against a changed policy", "warn", "modified"),
    Event.REQUEST_SCHEDULED: ("Start scheduled", "info", "queued"),
    Event.REQUEST_UNSCHEDULED: ("Scheduled start taken back", "muted", "cancel"),
    Event.REQUEST_NOT_STARTED: ("Not started at its time", "warn", "attention"),
    Event.REQUEST_COMMENTED: ("Comment", "muted", "comment"),
    Event.BREAK_GLASS_OPENED: ("Glass broken", "danger", "attention"),
    Event.BREAK_GLASS_USED: ("Run by break-glass", "danger", "run"),
    Event.BREAK_GLASS_REVIEWED: ("Break-glass reviewed", "ok", "ok"),
    Event.RUN_QUEUED: ("Run queued", "info", "queued"),
    Event.RUN_STARTED: ("Run started", "run", "run"),
    Event.RUN_CANCEL_REQUESTED: ("Cancel asked for", "warn", "cancel"),
    Event.RUN_SUCCEEDED: ("Run succeeded", "ok", "ok"),
    Event.RUN_FAILED: ("Run failed", "danger", "fail"),
    Event.RUN_CANCELLED: ("Run cancelled", "muted", "cancel"),
    Event.RUN_INTERRUPTED: ("Run interrupted", "danger", "attention"),
    Event.RUN_RESOLVED: ("Run resolved", "warn", "ok"),
    Event.RUN_ENDED_BY_HAND: ("Run ended by hand", "danger", "attention"),
    Event.RUN_MESSAGES_ERASED: ("Server messages erased", "warn", "cancel"),
    Event.INSTALLATION_COPIED: ("Control database is a copy", "danger", "attention"),
    Event.INSTALLATION_CONFIRMED: ("Copy confirmed", "warn", "lock"),
    Event.ENVIRONMENT_REBOUND: ("Other database confirmed", "warn", "environment"),
    Event.DRIFT_FOUND: ("Drift found", "warn", "modified"),
    Event.DRIFT_GONE: ("Drift gone", "ok", "ok"),
    Event.DRIFT_ACCEPTED: ("Drift accepted", "warn", "baseline"),
    Event.REHEARSAL_ASKED: ("Rehearsal asked for", "info", "queued"),
    Event.REHEARSAL_DONE: ("Rehearsal carried out", "ok", "rehearsal"),
    Event.REHEARSAL_FAILED: ("Rehearsal not carried out", "warn", "attention"),
    Event.SOURCE_MOVED: ("Source at another commit", "info", "migration"),
    Event.SOURCE_FETCH_ASKED: ("Fetch asked for", "muted", "refresh"),
    Event.SOURCE_HOOK_REFUSED: ("Webhook refused", "warn", "lock"),
    Event.SOURCE_FETCH_FAILED: ("Fetch failed", "warn", "unreachable"),
    Event.ACCESS_REFUSED: ("Access refused", "warn", "lock"),
    Event.MAIL_UNDELIVERED: ("Mail not delivered", "warn", "attention"),
    Event.KEYED: ("Key of the log changed", "warn", "lock"),
}
KIND_LABELS = {event.value: label for event, (label, _, _) in KINDS.items()}

COLUMNS = ("id", "at", "kind", "actor", "environment", "request", "run", "source_ip", "data", "hash", "key", "position")
#: A spreadsheet takes a cell that starts with one of these for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def views(events: Iterable[AuditEvent], titles: Titles) -> list[EventView]:
    return [_view(event, titles) for event in events]


def chain(check: ChainCheck) -> Chain:
    """What walking the chain has shown."""
    if check.fault:
        sentence = f"{_fault(check)} {_held(check.count)}"
        return Chain(tone="danger", icon="fail", sentence=sentence)
    sentences = (f"{_counted(check.count)}, the chain is intact.", *_how_far(check))
    return Chain(tone="ok", icon="ok", sentence=" ".join(sentences))


def power(power: Power) -> Chain:
    """Whether the role that Signalbox connects as could change the log."""
    if not power.trigger:
        sentence = (
            "The trigger that refuses changes of the audit log is missing or switched off. "
            "Check the chain, and put the trigger back."
        )
        return Chain(tone="danger", icon="fail", sentence=sentence)
    if power.superuser or power.owner:
        being = "is a superuser" if power.superuser else "owns the table"
        sentence = (
            f"The database role {power.role} {being}, so whoever has its password could switch the protection of "
            "this log off and change it. A check of the chain against a head kept elsewhere shows that. "
            "docs/DEPLOY.md says how to run Signalbox as a role that cannot."
        )
        return Chain(tone="warn", icon="attention", sentence=sentence)
    if power.may_change:
        sentence = (
            f"The database role {power.role} has more rights on this log than to add and to read. "
            f"As the owner, run: {command_line.of(f'audit writer {power.role}')}"
        )
        return Chain(tone="warn", icon="attention", sentence=sentence)
    sentence = f"The database role {power.role} can add events and read them, and can neither change nor remove them."
    return Chain(tone="ok", icon="lock", sentence=sentence)


def template_of(event: str) -> str:
    return f"audit/events/{event}.html"


def rows(events: Iterable[AuditEvent]) -> Iterator[list[str]]:
    """For a spreadsheet: the column names, then one row an event, no cell a formula."""
    yield list(COLUMNS)
    for event in events:
        cells = (
            event.pk,
            event.at.astimezone(UTC).isoformat(timespec="milliseconds"),
            event.kind,
            event.actor,
            event.environment,
            event.request_id,
            event.run_id,
            event.source_ip,
            json.dumps(_data(event)) if event.data else "",
            event.hash,
            event.key_id,
            event.position,
        )
        yield [_inert("" if cell is None else str(cell)) for cell in cells]


def _counted(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _held(count: int) -> str:
    if not count:
        return "No event before it holds."
    return f"The {_counted(count)} before it hold{'s' if count == 1 else ''}."


def _how_far(check: ChainCheck) -> Iterator[str]:
    """What the check rests on, and what it cannot show."""
    if plain := check.count - check.keyed:
        yield f"The first {_counted(plain)} {'was' if plain == 1 else 'were'} written before there was a key."
    if check.key is None:
        yield "This process has no key, so whoever can write to the database could have written all of it anew."
    elif check.key.is_fallback:
        yield (
            f"Its key is derived from {FALLBACK_VARIABLE}, because {OWN_VARIABLE} is not set: set it, so that who can "
            "sign sessions cannot seal events too."
        )
    if check.heads:
        heads = "the head" if check.heads == 1 else f"the {check.heads} heads"
        yield f"It holds {heads} kept elsewhere."
    else:
        verify = command_line.of("audit verify --head")
        yield f"Whether its end was cut off shows only against a head kept elsewhere: {verify}."


def _fault(check: ChainCheck) -> str:
    event = check.event
    key = event.key_id if event else ""
    return _FAULTS[check.fault or ChainFault.CONTENT].format(event=check.event_id, key=key)


_FAULTS: Mapping[ChainFault, str] = {
    ChainFault.CONTENT: "The chain breaks at event {event}: it was changed outside Signalbox.",
    ChainFault.LINK: (
        "The chain breaks at event {event}: what stood before it was changed, removed, moved or put there outside "
        "Signalbox."
    ),
    ChainFault.COUNT: "The chain breaks at event {event}: more or fewer events stood before it when it was written.",
    ChainFault.KEY_DROPPED: "The chain breaks at event {event}: it carries no key, and the events before it do.",
    ChainFault.KEY_MISSING: (
        "Event {event} cannot be checked: it was written with the key {key}, which this process does not have. "
        "Add that key to those in SIGNALBOX_AUDIT_KEY, or find out who wrote it."
    ),
    ChainFault.NEVER_KEYED: (
        "No event carries a key, though there is one: either nothing was written since the key was set, or another "
        "log was put in place of this one."
    ),
    ChainFault.OTHER_THAN_HEAD: (
        "Event {event} is not the one that was written: the head kept elsewhere has another hash for it. It, or "
        "everything up to it, was written anew."
    ),
    ChainFault.HEAD_GONE: (
        "Event {event} is gone: a head kept elsewhere names it. The end of the log was cut off, or another log was "
        "put in its place."
    ),
    ChainFault.EMPTY: "The audit log is empty, and yet there are requests or runs, which each have their events.",
}


def _view(event: AuditEvent, titles: Titles) -> EventView:
    _, tone, icon = KINDS.get(Event(event.kind), ("", "muted", "audit"))
    return EventView(
        number=event.pk,
        at=event.at,
        template=template_of(event.kind),
        tone=tone,
        icon=icon,
        actor=event.actor,
        place=badge_of(event.environment) if event.environment else None,
        request=_link("request", event.request_id, titles.requests),
        run=_link("run", event.run_id, titles.runs),
        data=event.data,
        by_person=event.actor != SIGNALBOX.name,
        unproven=tuple(_unproven(event.data)),
        proved_nothing=event.data.get("verdict") == Verdict.NOT_PROVEN,
        failure=_failure(without_values(event.data.get("failure") or {})),
        source_ip=event.source_ip,
    )


def _data(event: AuditEvent) -> dict[str, Any]:
    """Events of before failures were written down without values may hold some."""
    failure = event.data.get("failure")
    return {**event.data, "failure": without_values(failure)} if failure else event.data


def _failure(bare: Mapping[str, Any]) -> str:
    """One sentence; what the server said stands with the run or the rehearsal, where it can be erased."""
    if sentence := bare.get("sentence"):
        return str(sentence)
    server = bare.get("server")
    if server is None:
        return f"{bare['code']}." if bare.get("code") else ""
    facts = [f"SQLSTATE {server['sqlstate']}"] if server.get("sqlstate") else []
    facts += [f"{name} {server[name]}" for name in ("table", "constraint", "statement", "line") if server.get(name)]
    return f"the server refused {bare.get('version', 'a statement')} ({', '.join(facts)})."


def _link(view_name: str, pk: int | None, titles: Mapping[int, str]) -> Link | None:
    if pk is None:
        return None
    return Link(number=pk, title=titles.get(pk, ""), url=reverse(view_name, args=[pk]))


def _unproven(data: Mapping[str, Any]) -> Iterator[str]:
    for requirement, verdict in data.get("verdicts", {}).items():
        if verdict == EvidenceStatus.ANSWERED:
            yield WORDS[requirement].label if requirement in WORDS else requirement


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
