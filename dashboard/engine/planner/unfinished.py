"""Plans for a migration that broke off outside a transaction: continue it, repair it, start it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dashboard.engine import scoping
from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.engine.migration import Folder, MigrationId, Unfinished, checksum
from dashboard.engine.plan import Action, Plan, Step, Target
from dashboard.engine.planner.building import apply_step, plan_of, rollback_step, step_without_file
from dashboard.engine.sql import indexes, session_state, statements


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
    return plan_of(target, step.action, [replace(step, first_statement=first)], commit=folder.commit)


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
    steps = [replace(step, action=Action.REPAIR, sql=sql, down_sql=None)]
    return plan_of(target, Action.REPAIR, steps, commit=folder.commit)


def reset(target: Target, migration: MigrationId, *, reason: str) -> Plan:
    """Forget the journal of a migration that a person has undone by hand; it is pending again."""
    unfinished = _unfinished(target, migration)
    step = step_without_file(Action.RESET, migration)
    return plan_of(target, Action.RESET, [replace(step, checksum=unfinished.entries[0].checksum, reason=reason)])


def _unfinished(target: Target, identity: MigrationId) -> Unfinished:
    unfinished = next((item for item in target.history.unfinished if item.identity == identity), None)
    if unfinished is None:
        raise NothingToDo(environment=target.name, reason=f"{identity.label} did not break off there")
    return unfinished


def _unfinished_step(target: Target, folder: Folder, unfinished: Unfinished) -> Step:
    if unfinished.action == Action.ROLLBACK:
        row = target.history.row(unfinished.identity)
        if row is not None:
            return rollback_step(row)
    migration = folder.find(unfinished.identity)
    if migration is None and (left := folder.find_elsewhere(unfinished.identity)):
        raise PlanBlocked(
            version=unfinished.label,
            reason=f"its file {scoping.scope_of(left).words} by now, and cannot go on here.",
            remedy="Let it name this environment again until this is settled, or undo by hand what is there.",
        )
    if migration is None:
        raise PlanBlocked(
            version=unfinished.label, reason="its file is gone.", remedy="Restore it from version control."
        )
    return apply_step(migration, target.history)
