"""The names that files would have under other numbers: exact where that is safe, and none where it is not."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from dashboard.engine.migration import Folder, Migration, MigrationId, version_key
from dashboard.engine.sql import directives
from dashboard.engine.sql.directives import CONFLICTS, DEPENDS

#: Each file, and what it is to be called.
type Renaming = tuple[tuple[str, str], ...]

_TIMESTAMP = "%Y%m%d%H%M%S"


def behind(folder: Folder, late: Sequence[Migration], highest: str) -> Mapping[MigrationId, Renaming]:
    """Names for migrations that come late, in their order, behind `highest`, which is applied, and before everything
    that has not run yet. Empty where there is no room, where something names one of them by its number, and where a
    file does not begin with its number: then no name is sure to be right."""
    versions = [migration.version for migration in folder.every if not migration.is_repeatable]
    taken = {version_key(version)[0] for version in (*versions, highest)}
    coming = min((version_key(v) for v in versions if version_key(v) > version_key(highest)), default=None)
    names = {name for entry in folder.files for name in (entry.file, entry.file.partition("/")[0])}
    named = {version for migration in folder.every for version in _named_by(migration)}
    renamings: dict[MigrationId, Renaming] = {}
    number = highest
    for migration in sorted(late, key=lambda each: each.identity.key):
        number = _next(number)
        is_free = bool(number) and version_key(number)[0] not in taken
        is_before_all = coming is None or not number or version_key(number) < coming
        renaming = _renamed(migration, number, names) if is_free and is_before_all else ()
        if not renaming or migration.version in named:
            return {}
        renamings[migration.identity] = renaming
    return renamings


def sentence(renaming: Renaming) -> str:
    """To be copied from."""
    if not renaming:
        return ""
    pairs = " and ".join(f"{old} to {new}" for old, new in renaming)
    return f"To have it behind all that is applied here, rename {pairs}."


def _named_by(migration: Migration) -> tuple[str, ...]:
    return tuple(v for key in (DEPENDS, CONFLICTS) for v in directives.versions_in(migration.directives, key))


def _next(version: str) -> str:
    if not version.isdigit():
        return ""
    if len(version) == len("20260101120000"):
        try:
            return (datetime.strptime(version, _TIMESTAMP) + timedelta(seconds=1)).strftime(_TIMESTAMP)  # noqa: DTZ007
        except ValueError:
            pass
    return f"{int(version) + 1:0{len(version)}}"


def _renamed(migration: Migration, number: str, names: Collection[str]) -> Renaming:
    files = dict.fromkeys(_on_disk(script.file) for script in (migration.up, migration.down) if script)
    renaming = tuple((file, with_number(file, migration.version, number)) for file in files)
    if not _begins_with(renaming[0][0], migration.version) or any(not new or new in names for _, new in renaming):
        return ()
    return renaming


def _on_disk(file: str) -> str:
    """The folder of a migration that has one of its own; of two halves in one file, the file."""
    return file.removesuffix(" (down)").partition("/")[0]


def _begins_with(file: str, version: str) -> bool:
    return re.match(rf"{re.escape(version)}(?![0-9])", file) is not None


def with_number(file: str, version: str, number: str) -> str:
    """Empty where its number does not stand there exactly once."""
    whole = rf"(?<![0-9]){re.escape(version)}(?![0-9])"
    return re.sub(whole, number, file) if len(re.findall(whole, file)) == 1 else ""
