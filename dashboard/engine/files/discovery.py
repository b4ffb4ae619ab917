"""A folder on disk to a Folder value: every file accounted for, every problem named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dashboard.engine.files import directories, seed, updown
from dashboard.engine.files.listing import Limits, list_folder
from dashboard.engine.files.reader import Reader
from dashboard.engine.migration import Folder, Problem, Severity

#: The first that recognises a folder reads it; the seed's format recognises any.
READERS: tuple[Reader, ...] = (directories, updown, seed)


def read(source: Path, limits: Limits = Limits()) -> Folder:  # noqa: B008 - frozen
    """Raises SourceMissing or SourceUnreadable; whatever is wrong with single files is in `problems`."""
    listing = list_folder(source)
    reader = next(reader for reader in READERS if reader.recognises(listing))
    folder = reader.read(listing, limits)
    if folder.migrations:
        return folder
    return replace(folder, problems=(_no_migration(source), *folder.problems))


def _no_migration(source: Path) -> Problem:
    return Problem(
        code="empty_folder",
        severity=Severity.WARNING,
        file="",
        sentence=f"The folder {source} holds no migration.",
        advice="Put your files there, named like 001_create_users.sql, with 001_rollback.sql beside it.",
    )
