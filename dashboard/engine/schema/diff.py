"""Two snapshots to what differs between them, object by object. Pure."""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine.schema.objects import COLUMN_ORDER, SchemaSnapshot, attributes_of, subject_of, table_of

_NAME = re.compile(r'"(?:[^"]|"")+"|[^\s",]+')
_TABLES = ("table ", "foreign table ", "view ", "materialized view ")
_PLURALS = {
    "column": "columns",
    "constraint": "constraints",
    "index": "indexes",
    "trigger": "triggers",
    "policy": "policies",
    "rule": "rules",
}
_LONGEST = 120


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One object. Its text before is None where it was added, its text after where it was removed."""

    key: str
    change: Change
    before: str | None
    after: str | None

    @property
    def is_order(self) -> bool:
        """Only the order of a table's columns: what drop and add again leaves behind, and no query can see."""
        return self.key.startswith(COLUMN_ORDER)


def compare(before: SchemaSnapshot, after: SchemaSnapshot) -> tuple[Difference, ...]:
    """In reading order: a table and what belongs to it stand together."""
    keys = before.objects.keys() | after.objects.keys()
    every = [_difference(key, before.objects.get(key), after.objects.get(key)) for key in keys]
    differing = [d for d in every if d.before != d.after and not (d.is_order and _follows_from_columns(d))]
    return tuple(sorted(differing, key=_reading_order))


def order_only(before: SchemaSnapshot, after: SchemaSnapshot) -> bool:
    """Whether the snapshots differ, and in nothing but the order of columns in tables."""
    differences = compare(before, after)
    return bool(differences) and all(d.is_order for d in differences)


def summary_lines(differences: Iterable[Difference]) -> list[str]:
    """A line for each object that a person would name; what came or went with a larger object is counted there."""
    differences = tuple(differences)
    wholes = {d.key: d for d in differences if d.change is not Change.CHANGED}
    tables = {table: d for d in wholes.values() if (table := _own_table(d.key))}
    folded = {d.key: whole.key for d in differences if (whole := _whole_of(d, wholes, tables))}
    parts: dict[str, list[str]] = defaultdict(list)
    for key, whole_key in folded.items():
        parts[whole_key].append(key)
    return [_summary(d, parts[d.key]) for d in differences if d.key not in folded]


def unified(difference: Difference) -> str:
    """The two texts of an object as a unified diff."""
    lines = difflib.unified_diff(
        (difference.before or "").splitlines(),
        (difference.after or "").splitlines(),
        fromfile=difference.key if difference.before is not None else "(absent)",
        tofile=difference.key if difference.after is not None else "(absent)",
        lineterm="",
        n=3,
    )
    return "\n".join(lines)


def _difference(key: str, before: str | None, after: str | None) -> Difference:
    change = Change.CHANGED
    if before is None:
        change = Change.ADDED
    elif after is None:
        change = Change.REMOVED
    return Difference(key=key, change=change, before=before, after=after)


def _follows_from_columns(order: Difference) -> bool:
    """Columns came or went, and those that stayed are in the order they were in."""
    before, after = (_columns(text) for text in (order.before, order.after))
    return [c for c in before if c in after] == [c for c in after if c in before]


def _columns(order: str | None) -> list[str]:
    return _NAME.findall(attributes_of(order).get("columns", "")) if order else []


# Order


_KINDS = (
    *("schema", "extension", "language", "type", "domain", "collation", "sequence", "table", "foreign table", "view"),
    *("materialized view", COLUMN_ORDER, "column", "constraint", "index", "trigger", "rule", "policy", "statistics"),
    *("function", "procedure", "aggregate"),
)
_TABLE_RANK = _KINDS.index("table")


def _reading_order(difference: Difference) -> tuple[int, str, int, str, bool, str]:
    key = difference.key
    subject = subject_of(key) or key
    table = table_of(key)
    rank = _rank(subject)
    return (_TABLE_RANK if table else rank, table or "", rank, subject, key != subject, key)


def _rank(key: str) -> int:
    return next((i for i, kind in enumerate(_KINDS) if key.startswith(f"{kind} ")), len(_KINDS))


# Summary


def _own_table(key: str) -> str | None:
    """The table that this object is; None where it only belongs to one."""
    return table_of(key) if key.startswith(_TABLES) else None


def _whole_of(
    difference: Difference, wholes: Mapping[str, Difference], tables: Mapping[str, Difference]
) -> Difference | None:
    """The larger object that this one came or went with."""
    owner = _owning_column(difference)
    candidates = [
        tables.get(table_of(difference.key) or table_of(owner) or ""),
        wholes.get(subject_of(difference.key) or owner),
    ]
    return next((c for c in candidates if c and c.change is difference.change and c.key != difference.key), None)


def _owning_column(difference: Difference) -> str:
    attributes = attributes_of(difference.before or difference.after or "")
    column = attributes.get("owned by") or attributes.get("identity of")
    return f"column {column}" if column and difference.key.startswith("sequence ") else ""


def _summary(difference: Difference, parts: Sequence[str]) -> str:
    if difference.is_order:
        before, after = (", ".join(_columns(text)) for text in (difference.before, difference.after))
        return f"table {table_of(difference.key)}: columns in another order ({before} -> {after})"
    if difference.change is Change.CHANGED:
        return f"{difference.key}: {'; '.join(_changes(difference)) or 'changed'}"
    if counted := _counted(parts):
        return f"{difference.key}: {difference.change}, with {counted}"
    attributes = _said(difference.after or difference.before or "")
    return f"{difference.key}: {difference.change}{f' ({attributes})' if attributes else ''}"


def _counted(parts: Sequence[str]) -> str:
    counts = Counter(key.partition(" ")[0] for key in parts)
    words = [(kind, plural, counts[kind]) for kind, plural in _PLURALS.items() if counts[kind]]
    return ", ".join(f"{count} {kind if count == 1 else plural}" for kind, plural, count in words)


def _said(text: str) -> str:
    """An object's attributes in one line, as far as they are one line each."""
    return _cut(", ".join(_named(name, value) for name, value in attributes_of(text).items() if "\n" not in value))


def _changes(difference: Difference) -> Iterator[str]:
    before, after = attributes_of(difference.before or ""), attributes_of(difference.after or "")
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None:
            yield f"{_named(name, new or '')} added"
        elif new is None:
            yield f"{_named(name, old)} removed"
        elif "\n" in old + new or len(old + new) > _LONGEST:
            yield f"{name} changed ({_line_counts(old, new)})"
        else:
            yield f"{name} {old} -> {new}"


def _named(name: str, value: str) -> str:
    if value == "yes" or "\n" in value:
        return name
    return _cut(value if name == "definition" else f"{name} {value}")


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _line_counts(old: str, new: str) -> str:
    lines = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in ("+ ", "- "))
    return f"{added} {'line' if added == 1 else 'lines'} added, {removed} removed"
