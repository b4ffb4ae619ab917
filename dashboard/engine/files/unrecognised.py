"""Entries that are no SQL file in any format: each gets a sentence, so that nothing in a folder goes unseen."""

from __future__ import annotations

import re

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import changelogs, other_tools
from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.migration import Problem, Severity

_LOOKS_LIKE_SQL = re.compile(r"\.(sql|psql|pgsql)\b", re.IGNORECASE)
_NUMBERED = re.compile(r"[0-9]+[_-]")
_TEST = re.compile(r".*[_.]test\.\w+")

#: Where Sqitch keeps its scripts.
_SQITCH = ("deploy", "revert", "verify")


def is_stranger(entry: Entry) -> bool:
    hidden = entry.name.startswith(".")
    return entry.kind is not EntryKind.FILE or hidden or not entry.is_printable or not entry.name.endswith(".sql")


def complaint(entry: Entry, listing: Listing) -> Problem:
    match entry.kind:
        case EntryKind.FOLDER:
            return _folder(entry, listing)
        case EntryKind.LINK:
            return _error(
                entry,
                "symlink",
                f"{entry.name} is a symbolic link, and links are not followed.",
                "Put the file itself into the folder.",
            )
        case EntryKind.OTHER:
            return _error(entry, "not_a_file", f"{entry.name} is neither a file nor a folder.", "Remove it.")
        case EntryKind.FILE:
            return _file(entry, listing)


def _folder(entry: Entry, listing: Listing) -> Problem:
    try:
        names, holds_sql = entry.listing().names, _holds_sql(entry)
    except (SourceMissing, SourceUnreadable):
        names, holds_sql = frozenset(), True  # it cannot be ruled out
    if other_tools.is_prisma(entry.name, names):
        return other_tools.prisma(entry.name)
    if entry.name in _SQITCH and "sqitch.plan" in listing.names:
        return other_tools.sqitch(entry.name)
    if any(other_tools.is_named_by_flyway(name) for name in names):
        return _error(
            entry,
            "subfolder",
            f"{entry.name} is a folder with migrations as Flyway names them, and they are not read from here.",
            f"Move them up, or let {entry.name} be the folder of the source where all of them are in it. Where "
            "environments of Flyway have other locations, declare a source for each, with the files that they share in "
            "all of them; or put all files into one folder, and into those for some environments a line "
            "`-- signalbox: environments=`.",
        )
    if holds_sql:
        return _error(
            entry,
            "subfolder",
            f"{entry.name} is a folder, and the .sql files in it are not read.",
            "Move the files that should run up into the migrations folder, and the others out of it.",
        )
    return _note(entry, "subfolder", f"{entry.name} is a folder; nothing in it is read.")


#: Of a tree with more folders nobody says that there is no SQL in it.
_FOLDERS_AT_MOST = 1000


def _holds_sql(folder: Entry) -> bool:
    """Some tools read folders in folders, so it counts at any depth; links are not followed."""
    waiting, count = [folder], 0
    while waiting:
        entries = waiting.pop().listing().entries
        count += 1
        files = (entry for entry in entries if entry.kind is not EntryKind.FOLDER)
        if count > _FOLDERS_AT_MOST or any(entry.name.lower().endswith(".sql") for entry in files):
            return True
        waiting += [entry for entry in entries if entry.kind is EntryKind.FOLDER]
    return False


def _file(entry: Entry, listing: Listing) -> Problem:
    if not entry.is_printable:
        return _error(
            entry,
            "wrong_name",
            f"The name {entry.name} holds characters that cannot be seen or that are written in two ways.",
            "Rename it with plain letters, digits and underscores.",
        )
    if entry.name == "sqitch.plan":
        return other_tools.sqitch(entry.name)
    if changelog := changelogs.complaint(entry, listing):
        return changelog
    if not _LOOKS_LIKE_SQL.search(entry.name):
        if _NUMBERED.match(entry.name) or other_tools.language_of(entry.name):
            return _numbered(entry)
        return _note(entry, "not_sql", f"{entry.name} is not a .sql file and is not read.")
    if entry.name.startswith("."):
        advice = f"Rename it to {entry.name.lstrip('.')} if it should be read, or remove it."
        return _error(entry, "wrong_name", f"{entry.name} is hidden, so it is not read.", advice)
    return _error(
        entry, "wrong_name", f"{entry.name} looks like SQL but does not end in .sql.", _rename(entry.name, listing)
    )


def _numbered(entry: Entry) -> Problem:
    if _TEST.fullmatch(entry.name):
        return _note(entry, "not_sql", f"{entry.name} is not a .sql file and is not read.")
    if language := other_tools.language_of(entry.name):
        return other_tools.in_language(entry.name, language)
    return _error(
        entry,
        "wrong_name",
        f"{entry.name} is numbered like a migration and is no .sql file, so it is not read.",
        "Move it out of the folder if it is none. If it is one, write it as SQL under the same number.",
    )


def _rename(name: str, listing: Listing) -> str:
    better = re.sub(r"(\.\w+|~)*$", "", name) + ".sql"
    if better in listing.names:
        return f"{better} is there too. Remove this copy, so that nobody takes it for the one that runs."
    return f"Rename it to {better} if it should be read, or remove it."


def _error(entry: Entry, code: str, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=Severity.ERROR, file=entry.name, sentence=sentence, advice=advice)


def _note(entry: Entry, code: str, sentence: str) -> Problem:
    return Problem(
        code=code, severity=Severity.NOTE, file=entry.name, sentence=sentence, advice="Nothing needs to be done."
    )
