"""Prisma: a row for each attempt, by the name of its directory; with a checksum of the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow

_FAILED = (
    "Prisma broke off there. Look which of its statements stand, bring the database to one of both ends, and say so "
    "with `prisma migrate resolve`."
)


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    """An attempt that was taken back is followed by another one, or by none."""
    latest: dict[str, ToolEntry] = {}
    for row in sorted(rows, key=lambda row: reading.text(row, "started_at")):
        name = reading.text(row, "migration_name")
        if not name:
            yield reading.unclear(row, "It names no migration.")
            continue
        entry = _entry(row, name)
        if entry.stand is not Stand.UNDONE or name not in latest:
            latest[name] = entry
    yield from latest.values()


def _entry(row: ToolRow, name: str) -> ToolEntry:
    finished = reading.text(row, "finished_at")
    stand = Stand.UNDONE if reading.text(row, "rolled_back_at") else Stand.APPLIED if finished else Stand.FAILED
    return ToolEntry(
        label=name,
        keys=(name,),
        stand=stand,
        applied_at=reading.moment(row, "finished_at"),
        checksum=reading.text(row, "checksum").lower(),
        note=_FAILED if stand is Stand.FAILED else "",
    )


def keys(file: KnownFile) -> Sequence[str]:
    """The name of the directory."""
    return (file.file.rpartition("/")[0] or file.label,)


IMPORTER = Importer(
    name="prisma",
    title="Prisma",
    shape=frozenset({"id", "checksum", "finished_at", "migration_name", "rolled_back_at", "started_at"}),
    formats=frozenset({"prisma"}),
    keys=keys,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
