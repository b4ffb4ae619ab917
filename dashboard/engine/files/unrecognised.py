"""Entries that are no SQL file in any format: each gets a sentence, so that nothing in a folder goes unseen."""

from __future__ import annotations

import re

from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.migration import Problem, Severity

_LOOKS_LIKE_SQL = re.compile(r"\.(sql|psql|pgsql)\b|^[0-9]+[_-]", re.IGNORECASE)


def is_stranger(entry: Entry) -> bool:
    hidden = entry.name.startswith(".")
    return entry.kind is not EntryKind.FILE or hidden or not entry.is_printable or not entry.name.endswith(".sql")


def complaint(entry: Entry, listing: Listing) -> Problem:
    match entry.kind:
        case EntryKind.FOLDER:
            return _folder(entry)
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


def _folder(entry: Entry) -> Problem:
    try:
        holds_sql = any(item.suffix.lower() == ".sql" for item in entry.path.iterdir())
    except OSError:
        holds_sql = True  # it cannot be ruled out
    if holds_sql:
        return _error(
            entry,
            "subfolder",
            f"{entry.name} is a folder, and the .sql files in it are not read.",
            "Move the files that should run up into the migrations folder, and the others out of it.",
        )
    return _note(entry, "subfolder", f"{entry.name} is a folder; nothing in it is read.")


def _file(entry: Entry, listing: Listing) -> Problem:
    if not entry.is_printable:
        return _error(
            entry,
            "wrong_name",
            f"The name {entry.name} holds characters that cannot be seen or that are written in two ways.",
            "Rename it with plain letters, digits and underscores.",
        )
    if not _LOOKS_LIKE_SQL.search(entry.name):
        return _note(entry, "not_sql", f"{entry.name} is not a .sql file and is not read.")
    if entry.name.startswith("."):
        advice = f"Rename it to {entry.name.lstrip('.')} if it should be read, or remove it."
        return _error(entry, "wrong_name", f"{entry.name} is hidden, so it is not read.", advice)
    return _error(
        entry, "wrong_name", f"{entry.name} looks like SQL but does not end in .sql.", _rename(entry.name, listing)
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
