"""Flyway: a row for each thing it did, by rank. A later row can take an earlier one back, or hide it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.tools import numbered
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow
from dashboard.engine.migration import numbers_of

_FAILED = (
    "Flyway broke off there. Look which of its statements stand, undo them by hand, and let `flyway repair` take the "
    "row away."
)
_BASELINE = "Flyway began with a baseline, and took everything up to it for applied."
_NO_SCRIPT = frozenset({"SCHEMA"})
_BASELINES = frozenset({"BASELINE", "SQL_BASELINE"})


def key(version: str) -> str:
    """As Flyway compares versions: 1.0 is 1."""
    return ".".join(map(str, numbers_of(version.replace("_", "."))))


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    standing: dict[str, ToolEntry] = {}
    baseline = ""
    for row in sorted(rows, key=lambda row: reading.number(row, "installed_rank") or 0):
        kind, version = reading.text(row, "type").upper(), reading.text(row, "version")
        if kind in _NO_SCRIPT:
            continue
        if not version:
            entry = _unversioned(row)
            if kind == "DELETE":
                standing.pop(entry.label, None)
            else:
                standing[entry.label] = entry
        elif kind in _BASELINES and reading.is_true(row, "success"):
            baseline = version
        elif kind == "DELETE":
            standing.pop(key(version), None)
        else:
            standing[key(version)] = _entry(row, key(version), is_undo=kind.startswith("UNDO"))
    before = set(standing)
    if baseline:
        earlier = [file for file in files if key(file.version) not in before]
        yield from numbered.up_to_text(baseline.replace("_", "."), earlier, _BASELINE)
    yield from standing.values()


def _entry(row: ToolRow, version: str, *, is_undo: bool) -> ToolEntry:
    did_succeed = reading.is_true(row, "success")
    stand = Stand.UNDONE if is_undo else Stand.APPLIED
    return ToolEntry(
        label=" ".join(filter(None, (reading.text(row, "version"), reading.text(row, "description")))),
        keys=(version,),
        stand=stand if did_succeed else Stand.FAILED,
        applied_at=reading.moment(row, "installed_on"),
        by=reading.text(row, "installed_by"),
        checksum=reading.text(row, "checksum"),
        note="" if did_succeed else _FAILED,
    )


def _unversioned(row: ToolRow) -> ToolEntry:
    """A repeatable migration has no version; its newest row counts."""
    script = reading.text(row, "script").replace("\\", "/").rpartition("/")[2]
    if not script:
        return reading.unclear(row, "It names neither a version nor a script.")
    return replace(_entry(row, script, is_undo=False), label=script)


def keys(file: KnownFile) -> Sequence[str]:
    if file.is_repeatable:
        return (file.file.rpartition("/")[2],)
    return (key(file.version), numbered.by_label(file))


IMPORTER = Importer(
    name="flyway",
    title="Flyway",
    shape=frozenset({"installed_rank", "version", "description", "type", "script", "checksum", "success"}),
    more=frozenset({"installed_on", "installed_by"}),
    formats=frozenset({"flyway"}),
    keys=keys,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
