"""The page of one environment: what stands there, what is to come, and what each row allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from django.urls import reverse

from dashboard.engine import planner
from dashboard.engine.errors import EngineError
from dashboard.engine.migration import UNKNOWN_CHECKSUMS, AppliedMigration, Folder, Kind, Problem, Severity, Unfinished
from dashboard.engine.plan import Plan, Target
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import Run
from dashboard.models.environments import Environment
from dashboard.models.roles import Role, has_role
from dashboard.presenters import actions, drift, plans, rehearsals, requirements, statuses, wording
from dashboard.presenters import failures as boxes
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.environments import Card, card, is_blocked
from dashboard.presenters.failures import ErrorBox
from dashboard.presenters.findings import tallies
from dashboard.presenters.matrix import state_pill
from dashboard.presenters.pills import Pill
from dashboard.presenters.rehearsals import RehearsalRow
from dashboard.selectors import rehearsals as selector
from dashboard.selectors.environments import Standing
from dashboard.services import permissions, targets
from dashboard.services.actors import Actor
from dashboard.services.errors import DatabaseNotConfirmed, EnvironmentOccupied

FAILED_ATTEMPT = Pill(label="Failed", tone="danger", icon="fail")
KINDS: Mapping[Kind, Pill] = {
    Kind.APPLIED: statuses.MIGRATION[State.APPLIED],
    Kind.BASELINE: statuses.MIGRATION[State.BASELINED],
    Kind.SKIPPED: statuses.MIGRATION[State.SKIPPED],
    Kind.REPEATABLE: statuses.MIGRATION[State.APPLIED],
}
#: Of more files that are missing, one sentence tells.
FILES_TOLD_ALONE = 3
NO_WAY_BACK = "No rollback was captured, so neither this nor anything before it can be rolled back."
CHECKSUMS: Mapping[State, tuple[str, str]] = {  # icon and words
    State.APPLIED: ("ok", "same as the file"),
    State.BASELINED: ("ok", "same as the file"),
    State.ANNOTATED: ("ok", "only comments differ"),
    State.MODIFIED: ("attention", "the file was edited"),
    State.MISSING: ("missing", "the file is gone"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    file: str
    name: str
    url: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What has not run here: a file, or all the files that claim one number."""

    version: str
    files: tuple[WaitingFile, ...]
    pill: Pill
    sentence: str  # empty where the pill and the problems say it all
    runs_next: bool  # it is in the plan that Apply would make
    decide: ActionButton
    lint: tuple[Pill, ...] = ()  # how much it has to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A row of the target's history."""

    version: str
    name: str
    url: str
    pill: Pill
    reason: str  # of a skip
    by: str
    at: datetime | None
    duration_ms: int | None
    checksum: tuple[str, str]
    run_url: str
    run_id: str
    roll_back: ActionButton
    take_back: ActionButton


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is wrong with what has run, or with the schema; `url` is where what differs is shown, if anywhere."""

    sentence: str
    tone: str = "warn"
    url: str = ""
    url_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPage:
    card: Card
    facts: tuple[tuple[str, str], ...]
    rebind: ActionButton
    apply: ActionButton
    test: ActionButton  # of the connection
    rehearse: ActionButton
    rehearsal: RehearsalRow | None  # the last of what Apply would do
    stops: str  # why Apply would not go to the end
    waiting: tuple[Waiting, ...]
    notices: tuple[Notice, ...]
    mishaps: tuple[ErrorBox, ...]
    history: tuple[Recorded, ...]
    history_exists: bool


def page(
    standing: Standing, folder: Folder | None, *, by: Actor, runs: Mapping[str, Run], failures: Mapping[str, Run]
) -> EnvironmentPage:
    """`runs` by their id as the target names them; `failures` by the label of the migration that failed."""
    offer = _offer(standing, folder)
    planned = {step.identity for step in offer.steps} if isinstance(offer, Plan) else set()
    waiting = tuple(_waiting(standing, planned, tallies(folder), by))
    history = standing.look.history if standing.look else None
    return EnvironmentPage(
        card=card(standing),
        facts=tuple(_facts(standing.environment)),
        rebind=_rebind_button(standing, by),
        apply=_apply_button(standing, offer, by),
        test=_test_button(standing.environment, by),
        rehearse=_rehearse_button(standing, offer, by),
        rehearsal=_rehearsal(offer),
        stops=_stops(offer, waiting),
        waiting=waiting,
        notices=tuple(_notices(standing)),
        mishaps=tuple(_mishaps(standing, failures)),
        history=tuple(_history(standing, runs, by)),
        history_exists=history is not None and history.exists,
    )


def failed_labels(standing: Standing) -> list[str]:
    return [*_failed_labels(standing), *(_label(item) for item in standing.unfinished)]


def _failed_labels(standing: Standing) -> list[str]:
    return [_label(item) for item in standing.statuses if item.state is State.FAILED]


def _label(item: MigrationStatus | Unfinished) -> str:
    return f"{item.version}_{item.name}"


def run_ids(standing: Standing) -> set[str]:
    return {row.run_id for row in standing.rows if row.run_id}


# The policy


def _facts(environment: Environment) -> Iterator[tuple[str, str]]:
    yield "Database", targets.address(environment).shown if environment.configured else ""
    yield "URL from", environment.variable
    if environment.protected:
        yield "To run", "A request, approved by a second person"
        yield "An approval", f"is used within {wording.hours(environment.approval_hours)}, or expires"
        yield "It also covers", f"the rollback, for {wording.hours(environment.rollback_hours)} after the run"
        yield "An approval needs", _needs(environment)
    else:
        yield "To run", "One person with the role requester; no approval is needed"
    yield "Waits for a lock", wording.limit(environment.lock_timeout_ms)
    yield "A statement runs", wording.limit(environment.statement_timeout_ms)


def _needs(environment: Environment) -> str:
    if not environment.require:
        return "No proof"
    proofs = (requirements.WORDS[requirement].needed for requirement in environment.require)
    return ", ".join(proofs).format(span=wording.hours(environment.rehearsal_hours)).capitalize()


# Another database


def _rebind_button(standing: Standing, by: Actor) -> ActionButton:
    return ActionButton(
        label="Compare the two databases",
        url=reverse("rebind", args=[standing.environment.slug]),
        icon="arrow",
        show=_leads_elsewhere(standing),
        reason=refusal(partial(permissions.check_can_rebind, by)),
    )


def _unbound(standing: Standing) -> str:
    """The page says the rest above."""
    return str(DatabaseNotConfirmed(environment=standing.environment.name)) if _leads_elsewhere(standing) else ""


def _leads_elsewhere(standing: Standing) -> bool:
    return standing.look is not None and standing.look.other_database


# What is wrong with what has run


def _notices(standing: Standing) -> Iterator[Notice]:
    if sentence := drift.differs(standing.drift, of=" of its schema"):
        yield Notice(sentence=sentence, url=reverse("drift", args=[standing.environment.slug]), url_label="See which")
    url = reverse("edits", args=[standing.environment.slug])
    for item in standing.statuses:
        if item.state is State.MODIFIED:
            yield Notice(sentence=item.sentence, tone="danger", url=url, url_label="See what differs")
    yield from (Notice(sentence=sentence) for sentence in _missing(standing))
    if annotated := [item for item in standing.statuses if item.state is State.ANNOTATED]:
        many = f"{len(annotated)} files were edited since they were applied here, in comments and blanks only."
        sentence = annotated[0].sentence if len(annotated) == 1 else many
        yield Notice(sentence=sentence, url=url, url_label="Compare and accept")


def _missing(standing: Standing) -> list[str]:
    """A folder that is empty, or another one, is not told file by file."""
    sentences = [item.sentence for item in standing.statuses if item.state is State.MISSING]
    if len(sentences) <= FILES_TOLD_ALONE:
        return sentences
    return [
        f"{len(sentences)} migrations are recorded here, but their files are gone from the folder. Restore them from "
        "version control; or point SIGNALBOX_SOURCE at the folder that has them, and restart Signalbox."
    ]


# Apply


def _offer(standing: Standing, folder: Folder | None) -> Plan | EngineError | None:
    """What Apply would do, judged by the last look. The page behind the button asks the target itself."""
    look = standing.look
    if folder is None or look is None or look.history is None or look.identity is None or look.other_database:
        return None
    target = Target(
        environment=standing.environment.slug,
        name=standing.environment.name,
        identity=look.identity,
        policy=targets.policy(standing.environment),
        history=look.history,
    )
    try:
        return planner.apply(target, folder)
    except EngineError as error:
        return error


def _apply_button(standing: Standing, offer: Plan | EngineError | None, by: Actor) -> ActionButton:
    environment = standing.environment
    what = plans.migrations(len(offer.steps) if isinstance(offer, Plan) else len(standing.pending))
    label = f"Request approval for {what}" if environment.protected else f"Apply {what} to {environment.name}"
    return ActionButton(
        label=label,
        url=reverse("apply", args=[environment.slug]),
        tone="primary",
        icon="arrow",
        show=bool(standing.pending),
        reason=refusal(
            partial(permissions.check_can_request, by),
            partial(_check_is_free, standing),
            partial(_check_plan, offer),
        )
        or _unbound(standing),
    )


def _test_button(environment: Environment, by: Actor) -> ActionButton:
    return ActionButton(
        label="Test the connection",
        url=reverse("connection", args=[environment.slug]),
        show=environment.configured and not refusal(partial(permissions.check_can_request, by)),
    )


def _rehearse_button(standing: Standing, offer: Plan | EngineError | None, by: Actor) -> ActionButton:
    """A run under way is no obstacle: nothing is touched."""
    return ActionButton(
        label="Rehearse",
        url=reverse("apply-rehearse", args=[standing.environment.slug]),
        method="post",
        icon="rehearsal",
        show=isinstance(offer, Plan) and not refusal(partial(permissions.check_can_request, by)),
    )


def _rehearsal(offer: Plan | EngineError | None) -> RehearsalRow | None:
    last = selector.of_plan(offer).latest if isinstance(offer, Plan) else None
    return rehearsals.row(last) if last else None


def _check_is_free(standing: Standing) -> None:
    if standing.run:
        raise EnvironmentOccupied(
            environment=standing.environment.name, run=standing.run.pk, status=standing.run.status
        )


def _check_plan(offer: Plan | EngineError | None) -> None:
    if isinstance(offer, EngineError):
        raise offer


# What has not run


def _waiting(
    standing: Standing, planned: set[tuple[str, str]], lint: Mapping[tuple[str, str], tuple[Pill, ...]], by: Actor
) -> Iterator[Waiting]:
    for version, group in groupby(filter(_has_not_run, standing.statuses), key=lambda item: item.version):
        items = list(group)
        clashing = [item for item in items if item.state is State.CONFLICT]
        if len(clashing) > 1:
            yield _entry(standing, clashing, _CLASH.format(version=version, count=len(clashing)), planned, by)
            items = [item for item in items if item not in clashing]
        for item in items:
            said = item.state in _SAID or is_blocked(item)
            entry = _entry(standing, [item], "" if said else item.sentence, planned, by)
            yield replace(entry, lint=lint.get((item.version, item.name), ()))


#: States whose sentence would only repeat the pill, the problems or the box above.
_SAID = frozenset({State.PENDING, State.FAILED, State.PARTIAL})
_CLASH = (
    "{count} files have the number {version}, so it is not clear which should run, and none does. One can keep it: "
    "rename the others, or let an administrator decide which runs here and skip the rest, with a reason."
)


def _has_not_run(item: MigrationStatus) -> bool:
    return item.migration is not None and (item.is_pending or item.state in {State.CONFLICT, State.PARTIAL})


def _entry(
    standing: Standing, items: Sequence[MigrationStatus], sentence: str, planned: set[tuple[str, str]], by: Actor
) -> Waiting:
    first = items[0]
    return Waiting(
        version=first.version,
        files=tuple(_file(item) for item in items),
        pill=state_pill(first),
        sentence=sentence,
        runs_next=(first.version, first.name) in planned,
        decide=ActionButton(
            label="Decide…" if first.state is State.CONFLICT else "Skip…",
            url=reverse("skip", args=[standing.environment.slug, first.version]),
            show=not refusal(partial(permissions.check_can_skip, by)),
        ),
    )


def _file(item: MigrationStatus) -> WaitingFile:
    unsaid = {"duplicate_version", "no_rollback"} if item.state is State.CONFLICT else set()
    shown = [p for p in item.problems if p.severity is not Severity.NOTE and p.code not in unsaid]
    return WaitingFile(
        file=item.migration.up.file if item.migration else "",
        name=item.name,
        url=reverse("migration", args=[item.version, item.name]),
        problems=tuple(sorted(shown, key=lambda p: p.severity is not Severity.ERROR)),
    )


def _stops(offer: Plan | EngineError | None, waiting: Sequence[Waiting]) -> str:
    if not isinstance(offer, Plan) or not offer.stops_before:
        return ""
    after = next((entry for entry in waiting if not entry.runs_next), None)
    return f"It stops before {after.version}, which cannot run: see below." if after else offer.stops_before


def _mishaps(standing: Standing, failures: Mapping[str, Run]) -> Iterator[ErrorBox]:
    """What freezes the environment first."""
    for left in standing.unfinished:
        yield _broken_off(left, standing, failures.get(_label(left)))
    for item in standing.statuses:
        if item.state is State.FAILED:
            yield _failed(item, standing.environment.name, failures.get(_label(item)))


def _broken_off(left: Unfinished, standing: Standing, run: Run | None) -> ErrorBox:
    row = next((row for row in standing.rows if row.identity == left.identity and not row.success), None)
    what, name = _label(left), standing.environment.name
    settle = boxes.settle_button(standing.environment.slug, left.version, left.name)
    return ErrorBox(
        title=f"{actions.WORDS[left.action].of.capitalize()}{what} broke off on {name}",
        happened=_told(run)
        or (row and row.error_message)
        or "It ran outside a transaction and did not come to its end.",
        state_now=f"What ran before it broke off is committed and still there. Nothing else runs on {name} until it is "
        "settled.",
        state_tone="danger",
        next_step="Settle it: see what is there, then continue, or undo it by hand and start over.",
        actions=(settle, *_run_button(run)),
    )


def _failed(item: MigrationStatus, environment: str, run: Run | None) -> ErrorBox:
    failure: dict[str, Any] = (run.failure if run else None) or {}
    server: dict[str, Any] = failure.get("server", {})
    label, line = _label(item), server.get("line")
    return ErrorBox(
        title=f"{label} failed on {environment}",
        happened=_told(run) or (item.applied and item.applied.error_message) or "The reason was not kept.",
        state_now=f"Nothing of {label} remains: PostgreSQL undid it. What was applied before stands.",
        state_tone="ok",
        next_step=failure.get("next_step") or "Mend the cause; it runs again with the next run.",
        facts=boxes.server_facts(server),
        excerpt=server.get("excerpt", ""),
        url=_file_url(item, line) if item.migration else "",
        url_label=f"{item.migration.up.file}, line {line}" if item.migration and line else "The file",
        actions=_run_button(run),
    )


def _told(run: Run | None) -> str:
    return str(((run.failure if run else None) or {}).get("sentence", ""))


def _run_button(run: Run | None) -> tuple[ActionButton, ...]:
    return (ActionButton(label=f"Run {run.pk}", url=reverse("run", args=[run.pk]), icon="runs"),) if run else ()


def _file_url(item: MigrationStatus, line: int | None) -> str:
    return reverse("migration", args=[item.version, item.name], fragment=f"L{line}" if line else None)


# What stands


def _history(standing: Standing, runs: Mapping[str, Run], by: Actor) -> Iterator[Recorded]:
    """A rollback goes newest first through all that came later, so the first row without one ends what can be had."""
    reachable = not standing.unfinished and not refusal(partial(permissions.check_can_request, by))
    for row in standing.rows:
        yield _recorded(standing, row, runs, reachable=reachable, by=by)
        reachable = reachable and not _ends_rollback(row)


def _ends_rollback(row: AppliedMigration) -> bool:
    return row.success and row.kind is not Kind.SKIPPED and not (row.kind is Kind.APPLIED and row.has_rollback)


def _recorded(
    standing: Standing, row: AppliedMigration, runs: Mapping[str, Run], *, reachable: bool, by: Actor
) -> Recorded:
    slug, item = standing.environment.slug, standing.status_of(row.version, row.name)
    return Recorded(
        version=row.version,
        name=row.name,
        url=reverse("migration", args=[row.version, row.name]),
        pill=_pill(row, item),
        reason=(row.error_message or "") if row.kind is Kind.SKIPPED else "",
        by=row.applied_by,
        at=row.applied_at,
        duration_ms=row.execution_time_ms if row.kind is not Kind.SKIPPED else None,
        checksum=_checksum(row, item),
        run_url=reverse("run", args=[runs[row.run_id].pk]) if row.run_id in runs else "",
        run_id=row.run_id,
        roll_back=ActionButton(
            label="Roll back to before this…",
            url=reverse("rollback", args=[slug, row.version, row.name]),
            show=reachable and row.success and row.kind is not Kind.SKIPPED,
            reason=NO_WAY_BACK if _ends_rollback(row) else "",
        ),
        take_back=ActionButton(
            label="Take back…",
            url=reverse("unskip", args=[slug, row.version, row.name]),
            show=row.kind is Kind.SKIPPED and has_role(by.person, Role.ADMIN),
        ),
    )


def _pill(row: AppliedMigration, item: MigrationStatus | None) -> Pill:
    if not row.success:
        return statuses.MIGRATION[item.state] if item and item.state is State.PARTIAL else FAILED_ATTEMPT
    return state_pill(item) if item else KINDS[row.kind]


def _checksum(row: AppliedMigration, item: MigrationStatus | None) -> tuple[str, str]:
    if row.kind is Kind.SKIPPED or not row.success:
        return "", ""
    if row.checksum in UNKNOWN_CHECKSUMS and not (item and item.state is State.MISSING):
        return "unknown", "not recorded"
    return CHECKSUMS.get(item.state, ("", "")) if item else ("unknown", "not compared")
