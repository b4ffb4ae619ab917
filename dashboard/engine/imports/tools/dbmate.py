"""dbmate: a table of versions, in the first schema of the search path; it keeps no time and no checksum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, TableSeen, ToolEntry, ToolRow

_TEXT = frozenset({"varchar", "text"})


def _is_its(table: TableSeen) -> bool:
    """Rails has such a table too, with another one beside it."""
    return "migration" in table.name and "ar_internal_metadata" not in table.neighbours


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in rows:
        version = reading.text(row, "version")
        if version:
            yield ToolEntry(label=version, keys=(version,))
        else:
            yield reading.unclear(row, "It names no version.")


IMPORTER = Importer(
    name="dbmate",
    title="dbmate",
    shape=frozenset({"version"}),
    exact=True,
    fits=lambda table: table.columns["version"] in _TEXT,
    is_its=_is_its,
    formats=frozenset({"dbmate"}),
    keys=numbered.by_text,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
