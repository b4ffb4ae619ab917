"""The migrations of each source: what its folder holds, or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder, MigrationId
from dashboard.engine.sql.transaction import TransactionShape, plan_transaction
from dashboard.models import sources
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.models.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReading:
    """Exactly one of `folder` and `failure` is set."""

    folder: Folder | None = None
    failure: Failure | None = None
    source: str = sources.DEFAULT  # its name


#: What was read last of each source, and what its folder looked like then: pages ask several times, and again every
#: few seconds.
_last: dict[Source, tuple[object, FolderReading]] = {}

#: Of a folder with more entries than this, looking takes as long as reading.
ENTRIES = 5000


def read(environment: Environment) -> Folder:
    """The source of this environment as it is now, for whatever decides. Raises SourceMissing or SourceUnreadable."""
    return of_source(sources.of(environment))


def of_source(source: Source) -> Folder:
    """As it is now. Raises SourceMissing or SourceUnreadable."""
    reading = source.reading
    return discovery.read(source.folder, folder_format=reading.format, placeholders=reading.placeholders)


def current(environment: Environment) -> FolderReading:
    """For pages: as `of_source_now`, of the source of this environment."""
    return of_source_now(sources.of(environment))


def of_source_now(source: Source) -> FolderReading:
    """For pages, read anew where an entry changed. Never raises for the folder: a page about the databases is needed
    most when it is gone."""
    entries = _look(source.folder)
    look, known = (source.reading, entries), _last.get(source)
    if entries is None or known is None or known[0] != look:
        known = _last[source] = (look, _reading(source))
    return replace(known[1], source=source.name)


def all_now() -> tuple[FolderReading, ...]:
    """For pages, every source."""
    return tuple(of_source_now(source) for source in sources.all_sources())


def _reading(source: Source) -> FolderReading:
    try:
        return FolderReading(folder=of_source(source))
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
