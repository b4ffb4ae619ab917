"""Which environment is where: every migration against every environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.engine.migration import Folder, Identified
from dashboard.engine.status import MigrationStatus
from dashboard.selectors.environments import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow(Identified):
    """One migration; `cells` has one entry an environment, None where nothing is known of it there."""

    version: str
    name: str
    file: str  # empty: there is no such file
    cells: tuple[MigrationStatus | None, ...]


def rows(standings: Sequence[Standing], folder: Folder | None) -> tuple[BoardRow, ...]:
    """Newest first: the files, and what only a target remembers."""
    files = {m.identity: m.up.file for m in folder.migrations} if folder else {}
    known = {status.identity for standing in standings for status in standing.statuses} | set(files)
    by_environment = [{status.identity: status for status in standing.statuses} for standing in standings]
    return tuple(
        BoardRow(
            version=identity.version,
            name=identity.name,
            file=files.get(identity, ""),
            cells=tuple(statuses.get(identity) for statuses in by_environment),
        )
        for identity in sorted(known, reverse=True)
    )
