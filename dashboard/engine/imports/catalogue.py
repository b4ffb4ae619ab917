"""The tools whose histories are known: a row for each, the first that recognises a table first."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dashboard.engine.imports.tools import (
    atlas,
    dbmate,
    diesel,
    drizzle,
    flyway,
    golang_migrate,
    goose,
    graphile_migrate,
    liquibase,
    node_pg_migrate,
    prisma,
    recognised,
    sqitch,
    sqlx,
    supabase,
    tern,
    yoyo,
)
from dashboard.engine.imports.values import Importer, TableSeen

#: Where a table has few columns, what stands beside it or its place tells more than they do.
IMPORTERS: tuple[Importer, ...] = (
    supabase.IMPORTER,
    *recognised.ALL,
    golang_migrate.IMPORTER,
    dbmate.IMPORTER,
    tern.IMPORTER,
    flyway.IMPORTER,
    liquibase.IMPORTER,
    prisma.IMPORTER,
    drizzle.IMPORTER,
    goose.IMPORTER,
    sqlx.IMPORTER,
    atlas.IMPORTER,
    sqitch.IMPORTER,
    diesel.IMPORTER,
    node_pg_migrate.IMPORTER,
    graphile_migrate.IMPORTER,
    yoyo.IMPORTER,
)

BY_NAME: Mapping[str, Importer] = {importer.name: importer for importer in IMPORTERS}

#: The tools from whose histories something can be taken.
READ: frozenset[str] = frozenset(importer.name for importer in IMPORTERS if not importer.explained)

#: What tells a history of Signalbox, or of the tool before it, from every other table of that name.
_OURS = frozenset({"version", "name", "checksum", "success", "applied_at"})

#: Beside a table of versions this one tells of Rails; it is no history itself.
BESIDE = frozenset({"ar_internal_metadata"})
BESIDE_COLUMNS = frozenset({"value"})


def tell(table: TableSeen) -> Importer | None:
    """The tool that keeps this table."""
    if table.columns.keys() >= _OURS:
        return None
    return next((importer for importer in IMPORTERS if importer.recognises(table)), None)


def named(table: TableSeen, tools: Collection[str]) -> Importer | None:
    """The one of these tools whose history this table can be, whatever it is called, the first that leaves no column
    over; else the tool that keeps it."""
    if table.columns.keys() >= _OURS:
        return None
    own = [importer for importer in IMPORTERS if importer.name in tools and importer.may_keep(table)]
    return min(own, key=lambda importer: not importer.exact, default=None) or tell(table)


def of_format(folder_format: str) -> frozenset[str]:
    """The tools that may have run the files of such a folder."""
    return frozenset(importer.name for importer in IMPORTERS if folder_format in importer.formats)


#: A table that has none of these is no history that is known.
SHAPES: frozenset[frozenset[str]] = frozenset(importer.shape for importer in IMPORTERS)

_COMMON = frozenset({"id", "name", "version", "created_at", "timestamp", "description", "type", "date", "hash"})


def mark_of(shape: frozenset[str]) -> str:
    """The column of a shape that the fewest other tables have."""
    return min(shape, key=lambda column: (column in _COMMON, -len(column), column))
