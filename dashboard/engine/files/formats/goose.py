"""goose: `00001_users.sql`, with `-- +goose Up` above what is run and `-- +goose Down` above what undoes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dashboard.engine.files import cuts, parted
from dashboard.engine.files.cuts import Cut, CutFault, Sides
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileRole, Folder

_NAME = re.compile(r"(?P<version>0*[1-9][0-9]*)_(?P<name>.+)\.sql")  # goose keeps 0 for itself
_MARK = re.compile(
    r"--\s*\+goose\s+(?P<mark>up|down|statementbegin|statementend|no\s+transaction|envsub\s+(?:on|off))\s*",
    re.IGNORECASE,
)
_MISWRITTEN = re.compile(r"\s*--.*\+\s*goose\b.*", re.IGNORECASE)
#: What is put in, or loses a sign on the way: $$ is sent as $, and a backslash before either of the two is gone.
_REPLACED = re.compile(r"\$[^\s(]|\\[\\$]")

_WRITE = "Write `-- +goose Up` once, above what is run, and `-- +goose Down` once, below it, above what undoes it."


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"]) if match else None


def cut(text: str, file: str) -> Cut:
    """Where `StatementEnd` stands, a statement has ended, with a semicolon or without one."""
    sides, way = Sides.of(text), "up"
    is_outside = False
    for line in sides.lines:
        mark = _mark(line)
        way = mark if mark in ("up", "down") else way
        is_outside |= mark == "no transaction"
        ended = ";" if mark == "statementend" else ""
        kept = ended if mark else line
        sides.put(kept, up=way == "up", down=way == "down")
    says = (cuts.OUTSIDE,) if is_outside else ()
    faults = tuple(_faults(sides.lines, file))
    return Cut(up=sides.up_text, down=sides.down_text, says=says, down_says=says, faults=faults)


def _mark(line: str) -> str:
    """In small letters and with single blanks; "" in any other line."""
    match = _MARK.fullmatch(line)
    return " ".join(match["mark"].lower().split()) if match else ""


def _faults(lines: list[str], file: str) -> Iterator[CutFault]:
    marks = [(number, mark) for number, line in enumerate(lines, 1) if (mark := _mark(line))]
    halves = [(number, mark) for number, mark in marks if mark in ("up", "down")]
    if [mark for _, mark in halves] not in (["up"], ["up", "down"]):
        line = next((n for (n, mark), due in zip(halves, ("up", "down", ""), strict=False) if mark != due), None)
        sentence = f"{file} must have `-- +goose Up`, then at most one `-- +goose Down`, and goose refuses it."
        yield cuts.bad_marks(line, sentence, _WRITE)
        return
    first = halves[0][0]
    if before := next((n for n, line in enumerate(lines[: first - 1], 1) if not cuts.is_blank(line)), None):
        sentence = f"Line {before} of {file} stands above `-- +goose Up`, and goose refuses it."
        yield cuts.bad_marks(before, sentence, "Move it below that line.")
    if wrong := next((n for n, line in enumerate(lines, 1) if _MISWRITTEN.fullmatch(line) and not _mark(line)), None):
        sentence = f"Line {wrong} of {file} looks like a mark of goose, and goose would not read it as one."
        yield cuts.bad_marks(wrong, sentence, "Write the mark as goose demands it, or remove the line.")
    yield from _blocks(marks, file)
    yield from _substitutions(lines, file)


def _blocks(marks: list[tuple[int, str]], file: str) -> Iterator[CutFault]:
    opened = 0
    for number, mark in marks:
        is_wrong = bool(opened) if mark in ("statementbegin", "up", "down") else mark == "statementend" and not opened
        if is_wrong:
            sentence = f"Line {number} of {file}: StatementBegin and StatementEnd do not pair, and goose refuses it."
            yield cuts.bad_marks(number, sentence, "End each block before the next one, and in its own half.")
            return
        opened = number if mark == "statementbegin" else 0 if mark == "statementend" else opened
    if opened:
        sentence = f"The block that begins on line {opened} of {file} never ends, and goose refuses it."
        yield cuts.bad_marks(opened, sentence, "Write `-- +goose StatementEnd` below it.")


def _substitutions(lines: list[str], file: str) -> Iterator[CutFault]:
    is_on = False
    for number, line in enumerate(lines, 1):
        mark = _mark(line)
        is_on = mark == "envsub on" if mark.startswith("envsub") else is_on
        if is_on and _REPLACED.search(line):
            sentence = (
                f"goose would put variables of its environment into line {number} of {file}, or send one of two signs "
                "(ENVSUB ON)."
            )
            yield cuts.template(number, sentence)
            return


STYLE = Style(
    format="goose",
    title="goose",
    named="<number>_<name>.sql",
    place=place,
    cut=cut,
    undone="what undoes it under `-- +goose Down`",
    counts=True,
)


def read(listing: Listing, options: Options) -> Folder:
    return parted.read(listing, options, STYLE)


FORMAT = Format(
    name="goose",
    title="goose",
    signature="`-- +goose Up` in at least half of the files",
    recognises=lambda look: look.is_marked("goose"),
    read=read,
    directives=("`-- +goose NO TRANSACTION`", "`-- +goose StatementBegin` and `StatementEnd`"),
)
