"""Supabase's command line: versions with their names and statements, in a schema of its own. It keeps no time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, TableSeen, ToolEntry, ToolRow


def _is_its(table: TableSeen) -> bool:
    """Older ones have nothing but the version, and are known by their place."""
    in_place = (table.schema, table.name) == ("supabase_migrations", "schema_migrations")
    return in_place or (table.name == "schema_migrations" and {"statements", "name"} <= table.columns.keys())


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in rows:
        version, name = reading.text(row, "version"), reading.text(row, "name")
        if version:
            yield ToolEntry(
                label=" ".join(filter(None, (version, name))), keys=(version,), by=reading.text(row, "created_by")
            )
        else:
            yield reading.unclear(row, "It names no version.")


IMPORTER = Importer(
    name="supabase",
    title="Supabase",
    shape=frozenset({"version"}),
    more=frozenset({"name", "created_by"}),
    is_its=_is_its,
    formats=frozenset({"supabase"}),
    keys=numbered.by_text,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
