"""Sqitch: `deploy/users.sql`, `revert/users.sql` and `verify/users.sql`, in the order of sqitch.plan."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import cuts, pairs, parted, unrecognised
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.files.parted import Place, SqlFile, Style
from dashboard.engine.migration import FileEntry, FileRole, Folder, Problem, Severity
from dashboard.engine.sql.directives import CONFLICTS, DEPENDS

_PLAN = "sqitch.plan"
_PLAN_BYTES = 4 * 1024 * 1024
_CHANGE = re.compile(
    r"\+?\s*(?P<name>[^\s@\[#%+-]\S*)(?:\s+\[(?P<needs>[^\]]*)\])?\s+"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\s.*"
)
_TAG = re.compile(r"@(?P<tag>\S+)\s.*")
_MARK = re.compile(r"--\s*(Deploy|Revert|Verify)\s+\S+\s+(to|from|on)\s+\S+\s*", re.IGNORECASE)
_ROLES = {"deploy": FileRole.MIGRATION, "revert": FileRole.ROLLBACK, "verify": FileRole.VERIFY}


@dataclass(frozen=True, slots=True, kw_only=True)
class _SqitchChange:
    """One line of the plan. Its version is its place in it: Sqitch lets nobody move what is deployed."""

    line: int
    position: int
    name: str
    needs: tuple[str, ...]
    script: str = ""  # its name, without folder and ending; for one that was reworked since, with the tag
    depends: tuple[str, ...] = ()  # the versions of what it needs
    conflicts: tuple[str, ...] = ()  # the versions of what must not be there
    lacks: tuple[str, ...] = ()  # what it needs of this project and the plan does not have above it

    @property
    def deploy(self) -> str:
        return _deploy(self.script)

    @property
    def version(self) -> str:
        return f"{self.position:04}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _SqitchPlan:
    changes: Sequence[_SqitchChange]
    problems: Sequence[Problem]


def _deploy(script: str) -> str:
    return f"deploy/{script}.sql"


def read(listing: Listing, options: Options) -> Folder:
    plan = _plan(listing)
    places = {
        f"{folder}/{change.script}.sql": _place(change, role) for change in plan.changes for folder, role in _ITEMS
    }
    style = Style(
        format="sqitch",
        title="Sqitch",
        named="a script of a change in sqitch.plan",
        place=places.get,
        cut=partial(_cut, {change.deploy: change for change in plan.changes}),
        undone="its script under revert/",
        ignores={
            r"sqitch\.plan": "says in which order the changes are run",
            r"sqitch\.conf": "is read by Sqitch",
            r"deploy|revert|verify": "holds scripts of the changes",
        },
    )
    sources, beside = _sources(listing, style)
    folder = parted.read_sources(listing, options, style, sources, beside)
    there = {source.file for source in sources}
    missing = [change for change in plan.changes if change.deploy not in there]
    gone = [FileEntry(file=change.deploy, role=FileRole.PROBLEM, version=change.version) for change in missing]
    problems = [*folder.problems, *plan.problems, *(_missing(change) for change in missing)]
    return replace(folder, files=(*folder.files, *gone), problems=pairs.by_file(problems))


_ITEMS = tuple(_ROLES.items())


def _place(change: _SqitchChange, role: FileRole) -> Place:
    return Place(role=role, version=change.version, name=change.name.replace("/", "-"))


def _cut(changes: Mapping[str, _SqitchChange], text: str, file: str) -> Cut:
    up = cuts.blanked(text, _MARK)
    change = changes.get(file)
    if change is None:
        return Cut(up=up)
    asks = {DEPENDS: change.depends, CONFLICTS: change.conflicts}
    says = tuple(f"{key}={','.join(versions)}" for key, versions in asks.items() if versions)
    return Cut(up=up, says=says, faults=tuple(_faults(change)))


def _faults(change: _SqitchChange) -> Iterator[CutFault]:
    for lacking in change.lacks:
        sentence = f"{change.name} requires {lacking}, which stands nowhere above it in {_PLAN}, and Sqitch refuses it."
        yield cuts.bad_marks(None, sentence, f"Write {lacking} above it, or take the requirement out.")
    if others := [need[1:] for need in change.needs if need.startswith("!") and ":" in need]:
        yield cuts.bad_marks(
            None,
            f"{change.name} conflicts with {pairs.listed(others)} of another project, which is not judged here.",
            f"Take the conflict out of {_PLAN} where it cannot happen any more.",
        )


# The plan


def _plan(listing: Listing) -> _SqitchPlan:
    entry = next((entry for entry in listing.entries if entry.name == _PLAN), None)
    if entry is None:
        return _SqitchPlan(changes=(), problems=(_error(_PLAN, "bad_journal", f"{_PLAN} is not there."),))
    try:
        lines = entry.content(_PLAN_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return _SqitchPlan(changes=(), problems=(_error(_PLAN, "bad_journal", f"{_PLAN} cannot be read."),))
    changes: list[_SqitchChange] = []
    tags: list[tuple[int, str]] = []
    problems: list[Problem] = []
    for number, line in enumerate((line.strip() for line in lines), 1):
        if match := _CHANGE.fullmatch(line):
            needs = tuple((match["needs"] or "").split())
            changes.append(_SqitchChange(line=number, position=len(changes) + 1, name=match["name"], needs=needs))
        elif match := _TAG.fullmatch(line):
            tags.append((number, match["tag"]))
        elif line and not line.startswith(("%", "#")):
            sentence = f"Line {number} of {_PLAN} is neither a change nor a tag that can be read."
            problems.append(replace(_error(_PLAN, "bad_journal", sentence), line=number))
    return _SqitchPlan(changes=[*_with_needs(_with_scripts(changes, tags, listing))], problems=problems)


def _with_scripts(
    changes: Sequence[_SqitchChange], tags: Sequence[tuple[int, str]], listing: Listing
) -> Sequence[_SqitchChange]:
    """The script of a change that was reworked is kept under a tag before that: the first that has a script, of the
    tags of the latest change first, as Sqitch looks for it."""
    lines = [change.line for change in changes]
    again: dict[str, int] = {}
    scripts: list[_SqitchChange] = []
    for change in reversed(changes):
        script = change.name
        if reworked := again.get(change.name):
            between = [(line, tag) for line, tag in tags if change.line < line < reworked]
            between.sort(key=lambda tagged: (-bisect(lines, tagged[0]), tagged[0]))
            kept = [f"{change.name}@{tag}" for _, tag in between] or [f"{change.name}@"]
            script = next((each for each in kept if _is_there(listing, each)), kept[0])
        again[change.name] = change.line
        scripts.append(replace(change, script=script))
    return scripts[::-1]


def _is_there(listing: Listing, script: str) -> bool:
    try:
        return listing.find(_deploy(script)) is not None
    except (SourceMissing, SourceUnreadable):
        return False


def _with_needs(changes: Sequence[_SqitchChange]) -> Iterator[_SqitchChange]:
    """What a change needs is above it; what it conflicts with can stand anywhere."""
    versions: dict[str, str] = {}
    anywhere: dict[str, list[str]] = {}
    for change in changes:
        anywhere.setdefault(change.name, []).append(change.version)
    for change in changes:
        needed = [need.partition("@")[0] for need in change.needs if not need.startswith("!") and ":" not in need]
        depends = tuple(versions[need] for need in needed if need in versions)
        lacks = tuple(need for need in needed if need and need not in versions)
        against = [need[1:].partition("@")[0] for need in change.needs if need.startswith("!") and ":" not in need]
        conflicts = tuple(version for name in against for version in anywhere.get(name, ()))
        yield replace(change, depends=depends, conflicts=conflicts, lacks=lacks)
        versions[change.name] = change.version


def _missing(change: _SqitchChange) -> Problem:
    return _error(change.deploy, "bad_journal", f"{_PLAN} names {change.name}, and {change.deploy} is not there.")


# The scripts


def _sources(listing: Listing, style: Style) -> tuple[list[SqlFile], list[Problem]]:
    sources: list[SqlFile] = []
    beside: list[Problem] = []
    for entry in listing.entries:
        beside.append(_beside(entry.name, listing, style))
        if entry.name in _ROLES and entry.kind is EntryKind.FOLDER:
            _collect(entry.name, entry, style, sources, beside)
    return sources, beside


def _beside(name: str, listing: Listing, style: Style) -> Problem:
    entry = next(entry for entry in listing.entries if entry.name == name)
    if note := parted.ignored(name, style):
        return note
    return unrecognised.complaint(entry, listing) if unrecognised.is_stranger(entry) else parted.wrong_name(name, style)


def _collect(folder: str, directory: Entry, style: Style, sources: list[SqlFile], beside: list[Problem]) -> None:
    """A change may have slashes in its name, so folders are read through."""
    try:
        listing = directory.listing()
    except (SourceMissing, SourceUnreadable):
        beside.append(_error(folder, "unreadable", f"The directory {folder} cannot be read."))
        return
    for entry in listing.entries:
        file = f"{folder}/{entry.name}"
        if entry.kind is EntryKind.FOLDER and entry.is_printable:
            _collect(file, entry, style, sources, beside)
        elif unrecognised.is_stranger(entry):
            beside.append(replace(unrecognised.complaint(entry, listing), file=file))
        else:
            sources.append(SqlFile(file=file, entry=entry))


def _error(file: str, code: str, sentence: str) -> Problem:
    advice = "Restore it from version control."
    return Problem(code=code, severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)


FORMAT = Format(
    name="sqitch",
    title="Sqitch",
    signature="sqitch.plan",
    recognises=lambda look: _PLAN in look.names,
    read=read,
    directives=("requirements and conflicts in sqitch.plan",),
    ignores=("sqitch.plan", "sqitch.conf"),
)
