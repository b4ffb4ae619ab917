"""The files of one version, as the person who decides about them has to see them."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine import status
from dashboard.engine.errors import NothingToDo
from dashboard.engine.migration import Kind, MigrationId
from dashboard.engine.status import MigrationStatus
from dashboard.models.environments import Environment
from dashboard.selectors import folders
from dashboard.services import targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Files of one version that no success stands for here; `taken_by` already has the number in this database."""

    version: str
    files: tuple[MigrationStatus, ...]
    taken_by: str = ""

    @property
    def may_keep_one(self) -> bool:
        return len(self.files) > 1 and not self.taken_by

    def all_but(self, kept: str) -> list[MigrationId]:
        return [item.identity for item in self.files if item.name != kept]


def undecided(environment: Environment, version: str) -> Undecided:
    """Read from the target now. Raises NothingToDo where no file of this version waits."""
    history = targets.look(environment).history
    statuses = [s for s in status.compute(folders.read(environment), history) if s.version == version and s.migration]
    files = tuple(s for s in statuses if not (s.applied and s.applied.success))
    if not files:
        raise NothingToDo(environment=environment.name, reason=f"no file with the version {version} waits there")
    holders = (r for r in history.rows if r.version == version and r.success and r.kind is not Kind.SKIPPED)
    taken_by = next((row.label for row in holders), "")
    return Undecided(version=version, files=files, taken_by=taken_by)
