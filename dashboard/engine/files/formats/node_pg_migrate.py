"""node-pg-migrate in SQL: `1700000000000_users.sql`, with `-- Up Migration` and `-- Down Migration`, or neither."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from dashboard.engine.files import cuts, ordering, pairs, parted
from dashboard.engine.files.cuts import Cut, CutFault, Sides
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import Style
from dashboard.engine.migration import Folder

_NAME = re.compile(r"(?P<version>[0-9]+)[_-](?P<name>.+?)(?:\.(?P<way>up|down))?\.sql")
_MARK = re.compile(r"\s*--[\s-]*(?P<way>up|down)\s+migration.*", re.IGNORECASE)

_DIGITS_OF_A_TIME = 17

_WRITE = "Write `-- Up Migration` above what is run, and `-- Down Migration` above what undoes it, each once."


def cut(text: str, file: str) -> Cut:
    sides = Sides.of(text)
    marks = [(number, mark["way"].lower()) for number, line in enumerate(sides.lines, 1) if (mark := _MARK.match(line))]
    ways = [way for _, way in marks]
    if "down" not in ways:
        return Cut(up=text if not ways else cuts.blanked(text, _MARK), faults=tuple(_faults(sides.lines, marks, file)))
    way = ""
    for line in sides.lines:
        mark = _MARK.match(line)
        way = mark["way"].lower() if mark else way
        sides.put("" if mark else line, up=way in ("", "up"), down=way == "down")
    return Cut(up=sides.up_text, down=sides.down_text, faults=tuple(_faults(sides.lines, marks, file)))


def _faults(lines: list[str], marks: list[tuple[int, str]], file: str) -> Iterator[CutFault]:
    ways = [way for _, way in marks]
    if len(set(ways)) < len(ways):
        yield cuts.bad_marks(marks[-1][0], f"{file} has the same mark twice, and only the first would count.", _WRITE)
    elif ways == ["down"]:
        sentence = f"{file} has `-- Down Migration` and no `-- Up Migration`: node-pg-migrate would run all of it."
        yield cuts.bad_marks(marks[0][0], sentence, _WRITE)
    elif marks and (before := _first_statement(lines, marks[0][0])):
        sentence = f"Line {before} of {file} stands above both halves, and node-pg-migrate never runs it."
        yield cuts.bad_marks(before, sentence, "Move it below `-- Up Migration`, or remove it.")


def _first_statement(lines: list[str], mark: int) -> int | None:
    return next((number for number, line in enumerate(lines[: mark - 1], 1) if not cuts.is_blank(line)), None)


STYLE = Style(
    format="node-pg-migrate",
    title="node-pg-migrate",
    named="<number>_<name>.sql",
    place=parted.placed_by(_NAME),
    cut=cut,
    undone="what undoes it under `-- Down Migration`",
)


def read(listing: Listing, options: Options) -> Folder:
    folder = parted.read(listing, options, STYLE)
    others = ordering.problems(
        folder.migrations,
        STYLE.title,
        how="reads 17 digits as a time",
        there=lambda migration: _when(migration.version),
    )
    return replace(folder, problems=pairs.by_file([*folder.problems, *others]))


def _when(version: str) -> int:
    """The number by which node-pg-migrate orders: of a day and its time in 17 digits, the milliseconds since 1970."""
    if len(version) != _DIGITS_OF_A_TIME:
        return int(version)
    try:
        moment = datetime.strptime(f"{version}000", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        return int(version)
    return round(moment.timestamp() * 1000)


FORMAT = Format(
    name="node-pg-migrate",
    title="node-pg-migrate",
    signature="`-- Down Migration` in at least half of the files",
    recognises=lambda look: look.is_marked("node-pg-migrate"),
    read=read,
)
