"""The track diagram: versions down, environments across. Shapes are those of _components/matrix.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.engine.migration import MigrationId
from dashboard.engine.status import MigrationStatus, State
from dashboard.models.sources import DEFAULT
from dashboard.presenters import links, statuses
from dashboard.presenters.badges import badge
from dashboard.presenters.environments import is_blocked, pill
from dashboard.presenters.findings import NO_TALLIES, Tallies
from dashboard.presenters.pills import Pill
from dashboard.selectors.board import BoardRow
from dashboard.selectors.environments import Standing

#: States in which the database has what the migration made.
STANDS = frozenset(
    {State.APPLIED, State.OUTDATED, State.ANNOTATED, State.ALTERED, State.MODIFIED, State.BASELINED, State.MISSING}
    | {State.NARROWED}
)
NOT_THERE = Pill(label="Not there", tone="muted", icon="unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    url: str
    protected: bool
    colour: str
    pill: Pill
    at: str  # the highest version that stands there, or ""
    seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    pill: Pill
    settled: bool
    head: bool
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    identity: MigrationId
    url: str
    lint: tuple[Pill, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    environments: tuple[Column, ...]
    rows: tuple[MatrixRow, ...]
    more_url: str = ""
    more_label: str = ""


def matrix(
    standings: Sequence[Standing],
    rows: Sequence[BoardRow],
    *,
    limit: int | None = None,
    lint: Tallies = NO_TALLIES,
    source: str = DEFAULT,
) -> Matrix:
    """The newest `limit` rows of a source, with a link to all of them. `lint` is what it counts in each."""
    shown = rows[:limit]
    more = len(rows) > len(shown)
    return Matrix(
        environments=tuple(_column(standing) for standing in standings),
        rows=tuple(_line(row, standings, lint.get(row.identity, ()), source) for row in shown),
        more_url=links.migrations(source) if more else "",
        more_label=f"All {len(rows)} migrations" if more else "",
    )


def state_pill(item: MigrationStatus) -> Pill:
    return statuses.BLOCKED if is_blocked(item) else statuses.MIGRATION[item.state]


def _column(standing: Standing) -> Column:
    shown = badge(standing.environment)
    return Column(
        name=shown.name,
        url=shown.url,
        protected=shown.protected,
        colour=shown.colour,
        pill=pill(standing),
        at=standing.head.version if standing.head else "",
        seen=standing.look is not None and standing.look.history is not None,
    )


def _line(row: BoardRow, standings: Sequence[Standing], lint: tuple[Pill, ...], source: str) -> MatrixRow:
    return MatrixRow(
        identity=row.identity,
        url=links.migration(row.identity, source),
        lint=lint,
        cells=tuple(_cell(item, standing) for item, standing in zip(row.cells, standings, strict=True)),
    )


def _cell(item: MigrationStatus | None, standing: Standing) -> Cell:
    if item is None:
        return Cell(pill=NOT_THERE if standing.known else statuses.NOT_SEEN, settled=False, head=False, at=None)
    stands = item.state in STANDS and item.applied is not None and item.applied.success
    head = standing.head
    return Cell(
        pill=state_pill(item),
        settled=stands or item.state in {State.SKIPPED, State.ELSEWHERE},
        head=stands and head is not None and head.identity == item.identity,
        at=item.applied.applied_at if item.applied and stands else None,
    )
