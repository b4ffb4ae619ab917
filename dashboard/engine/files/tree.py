"""A folder that is kept in memory, such as that of one commit: readers take it as they take one on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.engine.errors import SourceUnreadable
from dashboard.engine.files.listing import Entry, EntryKind, Listing, printable


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """`path` is below the folder. Only a FILE has content."""

    path: str
    kind: EntryKind
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry(Entry):
    data: bytes = field(default=b"", repr=False)
    inside: Listing | None = None  # of a folder

    def listing(self) -> Listing:
        if self.inside is None:
            raise SourceUnreadable(source=self.path, reason="it is no folder")
        return self.inside

    def content(self, limit: int) -> bytes:
        if self.kind is not EntryKind.FILE:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return self.data[:limit]


type _Branch = dict[str, TreeFile | _Branch]


def listing_of(source: Path, files: Iterable[TreeFile]) -> Listing:
    """The files as a folder at `source`, which is what it is called."""
    root: _Branch = {}
    for file in files:
        *folders, name = file.path.split("/")
        place = root
        for folder in folders:
            below = place.setdefault(folder, {})
            assert isinstance(below, dict), "in a tree, no file is a folder too"
            place = below
        place[name] = file
    return _listing(source, root)


def _listing(source: Path, folder: _Branch) -> Listing:
    entries = [_entry(source / name, name, item) for name, item in folder.items()]
    return Listing(source=source, entries=tuple(sorted(entries, key=lambda entry: entry.name)))


def _entry(path: Path, name: str, item: TreeFile | _Branch) -> TreeEntry:
    if isinstance(item, dict):
        return TreeEntry(name=printable(name), path=path, kind=EntryKind.FOLDER, inside=_listing(path, item))
    return TreeEntry(name=printable(name), path=path, kind=item.kind, data=item.data)
