"""What is known of a table of another tool, of its rows, and of the files that they may be about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dashboard.engine.migration import Identified

#: One row of a tool's table. Every value as text, in UTC where it is a moment; None for NULL.
type ToolRow = Mapping[str, str | None]


class Certainty(StrEnum):
    EXACT = "exact"  # the tool keeps a row for each migration
    INFERRED = "inferred"  # it keeps only the version that is current; all before it count as applied


class TextMatch(StrEnum):
    """Whether the file is as it was when the tool ran it."""

    SAME = "same"  # the checksum that the tool keeps is that of the file
    DIFFERS = "differs"  # it is another one
    UNKNOWN = "unknown"  # the tool keeps none, or one that cannot be computed again


class Stand(StrEnum):
    """What a row says of its migration."""

    APPLIED = "applied"
    FAILED = "failed"  # the tool broke off and keeps that
    DIRTY = "dirty"  # the tool does not know what is in the database
    UNDONE = "undone"  # it was applied once, and taken back
    UNCLEAR = "unclear"  # the row says too little


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile(Identified):
    """A migration of the folder, as a tool would know it."""

    version: str
    name: str
    file: str
    native: str = ""  # what the tool keeps of its text; empty where that is nothing, or cannot be computed
    keys: tuple[str, ...] = ()  # by what else the tool knows it, where the file does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEntry:
    """One migration in the history of a tool. `keys`: by which its file is found, the surest first."""

    label: str  # what the tool calls it
    keys: tuple[str, ...]
    stand: Stand = Stand.APPLIED
    certainty: Certainty = Certainty.EXACT
    applied_at: datetime | None = None
    by: str = ""
    checksum: str = ""
    note: str = ""  # what else is to be said of it, as a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSeen:
    """A table, as the catalog tells it. `neighbours`: which tables of other tools stand in the same schema."""

    schema: str
    name: str
    kind: str  # as in pg_class
    columns: Mapping[str, str]  # name and type
    may_read: bool = True
    hides_rows: bool = False  # row-level security applies to whoever reads it here
    neighbours: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """Another tool with the same columns, whose every value of one of them has such a part in it."""

    importer: Importer
    column: str
    part: str


@dataclass(frozen=True, kw_only=True)
class Importer:
    """One tool: how its table is known, what its rows mean, and by which keys its files are known.

    `shape` has the columns that the table must have; with `exact` it may have no others but those of `more`, which are
    read too where they are there. `fits` looks at the types of its columns, and `is_its` at its name and what stands
    beside it, which nobody asks of a table that a person names. `explained` is for a tool whose migrations are no SQL
    files: it is only recognised. One that `is_vague` may as well be about something else, which a folder of the tool
    rules out; `lookalike` has the same columns, and only rows tell it.
    """

    name: str
    title: str
    shape: frozenset[str]
    more: frozenset[str] = frozenset()
    exact: bool = False
    fits: Callable[[TableSeen], bool] = lambda table: True
    is_its: Callable[[TableSeen], bool] = lambda table: True
    formats: frozenset[str] = frozenset()  # of folders whose files it may have run
    keys: Callable[[KnownFile], Sequence[str]] = lambda file: ()
    entries: Callable[[Sequence[ToolRow], Sequence[KnownFile]], Sequence[ToolEntry]] = lambda rows, files: ()
    explained: str = ""
    is_vague: bool = False
    lookalike: Lookalike | None = None

    def recognises(self, table: TableSeen) -> bool:
        return self.may_keep(table) and self.is_its(table)

    def may_keep(self, table: TableSeen) -> bool:
        """The columns are those of its history, whatever the table is called."""
        columns = table.columns.keys()
        is_shaped = self.shape <= columns and (not self.exact or columns <= self.shape | self.more)
        return is_shaped and self.fits(table)

    @property
    def columns(self) -> frozenset[str]:
        """Those that are read."""
        return self.shape | self.more
