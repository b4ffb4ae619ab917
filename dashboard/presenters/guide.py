"""The first-run guide: what there is, what is missing, and what to do about it, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.urls import reverse

from dashboard.engine.database.doctor import Check, CheckLevel
from dashboard.engine.files.catalogue import title_of
from dashboard.engine.migration import Folder, Severity
from dashboard.models import environments as declared
from dashboard.models.environments import Environment
from dashboard.models.sources import DEFAULT
from dashboard.presenters import connections, links, people
from dashboard.presenters.badges import Badge, badge
from dashboard.presenters.buttons import ActionButton
from dashboard.presenters.connections import CheckView
from dashboard.presenters.pills import Pill
from dashboard.selectors.first_run import FirstRun, SourceState
from dashboard.services.independence import PossibleApprover

READY = Pill(label="There", tone="ok", icon="ok")
MISSING = Pill(label="Missing", tone="warn", icon="missing")
WRONG = Pill(label="In the way", tone="danger", icon="fail")
LOOK = Pill(label="Look at this", tone="warn", icon="attention")
ASKED = Pill(label="Asked below", tone="muted", icon="rehearsal")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetToAsk:
    """One whose verdict is asked for once the page is there."""

    badge: Badge
    sentence: str
    url: str  # of the verdict; empty where there is no database to ask


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideStep:
    anchor: str
    title: str
    pill: Pill
    sentences: tuple[str, ...]
    commands: tuple[str, ...] = ()
    buttons: tuple[ActionButton, ...] = ()
    targets: tuple[TargetToAsk, ...] = ()
    ask_url: str = ""  # of what is asked for once the page is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    usable: bool
    steps: tuple[GuideStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideVerdict:
    """What was found just now: a sentence, what is not as it should be, and what to run about it."""

    tone: str
    icon: str
    sentence: str
    checks: tuple[CheckView, ...]
    grants: tuple[str, ...]


def page(state: FirstRun, deciders: Sequence[PossibleApprover]) -> Guide:
    steps = (
        _control(state),
        _administrator(state),
        _targets(state.environments),
        *(_source(each, is_alone=len(state.sources) == 1) for each in state.sources),
        _second_person(state, deciders),
        _worker(state),
        _rehearsals(state.rehearsed_at),
    )
    return Guide(usable=state.usable, steps=steps)


def verdict(checks: Sequence[Check], environment: Environment) -> GuideVerdict:
    whole = connections.verdict(checks, environment)
    return _verdict(whole.tone, whole.icon, whole.sentence, checks, environment)


def verdict_on_rehearsals(checks: Sequence[Check]) -> GuideVerdict:
    """The first is of the server itself."""
    level, sentence = checks[0].level, connections.view(checks[0]).finding
    pill = {CheckLevel.FINE: READY, CheckLevel.REFUSED: WRONG}.get(level, LOOK)
    rest = [check for check in checks if check is not checks[0] or check.remedy]
    return _verdict(pill.tone, pill.icon, sentence, rest)


def _verdict(
    tone: str, icon: str, sentence: str, checks: Sequence[Check], environment: Environment | None = None
) -> GuideVerdict:
    shown = tuple(_check(check, environment) for check in checks if check.level is not CheckLevel.FINE)
    grants = tuple(dict.fromkeys(grant for check in checks for grant in check.grants))
    return GuideVerdict(tone=tone, icon=icon, sentence=sentence, checks=shown, grants=grants)


def _check(check: Check, environment: Environment | None) -> CheckView:
    """Statements stand below all checks, to be copied at once."""
    view = connections.view(check, environment)
    return replace(view, remedy="") if check.grants else view


# The steps


def _control(state: FirstRun) -> GuideStep:
    kept = f"People, requests and the audit log are kept in {state.control}."
    title, anchor = "Control database", "control"
    if state.unapplied:
        said = f"{state.unapplied} Django migrations are not applied there. Run, with the variables of the web process:"
        command = ("python manage.py migrate --noinput",)
        return GuideStep(anchor=anchor, title=title, pill=WRONG, sentences=(kept, said), commands=command)
    if state.shared_with:
        names = " and ".join(environment.name for environment in state.shared_with)
        said = (
            f"It is the database of {names}, too. A protected environment refuses to run there, because a migration "
            "could approve itself. Set SIGNALBOX_DATABASE_URL to a database for Signalbox alone, on web and worker, "
            "run this there, and restart both."
        )
        commands = ("python manage.py migrate --noinput", "python manage.py createsuperuser")
        return GuideStep(anchor=anchor, title=title, pill=LOOK, sentences=(kept, said), commands=commands)
    return GuideStep(
        anchor=anchor, title=title, pill=READY, sentences=(kept, "Every Django migration is applied there.")
    )


def _administrator(state: FirstRun) -> GuideStep:
    names = ", ".join(state.administrators)
    said = f"{names} may manage people. A second factor is added on the page of your account."
    button = ActionButton(label="Your account", url=reverse("account"), icon="lock")
    return GuideStep(
        anchor="administrator", title="First administrator", pill=READY, sentences=(said,), buttons=(button,)
    )


def _targets(environments: Sequence[Environment]) -> GuideStep:
    wanted = [e for e in environments if not e.configured and not e.optional]
    have = [e for e in environments if e.configured]
    said = f"Each environment of {declared.file()} names the variable that holds the URL of its database."
    if not have:
        pill = MISSING
        said += " None is set: set one for web and worker, and restart both."
    elif wanted:
        pill = LOOK
        said += " One that you do not have is taken out of the file, or marked there with optional = true."
    else:
        pill = ASKED  # each answers for itself once the page is there
    shown = tuple(_target(environment) for environment in environments)
    return GuideStep(anchor="targets", title="Targets", pill=pill, sentences=(said,), targets=shown)


def _target(environment: Environment) -> TargetToAsk:
    if environment.configured:
        url = reverse("guide-target", args=[environment.slug])
        return TargetToAsk(badge=badge(environment), sentence="", url=url)
    optional = " It is optional." if environment.optional else ""
    sentence = f"No database, because {environment.absence}.{optional}"
    return TargetToAsk(badge=badge(environment), sentence=sentence, url="")


def _source(state: SourceState, *, is_alone: bool) -> GuideStep:
    title = "Source of migrations" if is_alone else f"Source {state.source.name}"
    anchor, users = f"source-{state.source.name}", ", ".join(e.name for e in state.environments)
    used = f"Its files are for {users}." if users else "No environment takes its files from it."
    folder, failure = state.reading.folder, state.reading.failure
    of_git = tuple(_of_repository(state))
    if folder is None:
        why = [failure.sentence, failure.next_step] if failure else []
        return GuideStep(
            anchor=anchor, title=title, pill=WRONG, sentences=(*why, *of_git, used), buttons=_source_buttons(state)
        )
    buttons = (*_problems_button(state, folder), *_source_buttons(state))
    if not folder.migrations:
        where = f"{state.source.git.path or '.'}" if state.source.git else folder.source
        return GuideStep(
            anchor=anchor,
            title=title,
            pill=WRONG if _errors(folder) else MISSING,
            sentences=(f"The folder {folder.source} holds no migration.", *of_git, used, *_where_files_go(state)),
            commands=(f"{where}/001_create_users.sql",),
            buttons=buttons,
        )
    return GuideStep(
        anchor=anchor,
        title=title,
        pill=LOOK if _errors(folder) or state.reading.stale else READY,
        sentences=(_contents(folder), *of_git, used),
        buttons=buttons,
    )


def _of_repository(state: SourceState) -> Iterator[str]:
    """For one in a repository: what is followed, which commit is in force, and why none newer is."""
    git, commit, stale = state.source.git, state.reading.commit, state.reading.stale
    if git is None:
        return
    if git.is_pushed:
        yield "A CI pushes its files here; nothing is fetched."
    else:
        yield f"It is the {git.shown_ref} of {git.url}{f', folder {git.path}' if git.path else ''}."
    if commit:
        yield f"The commit in force is {commit.short}, “{commit.subject}” by {commit.author or 'nobody'}."
    if stale:
        yield f"Fetching has failed since {stale.since:%Y-%m-%d %H:%M} UTC. {stale.failure.sentence}"
        yield stale.failure.remedy


def _source_buttons(state: SourceState) -> tuple[ActionButton, ...]:
    if state.source.git is None:
        return ()
    name, is_pushed = state.source.name, state.source.git.is_pushed
    page = ActionButton(label="Its page", url=reverse("source", args=[name]), icon="arrow")
    fetch = ActionButton(label="Fetch now", url=reverse("source-fetch", args=[name]), method="post", icon="refresh")
    return (page,) if is_pushed else (fetch, page)


def _where_files_go(state: SourceState) -> Iterator[str]:
    if state.source.name == DEFAULT:
        yield (
            "Put your .sql files there in your copy of this repository, or set SIGNALBOX_SOURCE to the folder that has "
            f"them, on web and worker, or declare a source in {declared.file()}: a folder, or one in a git "
            "repository, which docs/DEPLOY.md describes from a push to a plan."
        )
    yield "The first file could be this one, with 001_rollback.sql beside it:"


def _contents(folder: Folder) -> str:
    count, errors = len(folder.migrations), _errors(folder)
    held = f"{count} migration" if count == 1 else f"{count} migrations"
    wrong = f" Errors were found in {errors} of its files." if errors else " No error was found in them."
    return f"The folder {folder.source} holds {held}, read as {title_of(folder.format)}.{wrong}"


def _errors(folder: Folder) -> int:
    return len({problem.file for problem in folder.problems if problem.severity is Severity.ERROR})


def _problems_button(state: SourceState, folder: Folder) -> tuple[ActionButton, ...]:
    if not folder.files:
        return ()
    return (ActionButton(label="Every file of it", url=links.problems(state.source.name), icon="migration"),)


def _second_person(state: FirstRun, deciders: Sequence[PossibleApprover]) -> GuideStep:
    protected = [environment for environment in state.environments if environment.protected]
    title, anchor = "Second person", "second-person"
    if not protected:
        said = "No environment is protected, so nobody has to approve anything."
        return GuideStep(anchor=anchor, title=title, pill=READY, sentences=(said,))
    needed = 1 + max(environment.approvals for environment in protected)
    said = f"On {', '.join(e.name for e in protected)} nobody approves their own request."
    have = f"Who can approve: {people.named(deciders)}."
    button = ActionButton(label="Invite somebody", url=reverse("people-invite"), icon="plus")
    if len(deciders) >= needed:
        return GuideStep(anchor=anchor, title=title, pill=READY, sentences=(said, have))
    awaited = [f"Invited, and not here yet: {', '.join(state.invited)}."] if state.invited else []
    asked = f"At least {needed} people should be able to approve, because whoever asks cannot approve."
    day = "Invite them a day before: for 24 hours their approvals of your own requests do not count."
    sentences = (said, have, *awaited, asked, day)
    return GuideStep(anchor=anchor, title=title, pill=MISSING, sentences=sentences, buttons=(button,))


def _worker(state: FirstRun) -> GuideStep:
    title, anchor = "Worker", "worker"
    if state.worker.alive:
        said = "A worker is there: it looks at the targets, rehearses and runs."
        return GuideStep(anchor=anchor, title=title, pill=READY, sentences=(said,))
    said = "No worker has answered for 30 seconds, so nothing is rehearsed or run. Start one beside the web process:"
    command = ("SIGNALBOX_ROLE=worker ./bin/start",)
    return GuideStep(anchor=anchor, title=title, pill=MISSING, sentences=(said,), commands=command)


def _rehearsals(rehearsed_at: datetime | None) -> GuideStep:
    said = (
        "The worker carries out each rehearsal on a throw-away database, on a private server or on the one of "
        "SIGNALBOX_REHEARSAL_URL. What follows is told from the web process; the worker may have other variables."
    )
    proven = f"The last rehearsal was carried out at {rehearsed_at:%Y-%m-%d %H:%M} UTC." if rehearsed_at else ""
    return GuideStep(
        anchor="rehearsals",
        title="Rehearsal server",
        pill=ASKED,
        sentences=tuple(filter(None, (said, proven))),
        ask_url=reverse("guide-rehearsals"),
    )
