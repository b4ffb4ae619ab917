"""What a file name says in the seed's format: `<version>_<name>.sql`, its rollback, its tests.

Pure: it sees the names of a folder and nothing else. A name that ends like a rollback or a test is one only if
the migration it names is there, so that `010_email_verify.sql` stays a migration.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache

from dashboard.engine.migration import Direction, FileRole, Identified, MigrationId, repeatable_version

_MIGRATION = re.compile(r"(?P<version>[0-9]+)_(?P<name>(?!rollback\b)\S(?:.*\S)?)\.sql", re.IGNORECASE)
_ROLLBACK_OF_NUMBER = (
    re.compile(r"(?P<version>[0-9]+)_rollback\.sql", re.IGNORECASE),
    re.compile(r"rollback[-_](?P<version>[0-9]+)\.sql", re.IGNORECASE),
)
_DOTTED = re.compile(r"(?P<version>[0-9]+)_(?P<name>.+)\.(?P<ending>rollback|verify|test)\.sql", re.IGNORECASE)
_REPEATABLE = re.compile(r"R__(?P<name>\S(?:.*\S)?)\.sql")
_OF_REPEATABLE = re.compile(
    r"(?P<name>.+?)(?:(?:[\W_]+|\b)(?P<undoes>rollback)|\.(?P<way>down|undo|revert)|(?P<mark>[\W_]+)(?:verify|test))",
    re.IGNORECASE,
)
_TEST = re.compile(r"(test|verify)_.*\.sql", re.IGNORECASE)
_SUFFIXED = re.compile(
    r"(?P<name>.*?)[\W_]*(?P<ending>rollback)|(?:(?P<base>.*?)[\W_]+)?(?P<kind>verify|test)", re.IGNORECASE
)
_OTHER_TOOLS = re.compile(r"(?P<name>.+)\.(?P<ending>up|down|undo|revert)", re.IGNORECASE)
#: `001_users_down.sql`, a rollback where `001_users_up.sql` is there; without that it is a name like `scale_down`.
_UNDERSCORED = re.compile(r"(?P<name>.+)_(?:down|undo|revert)", re.IGNORECASE)
_LEADING_ROLLBACK = re.compile(r"rollback[-_]?(?P<version>[0-9]+)[-_](?P<name>.+)\.sql", re.IGNORECASE)
_ROLLBACK_WORD = re.compile(r"[\W_]*\brollback\b[\W_]*", re.IGNORECASE)
_WAY = re.compile(
    r"(?:[a-z]*(?P<version>[0-9]+)[\W_]+)?(?P<name>[^\W\d].*)\.(?P<way>up|down|undo|revert)\.sql", re.IGNORECASE
)
_LEADING_NUMBER = re.compile(r"(?P<version>[0-9]+)[\W_]*(?P<name>.*)\.sql")

WRONG_NAME = "wrong_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFile(Identified):
    """Where a file belongs. `name` is empty where only a number says what it belongs to."""

    file: str
    role: FileRole
    version: str = ""
    name: str = ""
    code: str = ""  # for FileRole.PROBLEM: what is wrong, and the advice
    sentence: str = ""
    advice: str = ""


def place_all(files: Collection[str]) -> tuple[PlacedFile, ...]:
    places = [_place(file) for file in files]
    present = frozenset(files)
    names: dict[str, set[str]] = defaultdict(set)  # of what may be a migration, by version
    for place in places:
        if place.role is FileRole.MIGRATION:
            names[place.version].add(place.name.removesuffix(".up"))
    return tuple(
        _settle(place, names[place.version], present) if place.role is FileRole.MIGRATION else place for place in places
    )


def is_migration(file: str) -> bool:
    """Whether this format would take the name for a versioned migration's, seen by itself."""
    place = _place(file)
    is_numbered = place.role is FileRole.MIGRATION and not place.is_repeatable
    return is_numbered and not _OTHER_TOOLS.fullmatch(place.name)


def is_test(file: str) -> bool:
    return _place(file).role is FileRole.VERIFY


def named_for_a_way(file: str) -> str:
    """What to call a file that says whether it is up or down, and not which number it has; "" for every other one."""
    match = _WAY.fullmatch(file)
    if match is None:
        return ""
    label = MigrationId(match["version"] or "<version>", match["name"]).label
    if match["way"].lower() == Direction.UP:
        return f"Rename it to {label}.up.sql."
    return f"Rename it to {label}.down.sql: it is the rollback of what is then {label}.up.sql."


@lru_cache(maxsize=32_768)  # each name is asked for by several who look at a folder, and again by the next who reads it
def _place(file: str) -> PlacedFile:
    if _TEST.fullmatch(file):
        return PlacedFile(file=file, role=FileRole.VERIFY)
    for pattern in _ROLLBACK_OF_NUMBER:
        if match := pattern.fullmatch(file):
            return PlacedFile(file=file, role=FileRole.ROLLBACK, version=match["version"])
    if match := _DOTTED.fullmatch(file):
        role = FileRole.ROLLBACK if match["ending"].lower() == FileRole.ROLLBACK else FileRole.VERIFY
        return PlacedFile(file=file, role=role, version=match["version"], name=match["name"])
    if match := _MIGRATION.fullmatch(file):
        return PlacedFile(file=file, role=FileRole.MIGRATION, version=match["version"], name=match["name"])
    if match := _REPEATABLE.fullmatch(file):
        version = repeatable_version(match["name"])
        return PlacedFile(file=file, role=FileRole.MIGRATION, version=version, name=match["name"])
    return _wrong_name(file)


def _settle(place: PlacedFile, names: Collection[str], files: Collection[str]) -> PlacedFile:
    """What is named like something else is that, where its migration is among the others of its version; `names` are
    those of all of them."""
    if place.is_repeatable:
        return _settle_repeatable(place, files)
    if match := _OTHER_TOOLS.fullmatch(place.name):
        return _of_other_style(place, MigrationId(place.version, match["name"]), match["ending"], files)
    if (match := _UNDERSCORED.fullmatch(place.name)) and (undone := f"{match['name']}_up") in names:
        return PlacedFile(file=place.file, role=FileRole.ROLLBACK, version=place.version, name=undone)
    match = _SUFFIXED.fullmatch(place.name)
    if not match:
        return place
    is_rollback = match["ending"] is not None
    base = match["name"] or match["base"] or ""
    if base in names or (not base and (len(names) > 1 or is_rollback)):
        role = FileRole.ROLLBACK if is_rollback else FileRole.VERIFY
        return PlacedFile(file=place.file, role=role, version=place.version, name=base)
    return _orphan(place.file, MigrationId(place.version, base)) if is_rollback else place


def _settle_repeatable(place: PlacedFile, files: Collection[str]) -> PlacedFile:
    """A test is one where its migration is there, or where a dot says so; nothing takes a repeatable one back."""
    match = _OF_REPEATABLE.fullmatch(place.name)
    if match is None:
        return place
    base = repeatable_version(match["name"])
    if match["undoes"] or match["way"]:
        return PlacedFile(
            file=place.file,
            role=FileRole.PROBLEM,
            code="orphan_rollback",
            sentence=f"{place.file} is named like the rollback of a repeatable migration, which has none: nothing of "
            "it is run.",
            advice="Remove it. To go back, restore the text that the repeatable migration had: it runs again then.",
        )
    if match["mark"] == "." or f"{base}.sql" in files:
        return PlacedFile(file=place.file, role=FileRole.VERIFY, version=base, name=match["name"])
    return place


def _orphan(file: str, migration: MigrationId) -> PlacedFile:
    return PlacedFile(
        file=file,
        role=FileRole.PROBLEM,
        version=migration.version,
        code="orphan_rollback",
        sentence=f"{file} is named like the rollback of {migration.label}.sql, which is not in the folder.",
        advice=f"Add {migration.label}.sql. If this file is itself a migration, rename it so that its name "
        "does not end in rollback.",
    )


def _of_other_style(place: PlacedFile, meant: MigrationId, ending: str, files: Collection[str]) -> PlacedFile:
    """A folder that changed its style is read whole, unless both styles have a file for the same."""
    if ending == Direction.UP and f"{meant.label}.sql" not in files:
        return replace(place, name=meant.name)
    rivals = {f"{meant.label}_rollback.sql", f"{meant.label}.rollback.sql", f"{meant.version}_rollback.sql"}
    if ending == Direction.DOWN and not rivals.intersection(files):
        return replace(place, role=FileRole.ROLLBACK, name=meant.name)
    return _other_tool(place.file, meant, ending.lower())


def _other_tool(file: str, meant: MigrationId, ending: str) -> PlacedFile:
    better = f"{meant.label}.sql" if ending == Direction.UP else f"{meant.label}_rollback.sql"
    advice = f"Rename it to {better}, or remove it where that is there already."
    return PlacedFile(
        file=file,
        role=FileRole.PROBLEM,
        version=meant.version,
        code=WRONG_NAME,
        sentence=f"{file} is named the way another migration tool does it, and is not read here.",
        advice=advice,
    )


def _wrong_name(file: str) -> PlacedFile:
    return PlacedFile(
        file=file,
        role=FileRole.PROBLEM,
        code=WRONG_NAME,
        sentence=f"{file} does not follow <version>_<name>.sql, so it is not clear what it is.",
        advice=_better_name(file),
    )


def _better_name(file: str) -> str:
    if match := _LEADING_ROLLBACK.fullmatch(file):
        return f"Rename it to {MigrationId(match['version'], match['name']).label}_rollback.sql."
    match = _LEADING_NUMBER.fullmatch(file)
    if not match and (advice := named_for_a_way(file)):
        return advice
    if not match:
        stem = file.removesuffix(".sql")
        return f"Rename it to <version>_{stem}.sql if it is a migration, or to test_{stem}.sql if it is a test."
    name = _ROLLBACK_WORD.sub("", match["name"])
    ending = "_rollback" if name != match["name"] else ""
    if not name and not ending:
        name = "<what it does>"
    return f"Rename it to {match['version']}{'_' if name else ''}{name}{ending}.sql."
