"""The history of an environment: each row of the target's tracking table, and what it allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.urls import reverse

from dashboard.engine.migration import UNKNOWN_CHECKSUMS, AppliedMigration, Kind, MigrationId
from dashboard.engine.plan import NO_REACH, RollbackReach
from dashboard.engine.status import MigrationStatus, State
from dashboard.models import Run
from dashboard.models.environments import Environment
from dashboard.presenters import links, statuses
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.matrix import state_pill
from dashboard.presenters.pills import Pill
from dashboard.presenters.wording import why_reach_ends
from dashboard.selectors.environments import Standing
from dashboard.services import permissions
from dashboard.services.actors import Actor

FAILED_ATTEMPT = Pill(label="Failed", tone="danger", icon="fail")
KINDS: Mapping[Kind, Pill] = {
    Kind.APPLIED: statuses.MIGRATION[State.APPLIED],
    Kind.BASELINE: statuses.MIGRATION[State.BASELINED],
    Kind.SKIPPED: statuses.MIGRATION[State.SKIPPED],
    Kind.REPEATABLE: statuses.MIGRATION[State.APPLIED],
}
CHECKSUMS: Mapping[State, tuple[str, str]] = {  # icon and words
    State.APPLIED: ("ok", "same as the file"),
    State.BASELINED: ("ok", "same as the file"),
    State.OUTDATED: ("refresh", "the file changed since, and runs again"),
    State.ANNOTATED: ("ok", "only comments differ"),
    State.ALTERED: ("attention", "the log has another one"),
    State.MODIFIED: ("attention", "the file was edited"),
    State.MISSING: ("missing", "the file is gone"),
    State.NARROWED: ("ok", "not compared: the file is for other environments by now"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A row of the target's history."""

    identity: MigrationId
    url: str
    pill: Pill
    reason: str  # of what a person recorded
    by: str
    at: datetime | None
    duration_ms: int | None
    checksum: tuple[str, str]
    run_url: str
    run_id: str
    roll_back: ActionButton
    take_back: ActionButton


def rows(standing: Standing, runs: Mapping[str, Run], by: Actor) -> Iterator[Recorded]:
    """Newest first."""
    by_identity = {item.identity: item for item in standing.statuses}
    may_ask = not refusal(partial(permissions.check_can_request, by))
    reach = standing.look.rollback_reach if standing.look and may_ask else NO_REACH
    take_back = not refusal(partial(permissions.check_can_skip, by))
    for row in standing.rows:
        item = by_identity.get(row.identity)
        yield _recorded(standing.environment, row, item, runs, reach=reach, may_take_back=take_back)


def _recorded(
    environment: Environment,
    row: AppliedMigration,
    item: MigrationStatus | None,
    runs: Mapping[str, Run],
    *,
    reach: RollbackReach,
    may_take_back: bool,
) -> Recorded:
    return Recorded(
        identity=row.identity,
        url=links.migration(row.identity, environment.source),
        pill=_pill(row, item),
        reason=_reason(row),
        by=row.applied_by,
        at=row.applied_at,
        duration_ms=row.execution_time_ms if row.kind is not Kind.SKIPPED else None,
        checksum=_checksum(row, item),
        run_url=reverse("run", args=[runs[row.run_key].pk]) if row.run_key in runs else "",
        run_id=row.run_id,
        roll_back=ActionButton(
            label="Roll back to before this…",
            url=reverse("rollback", args=[environment.slug, *row.identity]),
            show=row == reach.end or row in reach.within,
            reason=why_reach_ends(reach) if row == reach.end else "",
        ),
        take_back=ActionButton(
            label="Take back…",
            url=reverse("unskip", args=[environment.slug, *row.identity]),
            show=row.kind is Kind.SKIPPED and may_take_back,
        ),
    )


def _reason(row: AppliedMigration) -> str:
    said = row.error_message or ""
    if row.was_run_by_hand:
        return f"Run by hand, not by Signalbox. {said}"
    return said if row.kind in {Kind.SKIPPED, Kind.BASELINE} else ""


def _pill(row: AppliedMigration, item: MigrationStatus | None) -> Pill:
    if not row.success:
        says_more = item is not None and item.state in {State.PARTIAL, State.UNRECORDED}
        return statuses.MIGRATION[item.state] if item and says_more else FAILED_ATTEMPT
    return state_pill(item) if item else KINDS[row.kind]


def _checksum(row: AppliedMigration, item: MigrationStatus | None) -> tuple[str, str]:
    if row.kind is Kind.SKIPPED or not row.success:
        return "", ""
    if row.checksum in UNKNOWN_CHECKSUMS and not (item and item.state is State.MISSING):
        return "unknown", "not recorded"
    if row.was_imported and item and item.state is State.BASELINED:
        return "ok", "unchanged since the import"
    return CHECKSUMS.get(item.state, ("", "")) if item else ("unknown", "not compared")
