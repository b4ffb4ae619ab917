"""Which environment is where: every migration against every environment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboard.engine.migration import Folder, version_key
from dashboard.engine.status import MigrationStatus
from dashboard.selectors.environments import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One migration; `cells` has one entry an environment, None where nothing is known of it there."""

    version: str
    name: str
    file: str  # empty: there is no such file
    cells: tuple[MigrationStatus | None, ...]


def rows(standings: Sequence[Standing], folder: Folder | None) -> tuple[Row, ...]:
    """Newest first: the files, and what only a target remembers."""
    files = {m.identity: m.up.file for m in folder.migrations} if folder else {}
    known = {(s.version, s.name) for standing in standings for s in standing.statuses} | set(files)
    by_place = [{(s.version, s.name): s for s in standing.statuses} for standing in standings]
    return tuple(
        Row(
            version=version,
            name=name,
            file=files.get((version, name), ""),
            cells=tuple(statuses.get((version, name)) for statuses in by_place),
        )
        for version, name in _newest_first(known)
    )


def _newest_first(identities: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(identities, key=lambda identity: (version_key(identity[0]), identity[1]), reverse=True)
