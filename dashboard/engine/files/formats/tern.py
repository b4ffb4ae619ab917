"""tern: `001_users.sql`, with `---- create above / drop below ----` between what is run and what undoes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dashboard.engine.files import cuts, parted
from dashboard.engine.files.cuts import Cut, CutFault, Sides
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileRole, Folder

_NAME = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+)\.sql")
_BORDER = re.compile(r"----\s*create above\s*/\s*drop below\s*----\s*")
_OUTSIDE = re.compile(r"----\s*tern:\s*disable-tx\s*----\s*")
_LOOSE_BORDER = re.compile(r"create above\s*/\s*drop below", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{")


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    return Place(role=FileRole.MIGRATION, version=match["version"], name=match["name"]) if match else None


def cut(text: str, file: str) -> Cut:
    """Either half may say by itself that it runs outside a transaction."""
    sides, is_down = Sides.of(text), False
    outside: set[bool] = set()
    for line in sides.lines:
        is_border, is_outside = _BORDER.fullmatch(line), _OUTSIDE.fullmatch(line)
        is_down |= bool(is_border)
        if is_outside:
            outside.add(is_down)
        kept = "" if is_border or is_outside else line
        sides.put(kept, up=not is_down, down=is_down)
    return Cut(
        up=sides.up_text,
        down=sides.down_text if is_down else None,
        says=(cuts.OUTSIDE,) if False in outside else (),
        down_says=(cuts.OUTSIDE,) if True in outside else (),
        faults=tuple(_faults(sides.lines, file)),
    )


def _faults(lines: list[str], file: str) -> Iterator[CutFault]:
    borders = [number for number, line in enumerate(lines, 1) if _BORDER.fullmatch(line)]
    if len(borders) > 1:
        sentence = f"{file} has the line that parts it twice, and tern would ignore what stands below the second."
        yield cuts.bad_marks(borders[1], sentence, "Keep one of them.")
    if loose := next((n for n, line in enumerate(lines, 1) if n not in borders and _LOOSE_BORDER.search(line)), None):
        sentence = f"Line {loose} of {file} holds the words that part it in two, and more than them."
        yield cuts.bad_marks(loose, sentence, "Write `---- create above / drop below ----` in a line of its own.")
    if filled := next((number for number, line in enumerate(lines, 1) if _TEMPLATE.search(line)), None):
        yield cuts.template(filled, f"Line {filled} of {file} holds a template, which tern fills in.")


STYLE = Style(
    format="tern",
    title="tern",
    named="<number>_<name>.sql",
    place=place,
    cut=cut,
    undone="what undoes it below a line `---- create above / drop below ----`",
    counts=True,
)


def recognises(look: Look) -> bool:
    return "tern.conf" in look.names or look.is_marked("tern")


def read(listing: Listing, options: Options) -> Folder:
    return parted.read(listing, options, STYLE)


FORMAT = Format(
    name="tern",
    title="tern",
    signature="tern.conf, or `---- create above / drop below ----` in at least half of the files",
    recognises=recognises,
    read=read,
    directives=("`---- tern: disable-tx ----`",),
)
