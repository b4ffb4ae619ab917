"""node-pg-migrate: a row for each file, by its name without the ending."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import recognised
from dashboard.engine.imports.values import Importer, KnownFile, Lookalike, ToolEntry, ToolRow


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in sorted(rows, key=lambda row: reading.number(row, "id") or 0):
        name = reading.text(row, "name")
        if name.startswith("/"):
            yield reading.unclear(row, "db-migrate writes names so, whose migrations are programs.")
        elif name:
            yield ToolEntry(label=name, keys=(name,), applied_at=reading.moment(row, "run_on"))
        else:
            yield reading.unclear(row, "It names no file.")


def keys(file: KnownFile) -> Sequence[str]:
    """Some versions keep the name with `.up`, where there is a pair of files."""
    stem = file.file.removesuffix(".sql")
    return tuple(dict.fromkeys((stem, stem.removesuffix(".up"))))


IMPORTER = Importer(
    name="node-pg-migrate",
    title="node-pg-migrate",
    shape=frozenset({"id", "name", "run_on"}),
    exact=True,
    lookalike=Lookalike(importer=recognised.DB_MIGRATE, column="name", part="/"),
    formats=frozenset({"node-pg-migrate"}),
    keys=keys,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
