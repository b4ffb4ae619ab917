"""What a file name says in the seed's format: `<version>_<name>.sql`, its rollback, its tests.

Pure: it sees the names of a folder and nothing else. A name that ends like a rollback or a test is one only if
the migration it names is there, so that `010_email_verify.sql` stays a migration.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dashboard.engine.migration import Direction, FileRole

_MIGRATION = re.compile(r"(?P<version>[0-9]+)_(?P<name>(?!rollback\b)\S(?:.*\S)?)\.sql", re.IGNORECASE)
_ROLLBACK_OF_NUMBER = (
    re.compile(r"(?P<version>[0-9]+)_rollback\.sql", re.IGNORECASE),
    re.compile(r"rollback[-_](?P<version>[0-9]+)\.sql", re.IGNORECASE),
)
_DOTTED = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+)\.(?P<what>rollback|verify|test)\.sql", re.IGNORECASE)
_TEST = re.compile(r"(test|verify)_.*\.sql", re.IGNORECASE)
_SUFFIXED = re.compile(
    r"(?P<name>.*?)[\W_]*(?P<what>rollback)|(?:(?P<base>.*?)[\W_]+)?(?P<kind>verify|test)", re.IGNORECASE
)
_OTHER_TOOLS = re.compile(r"(?P<name>.+)\.(?P<what>up|down|undo|revert)", re.IGNORECASE)
_LEADING_ROLLBACK = re.compile(r"rollback[-_]?(?P<version>[0-9]+)[-_](?P<name>.+)\.sql", re.IGNORECASE)
_ROLLBACK_WORD = re.compile(r"[\W_]*\brollback\b[\W_]*", re.IGNORECASE)
_LEADING_NUMBER = re.compile(r"(?P<version>[0-9]+)[\W_]*(?P<name>.*)\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a file belongs. `name` is empty where only a number says what it belongs to."""

    file: str
    role: FileRole
    version: str = ""
    name: str = ""
    code: str = ""  # for FileRole.PROBLEM: what is wrong, and the advice
    sentence: str = ""
    advice: str = ""


def place_all(files: Iterable[str]) -> tuple[Place, ...]:
    places = [_place(file) for file in files]
    candidates = {(p.version, p.name) for p in places if p.role is FileRole.MIGRATION}
    return tuple(_settle(p, candidates) if p.role is FileRole.MIGRATION else p for p in places)


def is_migration(file: str) -> bool:
    """Whether this format would take the name for a migration's, seen by itself."""
    place = _place(file)
    return place.role is FileRole.MIGRATION and not _OTHER_TOOLS.fullmatch(place.name)


def is_test(file: str) -> bool:
    return _place(file).role is FileRole.VERIFY


def free_versions(versions: Collection[str]) -> Iterable[str]:
    """Numbers nobody uses, after the highest one, written as wide as the longest."""
    number = max((int(version) for version in versions), default=0)
    width = max((len(version) for version in versions), default=3)
    while True:
        number += 1
        yield f"{number:0{width}}"


def _place(file: str) -> Place:
    if _TEST.fullmatch(file):
        return Place(file=file, role=FileRole.VERIFY)
    for pattern in _ROLLBACK_OF_NUMBER:
        if match := pattern.fullmatch(file):
            return Place(file=file, role=FileRole.ROLLBACK, version=match["version"])
    if match := _DOTTED.fullmatch(file):
        role = FileRole.ROLLBACK if match["what"].lower() == FileRole.ROLLBACK else FileRole.VERIFY
        return Place(file=file, role=role, version=match["version"], name=match["name"])
    if match := _MIGRATION.fullmatch(file):
        return Place(file=file, role=FileRole.MIGRATION, version=match["version"], name=match["name"])
    return _wrong_name(file)


def _settle(place: Place, candidates: Collection[tuple[str, str]]) -> Place:
    """A candidate whose name has the ending of something else is that, where its migration is there too."""
    if match := _OTHER_TOOLS.fullmatch(place.name):
        return _other_tool(place.file, place.version, match["name"], match["what"].lower())
    match = _SUFFIXED.fullmatch(place.name)
    if not match:
        return place
    is_rollback = match["what"] is not None
    base = match["name"] or match["base"] or ""
    others = {name for version, name in candidates if version == place.version} - {place.name}
    if base in others or (not base and (others or is_rollback)):
        role = FileRole.ROLLBACK if is_rollback else FileRole.VERIFY
        return Place(file=place.file, role=role, version=place.version, name=base)
    return _orphan(place.file, place.version, base) if is_rollback else place


def _orphan(file: str, version: str, base: str) -> Place:
    return Place(
        file=file,
        role=FileRole.PROBLEM,
        version=version,
        code="orphan_rollback",
        sentence=f"{file} is named like the rollback of {version}_{base}.sql, which is not in the folder.",
        advice=f"Add {version}_{base}.sql. If this file is itself a migration, rename it so that its name "
        "does not end in rollback.",
    )


def _other_tool(file: str, version: str, base: str, what: str) -> Place:
    better = f"{version}_{base}.sql" if what == Direction.UP else f"{version}_{base}_rollback.sql"
    return Place(
        file=file,
        role=FileRole.PROBLEM,
        version=version,
        code="wrong_name",
        sentence=f"{file} is named the way another migration tool does it, and is not read here.",
        advice=f"Rename it to {better}.",
    )


def _wrong_name(file: str) -> Place:
    return Place(
        file=file,
        role=FileRole.PROBLEM,
        code="wrong_name",
        sentence=f"{file} does not follow <version>_<name>.sql, so it is not clear what it is.",
        advice=_better_name(file),
    )


def _better_name(file: str) -> str:
    if match := _LEADING_ROLLBACK.fullmatch(file):
        return f"Rename it to {match['version']}_{match['name']}_rollback.sql."
    match = _LEADING_NUMBER.fullmatch(file)
    if not match:
        stem = file.removesuffix(".sql")
        return f"Rename it to <version>_{stem}.sql if it is a migration, or to test_{stem}.sql if it is a test."
    name = _ROLLBACK_WORD.sub("", match["name"])
    ending = "_rollback" if name != match["name"] else ""
    if not name and not ending:
        name = "<what it does>"
    return f"Rename it to {match['version']}{'_' if name else ''}{name}{ending}.sql."
