"""dbmate: `20240101000000_users.sql`, with `-- migrate:up` above what is run and `-- migrate:down` below it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dashboard.engine.files import cuts, parted
from dashboard.engine.files.cuts import Cut, CutFault, Sides
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import UNNAMED, Place, Style
from dashboard.engine.migration import FileRole, Folder

_NAME = re.compile(r"(?P<version>[0-9]+)_?(?P<name>.*)\.sql")
_MARK = re.compile(r"--\s*migrate:(?P<way>up|down)(?:\s+(?P<options>\S.*))?\s*")
_OUTSIDE = re.compile(r"\btransaction:false\b")

_WRITE = "Write `-- migrate:up` above what is run, and `-- migrate:down` above what undoes it."


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"] or UNNAMED) if match else None


def cut(text: str, file: str) -> Cut:
    """Several pairs of halves are one after the other, as dbmate has them."""
    sides, way = Sides.of(text), ""
    outside: set[str] = set()
    for line in sides.lines:
        if mark := _MARK.fullmatch(line):
            way = mark["way"]
            if _OUTSIDE.search(mark["options"] or ""):
                outside.add(way)
            sides.put("")
        else:
            sides.put(line, up=way != "down", down=way == "down")
    return Cut(
        up=sides.up_text,
        down=sides.down_text,
        says=(cuts.OUTSIDE,) if "up" in outside else (),
        down_says=(cuts.OUTSIDE,) if "down" in outside else (),
        faults=tuple(_faults(sides.lines, file)),
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
