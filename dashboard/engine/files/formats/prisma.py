"""Prisma: `20240101000000_users/migration.sql` beside migration_lock.toml; a down.sql in it is its rollback."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import replace

from dashboard.engine.files import nested
from dashboard.engine.files.cuts import Cut
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileRole, Folder, Problem, Severity

MIGRATION, ROLLBACK = "migration.sql", "down.sql"
_NAME = re.compile(r"(?P<version>[0-9]+)_(?P<name>[^/]+)/(?P<file>migration|down)\.sql")
_LOCK = "migration_lock.toml"
_LOCK_BYTES = 64 * 1024
_POSTGRESQL = ("postgresql", "postgres", "cockroachdb")


def place(file: str) -> Place | None:
    match = _NAME.fullmatch(file)
    if match is None:
        return None
    role = FileRole.MIGRATION if match["file"] == "migration" else FileRole.ROLLBACK
    return Place(role=role, version=match["version"], name=match["name"])


STYLE = Style(
    format="prisma",
    title="Prisma",
    named="<timestamp>_<name>/migration.sql",
    place=place,
    cut=lambda text, file: Cut(up=text),
    undone="{label}/down.sql",
    ignores={re.escape(_LOCK): "says for which database system Prisma wrote the migrations"},
    in_text_order=True,
    named_in_full=True,
)


def recognises(look: Look) -> bool:
    """More directories hold a migration.sql than there are migrations of another kind."""
    named = [inside for name, inside in look.folders.items() if place(f"{name}/{MIGRATION}")]
    ours = sum(MIGRATION in inside for inside in named)
    return ours > max(look.plain, sum("up.sql" in inside for inside in named))


def read(listing: Listing, options: Options) -> Folder:
    folder = nested.read(listing, options, STYLE, (MIGRATION, ROLLBACK))
    if fault := _other_system(listing):
        return replace(folder, problems=(fault, *(p for p in folder.problems if p.file != _LOCK)))
    return folder


def _other_system(listing: Listing) -> Problem | None:
    entry = next((entry for entry in listing.entries if entry.name == _LOCK), None)
    try:
        provider = tomllib.loads(entry.content(_LOCK_BYTES).decode()).get("provider") if entry else None
    except (OSError, ValueError):
        return None
    if provider is None or provider in _POSTGRESQL:
        return None
    return Problem(
        code="other_system",
        severity=Severity.ERROR,
        file=_LOCK,
        sentence=f"{_LOCK} says that the migrations are written for {provider}, not for PostgreSQL.",
        advice="Choose the folder of the migrations for PostgreSQL.",
    )


FORMAT = Format(
    name="prisma",
    title="Prisma",
    signature="most migrations are directories with a migration.sql",
    recognises=recognises,
    read=read,
    ignores=(_LOCK,),
    native_checksum=lambda content: hashlib.sha256(content).hexdigest(),
)
