"""Drizzle: `0000_users.sql` in the order of meta/_journal.json, or, since 1.0, `20240101000000_users/migration.sql`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from dashboard.engine.errors import SourceMissing, SourceUnreadable, SqlSyntaxError
from dashboard.engine.files import cuts, nested, pairs, parted
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.formats import prisma
from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileEntry, FileRole, Folder, Problem, Severity, numbers_of
from dashboard.engine.sql.tokens import TokenKind, tokens

_BREAK = re.compile(r"--> statement-breakpoint")
_META, _JOURNAL, _SNAPSHOT = "meta", "_journal.json", "snapshot.json"
_JOURNAL_BYTES = 16 * 1024 * 1024
_TAG = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+)")


def cut(text: str, file: str) -> Cut:
    """A breakpoint ends a statement, with a semicolon or without one; the rest of its line is a comment."""
    up = _BREAK.sub(lambda match: f";--{match[0][3:]}", text)
    return Cut(up=up, faults=tuple(_inside_a_token(text, file)) if up != text else ())


def _inside_a_token(text: str, file: str) -> Iterator[CutFault]:
    """Drizzle would part the file there all the same, and send two halves of a string or a comment."""
    try:
        scanned = [*tokens(text)]
    except SqlSyntaxError:
        return
    for token in scanned:
        is_whole = token.kind in _UNDIVIDED or token.text.startswith("/*")
        if is_whole and (match := _BREAK.search(token.text)):
            line = text.count("\n", 0, token.offset + match.start()) + 1
            sentence = f"Line {line} of {file} has a breakpoint inside a string or a comment, where Drizzle breaks it."
            yield cuts.bad_marks(line, sentence, "Remove the breakpoint, or write it between two statements.")


_UNDIVIDED = (TokenKind.LITERAL, TokenKind.QUOTED_NAME)


# The old layout


@dataclass(frozen=True, slots=True, kw_only=True)
class _DrizzleJournal:
    """The files in their order; with a `fault` nobody knows it."""

    places: Mapping[str, Place]
    fault: str = ""


def read_old(listing: Listing, options: Options) -> Folder:
    journal = _journal(listing)
    folder = parted.read(listing, options, _old_style(journal))
    missing = [(file, place) for file, place in journal.places.items() if file not in listing.names]
    gone = [FileEntry(file=file, role=FileRole.PROBLEM, version=place.version) for file, place in missing]
    problems = [*folder.problems, *_fault_of(journal), *(_missing(file) for file, _ in missing)]
    return replace(folder, files=(*folder.files, *gone), problems=pairs.by_file(problems))


def _journal(listing: Listing) -> _DrizzleJournal:
    entry = _entry_of_journal(listing)
    if entry is None:
        return _DrizzleJournal(places={}, fault="it is not there, or a symbolic link leads to it")
    try:
        entries = json.loads(entry.content(_JOURNAL_BYTES))["entries"]
        tags = [str(each["tag"]) for each in entries]
    except OSError as error:
        return _DrizzleJournal(places={}, fault=error.strerror or "it is gone")
    except (ValueError, KeyError, TypeError, RecursionError):
        return _DrizzleJournal(places={}, fault="it is not what Drizzle writes")
    return _DrizzleJournal(places={f"{tag}.sql": _of_tag(tag, number) for number, tag in enumerate(tags)})


def _entry_of_journal(listing: Listing) -> Entry | None:
    meta = next((e for e in listing.entries if e.name == _META and e.kind is EntryKind.FOLDER), None)
    try:
        inside = meta.listing().entries if meta else ()
    except (SourceMissing, SourceUnreadable):
        return None
    return next((entry for entry in inside if entry.name == _JOURNAL and entry.kind is EntryKind.FILE), None)


def _of_tag(tag: str, number: int) -> Place:
    match = _TAG.fullmatch(tag)
    version, name = (match["version"], match["name"]) if match else (f"{number:04}", tag)
    return Place(role=FileRole.MIGRATION, version=version, name=name)


def _old_style(journal: _DrizzleJournal) -> Style:
    return Style(
        format="drizzle",
        title="Drizzle",
        named="a name that meta/_journal.json has",
        place=journal.places.get,
        cut=partial(_cut_in_order, _late(journal)),
        undone="a new migration where it has to be undone",
        ignores={
            _META: "holds the journal and the snapshots of Drizzle",
            r"(schema|relations)\.ts": "is the schema that Drizzle reads",
        },
    )


def _fault_of(journal: _DrizzleJournal) -> Iterator[Problem]:
    if journal.fault:
        sentence = f"{_META}/{_JOURNAL} cannot be read: {journal.fault}. So the order of the files is not known."
        yield _error(_META, "bad_journal", sentence, "Restore it from version control.")


def _missing(file: str) -> Problem:
    return _error(file, "bad_journal", f"{_META}/{_JOURNAL} names {file}, which is not there.", "Restore the file.")


def _cut_in_order(late: Mapping[str, str], text: str, file: str) -> Cut:
    """`late`: the files that their numbers would put before the one that the journal has above them."""
    made = cut(text, file)
    if file not in late:
        return made
    sentence = f"{_META}/{_JOURNAL} has {file} behind {late[file]}, and by its number it would run before it."
    fault = cuts.bad_marks(None, sentence, "Number the files in the order of the journal.")
    return replace(made, faults=(*made.faults, fault))


def _late(journal: _DrizzleJournal) -> Mapping[str, str]:
    places = pairwise(journal.places.items())
    return {
        file: first
        for (first, before), (file, place) in places
        if numbers_of(place.version) < numbers_of(before.version)
    }


OLD = Format(
    name="drizzle",
    title="Drizzle",
    signature="meta/_journal.json",
    recognises=lambda look: _JOURNAL in look.folders.get(_META, ()),
    read=read_old,
    directives=("`--> statement-breakpoint`",),
    ignores=("meta/",),
    native_checksum=lambda content: hashlib.sha256(content).hexdigest(),
)


# Directories

NEW_STYLE = replace(
    prisma.STYLE,
    format="drizzle-directories",
    title="Drizzle",
    cut=cut,
    ignores={rf".+/{_SNAPSHOT}": "is what Drizzle compares the schema with"},
)


def _recognises_new(look: Look) -> bool:
    return prisma.recognises(look) and any(_SNAPSHOT in inside for inside in look.folders.values())


def read_new(listing: Listing, options: Options) -> Folder:
    return nested.read(listing, options, NEW_STYLE, (prisma.MIGRATION, prisma.ROLLBACK))


NEW = Format(
    name="drizzle-directories",
    title="Drizzle",
    signature="most migrations are directories with a migration.sql, and there is a snapshot.json in them",
    recognises=_recognises_new,
    read=read_new,
    directives=("`--> statement-breakpoint`",),
    ignores=("snapshot.json",),
    native_checksum=lambda content: hashlib.sha256(content).hexdigest(),
)


def _error(file: str, code: str, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)
