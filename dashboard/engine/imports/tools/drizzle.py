"""Drizzle: a hash of each file and the moment it was written, which its journal has too; since 1.0 also its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.values import Importer, KnownFile, TableSeen, ToolEntry, ToolRow


def _is_its(table: TableSeen) -> bool:
    return "migration" in table.name or table.schema == "drizzle"


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in sorted(rows, key=lambda row: reading.number(row, "id") or 0):
        name, hashed = reading.text(row, "name"), reading.text(row, "hash").lower()
        written = reading.number(row, "created_at")
        keys = [f"name {name}"] if name else []
        keys += [f"when {written}"] if written is not None else []
        keys += [f"hash {hashed}"] if hashed else []
        if keys:
            label = name or f"hash {hashed[:12]}"
            applied_at = reading.moment(row, "applied_at")
            yield ToolEntry(label=label, keys=tuple(keys), applied_at=applied_at, checksum=hashed)
        else:
            yield reading.unclear(row, "It has neither a hash nor the moment at which its file was written.")


def keys(file: KnownFile) -> Sequence[str]:
    directory = file.file.rpartition("/")[0]
    name = directory or file.file.removesuffix(".sql")
    return (f"name {name}", *file.keys, *((f"hash {file.native}",) if file.native else ()))


IMPORTER = Importer(
    name="drizzle",
    title="Drizzle",
    shape=frozenset({"id", "hash", "created_at"}),
    more=frozenset({"name", "applied_at"}),
    exact=True,
    is_its=_is_its,
    formats=frozenset({"drizzle", "drizzle-directories"}),
    keys=keys,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
