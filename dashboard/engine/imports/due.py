"""Whether the history of another tool is about the files of this folder, told from its keys alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.engine.imports import catalogue
from dashboard.engine.imports.values import KnownFile
from dashboard.engine.migration import Folder, History, Migration, OtherHistory

#: Their keys do not tell it without the files: they keep hashes, or only the version that is current.
_BY_FORMAT = frozenset({"drizzle", "golang-migrate", "tern"})


def histories(folder: Folder, history: History) -> tuple[OtherHistory, ...]:
    """Those by which files of the folder have run already that are not recorded. What was rolled back here counts as
    such no more: the other tool does not hear of that."""
    recorded = {row.identity for row in history.rows if row.success}
    waiting = [m for m in folder.migrations if m.identity not in recorded | history.rolled_back]
    return tuple(other for other in history.elsewhere if _is_about(other, folder, waiting, is_new=not recorded))


def _is_about(other: OtherHistory, folder: Folder, waiting: Sequence[Migration], *, is_new: bool) -> bool:
    importer = catalogue.BY_NAME.get(other.tool)
    if importer is None:
        return False
    if other.keys is None or other.tool in _BY_FORMAT:
        return is_new and folder.format in importer.formats and other.keys != ()
    keys = set(other.keys)
    return any(not keys.isdisjoint(importer.keys(_known(migration))) for migration in waiting)


def _known(migration: Migration) -> KnownFile:
    """Sqitch counts how often a change was deployed: here the first time will do."""
    first = f"{migration.name} 1"
    return KnownFile(version=migration.version, name=migration.name, file=migration.up.file, keys=(first,))
