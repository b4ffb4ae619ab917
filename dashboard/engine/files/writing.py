"""The files of a new migration, in the format of their folder: what they are called, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.engine.files.formats import flyway
from dashboard.engine.files.listing import Listing
from dashboard.engine.migration import Folder, MigrationId, version_key

UP, DOWN = "-- What this migration does.", "-- What takes it back."

#: Folders whose files are written by their own tool, because it keeps more than the files: a journal, hashes, a plan.
BY_THEIR_TOOL: Mapping[str, str] = {
    "atlas": "atlas migrate new",
    "drizzle": "drizzle-kit generate --custom",
    "drizzle-directories": "drizzle-kit generate --custom",
    "graphile-migrate": "graphile-migrate commit",
    "sqitch": "sqitch add",
    "rails": "rails generate migration",
    "django": "manage.py makemigrations --empty",
    "alembic": "alembic revision",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """`path` begins in the folder."""

    path: str
    text: str


def slug(words: str) -> str:
    """As names of migrations are written: "Add city" is add_city. Empty where no letter or digit is in it."""
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def files(
    folder: Folder, listing: Listing, name: str, *, now: datetime, names: Mapping[str, str]
) -> tuple[NewFile, ...]:
    """Those of a migration behind all others. `names` are what a declaration says of Flyway's. Empty where the tool of
    that format has to write them."""
    if folder.format in BY_THEIR_TOOL:
        return ()
    if folder.format == "flyway":
        return _flyway(MigrationId(_next_version(folder, now), name), flyway.naming(listing, names).chosen)
    return _WRITTEN[folder.format](MigrationId(_next_version(folder, now), name))


# Versions


def _next_version(folder: Folder, now: datetime) -> str:
    """One of the same kind as the last, and behind it."""
    last = max((_written_version(folder.format, each) for each in _taken(folder)), key=version_key, default="")
    if not last:
        return _FIRST.get(folder.format, _second)(now)
    following = _of_its_kind(last, now)
    return following if version_key(following) > version_key(last) else _increased(last)


def _taken(folder: Folder) -> list[str]:
    """Versions and, for Liquibase, which counts in a file, names of files."""
    if folder.format == "liquibase":
        return [migration.up.file for migration in folder.every]
    unread = [each.version for each in folder.unread if each.version]
    return [migration.version for migration in folder.every if not migration.is_repeatable] + unread


def _written_version(format_name: str, taken: str) -> str:
    if format_name not in {"liquibase", "prisma"}:
        return taken
    match = re.match(r"[0-9]+", taken)
    return match[0] if match else ""


def _of_its_kind(last: str, now: datetime) -> str:
    for pattern, write in _KINDS:
        if pattern.fullmatch(last):
            return write(now)
    return _increased(last)


def _increased(last: str) -> str:
    """Its last number, as wide as before."""
    head = last.rstrip("0123456789")
    digits = last.removeprefix(head)
    return f"{head}{int(digits or 0) + 1:0{len(digits)}}"


def _day_and_number(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y%m%d}_01"


def _milliseconds(now: datetime) -> str:
    return str(int(now.timestamp() * 1000))


def _second(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y%m%d%H%M%S}"


def _dashed(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y-%m-%d-%H%M%S}"


_KINDS: tuple[tuple[re.Pattern[str], Callable[[datetime], str]], ...] = (
    (re.compile(r"(?:19|20|21)[0-9]{12}"), _second),
    (re.compile(r"(?:19|20|21)[0-9]{10}"), lambda now: f"{now.astimezone(UTC):%Y%m%d%H%M}"),
    (re.compile(r"1[0-9]{12}"), _milliseconds),
    (re.compile(r"[0-9]{8}_[0-9]+"), _day_and_number),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6}"), _dashed),
)
_FIRST: Mapping[str, Callable[[datetime], str]] = {
    "seed": lambda now: "001",
    "updown": lambda now: "000001",
    "tern": lambda now: "001",
    "liquibase": lambda now: "001",
    "flyway": lambda now: "1",
    "directories": _dashed,
    "node-pg-migrate": _milliseconds,
    "yoyo": _day_and_number,
}


# Texts


def _pair(up: str, down: str) -> tuple[NewFile, ...]:
    return NewFile(path=up, text=f"{UP}\n"), NewFile(path=down, text=f"{DOWN}\n")


def _one(path: str, *lines: str) -> tuple[NewFile, ...]:
    return (NewFile(path=path, text="\n".join(lines) + "\n"),)


def _flyway(new: MigrationId, chosen: Mapping[str, str]) -> tuple[NewFile, ...]:
    said = {key: chosen.get(key, usual) for key, (_, usual) in flyway.NAMES.items()}
    ending = f"{new.version}{said['separator']}{new.name}{said['suffixes'].split(',')[0].strip()}"
    return _pair(f"{said['prefix']}{ending}", f"{said['undo_prefix']}{ending}")


_WRITTEN: Mapping[str, Callable[[MigrationId], tuple[NewFile, ...]]] = {
    "seed": lambda new: _pair(f"{new.label}.sql", f"{new.label}_rollback.sql"),
    "updown": lambda new: _pair(f"{new.label}.up.sql", f"{new.label}.down.sql"),
    "directories": lambda new: _pair(f"{new.label}/up.sql", f"{new.label}/down.sql"),
    "prisma": lambda new: _pair(f"{new.label}/migration.sql", f"{new.label}/down.sql"),
    "yoyo": lambda new: _pair(f"{new.label}.sql", f"{new.label}.rollback.sql"),
    "dbmate": lambda new: _one(f"{new.label}.sql", "-- migrate:up", UP, "", "-- migrate:down", DOWN),
    "goose": lambda new: _one(f"{new.label}.sql", "-- +goose Up", UP, "", "-- +goose Down", DOWN),
    "node-pg-migrate": lambda new: _one(f"{new.label}.sql", "-- Up Migration", UP, "", "-- Down Migration", DOWN),
    "tern": lambda new: _one(f"{new.label}.sql", UP, "", "---- create above / drop below ----", "", DOWN),
    "liquibase": lambda new: _one(
        f"{new.label}.sql",
        "--liquibase formatted sql",
        "",
        f"--changeset signalbox:{new.name}",
        UP,
        f"--rollback {DOWN}",
    ),
    "sqlx": lambda new: _one(f"{new.label}.sql", UP),
    "supabase": lambda new: _one(f"{new.label}.sql", UP),
}
