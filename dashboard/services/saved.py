"""Rows that were saved on a target before they were destroyed, and the plan that brings them back."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from dashboard.engine import planner
from dashboard.engine.database import connection as connections
from dashboard.engine.database import saved
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved import Outlook, Save
from dashboard.engine.errors import NothingToDo
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.models.environments import Environment
from dashboard.selectors import migrations
from dashboard.services import targets

#: Seconds for which a list of saved rows counts.
LISTING = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One copy, and why it cannot be put back as things stand now; empty where it can."""

    save: Save
    obstacle: str
    outlook: Outlook | None = None  # what bringing it back would do now; None where it cannot, or nobody counted
    run: int | None = None  # this control database knows the run; another Signalbox may have saved it


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedGroup:
    """What one step of one run saved: it comes back together, in one transaction."""

    kept: tuple[Kept, ...]

    @property
    def first(self) -> Save:
        return self.kept[0].save

    @property
    def run(self) -> int | None:
        return self.kept[0].run

    @property
    def fitting(self) -> tuple[Save, ...]:
        return tuple(k.save for k in self.kept if not k.obstacle and k.save.rows)

    @property
    def differs(self) -> int:
        """Values or rows that something else stands in the place of."""
        return sum(k.outlook.differs for k in self.kept if k.outlook)

    @property
    def fills(self) -> int:
        return sum(k.outlook.fills for k in self.kept if k.outlook)

    def can_bring(self, *, overwrite: bool) -> bool:
        """Whether a row or a value of it would come back; taken for granted of what nobody counted."""
        outlooks = [k.outlook for k in self.kept if not k.obstacle and k.save.rows]
        return any(o is None or o.fills or (overwrite and o.differs) for o in outlooks)


def groups(environment: Environment) -> tuple[SavedGroup, ...]:
    """Read from the target now, newest first."""
    with connections.reading(targets.address(environment)) as connection:
        saves = [(save, saved.obstacle(connection, save.copy)) for save in saved.read(connection)]
    runs = migrations.runs_by_id({save.run_key for save, _ in saves}, environment.slug)
    kept = [Kept(save=s, obstacle=o, run=runs[s.run_key].pk if s.run_key in runs else None) for s, o in saves]
    return tuple(SavedGroup(kept=tuple(together)) for _, together in groupby(kept, key=_origin))


def listed(environment: Environment) -> tuple[SavedGroup, ...]:
    """As `groups`, with what bringing each copy back would do now, as far as that is counted quickly."""
    uncounted = groups(environment)
    if not any(group.fitting for group in uncounted):
        return uncounted
    until = time.monotonic() + LISTING
    with connections.reading(targets.address(environment)) as connection:
        return tuple(SavedGroup(kept=tuple(_soon(connection, k, until) for k in group.kept)) for group in uncounted)


def find(environment: Environment, migration: MigrationId, *, run_key: str) -> SavedGroup | None:
    wanted = (run_key, migration)
    return next((group for group in groups(environment) if _origin(group.kept[0]) == wanted), None)


def counted(environment: Environment, group: SavedGroup) -> SavedGroup:
    """With what bringing each copy back would do now, counted on the target."""
    with connections.reading(targets.address(environment)) as connection:
        kept = [_counted(connection, k) if k.save in group.fitting else k for k in group.kept]
    return SavedGroup(kept=tuple(kept))


def plan(environment: Environment, group: SavedGroup, *, overwrite: bool = False) -> Plan:
    """Brings back what fits, over what stands there where that is asked for. Raises NothingToDo where none does;
    whether anything of it would come back tells `can_bring`."""
    if not group.fitting:
        obstacles = "; ".join(f"{kept.save.copy.label}: {kept.obstacle or 'it was empty'}" for kept in group.kept)
        raise NothingToDo(environment=environment.name, reason=f"none of it can be brought back ({obstacles})")
    return planner.bring_back(
        targets.look(environment),
        group.first.identity,
        copies=[replace(save.copy, overwrite=overwrite) for save in group.fitting],
    )


def _soon(connection: Connection, kept: Kept, until: float) -> Kept:
    fits = not kept.obstacle and kept.save.rows
    if not fits or time.monotonic() > until:
        return kept
    return saved.quickly(connection, partial(_counted, connection, kept)) or kept


def _counted(connection: Connection, kept: Kept) -> Kept:
    if misfit := saved.misfit(connection, kept.save.copy):
        return replace(kept, obstacle=misfit)
    return replace(kept, outlook=saved.outlook(connection, kept.save.copy))


def _origin(kept: Kept) -> tuple[str, MigrationId]:
    return kept.save.run_key, kept.save.identity
