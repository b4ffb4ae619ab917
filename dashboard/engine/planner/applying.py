"""Goal -> Plan. Pure: reads nothing, runs nothing.

One function for each goal. Each raises NothingToDo, or PlanBlocked where something stands in the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from dashboard.engine import status
from dashboard.engine.errors import NoSuchMigration, NothingToDo, PlanBlocked
from dashboard.engine.migration import (
    NO_ROLLBACK,
    UNKNOWN_CHECKSUM,
    AppliedMigration,
    Direction,
    Folder,
    History,
    Kind,
    LoggedSuccess,
    Migration,
    MigrationId,
    Unfinished,
    UnreadFile,
    checksum,
    version_key,
)
from dashboard.engine.plan import (
    DYNAMIC,
    UNPROVEN,
    Action,
    Copy,
    Plan,
    PlanWarning,
    Record,
    RollbackReach,
    Step,
    Target,
    records,
)
from dashboard.engine.sql import dynamic, indexes, session_state, statements
from dashboard.engine.status import MigrationStatus, State


def apply(target: Target, folder: Folder, *, upto: str | None = None) -> Plan:
    """Apply what is pending, in order, up to and including version `upto` (all of it without).

    Raises NothingToDo, or PlanBlocked when something stands before the first step (or before `upto`).
    Without `upto` the plan stops before the first obstacle and says so in `stops_before`.
    """
    _refuse_unfinished(target.history)
    statuses = status.compute(folder, target.history)
    _refuse_modified(statuses)
    pending = [s for s in statuses if s.state.is_pending or s.state is State.CONFLICT]
    unread = folder.unread
    if upto is not None:
        _require(upto, statuses, target.name)
        pending = [s for s in pending if version_key(s.version) <= version_key(upto)]
        unread = [u for u in unread if u.is_before(upto)]
    if not pending and not unread:
        raise NothingToDo(environment=target.name, reason=_settled(folder, upto))
    runnable, obstacle = _until_obstacle(pending, statuses, unread)
    if obstacle and (upto is not None or not runnable):
        raise obstacle
    return _plan(
        target,
        Action.APPLY,
        _apply_steps([s.migration for s in runnable if s.migration], target.history),
        warnings=_apply_warnings(runnable, statuses),
        stops_before=_why_it_stops(obstacle, pending[len(runnable) :]) if obstacle else "",
    )


def rollback(target: Target, *, downto: MigrationId) -> Plan:
    """Roll back this migration and everything applied after it, newest first, from the captured scripts.

    Raises PlanBlocked where a migration has no captured rollback, or the row of a later one is gone; NothingToDo where
    it is not applied. `target.history` must carry the scripts.
    """
    _refuse_unfinished(target.history)
    first = target.history.row(downto)
    if first is None or not first.success or first.kind is not Kind.APPLIED:
        raise NothingToDo(environment=target.name, reason=f"{downto.label} is not applied there")
    _refuse_gone_above(first, target.history)
    rows = [r for r in _newest_first(target.history.rows) if _order(r) >= _order(first)]
    steps = [_rollback_step(row) for row in rows if row.kind is not Kind.SKIPPED]
    return _plan(target, Action.ROLLBACK, steps, warnings=[_unproven(step) for step in steps])


def rollback_reach(history: History) -> RollbackReach:
    """How far `rollback` goes, without the scripts; nowhere while something is unfinished."""
    within: list[AppliedMigration] = []
    for row in () if history.unfinished else _newest_first(history.rows):
        if row.kind is Kind.SKIPPED:
            continue
        gone = _gone_above(row, history)
        if gone or row.kind is not Kind.APPLIED or not row.has_rollback:
            return RollbackReach(within=tuple(within), end=row, gone=gone)
        within.append(row)
    return RollbackReach(within=tuple(within))


def _refuse_gone_above(first: AppliedMigration, history: History) -> None:
    if gone := _gone_above(first, history):
        raise PlanBlocked(
            version=gone.label,
            reason=f"the log of this database says that it was applied after {first.label}, and its row in the "
            "history is gone, so its rollback would be left out.",
            remedy="An administrator restores its record first; then it is rolled back too.",
        )


def _gone_above(first: AppliedMigration, history: History) -> LoggedSuccess | None:
    """What was applied later stands on it, also where somebody deleted its row."""
    for gone in history.contradicted:
        row = history.row(gone.identity)
        stands = not gone.was_skipped and not (row is not None and row.success)
        if stands and first.applied_at and gone.at and gone.at >= first.applied_at:
            return gone
    return None


def skip(target: Target, folder: Folder, migrations: Iterable[MigrationId], *, reason: str) -> Plan:
    """Record these migrations as skipped. They must not be applied there."""
    names = _names_by_version(folder, target.history)
    steps = []
    for identity in migrations:
        migration = folder.find(identity)
        if migration is None:
            raise PlanBlocked(version=identity.version, reason="there is no such file.", remedy="Reload the page.")
        row = target.history.row(identity)
        if row is not None and row.success:
            raise NothingToDo(environment=target.name, reason=f"{identity.label} is already {row.kind}")
        key = identity.label if len(names[identity.version]) > 1 else identity.version
        steps.append(replace(_bare_step(Action.SKIP, migration, reason), key=key))
    return _plan(target, Action.SKIP, steps)


def unskip(target: Target, migration: MigrationId, *, reason: str) -> Plan:
    row = target.history.row(migration)
    if row is None or row.kind is not Kind.SKIPPED:
        raise NothingToDo(environment=target.name, reason=f"{migration.label} is not skipped there")
    step = replace(_step_without_file(Action.UNSKIP, migration), key=row.key, checksum=row.checksum, reason=reason)
    return _plan(target, Action.UNSKIP, [step])


def accept_edits(target: Target, folder: Folder, migrations: Iterable[MigrationId]) -> Plan:
    """Record the text of these files as it is now: since they were applied only their comments or blanks changed.

    Raises PlanBlocked where the SQL itself was edited, NothingToDo where nothing was.
    """
    _refuse_unfinished(target.history)
    statuses = {item.identity: item for item in status.compute(folder, target.history)}
    return _plan(target, Action.ACCEPT, [_accept_step(target, statuses.get(m), m.label) for m in migrations])


def restore_record(target: Target, folder: Folder, migrations: Iterable[MigrationId], *, reason: str) -> Plan:
    """Make the rows of these migrations say again what the log says: that they were applied. Nothing is run.

    Raises NothingToDo where the history and the log agree.
    """
    _refuse_unfinished(target.history)
    steps = [_record_step(target, folder, migration, reason) for migration in migrations]
    return _plan(target, Action.RESTORE_RECORD, steps)


def resume(target: Target, folder: Folder, migration: MigrationId, *, doubtful_done: bool = False) -> Plan:
    """Continue a migration that broke off outside a transaction, from its first statement that is not committed.

    `doubtful_done` is a person's word that a statement whose end nobody saw did happen; without it that statement
    runs again. Raises PlanBlocked when the file's committed statements are not what ran.
    """
    unfinished = _unfinished(target, migration)
    step = _unfinished_step(target, folder, unfinished)
    texts = {s.number: checksum(s.sql) for s in statements.split(step.sql)}
    for entry in unfinished.entries:
        if texts.get(entry.statement) != entry.checksum:
            raise PlanBlocked(
                version=step.label,
                reason=f"statement {entry.statement} of the file is not what ran before it broke off.",
                remedy="Restore that statement; later ones may be changed.",
            )
    done = {e.statement for e in unfinished.entries if e.done or doubtful_done}
    first = next((number for number in sorted(texts) if number not in done), max(texts) + 1)
    if lost := session_state.lost_before(statements.split(step.sql), first):
        raise PlanBlocked(
            version=step.label,
            reason=f"statement {lost.number} made something that lived in the session that is gone ({lost.summary}).",
            remedy="Undo by hand what is there, and start over.",
        )
    return _plan(target, step.action, [replace(step, first_statement=first)])


def repair(target: Target, folder: Folder, migration: MigrationId, *, ways_on: Sequence[str] = ()) -> Plan:
    """Take away what the statement in question left half done: by `ways_on`, or the index it was to build. The executor
    refuses what is no leftover."""
    unfinished = _unfinished(target, migration)
    step = _unfinished_step(target, folder, unfinished)
    last = {s.number: s for s in statements.split(step.sql)}[unfinished.entries[-1].statement]
    index = indexes.concurrent_index(last)
    if not ways_on and (index is None or not index.name):
        raise NothingToDo(environment=target.name, reason=f"{step.label} left no index of its own behind")
    sql = ";\n".join(ways_on) or f"DROP INDEX CONCURRENTLY {index.index if index else ''}"
    return _plan(target, Action.REPAIR, [replace(step, action=Action.REPAIR, sql=sql, down_sql=None)])


def reset(target: Target, migration: MigrationId, *, reason: str) -> Plan:
    """Forget the journal of a migration that a person has undone by hand; it is pending again."""
    unfinished = _unfinished(target, migration)
    step = _step_without_file(Action.RESET, migration)
    return _plan(target, Action.RESET, [replace(step, checksum=unfinished.entries[0].checksum, reason=reason)])


def bring_back(target: Target, migration: MigrationId, *, copies: Sequence[Copy]) -> Plan:
    """Put back what was saved before this migration, or its rollback, destroyed it."""
    _refuse_unfinished(target.history)
    step = _step_without_file(Action.BRING_BACK, migration)
    return _plan(target, Action.BRING_BACK, [replace(step, copies=(*copies,))])


def inverse(plan: Plan) -> Plan | None:
    """The rollback of exactly this apply plan, as it will be once the plan has run.

    None where a step has no rollback. Its digest can be approved together with the plan, because nothing in it
    is unknown beforehand: should anything else touch the history in between, the digests differ.
    """
    if not plan.action.can_be_rolled_back or any(not step.down_sql for step in plan.steps):
        return None
    applied = [Record(s.version, s.name, s.checksum, Kind.APPLIED.value) for s in plan.steps]
    basis = tuple(sorted([*plan.basis, *applied]))
    steps = tuple(
        replace(s, action=Action.ROLLBACK, sql=s.down_sql or "", file="", checksum_sql="", down_sql=None, copies=())
        for s in reversed(plan.steps)
    )
    return replace(
        plan,
        action=Action.ROLLBACK,
        basis=basis,
        steps=steps,
        warnings=tuple(_unproven(step) for step in steps),
        stops_before="",
    )


def is_newest_part(rollback: Plan, whole: Plan) -> bool:
    """`rollback` takes back some of what `whole` takes back: the newest that still stand, and nothing out of order."""
    steps = [step.identity for step in whole.steps]
    if not rollback.steps or rollback.steps[0].identity not in steps:
        return False
    first = steps.index(rollback.steps[0].identity)
    newer = set(steps[:first])
    basis = tuple(record for record in whole.basis if record.identity not in newer)
    part = replace(whole, basis=basis, steps=whole.steps[first : first + len(rollback.steps)])
    return part.digest == rollback.without_saving().digest


# Building


def _plan(
    target: Target,
    action: Action,
    steps: Sequence[Step],
    *,
    warnings: Iterable[PlanWarning] = (),
    stops_before: str = "",
) -> Plan:
    return Plan(
        environment=target.environment,
        action=action,
        identity=target.identity,
        policy=target.policy,
        basis=records(target.history),
        steps=tuple(steps),
        warnings=(*warnings, *_dynamic_warnings(target, steps)),
        stops_before=stops_before,
    )


def _dynamic_warnings(target: Target, steps: Sequence[Step]) -> Iterator[PlanWarning]:
    """What a step runs as a text that is not there to be read."""
    for step in steps:
        lines = [c.line for c in dynamic.commands_in(step.sql) if not c.is_defined_only] if step.sql else []
        if lines:
            more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
            yield PlanWarning(
                code=DYNAMIC,
                version=step.version,
                sentence=f"{step.label} puts SQL together while it runs (line {lines[0]}{more}). What that SQL does "
                "cannot be judged beforehand, by no forecast, no lint and no rehearsal.",
                needs_acceptance=target.policy.protected,
            )


def _apply_step(migration: Migration, history: History) -> Step:
    (step,) = _apply_steps([migration], history)
    return step


def _apply_steps(migrations: Sequence[Migration], history: History) -> list[Step]:
    """Where a skipped file holds the row of its number, another file of that number has a row under its whole name."""
    holders: Mapping[str, set[str]] = defaultdict(set)
    for row in history.rows:
        if row.success:
            holders[row.key].add(row.name)
    return [
        replace(
            _bare_step(Action.APPLY, migration, ""),
            key=migration.label if holders[migration.version] - {migration.name} else migration.version,
            sql=migration.up.sql,
            down_sql=migration.usable_down,
        )
        for migration in migrations
    ]


def _bare_step(action: Action, migration: Migration, reason: str) -> Step:
    return Step(
        action=action,
        version=migration.version,
        name=migration.name,
        key=migration.version,
        file=migration.up.file,
        sql="",
        checksum=migration.up.checksum,
        checksum_sql=migration.up.checksum_sql,
        reason=reason,
    )


def _step_without_file(action: Action, migration: MigrationId) -> Step:
    """It sends nothing of a file, and is about the row that has the version for its key."""
    version, name = migration
    return Step(action=action, version=version, name=name, key=version, file="", sql="", checksum="")


def _accept_step(target: Target, item: MigrationStatus | None, label: str) -> Step:
    if item is None or item.migration is None or item.state not in {State.ANNOTATED, State.MODIFIED}:
        raise NothingToDo(environment=target.name, reason=f"the file of {label} is as it was applied there")
    if item.state is State.MODIFIED:
        raise _modified(item)
    assert item.applied is not None, "an edited file has a row"
    return replace(_bare_step(Action.ACCEPT, item.migration, ""), key=item.applied.key, text=item.migration.up.sql)


def _record_step(target: Target, folder: Folder, identity: MigrationId, reason: str) -> Step:
    """With the texts of the file where it is the text that ran; of another one only the checksum is known."""
    logged, row = target.history.contradiction(identity), target.history.row(identity)
    migration = folder.find(identity)
    if logged is None or logged.was_skipped or migration is None:
        raise NothingToDo(environment=target.name, reason=f"its history and its log agree on {identity.label}")
    applied = _apply_step(migration, target.history)
    is_as_it_ran = logged.checksum == migration.up.checksum
    return replace(
        applied,
        action=Action.RESTORE_RECORD,
        key=row.key if row and row.key else applied.key,
        sql="",
        text=applied.sql if is_as_it_ran else "",
        down_sql=applied.down_sql if is_as_it_ran else None,
        checksum=logged.checksum or UNKNOWN_CHECKSUM,
        checksum_sql=applied.checksum_sql if is_as_it_ran else "",
        reason=reason,
    )


def _rollback_step(row: AppliedMigration) -> Step:
    if row.kind is not Kind.APPLIED or not row.rollback_script:
        raise PlanBlocked(
            version=row.label,
            reason="it has no rollback: none was captured when it was applied.",
            remedy="Write a new migration that undoes what it did, and apply that.",
        )
    return Step(
        action=Action.ROLLBACK,
        version=row.version,
        name=row.name,
        key=row.key,
        file="",
        sql=row.rollback_script,
        checksum=row.checksum,
    )


def _unfinished(target: Target, identity: MigrationId) -> Unfinished:
    unfinished = next((item for item in target.history.unfinished if item.identity == identity), None)
    if unfinished is None:
        raise NothingToDo(environment=target.name, reason=f"{identity.label} did not break off there")
    return unfinished


def _unfinished_step(target: Target, folder: Folder, unfinished: Unfinished) -> Step:
    if unfinished.action == Action.ROLLBACK:
        row = target.history.row(unfinished.identity)
        if row is not None:
            return _rollback_step(row)
    migration = folder.find(unfinished.identity)
    if migration is None:
        raise PlanBlocked(
            version=unfinished.label, reason="its file is gone.", remedy="Restore it from version control."
        )
    return _apply_step(migration, target.history)


def _names_by_version(folder: Folder, history: History) -> Mapping[str, set[str]]:
    """Who has or wants a version: the files, and the rows that stand."""
    names: Mapping[str, set[str]] = defaultdict(set)
    standing = (row.identity for row in history.rows if row.success)
    for version, name in chain((migration.identity for migration in folder.migrations), standing):
        names[version].add(name)
    return names


# Obstacles and warnings


def _refuse_unfinished(history: History) -> None:
    for item in history.unfinished:
        raise PlanBlocked(
            version=item.label,
            reason="it broke off outside a transaction, and what it left is there.",
            remedy="Continue it, or undo by hand what is there and start it over.",
        )


def _refuse_modified(statuses: Sequence[MigrationStatus]) -> None:
    for item in statuses:
        if item.state is State.MODIFIED:
            raise _modified(item)


def _modified(item: MigrationStatus) -> PlanBlocked:
    return PlanBlocked(
        version=item.label,
        reason="its file was edited after it was applied.",
        remedy="Restore the file as it was, and put the change into a new migration.",
    )


def _require(version: str, statuses: Sequence[MigrationStatus], environment: str) -> None:
    if not any(s.version == version for s in statuses):
        raise NoSuchMigration(environment=environment, version=version)


def _settled(folder: Folder, upto: str | None) -> str:
    """Only where every file was read."""
    if upto is not None:
        return f"every migration up to {upto} is settled there"
    return "every migration in the folder is settled there" if folder.migrations else "the folder holds no migration"


#: Of what a plan does not reach, so many are named.
_NAMED = 5


def _why_it_stops(obstacle: PlanBlocked, left: Sequence[MigrationStatus]) -> str:
    """The obstacle, what to do about it, and which migrations wait behind it."""
    behind = [item.label for item in left if item.label != obstacle.facts["version"]]
    more = f" and {len(behind) - _NAMED} more" if len(behind) > _NAMED else ""
    waiting = f" Not reached: {', '.join(behind[:_NAMED])}{more}." if behind else ""
    return f"{obstacle} {obstacle.remedy}{waiting}"


def _until_obstacle(
    pending: Sequence[MigrationStatus], statuses: Sequence[MigrationStatus], unread: Sequence[UnreadFile]
) -> tuple[list[MigrationStatus], PlanBlocked | None]:
    """What can run, and what stands behind it: a migration, or a file that may be one and that nobody can read."""
    settled = {s.version for s in statuses if not (s.state.is_pending or s.state is State.CONFLICT)}
    runnable: list[MigrationStatus] = []
    first_unread = unread[0] if unread else None
    for item in pending:
        if first_unread and first_unread.is_before(item.version):
            break
        if obstacle := _obstacle(item, settled):
            return runnable, obstacle
        runnable.append(item)
        settled.add(item.version)
    return runnable, _not_read(first_unread) if first_unread else None


def _not_read(unread: UnreadFile) -> PlanBlocked:
    return PlanBlocked(version=unread.file, reason=unread.error.sentence, remedy=unread.error.advice)


def _obstacle(item: MigrationStatus, settled: set[str]) -> PlanBlocked | None:
    if item.state is State.CONFLICT:
        return PlanBlocked(version=item.label, reason=item.sentence, remedy="Rename it, or skip it with a reason.")
    assert item.migration is not None, "only a row without a file has no migration, and that is not pending"
    if errors := item.migration.errors(Direction.UP):
        where = f" (line {errors[0].line})" if errors[0].line else ""
        return PlanBlocked(version=item.label, reason=f"{errors[0].sentence}{where}", remedy=errors[0].advice)
    missing = [v for v in _dependencies(item.migration) if v not in settled]
    if missing:
        which, them = ("which is", "that") if len(missing) == 1 else ("which are", "those")
        return PlanBlocked(
            version=item.label,
            reason=f"it depends on {', '.join(missing)}, {which} not applied.",
            remedy=f"Apply {them} first, or correct the `depends` directive.",
        )
    return None


def _dependencies(migration: Migration) -> list[str]:
    return [v.strip() for v in migration.directives.get("depends", "").split(",") if v.strip()]


def _apply_warnings(runnable: Sequence[MigrationStatus], statuses: Sequence[MigrationStatus]) -> list[PlanWarning]:
    warnings = [
        PlanWarning(
            code=State.MISSING.value,
            version=s.version,
            needs_acceptance=True,
            sentence=f"{s.label} is recorded as applied, but the folder has no such file: "
            "this plan may come from an older checkout.",
        )
        for s in statuses
        if s.state is State.MISSING and s.applied and s.applied.success
    ]
    warnings += [
        PlanWarning(code=s.state.value, version=s.version, needs_acceptance=True, sentence=s.sentence)
        for s in statuses
        if s.state is State.ALTERED
    ]
    for item in runnable:
        if item.state is State.OUT_OF_ORDER:
            sentence = f"{item.version} would run out of order: a later version is already applied."
            code = item.state.value
            warnings.append(PlanWarning(code=code, version=item.version, sentence=sentence, needs_acceptance=True))
        if item.state is State.UNRECORDED:
            sentence = f"{item.sentence} This plan runs it a second time."
            code = item.state.value
            warnings.append(PlanWarning(code=code, version=item.version, sentence=sentence, needs_acceptance=True))
        if item.migration and not item.migration.up.statements:
            sentence = f"{item.label} holds no statement: it is recorded as applied, and nothing is run."
            warnings.append(
                PlanWarning(code="no_statement", version=item.version, sentence=sentence, needs_acceptance=False)
            )
        elif item.migration and not item.migration.usable_down:
            sentence = f"{item.version} has no usable rollback: once applied it can only be undone by a new migration."
            warnings.append(
                PlanWarning(code=NO_ROLLBACK, version=item.version, sentence=sentence, needs_acceptance=False)
            )
    return warnings


def _unproven(step: Step) -> PlanWarning:
    return PlanWarning(
        code=UNPROVEN,
        version=step.version,
        sentence=f"The rollback of {step.version} has not been proven by a rehearsal. "
        "It runs in one transaction, so if it fails nothing of it remains; "
        "whether it undoes everything is not known.",
        needs_acceptance=True,
    )


# Order and difference


def _order(row: AppliedMigration) -> tuple[float, tuple[int, str]]:
    return (row.applied_at.timestamp() if row.applied_at else 0.0, version_key(row.version))


def _newest_first(rows: Iterable[AppliedMigration]) -> list[AppliedMigration]:
    return sorted((r for r in rows if r.success), key=_order, reverse=True)
