"""goose: a row for each time that a version went up or down; the newest of each version counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    newest: dict[int, ToolRow] = {}
    for row in sorted(rows, key=lambda row: reading.number(row, "id") or 0):
        version = reading.number(row, "version_id")
        if version is None:
            yield reading.unclear(row, "It names no version.")
        elif version > 0:  # goose writes a row 0 when it makes the table
            newest[version] = row
    for version, row in newest.items():
        is_applied = reading.is_true(row, "is_applied")
        yield ToolEntry(
            label=str(version),
            keys=(str(version),),
            stand=Stand.APPLIED if is_applied else Stand.UNDONE,
            applied_at=reading.moment(row, "tstamp"),
        )


IMPORTER = Importer(
    name="goose",
    title="goose",
    shape=frozenset({"id", "version_id", "is_applied", "tstamp"}),
    formats=frozenset({"goose"}),
    keys=numbered.by_number,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
