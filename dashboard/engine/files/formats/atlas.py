"""Atlas: `20240101000000_users.sql` beside atlas.sum; forward only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dashboard.engine.files import cuts, parted
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import UNNAMED, Place, Style
from dashboard.engine.migration import FileRole, Folder

_NAME = re.compile(r"(?P<version>[0-9]+)(?:_(?P<name>.+))?\.sql")
_DIRECTIVE = re.compile(r"--\s*atlas:(?P<key>\w+)\s*(?P<value>.*)")
_OTHERS = frozenset({"checkpoint", "txtar", "import", "assert"})


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"] or UNNAMED) if match else None


def cut(text: str, file: str) -> Cut:
    asked = [
        (number, match["key"], match["value"].strip())
        for number, line in enumerate(text.split("\n"), 1)
        if (match := _DIRECTIVE.fullmatch(line.strip()))
    ]
    outside = any(key == "txmode" and value == "none" for _, key, value in asked)
    return Cut(up=text, says=(cuts.OUTSIDE,) if outside else (), faults=tuple(_faults(asked, file)))


def _faults(asked: list[tuple[int, str, str]], file: str) -> Iterator[CutFault]:
    for number, key, value in asked:
        if key in _OTHERS or (key == "delimiter" and value.replace("\\n", "")):
            yield cuts.bad_marks(
                number,
                f"Line {number} of {file}, `atlas:{key}`, makes more of the file than the SQL in it, and is not read.",
                "Write the file as plain SQL whose statements end with a semicolon.",
            )


STYLE = Style(
    format="atlas",
    title="Atlas",
    named="<number>_<name>.sql",
    place=place,
    cut=cut,
    undone="a new migration where it has to be undone",
    ignores={r"atlas\.sum": "holds the hashes of Atlas"},
    in_text_order=True,
)


def read(listing: Listing, options: Options) -> Folder:
    return parted.read(listing, options, STYLE)


FORMAT = Format(
    name="atlas",
    title="Atlas",
    signature="atlas.sum",
    recognises=lambda look: "atlas.sum" in look.names,
    read=read,
    directives=("`-- atlas:txmode none`",),
    ignores=("atlas.sum",),
)
