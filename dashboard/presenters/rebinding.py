"""Two databases side by side: the one an environment is bound to, and the one its URL leads to now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.engine.migration import AppliedMigration, History, Kind
from dashboard.models.environments import Environment
from dashboard.presenters.pills import Pill
from dashboard.services.bindings import Rebinding

DIFFERS = Pill(label="Differs", tone="warn", icon="attention")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    bound: str
    current: str

    @property
    def pill(self) -> Pill | None:
        return DIFFERS if self.bound != self.current else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseComparison:
    rows: tuple[Row, ...]
    variable: str  # where its URL comes from
    seen_at: datetime | None  # the last good look at the bound one
    known_as: str  # other environments that are bound to the same database


def comparison(change: Rebinding, environment: Environment) -> DatabaseComparison:
    return DatabaseComparison(
        rows=tuple(_rows(change)),
        variable=environment.variable,
        seen_at=change.last.seen_at,
        known_as=" and ".join(change.known_as),
    )


def _rows(change: Rebinding) -> Iterator[Row]:
    bound, current = change.bound, change.current.identity
    before, now = _standing(change.last.history), _standing(change.current.history)
    yield Row(name="Database", bound=bound.database, current=current.database)
    yield Row(name="Server (system identifier)", bound=bound.system_identifier, current=current.system_identifier)
    yield Row(name="Database number (oid)", bound=str(bound.database_oid), current=str(current.database_oid))
    yield Row(name="Migrations recorded", bound=str(len(before)), current=str(len(now)))
    yield Row(name="Newest of them", bound=_newest(before), current=_newest(now))
    yield Row(name="Last recorded", bound=_last(before), current=_last(now))


def _standing(history: History | None) -> list[AppliedMigration]:
    return [row for row in history.rows if row.success and row.kind is not Kind.SKIPPED] if history else []


def _newest(rows: list[AppliedMigration]) -> str:
    row = max(rows, key=lambda row: row.identity.key, default=None)
    return row.label if row else "none"


def _last(rows: list[AppliedMigration]) -> str:
    moments = [row.applied_at for row in rows if row.applied_at]
    return f"{max(moments).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moments else "never"
