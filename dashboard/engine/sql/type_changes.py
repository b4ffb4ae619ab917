"""Which change of a column's type can lose or refuse values, and which touches no row."""

from __future__ import annotations

from dashboard.engine.sql.trees import ColumnType

#: Each holds all values of those before it.
_INTEGERS = ("int2", "int4", "int8")
_NUMBERS = (*_INTEGERS, "numeric", "float4", "float8", "money")
_TEXTS = ("varchar", "bpchar", "text", "citext")
_SERIALS = {"serial": "int4", "serial4": "int4", "bigserial": "int8", "serial8": "int8", "smallserial": "int2"}

#: From and to where something of each value is dropped.
_LOSING = {
    ("timestamp", "date"),
    ("timestamptz", "date"),
    ("timestamp", "time"),
    ("timestamptz", "time"),
    ("timestamptz", "timestamp"),
    ("float8", "float4"),
    ("jsonb", "hstore"),
}

#: Their text is the whole of their value, and can be cast back.
_PRINTED = (*_INTEGERS, "numeric", "bool", "uuid", "date", "jsonb", "json", "inet", "cidr", "name")
_WIDER = {
    *((integer, "numeric") for integer in _INTEGERS),
    ("int2", "float4"),
    ("int2", "float8"),
    ("int4", "float8"),
    ("float4", "float8"),
    ("date", "timestamp"),
    ("date", "timestamptz"),
    ("jsonb", "json"),
    ("cidr", "inet"),
}

#: What is suspicious even where the old type is not known.
_SMALL = ("int2", "float4")


def narrows(known: ColumnType | None, wanted: ColumnType) -> bool:
    if known is None:
        return wanted.name in _SMALL or (wanted.name in ("varchar", "bpchar") and bool(wanted.numbers))
    old, new = _SERIALS.get(known.name, known.name), wanted.name
    if (old, new) in _LOSING:
        return True
    if old in _NUMBERS and new in _INTEGERS:
        return old not in _INTEGERS or _INTEGERS.index(new) < _INTEGERS.index(old)
    if old in _TEXTS and new in ("varchar", "bpchar"):
        return _is_shorter(known, wanted)
    return old == new == "numeric" and not _keeps_digits(known, wanted)


def keeps_values(known: ColumnType, wanted: ColumnType) -> bool:
    """Proven: what every value says is still there after a cast, and can be cast back. Anything else may lose some."""
    old, new = known.name, _SERIALS.get(wanted.name, wanted.name)
    if known.is_array != wanted.is_array:
        return False
    if old == new:
        return _keeps_precision(known, wanted)
    if old == "bpchar":
        return False  # its blanks at the end are cut
    if new in ("text", "citext") and not wanted.numbers:
        return old in _TEXTS or old in _PRINTED
    if old in _TEXTS and new == "varchar":
        return not _is_shorter(known, wanted)
    if old in _INTEGERS and new in _INTEGERS:
        return _INTEGERS.index(old) <= _INTEGERS.index(new)
    return (old, new) in _WIDER and not wanted.numbers


def _keeps_precision(known: ColumnType, wanted: ColumnType) -> bool:
    match known.name:
        case "numeric":
            return _keeps_digits(known, wanted)
        case "varchar" | "bpchar" | "varbit":
            return not _is_shorter(known, wanted)
        case "bit":
            return known.numbers == wanted.numbers
        case "interval":
            return not wanted.numbers  # they say which fields are kept, and only then a precision
        case _:
            return not wanted.numbers or (len(known.numbers) == 1 and known.numbers <= wanted.numbers)


def keeps_rows(known: ColumnType | None, wanted: ColumnType, *, in_utc: bool = False) -> bool:
    """PostgreSQL changes the catalog only: no row is rewritten. `in_utc`: the session's time zone is UTC."""
    if known is None or known.is_array != wanted.is_array:
        return False
    if in_utc and {known.name, wanted.name} == {"timestamp", "timestamptz"}:
        return not wanted.numbers
    if known.name in ("varchar", "text") and wanted.name in ("varchar", "text"):
        return not _is_shorter(known, wanted)
    return (
        known.name == wanted.name == "numeric"
        and _keeps_digits(known, wanted)
        and (not wanted.numbers or known.numbers[1:] == wanted.numbers[1:])
    )


def _is_shorter(known: ColumnType, wanted: ColumnType) -> bool:
    """Without a number a text has no limit; char without one has the length 1."""
    if not wanted.numbers:
        return wanted.name == "bpchar" and known.name != "bpchar"
    return not known.numbers or wanted.numbers[0] < known.numbers[0]


def _keeps_digits(known: ColumnType, wanted: ColumnType) -> bool:
    if not wanted.numbers:
        return True
    if not known.numbers:
        return False
    (old_total, old_scale), (total, scale) = ((*n, 0)[:2] for n in (known.numbers, wanted.numbers))
    return scale >= old_scale and total - scale >= old_total - old_scale
