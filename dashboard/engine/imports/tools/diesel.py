"""Diesel: a row for each directory, by its version without hyphens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.values import Importer, KnownFile, TableSeen, ToolEntry, ToolRow


def _is_its(table: TableSeen) -> bool:
    return "migration" in table.name


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in rows:
        version = reading.text(row, "version")
        if version:
            key = version.replace("-", "")
            yield ToolEntry(label=version, keys=(key,), applied_at=reading.moment(row, "run_on"))
        else:
            yield reading.unclear(row, "It names no version.")


IMPORTER = Importer(
    name="diesel",
    title="Diesel",
    shape=frozenset({"version", "run_on"}),
    exact=True,
    is_its=_is_its,
    formats=frozenset({"directories"}),
    keys=lambda file: (file.version.replace("-", ""),),
    entries=lambda rows, files: tuple(entries(rows, files)),
)
