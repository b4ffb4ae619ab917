"""yoyo: a row for each file, by its name without the ending and a hash of that name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.values import Importer, KnownFile, ToolEntry, ToolRow


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in rows:
        name = reading.text(row, "migration_id")
        if not name:
            yield reading.unclear(row, "It names no migration.")
        elif reading.text(row, "migration_hash") != hashlib.sha256(name.encode()).hexdigest():
            yield reading.unclear(row, "Its hash is not that of its name: one of both was changed by hand.")
        else:
            yield ToolEntry(label=name, keys=(name,), applied_at=reading.moment(row, "applied_at_utc"))


IMPORTER = Importer(
    name="yoyo",
    title="yoyo",
    shape=frozenset({"migration_hash", "migration_id", "applied_at_utc"}),
    formats=frozenset({"yoyo"}),
    keys=lambda file: (file.file.removesuffix(".sql"),),
    entries=lambda rows, files: tuple(entries(rows, files)),
)
