"""The history of an environment, mended by a person's word: which migrations an action can be asked for, and its plan
for as many of them as are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.engine.status import MigrationStatus, State
from dashboard.models.environments import Environment
from dashboard.services import plans


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
    environment: Environment, action: Action, migrations: Sequence[MigrationId] = (), *, upto: str = "", reason: str
) -> Plan:
    """Computed from the target as it is now; `upto` is the last version of a baseline. Raises ReasonMissing, and what
    the planner refuses."""
    match action:
        case Action.BASELINE:
            return plans.baseline(environment, upto=upto, reason=reason)
        case Action.ACCEPT:
            return plans.accept_edits(environment, migrations, reason=reason)
        case Action.ACCEPT_CHANGE:
            return plans.accept_changes(environment, migrations, reason=reason)
        case Action.SKIP:
            return plans.skip(environment, migrations, reason=reason)
        case Action.UNSKIP:
            return plans.unskip(environment, migrations, reason=reason)
        case Action.MARK_APPLIED:
            return plans.mark_applied(environment, migrations, reason=reason)
        case _:
            raise AssertionError(f"{action} is not offered")
