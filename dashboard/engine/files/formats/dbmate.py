"""dbmate: `20240101000000_users.sql`, with `-- migrate:up` above what is run and `-- migrate:down` below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from dashboard.engine.files import cuts, parted
from dashboard.engine.files.cuts import Cut, CutFault, Sides
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import UNNAMED, Place, Style
from dashboard.engine.migration import FileRole, Folder, Severity

_NAME = re.compile(r"(?P<version>[0-9]+)_?(?P<name>.*)\.sql")
_MARK = re.compile(r"--\s*migrate:(?P<way>up|down)(?:\s+(?P<options>\S.*))?\s*")
_OUTSIDE = "transaction:false"
_INSIDE = "transaction:true"

_WRITE = "Write `-- migrate:up` above what is run, and `-- migrate:down` above what undoes it."


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"] or UNNAMED) if match else None


def cut(text: str, file: str) -> Cut:
    """Several pairs of halves are one after the other, as dbmate has them."""
    sides, way = Sides.of(text), ""
    modes: dict[str, set[bool]] = {"up": set(), "down": set()}
    for line in sides.lines:
        if mark := _MARK.fullmatch(line):
            way = mark["way"]
            modes[way].add(_OUTSIDE in (mark["options"] or "").split())
            sides.put("")
        else:
            sides.put(line, up=way != "down", down=way == "down")
    return Cut(
        up=sides.up_text,
        down=sides.down_text,
        says=(cuts.OUTSIDE,) if True in modes["up"] else (),
        down_says=(cuts.OUTSIDE,) if True in modes["down"] else (),
        faults=(*_faults(sides.lines, file), *_mixed(modes, file), *_misread(sides.lines, file)),
    )


def _faults(lines: list[str], file: str) -> Iterator[CutFault]:
    marks = [(number, mark["way"]) for number, line in enumerate(lines, 1) if (mark := _MARK.fullmatch(line))]
    ups = [number for number, way in marks if way == "up"]
    if not ups:
        yield cuts.bad_marks(None, f"{file} has no line `-- migrate:up`, and dbmate refuses it.", _WRITE)
        return
    before = next((n for n, line in enumerate(lines[: ups[0] - 1], 1) if not cuts.is_blank(line)), None)
    if marks[0][1] == "down":
        yield cuts.bad_marks(marks[0][0], f"{file} begins with `-- migrate:down`, and dbmate refuses it.", _WRITE)
    elif before:
        sentence = f"Line {before} of {file} stands above `-- migrate:up`, and dbmate refuses it."
        yield cuts.bad_marks(before, sentence, "Move it below that line.")
    if again := next((number for (_, way), (number, other) in pairwise(marks) if way == other == "down"), None):
        sentence = f"Line {again} of {file} is a second `-- migrate:down` in a row, and dbmate refuses it."
        yield cuts.bad_marks(again, sentence, _WRITE)
    if len(ups) > 1:
        sentence = (
            f"{file} has several pairs. dbmate fails at the second one, for it writes the version again, and keeps the "
            "first: where dbmate has run this file, no other pair is there."
        )
        fault = cuts.bad_marks(ups[1], sentence, "Write each pair into a file of its own.")
        yield replace(fault, severity=Severity.WARNING)


def _misread(lines: list[str], file: str) -> Iterator[CutFault]:
    """dbmate takes any other word than false for true, and any other option for none. The first of a line is named, and
    is an error where it speaks of the transaction: whoever wrote it means another way to run the half."""
    for number, line in enumerate(lines, 1):
        mark = _MARK.fullmatch(line)
        options = ((mark["options"] or "") if mark else "").split()
        if ignored := [each for each in options if each not in (_OUTSIDE, _INSIDE)]:
            meant = next((each for each in ignored if "transaction" in each.lower()), "")
            sentence = f"`{meant or ignored[0]}` in line {number} of {file} is no option that dbmate obeys."
            fault = cuts.bad_marks(number, sentence, "Write `transaction:false` or `transaction:true`, or remove it.")
            yield fault if meant else replace(fault, severity=Severity.WARNING)


def _mixed(modes: Mapping[str, set[bool]], file: str) -> Iterator[CutFault]:
    """The halves of one way are sent together, so they run in one way."""
    if any(len(of_way) > 1 for of_way in modes.values()):
        sentence = f"{file} has halves of one way that run in a transaction and others that run outside of one."
        yield cuts.bad_marks(None, sentence, "Write each pair into a file of its own.")


STYLE = Style(
    format="dbmate",
    title="dbmate",
    named="<number>_<name>.sql",
    place=place,
    cut=cut,
    undone="what undoes it under `-- migrate:down`",
    ignores={r"schema\.sql": "is the schema that dbmate has dumped"},
    in_text_order=True,
)


def read(listing: Listing, options: Options) -> Folder:
    return parted.read(listing, options, STYLE)


FORMAT = Format(
    name="dbmate",
    title="dbmate",
    signature="`-- migrate:up` in at least half of the files",
    recognises=lambda look: look.is_marked("dbmate"),
    read=read,
    directives=("`transaction:false` behind a mark",),
    ignores=("schema.sql",),
)
