"""Reading of folders whose tool keeps a migration in one file, with what undoes it in the same file or in another.

A format says where a file belongs by its name, and cuts its text; the rest is the same for all of them: every entry has
its place, marks of another tool are an error, and both halves have the checksum of the whole file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from dashboard.engine.files import cuts, ordering, other_tools, pairs, script, unrecognised
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Options
from dashboard.engine.files.listing import Entry, Limits, Listing
from dashboard.engine.files.pairs import Pair
from dashboard.engine.files.script import Reading
from dashboard.engine.files.text import Text, decode
from dashboard.engine.migration import (
    FileEntry,
    FileRole,
    Folder,
    Identified,
    Migration,
    MigrationId,
    Problem,
    Severity,
)
from dashboard.engine.sql.excerpts import locate

#: What a migration is called whose file says nothing but its number.
UNNAMED = "unnamed"

#: Whatever the tool makes of such a name, whoever gave it did not want the file to run forward.
_UNDOES = re.compile(
    r"[^/]*(?:(?:^|[0-9])[_-]rollback|\.(?:rollback|down|undo|revert))\.sql|rollback[-_][^/]*", re.IGNORECASE
)
_TEST = re.compile(r"(test|verify)_.*\.sql", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Identified):
    """Where a file belongs by its name. `by_version`: it undoes whatever has its version."""

    role: FileRole
    version: str
    name: str
    by_version: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlFile:
    """One SQL file: `file` is its path inside the folder."""

    file: str
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one tool names files and writes them. `undone`: where it keeps what undoes a migration, after "Write";
    `ignores`: names of files that are none of its migrations, each with what it is."""

    format: str
    title: str
    named: str  # how its files are named, for advice
    place: Callable[[str], Place | None]
    cut: Callable[[str, str], Cut]  # of the text, and the file it is in
    undone: str
    tool: str = ""  # its name among `other_tools`, where that is not its title
    ignores: Mapping[str, str] | None = None
    in_text_order: bool = False  # it orders versions as text
    counts: bool = False  # it reads versions as numbers, and refuses two that are the same number
    fills: bool = False  # it has placeholders, for which values can be declared
    named_in_full: bool = False  # it knows a migration by its whole name, so that two may have one number

    @property
    def marked_by(self) -> str:
        """The name among `other_tools` of what marks such files."""
        return self.tool or self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFile:
    """A file, or a part of one, that was cut and read."""

    name: str
    place: Place
    up: Reading
    down: Reading | None


def placed_by(pattern: re.Pattern[str]) -> Callable[[str], Place | None]:
    """The place of a file by the groups `version`, `name` and `way` of its name; what goes down is a rollback."""

    def place(file: str) -> Place | None:
        match = pattern.fullmatch(file)
        if match is None:
            return None
        role = FileRole.ROLLBACK if match["way"] == "down" else FileRole.MIGRATION
        return Place(role=role, version=match["version"], name=match["name"])

    return place


def read(
    listing: Listing,
    options: Options,
    style: Style,
    is_ours: Callable[[Entry], bool] = lambda entry: not unrecognised.is_stranger(entry),
) -> Folder:
    """The files that lie flat in the listing; `is_ours` tells those that the tool may run."""
    entries = [entry for entry in listing.entries if is_ours(entry)]
    strangers = [entry for entry in listing.entries if not is_ours(entry)]
    sources = [SqlFile(file=entry.name, entry=entry) for entry in entries]
    beside = [*_of_strangers(strangers, listing, style)]
    return read_sources(listing, options, style, sources, beside)


def read_sources(
    listing: Listing, options: Options, style: Style, sources: Sequence[SqlFile], beside: Sequence[Problem]
) -> Folder:
    """These files; `beside` has a problem for each entry of the listing that is none of them."""
    placed = [(source, style.place(source.file)) for source in sources]
    if style.named_in_full:
        placed = [*_told_apart(placed)]
    files = [_read(source, place, style, options.limits) for source, place in placed if place]
    others = [source for source, place in placed if place is None]
    migrations = tuple(migrations_of(files, style))
    rest = [problem for source in others for problem in _unplaced(source, style, options.limits)]
    problems = [
        *(problem for migration in migrations for problem in migration.problems),
        *(ordering.problems(migrations, style.title) if style.in_text_order else ()),
        *_orphans(files),
        *(problem for file in _of(files, FileRole.VERIFY) for problem in pairs.verify_problems(file.up)),
        *rest,
        *beside,
    ]
    return Folder(
        source=str(listing.source),
        format=style.format,
        files=tuple(sorted(_entries(files, others, beside), key=lambda entry: entry.file)),
        migrations=migrations,
        problems=pairs.by_file(problems),
        named_in_full=style.named_in_full,
    )


def _told_apart(placed: Sequence[tuple[SqlFile, Place | None]]) -> Iterator[tuple[SqlFile, Place | None]]:
    """In the order of their names: the first of one number keeps it, and the others become 1.2, 1.3 …"""
    identities: dict[str, set[MigrationId]] = defaultdict(set)
    for _, place in placed:
        if place:
            identities[place.version].add(place.identity)
    ranks = {identity: rank for twins in identities.values() for rank, identity in enumerate(sorted(twins), 1)}
    for source, place in placed:
        rank = ranks[place.identity] if place else 1
        yield source, replace(place, version=f"{place.version}.{rank}") if place and rank > 1 else place


def ignored(file: str, style: Style) -> Problem | None:
    """What a file of the tool is that is no migration."""
    for pattern, sentence in (style.ignores or {}).items():
        if re.fullmatch(pattern, file):
            return _note(file, "not_a_migration", f"{file} {sentence}; it is not run.")
    return None


def _entries(files: Iterable[CutFile], others: Iterable[SqlFile], beside: Iterable[Problem]) -> Iterator[FileEntry]:
    for piece in files:
        yield FileEntry(file=piece.name, role=piece.place.role, version=piece.place.version, name=piece.place.name)
    for source in others:
        yield FileEntry(file=source.file, role=FileRole.VERIFY if _is_test(source) else FileRole.PROBLEM)
    for file in dict.fromkeys(problem.file for problem in beside):
        yield FileEntry(file=file, role=FileRole.PROBLEM)


# Reading


def _read(source: SqlFile, place: Place, style: Style, limits: Limits) -> CutFile:
    text = text_of(source.entry, limits, file=source.file)
    if text.sql is None:
        return CutFile(name=source.file, place=place, up=script.unusable(source.file, text), down=None)
    cut = style.cut(text.sql, source.file)
    if place.role is FileRole.MIGRATION and cut.down is None and _UNDOES.fullmatch(source.file):
        cut = replace(cut, faults=(*cut.faults, _named_like_rollback(source.file, style)))
    read = piece_of(source.file, text, place, cut, limits)
    problems = [*map(_misread(style), read.up.problems)]
    first = {(p.code, p.line): p for p in reversed(problems) if p.code == cuts.BAD_MARKS}
    kept = (p for p in problems if p.code != cuts.BAD_MARKS or first[p.code, p.line] is p)
    return replace(read, up=replace(read.up, problems=tuple(kept)))


def _named_like_rollback(file: str, style: Style) -> CutFault:
    return CutFault(
        code="wrong_name",
        sentence=f"{file} is named like a rollback, and {style.title} would run it as a migration.",
        advice=f"Name it as {style.title} has rollbacks, if it has any, or move it out of the folder. If it is a "
        "migration, let its name say so.",
    )


def text_of(entry: Entry, limits: Limits, *, file: str = "") -> Text:
    file = file or entry.name
    try:
        return decode(file, entry.content(limits.file_bytes + 1), limits)
    except OSError as error:
        problem = script.unreadable(file, error.strerror or "it is gone").problems
        return Text(sql=None, checksum="", problems=problem)


def piece_of(name: str, whole: Text, place: Place, cut: Cut, limits: Limits) -> CutFile:
    """What was cut of a text, under the name that its problems have."""
    up = _reading(name, whole, cut.up, cut.says, limits)
    down = _down(name, whole, cut, limits) if cut.down is not None else None
    faults = [*_problems(name, whole.sql or "", cut.faults)]
    foreign = [p for p in down.problems if p.code == other_tools.CODE] if down else []
    faults += [replace(p, file=name) for p in foreign if not any(q.code == p.code for q in up.problems)]
    said = {(fault.code, fault.line) for fault in faults}
    rest = [problem for problem in up.problems if (problem.code, problem.line) not in said]
    return CutFile(name=name, place=place, up=replace(up, problems=(*faults, *rest)), down=down)


def _reading(file: str, whole: Text, sql: str, says: Sequence[str], limits: Limits) -> Reading:
    return script.read_part(file, whole, sql + "".join(f"\n-- signalbox: {directive}" for directive in says), limits)


def _down(file: str, whole: Text, cut: Cut, limits: Limits) -> Reading | None:
    """A half without a statement is none."""
    errors = tuple(problem for problem in whole.problems if problem.severity is Severity.ERROR)
    part = replace(whole, problems=tuple(replace(error, file=down_of(file)) for error in errors))
    reading = _reading(down_of(file), part, cut.down or "", cut.down_says, limits)
    return None if reading.says_nothing else reading


def down_of(file: str) -> str:
    """What the second half of a file is called where it is shown by itself."""
    return f"{file} (down)"


def _misread(style: Style) -> Callable[[Problem], Problem]:
    """A mark of its own tool that is left is one that the tool would not read; a placeholder is one without a value."""

    def of(problem: Problem) -> Problem:
        if style.fills and problem.code == cuts.PLACEHOLDER and problem.severity is Severity.ERROR:
            return replace(problem, advice=cuts.DECLARE)
        if problem.tool != style.marked_by:
            return problem
        return replace(
            problem,
            code=cuts.BAD_MARKS,
            sentence=f"Line {problem.line} of {problem.file} looks like a mark of {style.title}, and {style.title} "
            "would not read it as one. Nothing of the file is run.",
            advice="Write the mark as its tool demands it, with nothing before it in its line.",
        )

    return of


# Migrations


def migrations_of(files: Sequence[CutFile], style: Style) -> Iterator[Migration]:
    """In their order, each with what undoes it."""
    downs = _downs(files)
    read = pairs.migrations(_pair(file, downs.get(file.name), style) for file in _of(files, _MIGRATION))
    return map(_counted(style), read) if style.counts else read


def _counted(style: Style) -> Callable[[Migration], Migration]:
    """What its tool refuses runs in no order here."""

    def of(problem: Problem) -> Problem:
        if problem.code != pairs.SAME_NUMBER:
            return problem
        sentence = f"Another file has the number of {problem.file}, written in another way; {style.title} refuses both."
        return replace(problem, severity=Severity.ERROR, sentence=sentence, advice="Give one of them another number.")

    return lambda migration: replace(migration, problems=tuple(map(of, migration.problems)))


_MIGRATION, _ROLLBACK = FileRole.MIGRATION, FileRole.ROLLBACK


def _of(files: Iterable[CutFile], role: FileRole) -> list[CutFile]:
    return [file for file in files if file.place.role is role]


def _pair(file: CutFile, rollback: CutFile | None, style: Style) -> Pair:
    place = file.place
    return Pair(
        version=place.version,
        name=place.name,
        up=file.up,
        down=rollback.up if rollback else file.down,
        ending=file.name.partition(place.version)[2] or f"_{place.name}.sql",
        rollback_file=style.undone.format(label=place.label, version=place.version),
    )


def _downs(files: Sequence[CutFile]) -> Mapping[str, CutFile]:
    """The rollback in a file of its own of each migration, by the migration's file."""
    by_identity = {file.place.identity: file for file in _of(files, _ROLLBACK)}
    by_version: dict[str, list[CutFile]] = defaultdict(list)
    for file in _of(files, _ROLLBACK):
        if file.place.by_version:
            by_version[file.place.version].append(file)
    downs: dict[str, CutFile] = {}
    for up in _of(files, _MIGRATION):
        meant = by_version.get(up.place.version, [])
        if rollback := by_identity.get(up.place.identity) or (meant[0] if len(meant) == 1 else None):
            downs[up.name] = rollback
    return downs


# What belongs to no migration


def _orphans(files: Sequence[CutFile]) -> Iterator[Problem]:
    taken = {rollback.name for rollback in _downs(files).values()}
    for file in _of(files, _ROLLBACK):
        if file.name not in taken:
            yield _error(
                file.name,
                "orphan_rollback",
                f"{file.name} is a rollback, but there is no one migration that it can belong to.",
                "Restore the migration, or remove this file.",
            )
            yield from pairs.down_problems(file.up)


def _is_test(source: SqlFile) -> bool:
    return bool(_TEST.fullmatch(source.file))


def _unplaced(source: SqlFile, style: Style, limits: Limits) -> Iterator[Problem]:
    file = source.file
    if note := ignored(file, style):
        yield note
        return
    reading = script.read_entry(source.entry, limits, file=file)
    if _is_test(source):
        yield from pairs.verify_problems(reading)
        return
    foreign = next((p for p in reading.problems if p.code == other_tools.CODE), None)
    ours = foreign is not None and foreign.tool == style.marked_by
    yield (None if ours else foreign) or other_tools.named_so(file) or wrong_name(file, style)


def wrong_name(file: str, style: Style) -> Problem:
    return _error(
        file,
        "wrong_name",
        f"{file} is not named as {style.title} has it, so {style.title} would not run it, and it is not run here.",
        f"Rename it to {style.named} if it is a migration, or move it out of the folder.",
    )


def _of_strangers(entries: Iterable[Entry], listing: Listing, style: Style) -> Iterator[Problem]:
    for entry in entries:
        yield ignored(entry.name, style) or unrecognised.complaint(entry, listing)


def _problems(file: str, sql: str, faults: Sequence[CutFault]) -> Iterator[Problem]:
    starts = [0, *accumulate(len(line) + 1 for line in sql.split("\n"))] if faults else []
    for fault in faults:
        problem = replace(_error(file, fault.code, fault.sentence, fault.advice), severity=fault.severity)
        if fault.line is None:
            yield problem
        else:
            place = locate(sql, starts[fault.line - 1] + 1)
            yield replace(problem, line=place.line, column=place.column, excerpt=place.excerpt)


def _note(file: str, code: str, sentence: str) -> Problem:
    return Problem(code=code, severity=Severity.NOTE, file=file, sentence=sentence, advice="Nothing needs to be done.")


def _error(file: str, code: str, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)
