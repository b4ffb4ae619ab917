"""The migrations folder of this installation: what it holds, or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.conf import settings

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder, MigrationId
from dashboard.engine.sql.transaction import TransactionShape, plan_transaction
from dashboard.models.failures import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReading:
    """Exactly one of the two is set."""

    folder: Folder | None = None
    failure: Failure | None = None


#: What was read last, and what the folder looked like then: pages ask several times, and again every few seconds.
_last: tuple[object, FolderReading] = (None, FolderReading())

#: Of a folder with more entries than this, looking takes as long as reading.
ENTRIES = 5000


def read() -> Folder:
    """As it is now, for whatever decides. Raises SourceMissing or SourceUnreadable."""
    reading = settings.SOURCE_READING
    return discovery.read(settings.SOURCE, folder_format=reading.format, placeholders=reading.placeholders)


def current() -> FolderReading:
    """For pages, read anew where an entry changed. Never raises for the folder: a page about the databases is needed
    most when it is gone."""
    global _last
    look = _look(settings.SOURCE)
    if look is None or _last[0] != look:
        _last = look, _found()
    return _last[1]


def _found() -> FolderReading:
    try:
        return FolderReading(folder=read())
    except (SourceMissing, SourceUnreadable) as error:
        return FolderReading(failure=Failure.of(error))


def _look(source: Path) -> object:
    """What changes with every edit; None where it cannot be told."""
    try:
        entries = [(str(source), source.stat()), *((str(p), p.stat()) for p in islice(source.rglob("*"), ENTRIES + 1))]
    except OSError:
        return None
    if len(entries) > ENTRIES:
        return None
    return [(name, s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino, s.st_mode) for name, s in entries]


def shape_of(folder: Folder | None, identity: MigrationId) -> TransactionShape | None:
    """How the file of a migration runs; None where there is none."""
    migration = folder.find(identity) if folder else None
    return plan_transaction(migration.up.statements, migration.up.directives) if migration else None
