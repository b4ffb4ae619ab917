"""graphile-migrate: a row for each committed file, by its number, with a hash over all files up to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.values import Importer, KnownFile, ToolEntry, ToolRow


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in rows:
        file = reading.text(row, "filename")
        if file:
            yield ToolEntry(
                label=file,
                keys=(file,),
                applied_at=reading.moment(row, "date"),
                checksum=reading.text(row, "hash"),
            )
        else:
            yield reading.unclear(row, "It names no file.")


def keys(file: KnownFile) -> Sequence[str]:
    """The message in the name of a file is not kept."""
    return (f"{file.version}.sql", file.file.rpartition("/")[2])


IMPORTER = Importer(
    name="graphile-migrate",
    title="graphile-migrate",
    shape=frozenset({"hash", "previous_hash", "filename", "date"}),
    formats=frozenset({"graphile-migrate"}),
    keys=keys,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
