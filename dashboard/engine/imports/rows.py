"""What stands in one row. A value that is no such thing counts as none: tables are edited by hand, too."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dashboard.engine.imports.values import Stand, ToolEntry, ToolRow

_NUMBER = re.compile(r"-?[0-9]{1,30}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(row: ToolRow, column: str) -> str:
    return (row.get(column) or "").strip()


def number(row: ToolRow, column: str) -> int | None:
    value = text(row, column)
    return int(value) if _NUMBER.fullmatch(value) else None


def is_true(row: ToolRow, column: str) -> bool:
    return text(row, column).lower() in {"t", "true", "1", "yes"}


def is_false(row: ToolRow, column: str) -> bool:
    return text(row, column).lower() in {"f", "false", "0", "no"}


def moment(row: ToolRow, column: str) -> datetime | None:
    """In UTC; None for a time that Python has no date for, such as infinity."""
    try:
        read = datetime.fromisoformat(text(row, column))
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def moment_of_ms(value: int | None) -> datetime | None:
    """The moment of so many milliseconds since 1970."""
    try:
        return None if value is None else _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        return None


def hexadecimal(row: ToolRow, column: str) -> str:
    """Bytes, as PostgreSQL writes them."""
    return text(row, column).removeprefix("\\x").lower()


def unclear(row: ToolRow, why: str) -> ToolEntry:
    """An entry for a row that does not say which migration it is about."""
    shown = ", ".join(f"{name} {'NULL' if value is None else value[:40]}" for name, value in sorted(row.items()))
    return ToolEntry(label=shown[:200], keys=(), stand=Stand.UNCLEAR, note=why)


def same_number(version: str) -> str:
    """A number without the zeros in front of it; other text as it is."""
    return str(int(version)) if _NUMBER.fullmatch(version) else version
