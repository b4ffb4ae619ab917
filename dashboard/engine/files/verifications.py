"""The verification files of a folder, read: SQL that raises an error where something is not as it should be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dashboard.engine.files import script
from dashboard.engine.files.listing import Limits
from dashboard.engine.migration import FileEntry, FileRole, Folder, MigrationId, Script, Severity

_NUMBER = re.compile(r"(?:test|verify)_(?P<version>[0-9]+)(?:_.*)?\.sql", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    script: Script
    #: What it verifies; both empty: the folder as a whole.
    version: str = ""
    name: str = ""  # empty where only a number says what it belongs to
    fault: str = ""  # why it cannot be run here: it is written for psql, or cannot be read

    @property
    def file(self) -> str:
        return self.script.file

    @property
    def about(self) -> MigrationId:
        """Without a name: all of that version; with neither: the folder as a whole."""
        return MigrationId(self.version, self.name)


def read(folder: Folder) -> tuple[Verification, ...]:
    """In the order of their names."""
    versions = {migration.version for migration in folder.migrations}
    return tuple(_read(folder, entry, versions) for entry in folder.files if entry.role is FileRole.VERIFY)


def _read(folder: Folder, entry: FileEntry, versions: set[str]) -> Verification:
    reading = script.read_entry(folder.tests[entry.file], Limits(), file=entry.file)
    number = _NUMBER.fullmatch(entry.file.rpartition("/")[2])
    meant = number["version"] if number and number["version"] in versions else ""
    errors = [p.sentence for p in reading.problems if p.severity is Severity.ERROR]
    return Verification(
        script=reading.script,
        version=entry.version or meant,
        name=entry.name or "",
        fault=errors[0] if errors and not reading.script.statements else "",
    )
