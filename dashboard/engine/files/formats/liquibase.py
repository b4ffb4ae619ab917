"""Liquibase's formatted SQL: `001_users.sql` with change sets in it, each a migration with its rollback."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dashboard.engine.files import changelogs, cuts, ordering, pairs, parted, unrecognised
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Options
from dashboard.engine.files.listing import Entry, Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import (
    FileEntry,
    FileRole,
    Folder,
    Migration,
    Problem,
    Severity,
    checksum,
    numbers_of,
    version_key,
)
from dashboard.engine.sql import directives

_FIRST = re.compile(r"\s*--\s*liquibase\s+formatted\s+sql\b.*", re.IGNORECASE)
_CHANGESET = re.compile(r"\s*--\s*changeset\s+(?P<author>[^:]+):\s*(?P<id>\"[^\"]+\"|\S+)(?P<said>.*)", re.IGNORECASE)
_MISWRITTEN = re.compile(r"\s*-+\s*change\s*set\b.*", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(?P<key>\w+):(?P<value>\"[^\"]*\"|\S+)")
_ROLLBACK = re.compile(r"\s*--\s*rollback\b(?P<sql>.*)", re.IGNORECASE)
_ROLLBACK_BLOCK = re.compile(r"\s*/\*\s*liquibase\s+rollback\s*", re.IGNORECASE)
_END_OF_BLOCK = re.compile(r"(?P<sql>.*)\*/\s*")
_NO_ROLLBACK = re.compile(r"\s*(?:empty|not required)?\s*", re.IGNORECASE)
_PLAIN = re.compile(r"\s*--\s*(?:comment|validCheckSum)\b.*", re.IGNORECASE)
_UNREAD = re.compile(
    r"\s*(?:--|/\*)\s*(?P<mark>preconditions?(?:-\S+)?|ignoreLines|ignore|property)\b.*",
    re.IGNORECASE,
)
#: A directive of ours; what is no directive, but a word to the linter, is about the lines around it.
_OURS = re.compile(r"\s*--\s*signalbox:\s*(?!allow\b)(?P<said>\S.*?)\s*", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\$\{(?P<name>[^}\s]+)\}")
_NUMBER = re.compile(r"[A-Za-z]*[._-]?(?P<number>[0-9]+)(?![0-9])")
_POSTGRESQL = frozenset({"postgresql", "all"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangeSet:
    author: str
    id: str
    said: Mapping[str, str]
    unread: str  # what else its line says
    above: int  # how many lines of the file stand above its own
    lines: tuple[str, ...]
    position: int
    above_all: tuple[str, ...] = ()  # the directives that stand above the first change set: they are about each

    def is_true(self, key: str) -> bool | None:
        """What it says of this; None where it says nothing, or neither."""
        return {"true": True, "false": False}.get(self.said.get(key, "").lower())

    @property
    def is_for_others(self) -> bool:
        """Behind a `!` stands a system that it is not for; where nothing else is said, it is for all others."""
        systems = {system.strip().lower() for system in self.said.get("dbms", "all").split(",")}
        is_meant = bool(systems & _POSTGRESQL) or all(system.startswith("!") for system in systems)
        return not is_meant or "!postgresql" in systems


def read(listing: Listing, options: Options) -> Folder:
    entries = [entry for entry in listing.entries if not unrecognised.is_stranger(entry)]
    strangers = [entry for entry in listing.entries if unrecognised.is_stranger(entry)]
    numbers = _numbers(entries)
    files: list[FileEntry] = [FileEntry(file=entry.name, role=FileRole.PROBLEM) for entry in strangers]
    problems = [unrecognised.complaint(entry, listing) for entry in strangers]
    pieces: list[parted.CutFile] = []
    for entry in entries:
        here, wrong = _of_file(entry, numbers.get(entry.name, ""), options)
        role = FileRole.MIGRATION if here else FileRole.PROBLEM
        files.append(FileEntry(file=entry.name, role=role))
        pieces += here
        problems += wrong
    migrations = tuple(parted.migrations_of(pieces, _STYLE))
    problems += [problem for migration in migrations for problem in migration.problems]
    problems += _moved(pieces, migrations)
    if not any(changelogs.is_changelog(entry) for entry in strangers):
        migrations = tuple(_ordered(migrations, problems))
    return Folder(
        source=str(listing.source),
        format="liquibase",
        files=tuple(sorted(files, key=lambda entry: entry.file)),
        migrations=migrations,
        problems=pairs.by_file(problems),
    )


def _ordered(migrations: Sequence[Migration], problems: list[Problem]) -> Iterator[Migration]:
    """With an error where `includeAll` would run them in another order, which is added to `problems` too: a table may
    be made by the one that comes first there."""
    once = [migration for migration in migrations if not migration.is_repeatable]
    others = ordering.problems(once, "`includeAll` of Liquibase", how="orders files as text", there=_as_text)
    moved = {p.file: replace(p, severity=Severity.ERROR, advice=_EQUALLY_WIDE) for p in others}
    problems += moved.values()
    for migration in migrations:
        said = [moved[migration.up.file]] if migration.up.file in moved else []
        yield replace(migration, problems=(*migration.problems, *said))


_EQUALLY_WIDE = (
    "Let the names begin with numbers that are equally wide: then both orders are one. Or name the files in a "
    "changelog."
)


def _as_text(migration: Migration) -> tuple[str, tuple[int, ...]]:
    return migration.up.file.partition(" (")[0], numbers_of(migration.version)


_STYLE = Style(
    format="liquibase",
    title="Liquibase",
    named="<number>_<name>.sql",
    place=lambda file: None,
    cut=lambda text, file: Cut(up=text),
    undone="what undoes it behind `--rollback`",
)


def _moved(pieces: Sequence[parted.CutFile], migrations: Sequence[Migration]) -> Iterator[Problem]:
    """Liquibase runs a change set with runOnChange at its place, here it follows all that run once."""
    once = (version_key(migration.version) for migration in migrations if not migration.is_repeatable)
    last = max(once, default=None)
    again = {migration.up.file for migration in migrations if migration.is_repeatable}
    for piece in pieces:
        if piece.name in again and last is not None and version_key(piece.place.version) < last:
            yield Problem(
                code="other_order",
                severity=Severity.WARNING,
                file=piece.name,
                sentence=f"{piece.name} runs again when it changes, so it runs after all change sets that run once; "
                "Liquibase runs it at its place.",
                advice="Check that no later change set needs it. If one does, make it one that runs once.",
            )


def _numbers(entries: list[Entry]) -> Mapping[str, str]:
    """The number by which each file has its place; one file may have none, and comes first."""
    numbers = {entry.name: match["number"] if (match := _NUMBER.match(entry.name)) else "0" for entry in entries}
    times = Counter(numbers.values())
    return {name: number for name, number in numbers.items() if times[number] == 1}


def _of_file(entry: Entry, number: str, options: Options) -> tuple[list[parted.CutFile], list[Problem]]:
    whole = parted.text_of(entry, options.limits)
    if whole.sql is None:
        return [], list(whole.problems)
    lines = whole.sql.split("\n")
    if not any(_FIRST.fullmatch(line) for line in lines[:1]):
        sentence = f"{entry.name} does not begin with `--liquibase formatted sql`, so Liquibase would not read it so."
        return [], [_error(entry.name, cuts.BAD_MARKS, sentence, "Write that as its first line.")]
    if not number:
        sentence = f"{entry.name} has the number of another file, or none as another: the order is in no name."
        return [], [_error(entry.name, "wrong_name", sentence, "Let each file begin with a number of its own.")]
    pieces, problems = [], list(_outside(lines, entry.name))
    changes = [*_change_sets(lines)]
    if len(changes) > options.limits.statements:
        return [], [_too_many(entry.name, len(changes), options.limits.statements)]
    if not changes and not problems:
        problems.append(_without_change_set(entry.name))
    for change in changes:
        label = f"{entry.name} ({change.author}:{change.id})"
        if change.is_for_others:
            problems.append(_for_others(entry.name, change))
            continue
        place = Place(role=FileRole.MIGRATION, version=f"{number}.{change.position}", name=_name(change))
        part = replace(whole, checksum=checksum("\n".join(change.lines)))
        pieces.append(parted.piece_of(label, part, place, _cut(change, label, options), options.limits))
    return pieces, problems


def _name(change: _ChangeSet) -> str:
    return re.sub(r"[\s/\\]+", "-", f"{change.author}-{change.id}".strip())


def _change_sets(lines: list[str]) -> Iterator[_ChangeSet]:
    starts = [number for number, line in enumerate(lines) if _CHANGESET.fullmatch(line)]
    first = starts[0] if starts else len(lines)
    above_all = tuple(match["said"] for line in lines[:first] if (match := _OURS.fullmatch(line)))
    for position, (start, end) in enumerate(pairwise([*starts, len(lines)]), 1):
        match = _CHANGESET.fullmatch(lines[start])
        assert match is not None, "only such lines are starts"
        yield _ChangeSet(
            author=match["author"].strip(),
            id=match["id"].strip('"'),
            said={m["key"].lower(): m["value"].strip('"') for m in _ATTRIBUTE.finditer(match["said"])},
            unread=_ATTRIBUTE.sub("", match["said"]).strip(),
            above=start + 1,
            lines=tuple(lines[start + 1 : end]),
            position=position,
            above_all=above_all,
        )


def _cut(change: _ChangeSet, label: str, options: Options) -> Cut:
    up, down = _halves(change.lines)
    above = "\n" * change.above
    outside = (cuts.OUTSIDE,) if change.is_true("runintransaction") is False else ()
    again = (directives.REPEATABLE,) if change.is_true("runonchange") else ()
    text, unfilled = cuts.filled(cuts.joined(up), _PLACEHOLDER, options.placeholders, lambda match: match["name"])
    faults = (*_faults(change, label), *(replace(fault, line=(fault.line or 0) + change.above) for fault in unfilled))
    says = (*outside, *again, *_scope(change), *change.above_all)
    return Cut(up=above + text, down=above + cuts.joined(down), says=says, down_says=outside, faults=faults)


_CONTEXT_NAME = r"[\w-]+"
_CONTEXTS = re.compile(rf"{_CONTEXT_NAME}(?:(?:\s*,\s*|\s+or\s+){_CONTEXT_NAME})*", re.IGNORECASE)
_NO_CONTEXTS = re.compile(rf"(?:!|not\s+)\s*{_CONTEXT_NAME}(?:\s+and\s+(?:!|not\s+)\s*{_CONTEXT_NAME})*", re.IGNORECASE)
_OF_EXPRESSION = frozenset({"and", "or", "not"})


def _context(change: _ChangeSet) -> str:
    return change.said.get("contextfilter", change.said.get("context", "")).strip()


def _scope(change: _ChangeSet) -> Iterator[str]:
    """A context is the name of an environment: a list of those where it runs, or of those where it does not."""
    context = _context(change).lower()
    names = ",".join(name for name in re.findall(_CONTEXT_NAME, context) if name not in _OF_EXPRESSION)
    if names and _CONTEXTS.fullmatch(context):
        yield f"{directives.ENVIRONMENTS}={names}"
    elif names and _NO_CONTEXTS.fullmatch(context):
        yield f"{directives.EXCEPT}={names}"


def _halves(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is run and what undoes it. The lines behind `--rollback` keep their columns."""
    up, down = [], []
    is_in_block = False
    for line in lines:
        if is_in_block:
            end = _END_OF_BLOCK.fullmatch(line)
            up.append("")
            down.append(end["sql"] if end else line)
            is_in_block = end is None
        elif _ROLLBACK_BLOCK.fullmatch(line):
            up.append("")
            down.append("")
            is_in_block = True
        else:
            back = _ROLLBACK.fullmatch(line)
            up.append("" if back or _PLAIN.fullmatch(line) else line)
            undoes = back is not None and not _NO_ROLLBACK.fullmatch(back["sql"])
            down.append(" " * back.start("sql") + back["sql"] if back and undoes else "")
    return up, down


#: Attributes that change what is run, with what they mean; any value but these has no meaning here.
_REFUSED = {
    "runalways": ("true", "runs with every run, changed or not"),
    "labels": ("", "runs only for the labels that Liquibase is told"),
    "failonerror": ("false", "counts as run where it has failed"),
    "runwith": ("", "is run by another program"),
    "ignore": ("true", "is never run by Liquibase"),
    "runorder": ("", "runs before or after all the others"),
}

#: Attributes that change nothing of what is run here, whatever their value is.
_HARMLESS = frozenset(
    {
        "dbms",
        "context",
        "contextfilter",
        "runintransaction",
        "runonchange",
        "splitstatements",
        "rollbacksplitstatements",
        "stripcomments",
        "logicalfilepath",
    }
    | {"objectquotingstrategy", "onvalidationfail", "created", "validchecksum"}
)


def _faults(change: _ChangeSet, label: str) -> Iterator[CutFault]:
    yield from _attribute_faults(change, label)
    opened = [number for number, line in enumerate(change.lines) if _ROLLBACK_BLOCK.fullmatch(line)]
    if opened and not any(map(_END_OF_BLOCK.fullmatch, change.lines[opened[-1] :])):
        sentence = f"The rollback of {label} begins in a comment that does not end, and Liquibase refuses it."
        yield cuts.bad_marks(opened[-1] + change.above + 1, sentence, "Write `*/` below it.")
    for number, line in enumerate(change.lines, change.above + 1):
        if mark := _UNREAD.match(line):
            sentence = f"Line {number} of {label}, `{mark['mark']}`, decides on what is run, and is not read."
            yield cuts.bad_marks(number, sentence, "Write the change set without it.")
        elif _MISWRITTEN.fullmatch(line):
            sentence = f"Line {number} of {label} looks like the first of a change set, and cannot be read as one."
            yield cuts.bad_marks(number, sentence, "Write `--changeset author:id`.")


def _attribute_faults(change: _ChangeSet, label: str) -> Iterator[CutFault]:
    yield from _faults_of_values(change, label)
    for key, value in change.said.items():
        refused = _REFUSED.get(key)
        if refused and refused[0] in ("", value.lower()):
            sentence = f"{label} {refused[1]} (`{key}:{value}`), which Signalbox does not do."
            yield cuts.bad_marks(change.above, sentence, "Take the attribute out where it changes nothing, or skip it.")
        elif key.endswith("delimiter") and value != ";":
            sentence = f"{label} ends its statements with {value}, and only a semicolon ends one here."
            yield cuts.bad_marks(change.above, sentence, "End its statements with a semicolon.")
        elif not refused and key not in _HARMLESS and not key.endswith("delimiter"):
            sentence = f"`{key}:{value}` of {label} is not known here, and may decide on what is run."
            yield cuts.bad_marks(change.above, sentence, "Take the attribute out where it changes nothing.")
    if change.unread:
        sentence = f"`{change.unread}` in the line of {label} is no attribute that can be read."
        yield cuts.bad_marks(change.above, sentence, "Write `key:value`, with no blank behind the colon.")


def _faults_of_values(change: _ChangeSet, label: str) -> Iterator[CutFault]:
    if (context := _context(change)) and not any(_scope(change)):
        sentence = f"`{context}`, the context of {label}, is no list of environments, and cannot be read here."
        advice = "Write `context:staging,development`, or `context:!production` for all but one."
        yield cuts.bad_marks(change.above, sentence, advice)
    for key in ("runintransaction", "runonchange"):
        if key in change.said and change.is_true(key) is None:
            sentence = (
                f"`{key}:{change.said[key]}` of {label} is neither true nor false, and Liquibase takes it for false."
            )
            yield cuts.bad_marks(change.above, sentence, "Write true or false.")


def _outside(lines: list[str], file: str) -> Iterator[Problem]:
    """What stands above the first change set, which Liquibase would not run."""
    first = next((number for number, line in enumerate(lines) if _CHANGESET.fullmatch(line)), len(lines))
    for number, line in enumerate(lines[:first], 1):
        if not cuts.is_blank(line) or _UNREAD.match(line) or _MISWRITTEN.fullmatch(line):
            sentence = f"Line {number} of {file} belongs to no change set, and Liquibase would not run it."
            yield replace(_error(file, cuts.BAD_MARKS, sentence, "Move it into a change set."), line=number)
            return


def _too_many(file: str, count: int, limit: int) -> Problem:
    sentence = f"{file} holds {count} change sets; {limit} are accepted."
    return _error(file, "too_many_statements", sentence, "Split it into several files.")


def _without_change_set(file: str) -> Problem:
    return Problem(
        code="not_a_migration",
        severity=Severity.NOTE,
        file=file,
        sentence=f"{file} has no change set, so nothing of it is run.",
        advice="Nothing needs to be done.",
    )


def _for_others(file: str, change: _ChangeSet) -> Problem:
    return Problem(
        code="not_a_migration",
        severity=Severity.NOTE,
        file=file,
        sentence=f"{change.author}:{change.id} in {file} is for {change.said['dbms']}, so it is not run.",
        advice="Nothing needs to be done.",
    )


def _error(file: str, code: str, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)


FORMAT = Format(
    name="liquibase",
    title="Liquibase",
    signature="`--liquibase formatted sql` in at least half of the files",
    recognises=lambda look: look.is_marked("Liquibase"),
    read=read,
    directives=(
        "`--changeset author:id`",
        "`runInTransaction`",
        "`runOnChange`",
        "`dbms`",
        "`--rollback`",
        "`${placeholder}`",
    ),
    ignores=("change sets for other database systems",),
)
