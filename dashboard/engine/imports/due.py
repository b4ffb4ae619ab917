"""Whether the history of another tool is about the files of this folder, told from its keys alone. Pure."""

from __future__ import annotations

from dashboard.engine.imports import catalogue
from dashboard.engine.imports.values import KnownFile
from dashboard.engine.migration import Folder, History, Migration, OtherHistory

#: Their keys do not tell it without the files: they keep hashes, or only the version that is current.
_BY_FORMAT = frozenset({"drizzle", "golang-migrate", "tern"})


def histories(folder: Folder, history: History) -> tuple[OtherHistory, ...]:
    """Those by which files of the folder have run already, while none is recorded."""
    if any(row.success for row in history.rows):
        return ()
    return tuple(other for other in history.elsewhere if _is_about(other, folder))


def _is_about(other: OtherHistory, folder: Folder) -> bool:
    importer = catalogue.BY_NAME.get(other.tool)
    if importer is None:
        return False
    if other.keys is None or other.tool in _BY_FORMAT:
        return folder.format in importer.formats and other.keys != ()
    keys = set(other.keys)
    return any(not keys.isdisjoint(importer.keys(_known(migration))) for migration in folder.migrations)


def _known(migration: Migration) -> KnownFile:
    """Sqitch counts how often a change was deployed: here the first time will do."""
    first = f"{migration.name} 1"
    return KnownFile(version=migration.version, name=migration.name, file=migration.up.file, keys=(first,))
