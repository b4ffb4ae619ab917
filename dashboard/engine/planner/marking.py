"""Plans that record migrations as applied which Signalbox did not run: a person says that they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dashboard.engine import status
from dashboard.engine.errors import NoSuchMigration, NothingToDo, PlanBlocked
from dashboard.engine.migration import Folder, Kind, Migration, MigrationId, version_key
from dashboard.engine.plan import Action, Plan, PlanWarning, Step, Target
from dashboard.engine.planner.building import apply_steps, chosen, plan_of
from dashboard.engine.planner.obstacles import elsewhere, not_read, refuse_unfinished
from dashboard.engine.sql.relations import LeftRelations
from dashboard.engine.sql.trees import Name
from dashboard.engine.status import MigrationStatus, State


def mark_applied(target: Target, folder: Folder, migrations: Iterable[MigrationId], *, reason: str) -> Plan:
    """Record these as applied: a person ran their files with another program. The rollback of each is captured, as
    after an apply.

    Raises NothingToDo where one is recorded already, PlanBlocked where it cannot be recorded under its number.
    """
    refuse_unfinished(target.history)
    statuses = {item.identity: item for item in status.compute(folder, target.history)}
    files = [_open(target, statuses.get(identity), identity) for identity in chosen(target, migrations)]
    steps = list(_recorded(Action.MARK_APPLIED, target, files, reason))
    return plan_of(target, Action.MARK_APPLIED, steps, commit=folder.commit)


def baseline(target: Target, folder: Folder, *, upto: str, reason: str) -> Plan:
    """Record everything up to and including version `upto` as applied, by a person's word. What is recorded already
    stays as it is. No text ran, so none is kept, and there is no rollback.

    Raises NoSuchMigration, NothingToDo, and PlanBlocked where a file up to there cannot be read or told apart.
    """
    refuse_unfinished(target.history)
    statuses = status.compute(folder, target.history)
    if not any(item.version == upto for item in statuses):
        raise NoSuchMigration(environment=target.name, version=upto)
    for unread in folder.unread:
        if unread.is_before(upto):
            raise not_read(unread)
    waiting = [s for s in statuses if version_key(s.version) <= version_key(upto) and _waits(s)]
    if not waiting:
        raise NothingToDo(environment=target.name, reason=f"every migration up to {upto} is recorded there")
    files = [_open(target, item, item.identity) for item in waiting]
    steps = list(_recorded(Action.BASELINE, target, files, reason))
    return plan_of(target, Action.BASELINE, steps, commit=folder.commit)


def _waits(item: MigrationStatus) -> bool:
    is_recorded = item.applied is not None and item.applied.success
    return item.migration is not None and not is_recorded and (item.state.is_pending or item.state is State.CONFLICT)


def _open(target: Target, item: MigrationStatus | None, identity: MigrationId) -> Migration:
    if item is None or item.migration is None:
        raise PlanBlocked(version=identity.label, reason="there is no such file.", remedy="Reload the page.")
    match item.state:
        case State.ELSEWHERE:
            raise elsewhere(item)
        case State.CONFLICT:
            remedy = "Rename the file, or skip it with a reason."
            raise PlanBlocked(version=item.label, reason=item.sentence, remedy=remedy)
        case State.UNRECORDED:
            remedy = "An administrator restores its record, which says what ran."
            raise PlanBlocked(version=item.label, reason=item.sentence, remedy=remedy)
        case state if not state.is_pending:
            raise NothingToDo(environment=target.name, reason=f"{item.label} is already recorded: {item.sentence}")
    return item.migration


def _recorded(action: Action, target: Target, migrations: Sequence[Migration], reason: str) -> Iterator[Step]:
    for step in apply_steps(migrations, target.history):
        if action is Action.MARK_APPLIED:
            yield replace(step, action=action, sql="", text=step.sql, reason=reason)
        else:
            yield replace(step, action=action, sql="", down_sql=None, reason=reason)


# What should be there then

#: Of what is not there, so much is named.
_NAMED = 5
#: The code of the warning that something is not there.
NOT_THERE = "not_there"


def relations_of(plan: Plan, folder: Folder) -> Mapping[MigrationId, Sequence[Name]]:
    """The tables and views that should be there, as the files say that are recorded now; those that files recorded
    before take away again are left out."""
    steps = {step.identity for step in plan.steps}
    stands = {record.identity for record in plan.basis if record.kind != Kind.SKIPPED} | steps
    relations: LeftRelations[MigrationId] = LeftRelations()
    for migration in sorted(folder.every, key=lambda each: each.identity.key):
        if migration.identity in stands:
            relations.learn(migration.identity, migration.up.statements)
    return {identity: names for identity, names in relations.of_each().items() if identity in steps}


def doubted(plan: Plan, absent: Mapping[MigrationId, Sequence[Name]]) -> Plan:
    """The plan, with a warning where the database does not have what its files make. The digest is the same."""
    missing = [f"{name} ({identity.label})" for identity in sorted(absent) for name in sorted(absent[identity])]
    if not missing:
        return plan
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    one, several = "This table or view is not there", f"{len(missing)} tables or views are not there"
    warning = PlanWarning(
        code=NOT_THERE,
        version=min(absent).version,
        sentence=f"{one if len(missing) == 1 else several}, though files that would be recorded as applied make "
        f"{'it' if len(missing) == 1 else 'them'}: {', '.join(missing[:_NAMED])}{more}. If it is really gone, the "
        "record will say what is not so.",
        needs_acceptance=True,
    )
    return replace(plan, warnings=(*plan.warnings, warning))
