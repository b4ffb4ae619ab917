"""How an environment stands, in words: its pill, its card, and what to say of it in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from dashboard.engine.errors import OtherDatabase, SessionRefused, TargetUnreachable, TransportRefused
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import ChangeRequest, Run
from dashboard.models.environments import Environment
from dashboard.presenters import actions, drift, requests, runs, statuses, wording
from dashboard.presenters.badges import Badge, badge
from dashboard.presenters.buttons import ActionButton
from dashboard.presenters.drift import SchemaPanel
from dashboard.presenters.pills import Pill
from dashboard.presenters.requests import RequestRow
from dashboard.presenters.runs import RunRow
from dashboard.selectors.environments import Standing
from dashboard.selectors.git import CommitFact
from dashboard.selectors.observations import LastLook

IN_SYNC = Pill(label="In sync", tone="ok", icon="ok")
AWAITING = Pill(label="Awaiting approval", tone="wait", icon="wait")
FAILED = Pill(label="Failed", tone="danger", icon="fail")
ATTENTION = Pill(label="Needs attention", tone="warn", icon="attention")
UNREACHABLE = Pill(label="Unreachable", tone="danger", icon="unreachable")
UNREADABLE = Pill(label="Cannot be read", tone="danger", icon="unreachable")
OTHER_DATABASE = Pill(label="Other database", tone="danger", icon="conflict")
UNKNOWN = Pill(label="Unknown", tone="muted", icon="unknown")
NOT_SET_UP = Pill(label="No database", tone="muted", icon="unreachable")

#: The worker looks every 30 seconds; a look older than this is no picture of the present.
STALE_AFTER = timedelta(minutes=2)
#: Findings up to this rank are about the run under way.
RUN_RANK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An environment on the overview and in the list."""

    badge: Badge
    pill: Pill
    head: str  # the highest version that stands there
    applied: int
    pending: int
    skipped: int
    attention: int
    unfinished: int  # broke off halfway, and stands in the way of all others
    known: bool
    trouble: str  # why nothing, or nothing new, is known
    next_step: str
    seen_at: datetime | None = field(repr=False)  # left out: a look that found nothing new is no change
    stale: bool
    run: RunRow | None
    requests: tuple[RequestRow, ...]
    refresh: ActionButton
    drift: SchemaPanel
    commit: CommitFact | None  # that its files are of


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing to know of an environment. `text` follows its name: "is 2 migrations behind", or after a colon."""

    rank: int  # the lower the worse
    tone: str
    icon: str
    text: str
    verbs: tuple[str, str] | None = None  # for one environment and for several; none: a colon stands there
    state: str = ""  # the filter of the migrations list that shows it
    url: str = ""  # where it is dealt with


def pill(standing: Standing) -> Pill:
    """The one word for an environment: the first of these that holds."""
    if standing.run:
        return statuses.RUN[standing.run.status]
    if not standing.environment.configured:
        return NOT_SET_UP
    if standing.look is not None and not standing.look.ok:
        return _pill_of_failure(standing.look)
    if not standing.known:
        return UNKNOWN
    return _pill_of_files(standing)


def card(standing: Standing, *, back: str = "") -> Card:
    """`back` names the page that its Refresh returns to."""
    summary, look = standing.summary, standing.look
    trouble, next_step = _trouble(standing)
    return Card(
        badge=badge(standing.environment),
        pill=pill(standing),
        head=standing.head.version if standing.head else "",
        applied=summary.applied,
        pending=summary.pending,
        skipped=sum(item.state is State.SKIPPED for item in standing.statuses),
        attention=len(summary.attention),
        unfinished=len(standing.unfinished),
        known=standing.known,
        trouble=trouble,
        next_step=next_step,
        seen_at=look.seen_at if look else None,
        stale=is_stale(standing),
        run=runs.row(standing.last_run) if standing.last_run else None,
        requests=tuple(requests.row(request) for request in standing.requests),
        refresh=refresh_button(standing, back=back),
        drift=drift.panel(standing.environment, standing.drift),
        commit=standing.commit,
    )


def not_seen(environment: Environment, code: str) -> str:
    """Why a look has failed, in one short sentence; the page has the long one."""
    trouble = {
        OtherDatabase.code: "leads to another database than before",
        TargetUnreachable.code: "did not answer",
        SessionRefused.code: "answered, and refused the session",
        TransportRefused.code: "was not connected to: the way there is not as safe as it has to be",
    }
    return f"{environment.name} {trouble.get(code, 'answered, and its history could not be read')}."


def is_stale(standing: Standing) -> bool:
    seen_at = standing.look.seen_at if standing.look else None
    return seen_at is not None and timezone.now() - seen_at > STALE_AFTER


def refresh_button(standing: Standing, *, back: str = "") -> ActionButton:
    return ActionButton(
        label="Refresh",
        url=reverse("environment-refresh", args=[standing.environment.slug]),
        method="post",
        icon="refresh",
        fields=(("back", back),) if back else (),
        show=standing.environment.configured,
    )


def remarks(standing: Standing) -> Iterator[Remark]:
    """What a person should know of this environment, if anything."""
    yield from _remarks_of_look(standing)
    yield from _remarks_of_run(standing)
    yield from _remarks_of_approvals(standing)
    for left in standing.unfinished:
        attempt = f"{actions.WORDS[left.action].of}{left.label}"
        yield Remark(
            rank=10,
            tone="danger",
            icon="fail",
            text=f"{attempt} broke off halfway. What it did is still there, and nothing else runs until that is "
            "settled.",
            url=reverse("settle", args=[standing.environment.slug, *left.identity]),
        )
    yield from _remarks_of_files(standing)
    if sentence := drift.differs(standing.drift, of=" of its schema"):
        url = reverse("drift", args=[standing.environment.slug])
        yield Remark(rank=25, tone="warn", icon="modified", text=sentence, url=url)
    if sentence := drift.left_half_done(standing.drift):
        url = reverse("drift", args=[standing.environment.slug])
        yield Remark(rank=24, tone="danger", icon="fail", text=sentence, url=url)
    if blocked := [s for s in standing.pending if is_blocked(s)]:
        subject = blocked[0].label if len(blocked) == 1 else f"{len(blocked)} pending migrations"
        yield Remark(
            rank=35,
            tone="warn",
            icon="attention",
            text=f"{subject} cannot run until the file is mended.",
            state="attention",
        )
    if count := len(standing.pending):
        text = f"{count} migration{'' if count == 1 else 's'} behind."
        yield Remark(rank=60, tone="info", icon="pending", text=text, verbs=("is", "are"), state=State.PENDING.value)


def _remarks_of_files(standing: Standing) -> Iterator[Remark]:
    if standing.elsewhere:
        tools = wording.all_of([other.label for other in standing.elsewhere])
        yield Remark(
            rank=26,
            tone="warn",
            icon="attention",
            text=f"a history of {tools} waits to be imported. Until then an apply may run again what has run already.",
            url=reverse("import", args=[standing.environment.slug]),
        )
    undone = [s.label for s in standing.statuses if s.came_to_nothing]
    if undone:
        is_one = len(undone) == 1
        subject, its = (
            undone[0] if is_one else f"{len(undone)} migrations",
            "its file is" if is_one else "their files are",
        )
        text = f"{subject} failed, nothing of that remains, and {its} gone. There is nothing to do."
        yield Remark(rank=47, tone="muted", icon="missing", text=text, state=State.MISSING.value)
    for state, (rank, tone, one, many) in _ATTENTION.items():
        labels = [s.label for s in standing.statuses if s.state is state and not s.came_to_nothing]
        if labels:
            text = one.format(label=labels[0]) if len(labels) == 1 else many.format(count=len(labels))
            yield Remark(rank=rank, tone=tone, icon=statuses.MIGRATION[state].icon, text=text, state=state.value)


def is_blocked(item: MigrationStatus) -> bool:
    """Pending, but its file has an error."""
    return item.is_pending and item.migration is not None and bool(item.migration.errors())


_ATTENTION: dict[State, tuple[int, str, str, str]] = {
    State.FAILED: (
        20,
        "danger",
        "{label} failed; nothing of it remains.",
        "{count} migrations failed; nothing of them remains.",
    ),
    State.UNRECORDED: (
        21,
        "warn",
        "{label} is in the log of the database, but its row in the history is gone.",
        "{count} migrations are in the log of the database, but their rows in the history are gone.",
    ),
    State.MODIFIED: (
        30,
        "danger",
        "{label} was edited after it was applied.",
        "{count} migrations were edited after they were applied.",
    ),
    State.MISSING: (
        31,
        "warn",
        "{label} is recorded there, but its file is gone.",
        "{count} migrations are recorded there, but their files are gone.",
    ),
    State.CONFLICT: (
        32,
        "warn",
        "{label} is in conflict with another migration, so it will not run.",
        "{count} migrations are in conflict with others, so they will not run.",
    ),
    State.ALTERED: (
        33,
        "warn",
        "{label} has another checksum in the history than in the log of the database.",
        "{count} migrations have other checksums in the history than in the log of the database.",
    ),
    State.OUT_OF_ORDER: (
        40,
        "warn",
        "{label} is pending, although a later migration is applied.",
        "{count} migrations are pending, although later ones are applied.",
    ),
}


def _remarks_of_look(standing: Standing) -> Iterator[Remark]:
    look = standing.look
    if not standing.environment.configured:
        rank, tone = (5, "danger") if standing.environment.fault else (50, "muted")
        text = f"no database: {standing.environment.absence}."
        yield Remark(rank=rank, tone=tone, icon="unreachable", text=text, verbs=("has", "have"))
    elif look is None:
        text = "not been looked at yet. Refresh to see what is applied."
        yield Remark(rank=45, tone="info", icon="unknown", text=text, verbs=("has", "have"))
    elif look.other_database:
        text = "to another database than before. Nothing runs there until that is settled."
        yield Remark(rank=4, tone="danger", icon="conflict", text=text, verbs=("leads", "lead"))
    elif look.failure:
        trouble, last = ("unreachable", "it answered") if look.unreachable else ("not readable", "it was")
        text = f"{trouble}; what is shown is from the last time {last}."
        if look.history is None:
            text = f"{trouble}, so what is applied is not known."
        yield Remark(rank=5, tone="danger", icon="unreachable", text=text, verbs=("is", "are"))
    elif is_stale(standing):
        text = "not been looked at for a while: what is shown may be out of date."
        yield Remark(rank=44, tone="warn", icon="queued", text=text, verbs=("has", "have"))


def _remarks_of_approvals(standing: Standing) -> Iterator[Remark]:
    if standing.keeps_approvals and standing.environment.protected:
        yield Remark(rank=6, tone="danger", icon="conflict", text=f"{SHARED}. {SHARED_STOPS} {SHARED_ADVICE}")
    elif standing.keeps_approvals:
        yield Remark(rank=46, tone="warn", icon="attention", text=f"{SHARED}. {SHARED_ADVICE}")


#: What an environment is told whose database is the control database.
SHARED = "its database is also the one in which Signalbox keeps its people, requests and approvals"
SHARED_STOPS = "Nothing runs there, because a migration could approve itself."
SHARED_ADVICE = "Set SIGNALBOX_DATABASE_URL to a database for Signalbox alone and restart."


def _remarks_of_run(standing: Standing) -> Iterator[Remark]:
    run = standing.run
    if run is None:
        return
    if run.is_unheard_of:
        text = f"the worker of run {run.pk} sends no sign of life; whether the run goes on is not known."
        yield Remark(rank=1, tone="danger", icon="attention", text=text)
        return
    words = {
        Run.Status.QUEUED: f"run {run.pk} waits for a worker.",
        Run.Status.RUNNING: f"run {run.pk} is under way.",
        Run.Status.INTERRUPTED: f"run {run.pk} was interrupted; what it committed is being found out.",
    }
    shown, worst = statuses.RUN[run.status], run.status == Run.Status.INTERRUPTED
    yield Remark(rank=1 if worst else RUN_RANK, tone=shown.tone, icon=shown.icon, text=words[Run.Status(run.status)])


def _pill_of_failure(look: LastLook) -> Pill:
    if look.other_database:
        return OTHER_DATABASE
    return UNREACHABLE if look.unreachable else UNREADABLE


def _pill_of_files(standing: Standing) -> Pill:
    states = {s.state for s in standing.statuses}
    if standing.unfinished or State.FAILED in states:
        return FAILED
    if standing.summary.attention or standing.elsewhere or standing.drift.drifted or standing.drift.leftovers:
        return ATTENTION
    if any(request.status == ChangeRequest.Status.OPEN for request in standing.requests):
        return AWAITING
    if pending := standing.summary.pending:
        return Pill(label=f"{pending} pending", tone="info", icon="pending")
    return IN_SYNC


def _trouble(standing: Standing) -> tuple[str, str]:
    """What stands between us and the target, and what to do about it."""
    environment, look = standing.environment, standing.look
    if not environment.configured:
        sentence = f"{environment.name} has no database: {environment.absence}."
        return sentence, f"Set {environment.variable} to its PostgreSQL URL and restart Signalbox."
    if look is None:
        return f"Nobody has looked at {environment.name} yet.", "Refresh to see what is applied there."
    if look.failure:
        sentence = look.failure.sentence
        return sentence[:1].upper() + sentence[1:], look.failure.next_step
    return "", ""
