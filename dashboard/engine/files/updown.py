"""Up and down in two files, as golang-migrate and sqlx have them: `0001_users.up.sql` beside `0001_users.down.sql`.

Some write a V before the number, or a dot behind it: `V0001.Users.up.sql`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from dashboard.engine.files import other_tools, pairs, script, seed_names, unrecognised
from dashboard.engine.files.listing import Entry, Limits, Listing
from dashboard.engine.files.pairs import Pair
from dashboard.engine.files.script import Reading
from dashboard.engine.migration import (
    Direction,
    FileEntry,
    FileRole,
    Folder,
    Identified,
    MigrationId,
    Problem,
    Severity,
)

FORMAT = "updown"

_NAME = re.compile(r"(?:[Vv](?=[0-9]+[_.][^_]))?(?P<version>[0-9]+)[_.](?P<name>\S(?:.*\S)?)\.(?P<way>up|down)\.sql")

#: sqlx's first line of a file that runs outside a transaction, and what it means here.
_NO_TRANSACTION = b"-- no-transaction"
_OUTSIDE = b"\n-- signalbox: transaction=none"


@dataclass(frozen=True, slots=True, kw_only=True)
class _NamedFile(Identified):
    file: str
    role: FileRole
    version: str = ""
    name: str = ""


def recognises(listing: Listing) -> bool:
    """More of its migrations are named this way than the seed's."""
    names = [entry.name for entry in listing.entries if not unrecognised.is_stranger(entry)]
    matches = filter(None, map(_NAME.fullmatch, names))
    ours = sum(1 for match in matches if match["way"] == Direction.UP)
    return ours > 0 and ours > sum(seed_names.is_migration(name) for name in names)


def read(listing: Listing, limits: Limits) -> Folder:
    others = _for_other_systems(listing.names)
    strange = [entry for entry in listing.entries if unrecognised.is_stranger(entry)]
    ours = (entry for entry in listing.entries if entry.name not in others)
    entries = {entry.name: entry for entry in ours if not unrecognised.is_stranger(entry)}
    places = _places(entries, has_systems=bool(others))
    readings = {p.file: _read(entries[p.file], limits) for p in places}
    migrations = tuple(pairs.migrations(_pairs(places, readings)))
    problems = [
        *(unrecognised.complaint(entry, listing) for entry in strange),
        *(problem for migration in migrations for problem in migration.problems),
        *_problems_beside(places, readings),
        *(_for_another(file, system) for file, system in others.items()),
    ]
    return Folder(
        source=str(listing.source),
        format=FORMAT,
        files=_file_entries(listing, places),
        migrations=migrations,
        problems=pairs.by_file(problems),
    )


#: As Soda and pop name them: `1_users.mysql.up.sql` beside `1_users.postgres.up.sql`; a file without a system is for
#: all those that have none of their own.
_OF_SYSTEM = re.compile(r"(?P<stem>[0-9]+_[^.]+)(?:\.(?P<system>[a-z0-9]+))?(?P<way>\.(?:up|down)\.sql)")
_SYSTEMS = pairs.POSTGRESQL | pairs.OTHER_SYSTEMS | {""}


def _for_other_systems(files: Collection[str]) -> Mapping[str, str]:
    """The files that other database systems run, with what those are called, where one migration has a file for each of
    several; empty elsewhere, because golang-migrate would run them all."""
    systems: dict[str, dict[str, str]] = defaultdict(dict)  # by the name without a system: its files
    for file in files:
        match = _OF_SYSTEM.fullmatch(file)
        if match and (match["system"] or "") in _SYSTEMS:
            systems[match["stem"] + match["way"]][match["system"] or ""] = file
    ours = pairs.POSTGRESQL | {""}
    if not any(len(of_each) > 1 and of_each.keys() & ours for of_each in systems.values()):
        return {}
    others: dict[str, str] = {}
    for of_each in systems.values():
        others |= {file: system for system, file in of_each.items() if system in pairs.OTHER_SYSTEMS}
        if "" in of_each and of_each.keys() & pairs.POSTGRESQL:
            others[of_each[""]] = "the systems that have no file of their own"
    return others


def _for_another(file: str, system: str) -> Problem:
    return Problem(
        code="not_a_migration",
        severity=Severity.NOTE,
        file=file,
        sentence=f"{file} is for {system}, and not run here: its migration has a file for each database system.",
        advice="Nothing needs to be done.",
    )


def _without_system(file: str) -> str:
    match = _OF_SYSTEM.fullmatch(file)
    return match["stem"] + match["way"] if match and match["system"] in pairs.POSTGRESQL else file


def _place(file: str, *, has_systems: bool) -> _NamedFile:
    if match := _NAME.fullmatch(_without_system(file) if has_systems else file):
        role = FileRole.MIGRATION if match["way"] == Direction.UP else FileRole.ROLLBACK
        return _NamedFile(file=file, role=role, version=match["version"], name=match["name"])
    return _NamedFile(file=file, role=FileRole.VERIFY if seed_names.is_test(file) else FileRole.PROBLEM)


_PARTED = re.compile(r"(?P<stem>[0-9]+_.+)[_-](?P<way>up|down|undo|revert)\.sql", re.IGNORECASE)


def _places(files: Collection[str], *, has_systems: bool) -> list[_NamedFile]:
    """Each where it belongs; what is named in the seed's style too, unless both styles have a file for the same."""
    places = [_place(file, has_systems=has_systems) for file in files]
    taken = {(place.version, place.role) for place in places}
    seeds = {place.file: place for place in seed_names.place_all(files)}
    for number, place in enumerate(places):
        plain = seeds[place.file]
        is_clear = plain.role in _OF_MIGRATIONS and (plain.version, plain.role) not in taken
        if place.role is FileRole.PROBLEM and is_clear and not _PARTED.fullmatch(place.file):
            places[number] = _NamedFile(file=place.file, role=plain.role, version=plain.version, name=plain.name)
    return places


_OF_MIGRATIONS = (FileRole.MIGRATION, FileRole.ROLLBACK)


def _read(entry: Entry, limits: Limits) -> Reading:
    try:
        outside = entry.content(len(_NO_TRANSACTION)) == _NO_TRANSACTION
    except OSError:
        outside = False  # reading it says why it cannot be read
    return script.read_entry(entry, limits, ending=_OUTSIDE if outside else b"")


def _pairs(places: list[_NamedFile], readings: Mapping[str, Reading]) -> Iterator[Pair]:
    downs = _downs(places)
    for up in places:
        if up.role is FileRole.MIGRATION:
            down = downs.get(up.identity)
            yield Pair(
                version=up.version,
                name=up.name,
                up=readings[up.file],
                down=readings[down.file] if down else None,
                ending=f"_{up.name}.up.sql" if _NAME.fullmatch(up.file) else f"_{up.name}.sql",
                rollback_file=f"{up.label}.down.sql",
            )


def _downs(places: list[_NamedFile]) -> Mapping[MigrationId, _NamedFile]:
    """The rollback of each migration: that of its name, else the only other file of a version that has two."""
    downs = {place.identity: place for place in places if place.role is FileRole.ROLLBACK}
    ups = {place.identity for place in places if place.role is FileRole.MIGRATION}
    by_version: dict[str, list[_NamedFile]] = defaultdict(list)
    for place in places:
        by_version[place.version].append(place)
    for up in ups - downs.keys():
        of_version = by_version[up.version]
        rollback = next((place for place in of_version if place.role is FileRole.ROLLBACK), None)
        if len(of_version) == 2 and rollback:
            downs[up] = rollback
    return downs


def _file_entries(listing: Listing, places: list[_NamedFile]) -> tuple[FileEntry, ...]:
    placed = {place.file: place for place in places}
    unknown = _NamedFile(file="", role=FileRole.PROBLEM)
    placed_entries = [(entry.name, placed.get(entry.name, unknown)) for entry in listing.entries]
    return tuple(
        FileEntry(file=name, role=p.role, version=p.version or None, name=p.name or None) for name, p in placed_entries
    )


# What belongs to no migration


def _problems_beside(places: list[_NamedFile], readings: Mapping[str, Reading]) -> Iterator[Problem]:
    ups = {place.identity for place in places if place.role is FileRole.MIGRATION}
    taken = {down.file for up, down in _downs(places).items() if up in ups}
    for place in places:
        if place.role is FileRole.VERIFY:
            yield from pairs.verify_problems(readings[place.file])
        elif place.role is FileRole.PROBLEM:
            yield _misplaced(readings[place.file])
        elif place.role is FileRole.ROLLBACK and place.file not in taken:
            yield _orphan(place)
            yield from pairs.down_problems(readings[place.file])


def _orphan(place: _NamedFile) -> Problem:
    file = place.file
    return _problem(
        file,
        "orphan_rollback",
        f"{file} is a rollback, but there is no {place.label}.up.sql in the folder.",
        "Restore the migration, or remove this file.",
    )


def _misplaced(reading: Reading) -> Problem:
    """Another tool's file needs no other name."""
    file = reading.script.file
    foreign = next((p for p in reading.problems if p.code == other_tools.CODE), None)
    return foreign or other_tools.named_so(file) or _wrong_name(file)


def _wrong_name(file: str) -> Problem:
    stem = file.removesuffix(".sql")
    better = f"{stem}.up.sql" if seed_names.is_migration(file) else "<version>_<name>.up.sql"
    advice = (
        seed_names.named_for_a_way(file)
        or f"Rename it to {better} if it is a migration, or to test_{stem}.sql if it is a test."
    )
    if parted := _PARTED.fullmatch(file):
        way = Direction.UP if parted["way"].lower() == Direction.UP else Direction.DOWN
        advice = f"Rename it to {parted['stem']}.{way}.sql, or remove it where that is there already."
    return _problem(
        file,
        "wrong_name",
        f"{file} follows neither <version>_<name>.up.sql nor <version>_<name>.down.sql, as the other files here do.",
        advice,
    )


def _problem(file: str, code: str, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)
