"""sqlx: a row for each version, with the SHA-384 of its file and whether it came to its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.rows import same_number
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow

_DIRTY = (
    "sqlx broke off there, and refuses to go on. Look which of its statements stand, undo them by hand, and delete its "
    "row from the table of sqlx."
)


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in rows:
        version = reading.number(row, "version")
        if version is None:
            yield reading.unclear(row, "It names no version.")
            continue
        did_succeed = reading.is_true(row, "success")
        yield ToolEntry(
            label=" ".join(filter(None, (str(version), reading.text(row, "description")))),
            keys=(same_number(str(version)),),
            stand=Stand.APPLIED if did_succeed else Stand.DIRTY,
            applied_at=reading.moment(row, "installed_on"),
            checksum=reading.hexadecimal(row, "checksum"),
            note="" if did_succeed else _DIRTY,
        )


IMPORTER = Importer(
    name="sqlx",
    title="sqlx",
    shape=frozenset({"version", "description", "installed_on", "success", "checksum", "execution_time"}),
    formats=frozenset({"sqlx", "updown"}),
    keys=numbered.by_number,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
