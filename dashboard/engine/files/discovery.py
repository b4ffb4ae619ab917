"""A folder on disk to a Folder value: every file accounted for, every problem named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dashboard.engine.files import catalogue, changelogs, directories, other_tools
from dashboard.engine.files.format import Look, Options
from dashboard.engine.files.listing import Limits, Listing, list_folder
from dashboard.engine.migration import FileRole, Folder, Problem, Severity

_NUMBER = re.compile(r"[0-9]+")
_HYPHENATED = re.compile(r"[0-9]+(?:-[0-9]+)*")


def read(
    source: Path,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    folder_format: str = "",
    placeholders: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Folder:
    """`folder_format`: one of `catalogue.BY_NAME`, where the signature of the folder is not to tell it. Raises
    SourceMissing or SourceUnreadable; whatever is wrong with single files is in `problems`."""
    listing = list_folder(source)
    return read_listing(listing, limits, folder_format=folder_format, placeholders=placeholders, names=names)


def read_listing(
    listing: Listing,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    folder_format: str = "",
    placeholders: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Folder:
    """As `read`, of a folder wherever it is kept."""
    look = Look(listing=listing, limits=limits)
    chosen = catalogue.BY_NAME[folder_format] if folder_format else catalogue.recognise(look)
    options = Options(limits=limits, placeholders=placeholders or {}, names=names or {})
    folder = _with_tests(_with_positions(chosen.read(listing, options)), listing)
    if folder.migrations:
        return folder
    return replace(folder, problems=(_no_migration(listing.source), *folder.problems))


def _with_tests(folder: Folder, listing: Listing) -> Folder:
    named = [entry.file for entry in folder.files if entry.role is FileRole.VERIFY]
    return replace(folder, tests={name: entry for name in named if (entry := listing.find(name))})


def _with_positions(folder: Folder) -> Folder:
    """A file that nobody reads still has its place among the others, by the number in its name."""
    errors = {problem.file for problem in folder.problems if problem.severity is Severity.ERROR}
    files = (
        replace(entry, version=entry.version or _position(entry.file, folder.format))
        if entry.role is FileRole.PROBLEM and entry.file in errors
        else entry
        for entry in folder.files
    )
    return replace(folder, files=tuple(files))


def _position(file: str, folder_format: str) -> str | None:
    if number := other_tools.position(file):
        return number
    pattern = _HYPHENATED if folder_format == directories.FORMAT else _NUMBER
    match = pattern.match(file)
    return match[0].replace("-", "") if match else changelogs.position(file) or None


def _no_migration(source: Path) -> Problem:
    return Problem(
        code="empty_folder",
        severity=Severity.WARNING,
        file="",
        sentence=f"The folder {source} holds no migration.",
        advice="Put your files there, named like 001_create_users.sql, with 001_rollback.sql beside it.",
    )
