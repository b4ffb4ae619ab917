"""The seed's format: `001_create_users.sql` beside `001_rollback.sql`, all in one folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.engine.files import other_tools, pairs, script, seed_names, unrecognised
from dashboard.engine.files.listing import Limits, Listing
from dashboard.engine.files.pairs import Pair, listed
from dashboard.engine.files.script import Reading
from dashboard.engine.files.seed_names import PlacedFile, place_all
from dashboard.engine.migration import FileEntry, FileRole, Folder, Migration, MigrationId, Problem, Severity

FORMAT = "seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    place: PlacedFile
    reading: Reading

    @property
    def name(self) -> str:
        return self.place.file

    @property
    def version(self) -> str:
        return self.place.version


def recognises(listing: Listing) -> bool:
    """Any folder can be read this way; it is the format of last resort."""
    return True


def read(listing: Listing, limits: Limits) -> Folder:
    strange = [entry for entry in listing.entries if unrecognised.is_stranger(entry)]
    entries = {entry.name: entry for entry in listing.entries if not unrecognised.is_stranger(entry)}
    places = place_all(entries)
    files = [_File(place=place, reading=script.read_entry(entries[place.file], limits)) for place in places]
    ups = sorted(_of(files, FileRole.MIGRATION), key=lambda f: f.place.identity.key)
    matches = _match_rollbacks(ups, _of(files, FileRole.ROLLBACK))
    problems = [
        *(unrecognised.complaint(entry, listing) for entry in strange),
        *(_misplaced(file) for file in _of(files, FileRole.PROBLEM)),
        *(problem for file in _of(files, FileRole.VERIFY) for problem in pairs.verify_problems(file.reading)),
        *matches.problems,
    ]
    migrations = tuple(_migrations(ups, matches))
    attached = {problem for migration in migrations for problem in migration.problems}
    problems += [problem for migration in migrations for problem in migration.problems]
    problems += [
        p for file in _of(files, FileRole.ROLLBACK) for p in pairs.down_problems(file.reading) if p not in attached
    ]
    return Folder(
        source=str(listing.source),
        format=FORMAT,
        files=_file_entries(listing, places),
        migrations=migrations,
        problems=pairs.by_file(problems),
    )


def _of(files: Sequence[_File], role: FileRole) -> list[_File]:
    return [file for file in files if file.place.role is role]


def _file_entries(listing: Listing, places: Sequence[PlacedFile]) -> tuple[FileEntry, ...]:
    placed = {place.file: place for place in places}
    unknown = PlacedFile(file="", role=FileRole.PROBLEM)
    placed_entries = [(entry.name, placed.get(entry.name, unknown)) for entry in listing.entries]
    return tuple(
        FileEntry(file=name, role=p.role, version=p.version or None, name=p.name or None) for name, p in placed_entries
    )


# Migrations


def _migrations(ups: Sequence[_File], matches: _Matches) -> Iterator[Migration]:
    """A rollback that says nothing is none here."""
    for migration in pairs.migrations(_pair(up, matches) for up in ups):
        down = matches.downs.get(migration.up.file)
        yield replace(migration, down=None) if down and down.reading.says_nothing else migration


def _pair(up: _File, matches: _Matches) -> Pair:
    down = matches.downs.get(up.name)
    return Pair(
        version=up.version,
        name=up.place.name,
        up=up.reading,
        down=down.reading if down else None,
        ending=f"_{up.place.name}.sql",
        rollback_file=f"{up.place.label}_rollback.sql",
        unclear=matches.unclear.get(up.name, ()),
    )


# Rollbacks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matches:
    downs: Mapping[str, _File]  # by the file name of the migration
    unclear: Mapping[str, Sequence[str]]  # rollbacks that may be meant for it, by the same
    problems: Sequence[Problem]


def _match_rollbacks(ups: Sequence[_File], rollbacks: Sequence[_File]) -> _Matches:
    """Each rollback goes to the one migration it can mean; where it can mean several, or two mean one, to none."""
    problems: list[Problem] = []
    claims: dict[str, list[_File]] = defaultdict(list)
    by_name: dict[MigrationId, list[_File]] = defaultdict(list)  # without a name: all of that version
    by_number: dict[int, _File] = {}
    for up in ups:
        by_name[up.place.identity].append(up)
        by_name[MigrationId(up.version, "")].append(up)
        if not up.place.is_repeatable:
            by_number.setdefault(int(up.version), up)
    for rollback in rollbacks:
        meant = by_name.get(rollback.place.identity, [])
        if not meant:
            problems.append(_orphan(rollback, by_number.get(int(rollback.version))))
        elif len(meant) > 1:
            problems.append(_means_several(rollback, meant))
        for up in meant:
            claims[up.name].append(rollback)
    problems += _rivalries(claims.values())
    ambiguous = {p.file for p in problems}
    downs = {up: claim[0] for up, claim in claims.items() if claim[0].name not in ambiguous}
    unclear = {up: [rollback.name for rollback in claim] for up, claim in claims.items() if up not in downs}
    return _Matches(downs=downs, unclear=unclear, problems=problems)


def _rivalries(claims: Iterable[Sequence[_File]]) -> Iterator[Problem]:
    """A problem for each rollback that is not the only one of a migration."""
    rivals: dict[str, set[str]] = defaultdict(set)
    files: dict[str, _File] = {}
    for claim in claims:
        names = {rollback.name for rollback in claim}
        for rollback in claim:
            files[rollback.name] = rollback
            rivals[rollback.name] |= names - {rollback.name}
    for name in sorted(name for name, others in rivals.items() if others):
        yield _has_rivals(files[name], sorted(rivals[name]))


def _orphan(rollback: _File, near: _File | None) -> Problem:
    """`near` is a migration whose number is the same, written in another way."""
    migration = f"{rollback.place.label}.sql" if rollback.place.name else f"number {rollback.version}"
    advice = "Restore the migration, or remove this file."
    if near:
        advice = f"Rename it to {near.place.label}_rollback.sql if it undoes {near.name}, or remove it."
    return _problem(
        rollback,
        "orphan_rollback",
        Severity.ERROR,
        f"{rollback.name} is a rollback, but there is no migration {migration} in the folder.",
        advice,
    )


def _means_several(rollback: _File, meant: Sequence[_File]) -> Problem:
    return _problem(
        rollback,
        "ambiguous_rollback",
        Severity.ERROR,
        f"{rollback.name} could be the rollback of {listed([up.name for up in meant])}.",
        f"Rename it after the one it undoes, for example to {meant[0].place.label}_rollback.sql. "
        "Until then none of them has a rollback.",
    )


def _has_rivals(rollback: _File, rivals: Sequence[str]) -> Problem:
    return _problem(
        rollback,
        "ambiguous_rollback",
        Severity.ERROR,
        f"{rollback.name} is not the only rollback of number {rollback.version}: there is also {listed(rivals)}.",
        "Keep the one that is right and remove the others. Until then the migration has no rollback.",
    )


# The rest


def _misplaced(file: _File) -> Problem:
    """Another tool's file needs no other name."""
    place = file.place
    foreign = next((p for p in file.reading.problems if p.code == other_tools.CODE), None)
    foreign = foreign or (other_tools.named_so(place.file) if place.code == seed_names.WRONG_NAME else None)
    if foreign:
        return foreign
    return Problem(
        code=place.code, severity=Severity.ERROR, file=place.file, sentence=place.sentence, advice=place.advice
    )


def _problem(file: _File, code: str, severity: Severity, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=severity, file=file.name, sentence=sentence, advice=advice)
