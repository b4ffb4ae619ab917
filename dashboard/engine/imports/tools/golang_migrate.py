"""golang-migrate: one row, with the version that is current and whether it broke off. All before it is inferred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow

_DIRTY = (
    "golang-migrate broke off there and marked its table dirty. Look which of its statements stand, bring the database "
    "to one of both ends, and say so with `migrate force VERSION`."
)


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    if len(rows) > 1:
        yield reading.unclear(rows[0], "It is one of several rows, and golang-migrate keeps one.")
        return
    for row in rows:
        version = reading.number(row, "version")
        if version is None:
            yield reading.unclear(row, "It names no version.")
        elif version >= 0:  # -1 says that everything was taken back
            is_clean = reading.is_false(row, "dirty")
            note = "" if is_clean else _DIRTY
            yield from numbered.up_to(version, files, current=Stand.APPLIED if is_clean else Stand.DIRTY, note=note)


IMPORTER = Importer(
    name="golang-migrate",
    title="golang-migrate",
    shape=frozenset({"version", "dirty"}),
    exact=True,
    formats=frozenset({"updown"}),
    keys=numbered.by_number,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
