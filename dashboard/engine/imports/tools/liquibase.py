"""Liquibase: a row for each change set, by its id, its author and its file. Its checksum cannot be computed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.engine.imports import rows as reading
from dashboard.engine.imports.values import Importer, KnownFile, Stand, ToolEntry, ToolRow

_APPLIED = frozenset({"EXECUTED", "RERAN", "MARK_RAN"})
_FAILED = "Liquibase noted that it failed. Look what of it stands, undo that, and let Liquibase run it again."
_MARKED = "Liquibase only marked it as run."


def entries(rows: Sequence[ToolRow], files: Sequence[KnownFile]) -> Iterator[ToolEntry]:
    for row in sorted(rows, key=lambda row: reading.number(row, "orderexecuted") or 0):
        name, author, file = (reading.text(row, column) for column in ("id", "author", "filename"))
        kind = reading.text(row, "exectype").upper()
        if not name or not author:
            yield reading.unclear(row, "It names no change set.")
            continue
        stand = Stand.APPLIED if kind in _APPLIED else Stand.FAILED if kind == "FAILED" else Stand.UNDONE
        change = f"{author}:{name}"
        yield ToolEntry(
            label=f"{change} of {file}" if file else change,
            keys=(f"{file.replace('\\', '/').rpartition('/')[2]} ({change})", change),
            stand=stand,
            applied_at=reading.moment(row, "dateexecuted"),
            note=_FAILED if stand is Stand.FAILED else _MARKED if kind == "MARK_RAN" else "",
        )


def keys(file: KnownFile) -> Sequence[str]:
    """The reader of the format calls a change set by its file with author and id behind it."""
    return (file.file, file.file.partition(" (")[2].removesuffix(")"))


IMPORTER = Importer(
    name="liquibase",
    title="Liquibase",
    shape=frozenset({"id", "author", "filename", "exectype", "md5sum"}),
    more=frozenset({"dateexecuted", "orderexecuted"}),
    formats=frozenset({"liquibase"}),
    keys=keys,
    entries=lambda rows, files: tuple(entries(rows, files)),
)
