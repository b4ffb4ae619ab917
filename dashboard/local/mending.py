"""The plans that mend a history by a person's word, and which migrations each can be asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dashboard.engine import planner
from dashboard.engine.migration import Folder, MigrationId
from dashboard.engine.plan import Action, Plan, Target
from dashboard.engine.status import MigrationStatus, State


def _can_be_skipped(item: MigrationStatus) -> bool:
    is_recorded = item.applied is not None and item.applied.success
    return item.migration is not None and not is_recorded and (item.state.is_pending or item.state is State.CONFLICT)


def _is_skipped(item: MigrationStatus) -> bool:
    return item.state is State.SKIPPED


def _can_be_marked(item: MigrationStatus) -> bool:
    """Not what is unrecorded: the log knows what ran, so its record is restored instead."""
    return item.migration is not None and item.state.is_pending and item.state is not State.UNRECORDED


def _can_be_baseline(item: MigrationStatus) -> bool:
    return _can_be_skipped(item) and item.state is not State.UNRECORDED


def _has_other_comments(item: MigrationStatus) -> bool:
    return item.state is State.ANNOTATED


def _has_other_sql(item: MigrationStatus) -> bool:
    return item.state is State.MODIFIED


#: What is offered, and of which migrations.
OFFERED: Mapping[Action, Callable[[MigrationStatus], bool]] = {
    Action.SKIP: _can_be_skipped,
    Action.UNSKIP: _is_skipped,
    Action.MARK_APPLIED: _can_be_marked,
    Action.BASELINE: _can_be_baseline,
    Action.ACCEPT: _has_other_comments,
    Action.ACCEPT_CHANGE: _has_other_sql,
}


def candidates(statuses: Sequence[MigrationStatus]) -> dict[Action, tuple[MigrationStatus, ...]]:
    """For each action, the migrations that it can be asked for."""
    return {action: tuple(filter(is_fit, statuses)) for action, is_fit in OFFERED.items()}


def plan(
    action: Action,
    target: Target,
    folder: Folder,
    migrations: Sequence[MigrationId] = (),
    *,
    upto: str = "",
    reason: str,
) -> Plan:
    """`upto` is the last version of a baseline. Raises what the planner refuses."""
    match action:
        case Action.BASELINE:
            return planner.baseline(target, folder, upto=upto, reason=reason)
        case Action.ACCEPT:
            return planner.accept_edits(target, folder, migrations, reason=reason)
        case Action.ACCEPT_CHANGE:
            return planner.accept_changes(target, folder, migrations, reason=reason)
        case Action.SKIP:
            return planner.skip(target, folder, migrations, reason=reason)
        case Action.UNSKIP:
            return planner.unskip(target, migrations, reason=reason)
        case Action.MARK_APPLIED:
            return planner.mark_applied(target, folder, migrations, reason=reason)
        case _:
            raise AssertionError(f"{action} is not offered")


#: Of these it is asked whether the tables are there that their files make.
DOUBTED = frozenset({Action.BASELINE, Action.MARK_APPLIED, Action.IMPORT})
