"""Atlas: a row for each version, with how many of its statements ran, and a hash over all files up to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow

_BASELINE = 1  # a bit of the type
_BEGAN_AT = "Atlas began with a baseline, and took everything up to it for applied."
_FAILED = (
    "Atlas broke off there. Look which of its statements stand, bring the database to one of both ends, and say so "
    "with `atlas migrate set`."
)


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    known = {reading.text(row, "version") for row in rows}
    for row in rows:
        version = reading.text(row, "version")
        if version.startswith("."):  # Atlas keeps an identity of its own there
            continue
        if not version:
            yield reading.unclear(row, "It names no version.")
            continue
        if (reading.number(row, "type") or 0) & _BASELINE:
            earlier = [file for file in files if file.version not in known]
            yield from numbered.up_to_text(version, earlier, _BEGAN_AT)
        yield _entry(row, version)


def _entry(row: ToolRow, version: str) -> ToolEntry:
    applied, total = reading.number(row, "applied"), reading.number(row, "total")
    is_whole = not reading.text(row, "error") and (applied is None or total is None or applied >= total)
    return ToolEntry(
        label="_".join(filter(None, (version, reading.text(row, "description")))),
        keys=(version,),
        stand=Stand.APPLIED if is_whole else Stand.FAILED,
        applied_at=reading.moment(row, "executed_at"),
        checksum=reading.text(row, "hash"),
        note="" if is_whole else _FAILED,
    )


IMPORTER = Importer(
    name="atlas",
    title="Atlas",
    shape=frozenset({"version", "description", "type", "applied", "total", "executed_at", "hash"}),
    more=frozenset({"error"}),
    formats=frozenset({"atlas"}),
    keys=lambda file: (file.version, numbered.by_label(file)),
    entries=lambda rows, files: tuple(entries(rows, files)),
)
