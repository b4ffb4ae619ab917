"""What a forecast says: the threats that a text holds, and what they would destroy on the target."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Copy
from dashboard.engine.sql.trees import ColumnType, Name


class Fate(StrEnum):
    """What happens to the rows, or to the values in the columns."""

    DROPPED = "dropped"  # they go with their table or column
    EMPTIED = "emptied"  # every row is deleted, the table stays
    REDUCED = "reduced"  # rows that meet a condition are deleted
    OVERWRITTEN = "overwritten"  # every row gets other values in these columns
    NARROWED = "narrowed"  # values that do not fit the new type are cut, rounded or refused
    REWRITTEN = "rewritten"  # an expression makes every value anew
    REPLACED = "replaced"  # what was saved before is put over them


class Effect(StrEnum):
    """What a statement does to the rows of a table, as triggers, rules and checks see it."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    VALIDATION = "validation"  # they are read and checked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """Something with data that a statement would destroy, if it is there. An empty schema: the search path decides."""

    step: MigrationId
    fate: Fate
    kind: str  # as in DROP: table, column, schema, function, ...
    name: Name
    path: tuple[str, ...] = ()  # the script's own search path, where it sets one and the name has no schema
    column: str = ""
    cascade: bool = False
    only: bool = False  # the children of the table are left alone
    some: bool = False  # only rows that meet a condition
    condition: str = ""  # which, as SQL that calls nothing; empty where only running it would tell
    alias: str = ""  # what the condition calls the table
    wanted: ColumnType | None = None  # of NARROWED
    after_changes: bool = False  # the plan changes rows or views before, so what a view shows then is not known now


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A table that a statement writes to: its triggers and rules fire, and nobody has read what those do."""

    where: str  # "009_invoices, line 3"
    name: Name
    effect: Effect
    path: tuple[str, ...] = ()
    after_triggers: bool = False  # the plan makes triggers or rules before, which a related table may have


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function or operator that a statement names. Whether it is PostgreSQL's own, the target tells."""

    where: str
    name: Name
    is_operator: bool = False
    is_attribute: bool = False  # written as a column: `t.f` is `f(t)` where t has no such column
    may_be_new: bool = False  # the plan makes an extension before it, so the target may not have the function yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A relation that a statement reads: where it is a view, what its query calls runs."""

    where: str
    name: Name
    is_refresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReading:
    """`unseen` are sentences about what the text does not tell."""

    threats: tuple[Threat, ...] = ()
    writes: tuple[Write, ...] = ()
    calls: tuple[Call, ...] = ()
    reads: tuple[Read, ...] = ()
    switches_row_security: bool = False  # policies may apply that do not apply to this role now
    converts: bool = False  # values may be cast, and checked by a domain
    makes: frozenset[str] = frozenset()  # names of the functions it makes: what the target has is not what runs
    tags: frozenset[str] = frozenset()  # the parser's names of its statements, for event triggers
    unseen: tuple[str, ...] = ()

    @property
    def asks_target(self) -> bool:
        return bool(
            self.threats or self.writes or self.calls or self.reads or self.converts or self.tags - NOTHING_FIRES
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One table, and what would be gone of it: `columns` of its rows, or whole rows where there are none."""

    step: MigrationId
    fate: Fate
    kind: str  # table or materialized view
    schema: str
    table: str
    columns: tuple[str, ...] = ()
    rows: int | None = None  # that hold data there; None: not known, see `why_unknown`
    is_estimate: bool = False
    why_unknown: str = ""
    size: int = 0  # bytes of the table with its indexes
    written_since: int | None = None  # rows written since the migration was applied; None: not known
    copy: Copy | None = None  # how it would be saved; None where there is nothing to save, or no way
    why_unsaved: str = ""  # why there is no way, where the target tells

    @property
    def relation(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def takes_all_rows(self) -> bool:
        return not self.columns and self.fate in {Fate.DROPPED, Fate.EMPTIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    losses: tuple[Loss, ...] = ()
    unseen: tuple[str, ...] = ()
    from_rehearsal: bool = False  # a rehearsal saw which objects go
    failure: str = ""  # why nothing could be counted
    cannot_save: str = ""  # why no copy can be made, where there is something to save

    @property
    def is_destructive(self) -> bool:
        """It destroys something, or it cannot be said that it does not."""
        return bool(self.losses or self.failure) or not self.is_read

    @property
    def threatens(self) -> bool:
        """The same by the text and the catalog alone: a count that is not possible at the moment does not matter."""
        return bool(self.losses) or not self.is_read

    @property
    def is_read(self) -> bool:
        """Every statement is proven or counted. A rehearsal sees objects go and never rows, so it proves none."""
        return not self.unseen

    @property
    def rows(self) -> int:
        """Rows that lose data, as far as they are known. Derived rows can be built again, so they do not count."""
        return sum(loss.rows or 0 for loss in self._counting)

    @property
    def is_known(self) -> bool:
        return self.is_read and not self.failure and all(loss.rows is not None for loss in self._counting)

    @property
    def is_estimate(self) -> bool:
        return any(loss.is_estimate for loss in self._counting)

    @property
    def word(self) -> str:
        """What a person types to show that they have read it: the number of rows, or that the number is not known."""
        return str(self.rows) if self.is_known else UNKNOWN

    @property
    def copies(self) -> Mapping[MigrationId, tuple[Copy, ...]]:
        """By step, as Plan.saving takes them."""
        copies: dict[MigrationId, tuple[Copy, ...]] = {}
        for loss in self.losses:
            if loss.copy and not self.cannot_save:
                copies[loss.step] = tuple(dict.fromkeys((*copies.get(loss.step, ()), loss.copy)))
        return copies

    @property
    def offers_copies(self) -> bool:
        """Whether there is something to save, and it can be saved."""
        return bool(self.copies) and any(loss.copy and loss.rows != 0 for loss in self.losses)

    def is_saved_by(self, copies: Collection[Copy]) -> bool:
        """Whether these copies hold all rows and values that would go."""
        return (
            self.is_read and not self.failure and all(loss.copy in copies for loss in self._counting if loss.rows != 0)
        )

    @property
    def _counting(self) -> Iterator[Loss]:
        """Each row once: where a table loses all its rows, nothing else that it loses is counted."""
        whole = {loss.relation: loss for loss in reversed(self.losses) if loss.takes_all_rows}
        return (loss for loss in self.losses if loss.kind != MATVIEW and whole.get(loss.relation, loss) is loss)


UNKNOWN = "unknown"
MATVIEW = "materialized view"


#: No event trigger fires on them.
NOTHING_FIRES = frozenset(
    f"{name}_stmt"
    for name in [
        "select",
        "insert",
        "update",
        "delete",
        "merge",
        "copy",
        "truncate",
        "variable_set",
        "variable_show",
        "transaction",
        "constraints_set",
        "lock",
        "do",
        "call",
        "vacuum",
        "check_point",
        "listen",
        "unlisten",
        "notify",
        "discard",
        "deallocate",
        "explain",
        "prepare",
        "execute",
        "declare_cursor",
        "fetch",
        "close_portal",
    ]
)


def is_confirmed(forecast: Forecast, *, typed: str, shown: str) -> bool:
    """A person typed what would be lost now, or what the page showed: a table in use has more rows by the time it is
    sent, and that must stop nobody in an emergency. What it has grown to is recorded."""
    typed = re.sub(r"[\s,._']", "", typed).lower()
    return typed == forecast.word or (typed == shown and (shown == UNKNOWN or shown.isdecimal()))
