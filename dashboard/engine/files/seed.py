"""The seed's format: `001_create_users.sql` beside `001_rollback.sql`, all in one folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.engine.files import script, strangers
from dashboard.engine.files.listing import Entry, Limits, Listing
from dashboard.engine.files.script import Reading
from dashboard.engine.files.seed_names import Place, free_versions, place_all
from dashboard.engine.migration import FileEntry, FileRole, Folder, Migration, Problem, Severity, version_key

FORMAT = "seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    place: Place
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
    strange = [entry for entry in listing.entries if strangers.is_stranger(entry)]
    entries = {entry.name: entry for entry in listing.entries if not strangers.is_stranger(entry)}
    places = place_all(entries)
    files = [_File(place=place, reading=_read(entries[place.file], limits)) for place in places]
    ups = sorted(_of(files, FileRole.MIGRATION), key=lambda f: (version_key(f.version), f.place.name))
    matches = _match_rollbacks(ups, _of(files, FileRole.ROLLBACK))
    problems = [
        *(strangers.complaint(entry, listing) for entry in strange),
        *(_misplaced(place) for place in places if place.role is FileRole.PROBLEM),
        *(problem for file in _of(files, FileRole.VERIFY) for problem in _verify_problems(file)),
        *matches.problems,
    ]
    migrations = tuple(_migrations(ups, matches))
    attached = {problem for migration in migrations for problem in migration.problems}
    problems += [problem for migration in migrations for problem in migration.problems]
    problems += [p for file in _of(files, FileRole.ROLLBACK) for p in _down_problems(file) if p not in attached]
    return Folder(
        source=str(listing.source),
        format=FORMAT,
        files=_file_entries(listing, places),
        migrations=migrations,
        problems=_by_file(problems),
    )


def _read(entry: Entry, limits: Limits) -> Reading:
    try:
        content = entry.content(limits.file_bytes + 1)
    except OSError as error:
        return script.unreadable(entry.name, error.strerror or "it is gone")
    return script.read(entry.name, content, limits)


def _of(files: Sequence[_File], role: FileRole) -> list[_File]:
    return [file for file in files if file.place.role is role]


def _file_entries(listing: Listing, places: Sequence[Place]) -> tuple[FileEntry, ...]:
    placed = {place.file: place for place in places}
    unknown = Place(file="", role=FileRole.PROBLEM)
    found = [(entry.name, placed.get(entry.name, unknown)) for entry in listing.entries]
    return tuple(FileEntry(file=name, role=p.role, version=p.version or None, name=p.name or None) for name, p in found)


def _by_file(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    severities = list(Severity)
    return tuple(sorted(problems, key=lambda p: (p.file, severities.index(p.severity), p.line or 0)))


# Migrations


def _migrations(ups: Sequence[_File], matches: _Matches) -> Iterator[Migration]:
    groups: dict[str, list[_File]] = defaultdict(list)
    for up in ups:
        groups[up.version].append(up)
    free = iter(free_versions(groups))
    for up in ups:
        down = matches.downs.get(up.name)
        problems = [*_up_problems(up), *(_down_problems(down) if down else ())]
        if rivals := [other.name for other in groups[up.version] if other is not up]:
            problems.append(_duplicate(up, rivals, next(free)))
        if spelling := next((v for v in groups if v != up.version and int(v) == int(up.version)), None):
            problems.append(_same_number(up, spelling))
        if down is None and "irreversible" not in up.reading.script.directives:
            problems.append(_no_rollback(up, matches.unclear.get(up.name, ())))
        yield Migration(
            version=up.version,
            name=up.place.name,
            up=up.reading.script,
            down=down.reading.script if down and not down.reading.says_nothing else None,
            directives=up.reading.script.directives,
            problems=tuple(problems),
        )


def _up_problems(up: _File) -> Iterator[Problem]:
    yield from up.reading.problems
    if up.reading.says_nothing:
        yield _problem(
            up,
            "no_statement",
            Severity.ERROR,
            f"{up.name} holds no statement, so there is nothing to apply.",
            "Write its SQL, or remove the file.",
        )


def _duplicate(up: _File, rivals: Sequence[str], free: str) -> Problem:
    return _problem(
        up,
        "duplicate_version",
        Severity.ERROR,
        f"The number {up.version} is also used by {_listed(rivals)}.",
        f"One file can keep it; rename the others, this one for example to {free}_{up.place.name}.sql. "
        "Where a file should never run, an admin can skip it in that environment, with a reason.",
    )


def _same_number(up: _File, spelling: str) -> Problem:
    return _problem(
        up,
        "same_number",
        Severity.WARNING,
        f"{up.version} and {spelling} are one number written in two ways; to Signalbox they are two versions.",
        "Write all numbers equally wide, like 008 and 010.",
    )


def _no_rollback(up: _File, unclear: Sequence[str]) -> Problem:
    but = f": {_listed(unclear)} may or may not belong to it" if unclear else ""
    return _problem(
        up,
        "no_rollback",
        Severity.WARNING,
        f"{up.name} has no rollback{but}.",
        f"Write {up.version}_{up.place.name}_rollback.sql, or say why there is none: "
        "`-- signalbox: irreversible=<reason>`.",
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
    for rollback in rollbacks:
        meant = [up for up in ups if _can_belong(rollback, up)]
        if not meant:
            problems.append(_orphan(rollback, ups))
        elif len(meant) > 1:
            problems.append(_means_several(rollback, meant))
        for up in meant:
            claims[up.name].append(rollback)
    for rollback in rollbacks:
        rivals = sorted({r.name for claim in claims.values() if rollback in claim for r in claim} - {rollback.name})
        if rivals:
            problems.append(_has_rivals(rollback, rivals))
    ambiguous = {p.file for p in problems}
    downs = {up: claim[0] for up, claim in claims.items() if claim[0].name not in ambiguous}
    unclear = {up: [rollback.name for rollback in claim] for up, claim in claims.items() if up not in downs}
    return _Matches(downs=downs, unclear=unclear, problems=problems)


def _can_belong(rollback: _File, up: _File) -> bool:
    return rollback.version == up.version and rollback.place.name in ("", up.place.name)


def _down_problems(rollback: _File) -> Iterator[Problem]:
    yield from rollback.reading.problems
    if rollback.reading.says_nothing:
        yield _problem(
            rollback,
            "empty_rollback",
            Severity.ERROR,
            f"{rollback.name} holds no statement, so it is no rollback.",
            "Write the SQL that undoes the migration, or remove the file.",
        )


def _orphan(rollback: _File, ups: Sequence[_File]) -> Problem:
    what = f"{rollback.version}_{rollback.place.name}.sql" if rollback.place.name else f"number {rollback.version}"
    near = next((up for up in ups if int(up.version) == int(rollback.version)), None)
    advice = "Restore the migration, or remove this file."
    if near:
        advice = f"Rename it to {near.version}_{near.place.name}_rollback.sql if it undoes {near.name}, or remove it."
    return _problem(
        rollback,
        "orphan_rollback",
        Severity.ERROR,
        f"{rollback.name} is a rollback, but there is no migration {what} in the folder.",
        advice,
    )


def _means_several(rollback: _File, meant: Sequence[_File]) -> Problem:
    return _problem(
        rollback,
        "ambiguous_rollback",
        Severity.ERROR,
        f"{rollback.name} could be the rollback of {_listed([up.name for up in meant])}.",
        f"Rename it after the one it undoes, for example to {meant[0].version}_{meant[0].place.name}_rollback.sql. "
        "Until then none of them has a rollback.",
    )


def _has_rivals(rollback: _File, rivals: Sequence[str]) -> Problem:
    return _problem(
        rollback,
        "ambiguous_rollback",
        Severity.ERROR,
        f"{rollback.name} is not the only rollback of number {rollback.version}: there is also {_listed(rivals)}.",
        "Keep the one that is right and remove the others. Until then the migration has no rollback.",
    )


# The rest


def _verify_problems(file: _File) -> Iterator[Problem]:
    """A test is never applied, so nothing in it is more than a note."""
    yield _problem(
        file, "verify_file", Severity.NOTE, f"{file.name} is a test; it is never applied.", "Nothing needs to be done."
    )
    for problem in file.reading.problems:
        yield replace(problem, severity=Severity.NOTE, advice="Nothing needs to be done: the file is never applied.")


def _misplaced(place: Place) -> Problem:
    return Problem(
        code=place.code, severity=Severity.ERROR, file=place.file, sentence=place.sentence, advice=place.advice
    )


def _problem(file: _File, code: str, severity: Severity, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=severity, file=file.name, sentence=sentence, advice=advice)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
