"""What a folder format is: one row of `catalogue.FORMATS` for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dashboard.engine.errors import SourceMissing, SourceUnreadable, SqlSyntaxError
from dashboard.engine.files import other_tools, seed_names, unrecognised
from dashboard.engine.files.listing import Entry, EntryKind, Limits, Listing
from dashboard.engine.migration import FileRole, Folder
from dashboard.engine.sql.tokens import tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a folder is read. `placeholders`: what the placeholders of its tool stand for, never secrets; `names`: what
    its files are named by, where the tool lets a team choose that."""

    limits: Limits = field(default_factory=Limits)
    placeholders: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A listing, and what its signature is judged by. The files are opened only where a format asks for their marks."""

    listing: Listing
    limits: Limits

    @property
    def names(self) -> frozenset[str]:
        return self.listing.names

    @cached_property
    def folders(self) -> Mapping[str, frozenset[str]]:
        """What lies in each folder of the listing; nothing in one that cannot be read."""
        return {entry.name: _inside(entry) for entry in self.listing.entries if entry.kind is EntryKind.FOLDER}

    @cached_property
    def sql_files(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.listing.entries if not unrecognised.is_stranger(entry))

    @cached_property
    def marks(self) -> Mapping[str, int]:
        """How many files hold marks of each tool, by the tool's name; rollbacks and tests of plain files aside."""
        places = seed_names.place_all([entry.name for entry in self.sql_files])
        besides = {place.file for place in places if place.role in (FileRole.ROLLBACK, FileRole.VERIFY)}
        entries = (entry for entry in self.sql_files if entry.name not in besides)
        return Counter(tool for entry in entries if (tool := _tool_of(entry, self.limits)))

    @cached_property
    def plain(self) -> int:
        """How many files are named like migrations of the seed."""
        return sum(seed_names.is_migration(entry.name) for entry in self.sql_files)

    def is_marked(self, tool: str) -> bool:
        """At least half of what the folder has of migrations is marked so, and no other tool has marked more."""
        ours = self.marks.get(tool, 0)
        return ours > 0 and ours * 2 >= self.plain and ours == max(self.marks.values())


@dataclass(frozen=True, kw_only=True)
class Format:
    """`name` is what `format = "..."` says, `title` what people call it; `signature` and `directives` in words."""

    name: str
    title: str
    signature: str
    recognises: Callable[[Look], bool]
    read: Callable[[Listing, Options], Folder]
    directives: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()  # files of the tool that are no migrations
    native_checksum: Callable[[bytes], str] | None = None  # what the tool itself keeps of a file
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


def _inside(entry: Entry) -> frozenset[str]:
    try:
        return entry.listing().names
    except (SourceMissing, SourceUnreadable):
        return frozenset()


def _tool_of(entry: Entry, limits: Limits) -> str:
    try:
        text = entry.content(limits.file_bytes).decode(errors="replace").removeprefix("\ufeff").replace("\r\n", "\n")
    except OSError:
        return ""
    if not other_tools.may_be_marked(text):
        return ""
    try:
        scanned = tuple(tokens(text))
    except SqlSyntaxError:
        scanned = ()
    return other_tools.tool_of(text, scanned)
