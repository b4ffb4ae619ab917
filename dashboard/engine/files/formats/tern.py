"""tern: `001_users.sql`, with `---- create above / drop below ----` between what is run and what undoes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from dashboard.engine.files import cuts, pairs, parted
from dashboard.engine.files.cuts import Cut, CutFault, Sides
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileRole, Folder, Migration, Problem, Severity, numbers_of

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
    folder = parted.read(listing, options, STYLE)
    numbers = {numbers_of(migration.version)[0] for migration in folder.migrations if not migration.is_repeatable}
    gap = next((number for number in range(1, max(numbers, default=0)) if number not in numbers), None)
    if gap is None:
        return folder
    behind = {m.identity: _behind(m.up.file, gap) for m in folder.migrations if _is_behind(m, gap)}
    migrations = tuple(
        replace(m, problems=(*m.problems, behind[m.identity])) if m.identity in behind else m for m in folder.migrations
    )
    return replace(folder, migrations=migrations, problems=pairs.by_file([*folder.problems, *behind.values()]))


def _is_behind(migration: Migration, gap: int) -> bool:
    return migration.is_repeatable or numbers_of(migration.version)[0] > gap


def _behind(file: str, gap: int) -> Problem:
    """tern runs nothing of such a folder: it may be a file that somebody forgot to commit."""
    return Problem(
        code="missing_number",
        severity=Severity.ERROR,
        file=file,
        sentence=f"There is no migration {gap}, and tern refuses a folder that does not count from 1 without a gap.",
        advice=f"Restore the file {gap}, or number those behind it anew, where none of them has run anywhere.",
    )


FORMAT = Format(
    name="tern",
    title="tern",
    signature="tern.conf, or `---- create above / drop below ----` in at least half of the files",
    recognises=recognises,
    read=read,
    directives=("`---- tern: disable-tx ----`",),
)
