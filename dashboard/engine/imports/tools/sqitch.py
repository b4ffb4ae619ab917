"""Sqitch: a row for each change that is deployed, with a hash of its script. A change that was reworked has several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.values import Importer, KnownFile, ToolEntry, ToolRow

#: In front of the name of the project, as the only key of a file that is not about a change.
PROJECT = "project "


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    """Those of other projects that share the schema are none of this folder."""
    project = next((key.removeprefix(PROJECT) for f in files for key in f.keys if key.startswith(PROJECT)), "")
    times: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: reading.text(row, "committed_at")):
        change = reading.text(row, "change")
        if not change:
            yield reading.unclear(row, "It names no change.")
            continue
        if project and reading.text(row, "project") not in {"", project}:
            continue
        times[change] += 1
        yield ToolEntry(
            label=change,
            keys=(f"{change.replace('/', '-')} {times[change]}",),
            applied_at=reading.moment(row, "committed_at"),
            by=reading.text(row, "committer_name"),
            checksum=reading.text(row, "script_hash").lower(),
        )


def keys(file: KnownFile) -> Sequence[str]:
    return tuple(key for key in file.keys if not key.startswith(PROJECT))


IMPORTER = Importer(
    name="sqitch",
    title="Sqitch",
    shape=frozenset({"change_id", "change", "project", "committed_at"}),
    more=frozenset({"script_hash", "committer_name"}),
    is_its=lambda table: table.name == "changes",
    formats=frozenset({"sqitch"}),
    keys=keys,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
