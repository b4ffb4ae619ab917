"""The formats that a folder can be read as: a row for each, the first that recognises a folder first."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.engine.files import directories, seed, updown
from dashboard.engine.files.format import Format, Look
from dashboard.engine.files.formats import (
    atlas,
    dbmate,
    drizzle,
    explained,
    flyway,
    goose,
    graphile_migrate,
    liquibase,
    node_pg_migrate,
    prisma,
    sqitch,
    sqlx,
    supabase,
    tern,
    yoyo,
)

#: What a name or a layout tells comes before what has to be read in the files; the seed's format takes what is left.
FORMATS: tuple[Format, ...] = (
    sqitch.FORMAT,
    drizzle.NEW,
    prisma.FORMAT,
    drizzle.OLD,
    flyway.FORMAT,
    Format(
        name="directories",
        title="Diesel",
        signature="most migrations are directories with an up.sql",
        recognises=lambda look: directories.recognises(look.listing),
        read=lambda listing, options: directories.read(listing, options.limits),
        directives=("`run_in_transaction = false` in metadata.toml",),
        aliases=("diesel",),
    ),
    Format(
        name="updown",
        title="golang-migrate",
        signature="most migrations are named .up.sql",
        recognises=lambda look: updown.recognises(look.listing),
        read=lambda listing, options: updown.read(listing, options.limits),
        directives=("`-- no-transaction` as the first line, as sqlx has it",),
        aliases=("golang-migrate",),
    ),
    dbmate.FORMAT,
    goose.FORMAT,
    node_pg_migrate.FORMAT,
    tern.FORMAT,
    graphile_migrate.FORMAT,
    yoyo.FORMAT,
    liquibase.FORMAT,
    atlas.FORMAT,
    supabase.FORMAT,
    sqlx.FORMAT,
    explained.RAILS,
    explained.DJANGO,
    explained.ALEMBIC,
    Format(
        name="seed",
        title="plain files",
        signature="any other folder",
        recognises=lambda look: True,
        read=lambda listing, options: seed.read(listing, options.limits),
    ),
)

#: By every name that a declaration may use.
BY_NAME: Mapping[str, Format] = {name: row for row in FORMATS for name in row.names}


def title_of(name: str) -> str:
    """What people call the format of a folder."""
    return BY_NAME[name].title if name in BY_NAME else name


def recognise(look: Look) -> Format:
    return next(row for row in FORMATS if row.recognises(look))
