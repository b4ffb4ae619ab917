"""tern: one row with the version that is current. All before it is inferred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow

_NUMBERS = frozenset({"int4", "int8"})


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    if len(rows) > 1:
        yield reading.unclear(rows[0], "It is one of several rows, and tern keeps one.")
        return
    for row in rows:
        version = reading.number(row, "version")
        if version is None or version < 0:
            yield reading.unclear(row, "It names no version.")
        elif version > 0:
            yield from numbered.up_to(version, files, current=Stand.APPLIED, note="")


IMPORTER = Importer(
    name="tern",
    title="tern",
    shape=frozenset({"version"}),
    exact=True,
    is_vague=True,
    fits=lambda table: table.columns["version"] in _NUMBERS,
    is_its=lambda table: "version" in table.name,
    formats=frozenset({"tern"}),
    keys=numbered.by_number,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
