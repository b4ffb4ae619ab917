"""Plans that change the history and run no SQL of a migration: skip, unskip, accept edits and changes, restore a
record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from dashboard.engine import status
from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.engine.migration import UNKNOWN_CHECKSUM, Folder, History, Kind, MigrationId
from dashboard.engine.plan import Action, Plan, Step, Target
from dashboard.engine.planner.building import apply_step, bare_step, chosen, plan_of, step_without_file
from dashboard.engine.planner.obstacles import modified, refuse_unfinished
from dashboard.engine.status import MigrationStatus, State


def skip(target: Target, folder: Folder, migrations: Iterable[MigrationId], *, reason: str) -> Plan:
    """Record these migrations as skipped. They must not be applied there."""
    names = _names_by_version(folder, target.history)
    steps = []
    for identity in chosen(target, migrations):
        migration = folder.find(identity)
        if migration is None and folder.find_elsewhere(identity):
            raise NothingToDo(environment=target.name, reason=f"{identity.label} is not for it and does not run there")
        if migration is None:
            raise PlanBlocked(version=identity.version, reason="there is no such file.", remedy="Reload the page.")
        row = target.history.row(identity)
        if row is not None and row.success:
            done = Kind.APPLIED if row.is_repeatable and row.kind is not Kind.SKIPPED else row.kind
            raise NothingToDo(environment=target.name, reason=f"{identity.label} is already {done}")
        key = identity.label if len(names[identity.version]) > 1 else identity.version
        steps.append(replace(bare_step(Action.SKIP, migration, reason), key=key))
    return plan_of(target, Action.SKIP, steps, commit=folder.commit)


def unskip(target: Target, migrations: Iterable[MigrationId], *, reason: str) -> Plan:
    """Make these pending again. They must be skipped there."""
    return plan_of(target, Action.UNSKIP, [_unskip_step(target, m, reason) for m in chosen(target, migrations)])


def accept_edits(target: Target, folder: Folder, migrations: Iterable[MigrationId], *, reason: str = "") -> Plan:
    """Record the text of these files as it is now: since they were applied only their comments or blanks changed.

    Raises PlanBlocked where the SQL itself was edited, NothingToDo where nothing was.
    """
    steps = list(_accepted(target, folder, migrations, Action.ACCEPT, reason))
    return plan_of(target, Action.ACCEPT, steps, commit=folder.commit)


def accept_changes(target: Target, folder: Folder, migrations: Iterable[MigrationId], *, reason: str) -> Plan:
    """The same of files whose SQL itself changed: the database keeps what the old text did, the record takes the new
    checksum, and a person answers for it.

    Raises PlanBlocked where only comments or blanks did, NothingToDo where nothing was edited.
    """
    steps = list(_accepted(target, folder, migrations, Action.ACCEPT_CHANGE, reason))
    return plan_of(target, Action.ACCEPT_CHANGE, steps, commit=folder.commit)


def restore_record(target: Target, folder: Folder, migrations: Iterable[MigrationId], *, reason: str) -> Plan:
    """Make the rows of these migrations say again what the log says: that they were applied. Nothing is run.

    Raises NothingToDo where the history and the log agree.
    """
    refuse_unfinished(target.history)
    steps = [_record_step(target, folder, migration, reason) for migration in chosen(target, migrations)]
    return plan_of(target, Action.RESTORE_RECORD, steps, commit=folder.commit)


def _unskip_step(target: Target, migration: MigrationId, reason: str) -> Step:
    row = target.history.row(migration)
    if row is None or row.kind is not Kind.SKIPPED:
        raise NothingToDo(environment=target.name, reason=f"{migration.label} is not skipped there")
    return replace(step_without_file(Action.UNSKIP, migration), key=row.key, checksum=row.checksum, reason=reason)


#: By which of the two an edit is accepted.
_EDITED = {State.ANNOTATED: Action.ACCEPT, State.MODIFIED: Action.ACCEPT_CHANGE}


def _accepted(
    target: Target, folder: Folder, migrations: Iterable[MigrationId], action: Action, reason: str
) -> Iterator[Step]:
    refuse_unfinished(target.history)
    statuses = {item.identity: item for item in status.compute(folder, target.history)}
    for identity in chosen(target, migrations):
        item = statuses.get(identity)
        if item is None or item.migration is None or item.applied is None or item.state not in _EDITED:
            raise NothingToDo(
                environment=target.name, reason=f"the file of {identity.label} is as it was applied there"
            )
        if _EDITED[item.state] is not action:
            raise modified(item) if action is Action.ACCEPT else _only_comments(item)
        yield replace(
            bare_step(action, item.migration, reason),
            key=item.applied.key,
            text=item.migration.up.sql if action is Action.ACCEPT else "",
            before=item.applied.checksum,
        )


def _only_comments(item: MigrationStatus) -> PlanBlocked:
    return PlanBlocked(
        version=item.label,
        reason="only its comments or blanks changed, not its SQL.",
        remedy="Accept it as edited comments, which says that the SQL is the same.",
    )


def _record_step(target: Target, folder: Folder, identity: MigrationId, reason: str) -> Step:
    """With the texts of the file where they are what ran; otherwise only the checksum is known."""
    logged, row = target.history.contradiction(identity), target.history.row(identity)
    migration = folder.find(identity)
    if logged is None or logged.was_skipped or migration is None:
        raise NothingToDo(environment=target.name, reason=f"its history and its log agree on {identity.label}")
    applied = apply_step(migration, target.history)
    is_its_file = logged.checksum == migration.up.checksum
    is_as_it_ran = is_its_file and not logged.was_changed
    return replace(
        applied,
        action=Action.RESTORE_RECORD,
        key=row.key if row and row.key else applied.key,
        sql="",
        text=applied.sql if is_as_it_ran else "",
        down_sql=applied.down_sql if is_as_it_ran else None,
        checksum=logged.checksum or UNKNOWN_CHECKSUM,
        checksum_sql=applied.checksum_sql if is_its_file else "",
        reason=reason,
    )


def _names_by_version(folder: Folder, history: History) -> Mapping[str, set[str]]:
    """The names that have or want a version: those of the files, and of the rows that are applied or skipped."""
    names: Mapping[str, set[str]] = defaultdict(set)
    standing = (row.identity for row in history.rows if row.success)
    for version, name in chain((migration.identity for migration in folder.migrations), standing):
        names[version].add(name)
    return names
