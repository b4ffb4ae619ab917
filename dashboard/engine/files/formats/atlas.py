"""Atlas: `20240101000000_users.sql` beside atlas.sum; forward only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile

from dashboard.engine.files import cuts, pairs, parted
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.formats import atlas_sum
from dashboard.engine.files.formats.atlas_sum import Sums
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import UNNAMED, Place, Style
from dashboard.engine.migration import FileRole, Folder

_NAME = re.compile(r"(?P<version>[0-9]+)(?:_(?P<name>.+))?\.sql")
_DIRECTIVE = re.compile(r"--\s*atlas:(?P<key>\w+)\s*(?P<value>.*)")
_MODES = ("none", "file", "all")
_OTHERS = frozenset({"checkpoint", "txtar", "import", "assert"})


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"] or UNNAMED) if match else None


def cut(sums: Sums, text: str, file: str) -> Cut:
    lines = text.split("\n")
    asked = [
        (number, match["key"], match["value"].strip())
        for number, line in enumerate(lines, 1)
        if (match := _DIRECTIVE.fullmatch(line.strip()))
    ]
    outside = any(key == "txmode" and value == "none" for _, key, value in asked)
    faults = (*_faults(asked, _header(lines), file), *sums.faults.get(file, ()))
    return Cut(up=text, says=(cuts.OUTSIDE,) if outside else (), faults=faults)


def _header(lines: list[str]) -> int:
    """How many lines say something of the file: comments at its top, with an empty line below them."""
    top = sum(1 for _ in takewhile(lambda line: line.startswith("--"), lines))
    return top if top == len(lines) or not lines[top].strip() else 0


def _faults(asked: list[tuple[int, str, str]], header: int, file: str) -> Iterator[CutFault]:
    for number, key, value in asked:
        if key == "txmode" and (number > header or value not in _MODES):
            yield cuts.bad_marks(
                number,
                f"Line {number} of {file}, `atlas:txmode {value}`, is none that Atlas obeys.",
                "Write `-- atlas:txmode none` into the first lines of the file, with an empty line below it.",
            )
        if key in _OTHERS or (key == "delimiter" and value.replace("\\n", "")):
            yield cuts.bad_marks(
                number,
                f"Line {number} of {file}, `atlas:{key}`, makes more of the file than the SQL in it, and is not read.",
                "Write the file as plain SQL whose statements end with a semicolon.",
            )


def read(listing: Listing, options: Options) -> Folder:
    sums = atlas_sum.held_against(listing, options.limits.file_bytes)
    style = Style(
        format="atlas",
        title="Atlas",
        named="<number>_<name>.sql",
        place=place,
        cut=partial(cut, sums),
        undone="a new migration where it has to be undone",
        ignores={r"atlas\.sum": "holds the hashes of Atlas"},
        in_text_order=True,
    )
    folder = parted.read(listing, options, style)
    return replace(folder, problems=pairs.by_file((*folder.problems, *sums.problems)))


FORMAT = Format(
    name="atlas",
    title="Atlas",
    signature="atlas.sum",
    recognises=lambda look: "atlas.sum" in look.names,
    read=read,
    directives=("`-- atlas:txmode none`",),
    ignores=("atlas.sum",),
)
