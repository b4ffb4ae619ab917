"""What lies in a folder, before anyone asks what it means. Links are seen, never followed."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from dashboard.engine.errors import SourceMissing, SourceUnreadable


class EntryKind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"  # a pipe, a socket, a device


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    name: str  # as shown: what cannot be printed is escaped
    path: Path
    kind: EntryKind

    @property
    def is_printable(self) -> bool:
        """The shown name is the name on disk, and nothing in it is hidden."""
        return self.name == self.path.name

    def listing(self) -> Listing:
        """What lies in this folder. Raises SourceMissing or SourceUnreadable."""
        return list_folder(self.path)

    def content(self, limit: int) -> bytes:
        """At most `limit` bytes of the file. Raises OSError; also where a link took its place meanwhile."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return b"".join(_chunks(descriptor, limit))
        finally:
            os.close(descriptor)


#: Most files are read at once; space for the largest is not asked for with each of them.
_CHUNK = 64 * 1024


def _chunks(descriptor: int, limit: int) -> Iterator[bytes]:
    while limit and (chunk := os.read(descriptor, min(limit, _CHUNK))):
        yield chunk
        limit -= len(chunk)


@dataclass(frozen=True, kw_only=True)
class Listing:
    source: Path
    entries: tuple[Entry, ...]  # by name

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self.entries)

    @cached_property
    def _by_name(self) -> Mapping[str, Entry]:
        return {entry.name: entry for entry in self.entries}

    def find(self, name: str) -> Entry | None:
        """`name` may lead into folders. Raises SourceMissing or SourceUnreadable where one of them cannot be read."""
        first, _, rest = name.partition("/")
        entry = self._by_name.get(first)
        return entry.listing().find(rest) if entry and rest else entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may be at most; more is a problem of that file, not a crash."""

    file_bytes: int = 2 * 1024 * 1024
    statements: int = 5000


def list_folder(source: Path) -> Listing:
    try:
        with os.scandir(source) as items:
            entries = [_entry(item) for item in items]
    except FileNotFoundError as error:
        raise SourceMissing(source=source) from error
    except NotADirectoryError as error:
        raise SourceUnreadable(source=source, reason="it is a file, not a folder") from error
    except OSError as error:
        raise SourceUnreadable(source=source, reason=error.strerror) from error
    return Listing(source=source, entries=tuple(sorted(entries, key=lambda entry: entry.name)))


def printable(name: str) -> str:
    """`name` with everything escaped that a page could not show as it is, or that two names could differ in unseen."""
    if name.isascii() and name.isprintable():
        return name
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    text = "".join(f"\\u{ord(c):04x}" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in text)
    return unicodedata.normalize("NFC", text)


def _entry(item: os.DirEntry[str]) -> Entry:
    return Entry(name=printable(item.name), path=Path(item.path), kind=_kind(item))


def _kind(item: os.DirEntry[str]) -> EntryKind:
    if item.is_symlink():
        return EntryKind.LINK
    if item.is_dir(follow_symlinks=False):
        return EntryKind.FOLDER
    return EntryKind.FILE if item.is_file(follow_symlinks=False) else EntryKind.OTHER
