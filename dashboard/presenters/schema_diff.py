"""What differs between two schemas, or two texts, as people read it: by table, and line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Change, Difference
from dashboard.engine.schema.objects import table_of
from dashboard.presenters.pills import Pill

#: Objects that a page lists; lines of one object, and of one file.
SHOWN = 200
LINES = 200
FILE_LINES = 2000
#: So many objects are shown unfolded, but for a table that came or went as a whole.
OPEN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    kind: str  # added, removed (as a Change), same, or gap where lines are left out
    text: str

    @property
    def sign(self) -> str:
        return _SIGNS.get(self.kind, "")


_SIGNS = {Change.ADDED.value: "+", Change.REMOVED.value: "\N{MINUS SIGN}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectView:
    key: str
    pill: Pill
    lines: tuple[DiffLine, ...]
    because: str  # what explains it; empty where nothing does, or nobody asked


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceGroup:
    """A table with what belongs to it, or an object that belongs to none."""

    name: str
    sentences: tuple[str, ...]
    because: str  # what explains all of it; objects repeat it only where they do not share it
    unexplained: bool  # an explanation was looked for, and something of it has none
    objects: tuple[ObjectView, ...]
    order_only: bool
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDiff:
    total: int
    left_out: int
    groups: tuple[DifferenceGroup, ...]


def schema_diff(
    differences: Sequence[Difference],
    pills: Mapping[Change, Pill],
    because: Mapping[str, str] | None = None,
    *,
    marks_unexplained: bool = True,
) -> SchemaDiff:
    """`pills` says what added, removed and changed mean here; `because` explains objects by their key, and what has no
    explanation there is marked, unless none was to be expected."""
    shown = differences[:SHOWN]
    return SchemaDiff(
        total=len(differences),
        left_out=len(differences) - len(shown),
        groups=tuple(_groups(shown, pills, because, marks_unexplained=marks_unexplained)),
    )


def text_diff(before: str, after: str) -> tuple[DiffLine, ...]:
    """Two texts, with three lines around each change."""
    return _lines(before, after, at_most=FILE_LINES)


def _groups(
    differences: Sequence[Difference],
    pills: Mapping[Change, Pill],
    because: Mapping[str, str] | None,
    *,
    marks_unexplained: bool,
) -> Iterator[DifferenceGroup]:
    known = because or {}
    is_marked = because is not None and marks_unexplained
    for name, group in groupby(differences, key=lambda d: table_of(d.key) or d.key):
        members = tuple(group)
        reasons = {known.get(d.key, "") for d in members}
        shared = reasons.pop() if len(reasons) == 1 else ""
        sentences = tuple(_worded(line, pills) for line in diff.summary_lines(members))
        yield DifferenceGroup(
            name=name,
            sentences=sentences,
            because=shared,
            unexplained=is_marked and any(d.key not in known and not d.is_order for d in members),
            objects=tuple(_object(d, pills, "" if shared else known.get(d.key, "")) for d in members),
            order_only=all(d.is_order for d in members),
            open=len(differences) <= OPEN and len(sentences) == len(members),
        )


def _worded(line: str, pills: Mapping[Change, Pill]) -> str:
    """A summary line says that something was added; on this page that may mean "only in Staging"."""
    for change in (Change.ADDED, Change.REMOVED):
        label = pills[change].label
        line = line.replace(f": {change}", f": {label[0].lower()}{label[1:]}", 1)
    return line


def _object(difference: Difference, pills: Mapping[Change, Pill], because: str) -> ObjectView:
    lines = _lines(difference.before or "", difference.after or "", at_most=LINES)
    return ObjectView(key=difference.key, pill=pills[difference.change], lines=lines, because=because)


_KINDS = {"+": Change.ADDED.value, "-": Change.REMOVED.value, " ": "same"}


def _lines(before: str, after: str, *, at_most: int) -> tuple[DiffLine, ...]:
    lines = tuple(_all_lines(before, after))
    left_out = len(lines) - at_most
    return (*lines[:at_most], DiffLine(kind="gap", text=f"{left_out} more lines")) if left_out > 0 else lines


def _all_lines(before: str, after: str) -> Iterator[DiffLine]:
    marked = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    for number, line in enumerate(list(marked)[2:]):
        if not line.startswith("@@"):
            yield DiffLine(kind=_KINDS[line[0]], text=line[1:])
        elif number:
            yield DiffLine(kind="gap", text="…")
