"""The migrations of a folder as another tool would know them: with the checksums that it would keep of their files."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files.formats import flyway, graphile_migrate
from dashboard.engine.files.listing import EntryKind, Limits, Listing
from dashboard.engine.imports.tools.sqitch import PROJECT
from dashboard.engine.imports.values import KnownFile
from dashboard.engine.migration import Folder, Migration

_JOURNAL, _PLAN, _BOOK_BYTES = "meta/_journal.json", "sqitch.plan", 16 * 1024 * 1024
_PROJECT = re.compile(r"^%project=(?P<name>\S+)\s*$", re.MULTILINE)
_SECONDS = re.compile(r"[0-9]{14}")
_ATLAS_IGNORED = re.compile(rb"^--\s*atlas:sum\s+ignore\b", re.MULTILINE)

#: What each tool keeps of the bytes of one file.
_CHECKSUMS: Mapping[str, Callable[[bytes], str]] = {
    "flyway": flyway.native_checksum,
    "prisma": lambda content: hashlib.sha256(content).hexdigest(),
    "drizzle": lambda content: hashlib.sha256(content).hexdigest(),
    "sqlx": lambda content: hashlib.sha384(content).hexdigest(),
    "sqitch": lambda content: hashlib.sha1(content, usedforsecurity=False).hexdigest(),
    "graphile-migrate": graphile_migrate.native_checksum,
}


def known_to(
    tool: str,
    folder: Folder,
    listing: Listing,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> tuple[KnownFile, ...]:
    """In the order of the folder, which was read from `listing`. A file that cannot be read has no checksum."""
    checksums = _checksums(tool, folder, listing, limits)
    keys = _KEYS[tool](folder, listing) if tool in _KEYS else {}
    return tuple(
        KnownFile(
            version=migration.version,
            name=migration.name,
            file=migration.up.file,
            native=_as_run(tool, migration) or checksums.get(migration.up.file, ""),
            keys=tuple(keys.get(migration.up.file, ())),
        )
        for migration in sorted(folder.every, key=lambda each: each.identity.key)
    )


def _as_run(tool: str, migration: Migration) -> str:
    """Flyway keeps of a repeatable migration the checksum of its text with the values of its placeholders in it, which
    is the text that is run here; empty where what is run is the file as it is."""
    is_filled = tool == "flyway" and migration.is_repeatable and not migration.errors()
    is_filled &= "transaction" not in migration.directives  # said beside the file, and sent at the end of its text
    return flyway.native_checksum(migration.up.sql.encode()) if is_filled else ""


def _content(listing: Listing, file: str, limit: int) -> bytes | None:
    """None for what cannot be read, or is longer than what is run."""
    try:
        entry = listing.find(file)
        content = entry.content(limit + 1) if entry and entry.kind is EntryKind.FILE else None
    except (OSError, SourceMissing, SourceUnreadable):
        return None
    return content if content is not None and len(content) <= limit else None


# Checksums


def _checksums(tool: str, folder: Folder, listing: Listing, limits: Limits) -> Mapping[str, str]:
    if tool == "atlas":
        return dict(_of_atlas(folder, listing, limits))
    if tool not in _CHECKSUMS:
        return {}
    checksum = _CHECKSUMS[tool]
    contents = ((m.up.file, _content(listing, m.up.file, limits.file_bytes)) for m in folder.migrations)
    return {file: checksum(content) for file, content in contents if content is not None}


def _of_atlas(folder: Folder, listing: Listing, limits: Limits) -> Iterator[tuple[str, str]]:
    """Each covers all files up to its own; behind one that cannot be read none is known."""
    whole = hashlib.sha256()
    for file in sorted(entry.file for entry in folder.files if entry.file.endswith(".sql")):
        content = _content(listing, file, limits.file_bytes)
        if content is None:
            return
        whole.update(file.encode())
        if not _ATLAS_IGNORED.search(content):
            whole.update(content)
            yield file, b64encode(whole.digest()).decode()


# By what else a tool knows a file

type Keys = Mapping[str, Sequence[str]]


def _of_drizzle(folder: Folder, listing: Listing) -> Keys:
    """The moment at which it was written: from the journal, or since 1.0 from the name of its directory."""
    if "/" in next((m.up.file for m in folder.migrations), ""):
        return {m.up.file: (f"when {_milliseconds(m)}",) for m in folder.migrations if _SECONDS.fullmatch(m.version)}
    content = _content(listing, _JOURNAL, _BOOK_BYTES)
    try:
        entries = json.loads(content or b"{}").get("entries", [])
        return {f"{entry['tag']}.sql": (f"when {int(entry['when'])}",) for entry in entries}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _milliseconds(migration: Migration) -> int | None:
    try:
        written = datetime.strptime(migration.version, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(written.timestamp()) * 1000


def _of_sqitch(folder: Folder, listing: Listing) -> Keys:
    """How often its change was in the plan before, because it was reworked; and the project, by which the changes of
    others are told apart."""
    text = (_content(listing, _PLAN, _BOOK_BYTES) or b"").decode(errors="replace")
    project = match["name"] if (match := _PROJECT.search(text)) else ""
    times: Counter[str] = Counter()
    keys: dict[str, Sequence[str]] = {}
    for migration in folder.migrations:
        times[migration.name] += 1
        keys[migration.up.file] = (f"{migration.name} {times[migration.name]}", f"{PROJECT}{project}")
    return keys


_KEYS: Mapping[str, Callable[[Folder, Listing], Keys]] = {"drizzle": _of_drizzle, "sqitch": _of_sqitch}
