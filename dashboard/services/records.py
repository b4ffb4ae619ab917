"""Migrations whose row in the history says something else than the log of the same database."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine import status
from dashboard.engine.errors import NothingToDo
from dashboard.engine.migration import LoggedSuccess, MigrationId
from dashboard.engine.status import MigrationStatus
from dashboard.models.environments import Environment
from dashboard.selectors import folders
from dashboard.services import targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """One migration that was applied, as the log says."""

    status: MigrationStatus
    logged: LoggedSuccess

    @property
    def is_as_it_ran(self) -> bool:
        """Its file holds the very text that ran."""
        migration = self.status.migration
        return migration is not None and self.logged.checksum == migration.up.checksum and not self.logged.was_changed


def contradictions(environment: Environment, *, only: MigrationId | None = None) -> tuple[Contradiction, ...]:
    """Read from the target now; `only` one migration. Raises NothingToDo where history and log agree."""
    history = targets.look(environment).history
    items = tuple(
        Contradiction(status=item, logged=logged)
        for item in status.compute(folders.read(environment), history)
        if item.migration is not None
        and only in (None, item.identity)
        and (logged := history.contradiction(item.identity)) is not None
        and not logged.was_skipped
    )
    if not items:
        raise NothingToDo(environment=environment.name, reason="its history and its log agree")
    return items
