"""yoyo in SQL: `20240101_01_users.sql` beside `20240101_01_users.rollback.sql`, with its directives at the top."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from dashboard.engine.files import cuts, parted
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import UNNAMED, Place, Style
from dashboard.engine.migration import FileRole, Folder, Problem, Severity

_NAME = re.compile(
    r"(?P<version>[0-9]{8}_[0-9]+(?![0-9])|[0-9]+)(?:[_.-](?P<name>.+?))??(?P<back>\.rollback)?\.sql", re.IGNORECASE
)
_DIRECTIVE = re.compile(r"--\s*(?P<key>transactional|depends)\s*:(?P<value>.*)")
_TRANSACTIONAL = ("true", "false")
_HOOK = re.compile(r"post-apply.*\.sql")


def place(file: str) -> Place | None:
    """A day and a number on it are the version together."""
    match = _NAME.fullmatch(file)
    if match is None:
        return None
    role = FileRole.ROLLBACK if match["back"] else FileRole.MIGRATION
    return Place(role=role, version=match["version"], name=match["name"] or UNNAMED)


def cut(text: str, file: str) -> Cut:
    lines = text.split("\n")
    top = [*takewhile(cuts.is_blank, lines)]
    asked = [match for line in top if (match := _DIRECTIVE.fullmatch(line.strip()))]
    depends = [name for match in asked if match["key"] == "depends" for name in match["value"].split()]
    versions = [needed.version if (needed := place(f"{name}.sql")) else "" for name in depends]
    transactional = [match["value"].strip() for match in asked if match["key"] == "transactional"]
    says = [cuts.OUTSIDE] if "false" in map(str.lower, transactional) else []
    says += [f"depends={','.join(version for version in versions if version)}"] if any(versions) else []
    kept = ["" if _DIRECTIVE.fullmatch(line.strip()) else line for line in top]
    return Cut(
        up=cuts.joined([*kept, *lines[len(top) :]]),
        says=tuple(says),
        faults=(*_faults(depends, versions, file), *_unclear(transactional, file)),
    )


def _faults(depends: Sequence[str], versions: Sequence[str], file: str) -> Iterator[CutFault]:
    for name in (name for name, version in zip(depends, versions, strict=True) if not version):
        sentence = f"{file} depends on {name}, which has no number to be ordered by."
        yield cuts.bad_marks(None, sentence, "Let the names of migrations begin with a number.")


def _unclear(transactional: Sequence[str], file: str) -> Iterator[CutFault]:
    if len(transactional) > 1 or any(value.lower() not in _TRANSACTIONAL for value in transactional):
        sentence = f"{file} says of its transaction `{' '.join(transactional)}`, which is neither true nor false."
        yield cuts.bad_marks(None, sentence, "Write `-- transactional: false` once, or no such line.")


STYLE = Style(
    format="yoyo",
    title="yoyo",
    named="<number>_<name>.sql",
    place=place,
    cut=cut,
    undone="{label}.rollback.sql",
    in_text_order=True,
)


def read(listing: Listing, options: Options) -> Folder:
    folder = parted.read(listing, options, STYLE)
    return replace(folder, problems=tuple(map(_explained, folder.problems)))


def _explained(problem: Problem) -> Problem:
    if not _HOOK.fullmatch(problem.file) or problem.severity is not Severity.ERROR:
        return problem
    return replace(
        problem,
        code="callback",
        severity=Severity.WARNING,
        sentence=f"{problem.file} is a hook, which yoyo runs after each of its own runs. It is never run here.",
    )


FORMAT = Format(
    name="yoyo",
    title="yoyo",
    signature="`-- depends:` or `-- transactional:` at the top of at least half of the files",
    recognises=lambda look: look.is_marked("yoyo"),
    read=read,
    directives=("`-- depends:`", "`-- transactional: false`"),
)
