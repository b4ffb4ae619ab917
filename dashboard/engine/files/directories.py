"""A directory for each migration, as Diesel has it: `2024-03-05-120032_add_index/` with its up.sql and its down.sql."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dashboard.engine.errors import SourceMissing, SourceUnreadable
from dashboard.engine.files import ordering, other_tools, pairs, script, seed_names, unrecognised
from dashboard.engine.files.listing import Entry, EntryKind, Limits, Listing
from dashboard.engine.files.pairs import Pair
from dashboard.engine.files.script import Reading
from dashboard.engine.migration import FileEntry, FileRole, Folder, Problem, Severity

FORMAT = "directories"

_NAME = re.compile(r"(?P<version>[0-9][0-9-]*)(?:_(?P<name>\S(?:.*\S)?))?")
#: What a migration is called whose directory is nothing but a version: as its file.
_UNNAMED = "up"
_TEST = re.compile(r"(test|verify)(_.*)?\.sql", re.IGNORECASE)
_METADATA = "metadata.toml"
_METADATA_BYTES = 64 * 1024

#: What `run_in_transaction = false` means here. It goes with the text, so that a rollback captured today runs so too.
_OUTSIDE = b"\n-- signalbox: transaction=none"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metadata:
    """What metadata.toml asks for. With a `fault` nobody knows how the migration has to run."""

    outside: bool = False
    ignored: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    label: str
    version: str
    name: str
    listing: Listing
    metadata: _Metadata

    def find(self, name: str) -> Entry | None:
        return next((e for e in self.listing.entries if e.name == name and e.kind is EntryKind.FILE), None)

    @property
    def is_prisma(self) -> bool:
        """Not of this format, though named alike."""
        return "up.sql" not in self.listing.names and other_tools.is_prisma(self.label, self.listing.names)

    def path(self, name: str) -> str:
        return f"{self.label}/{name}"


def recognises(listing: Listing) -> bool:
    """More migrations lie in directories of their own than beside them."""
    ours = sum(_is_named_so(entry) and _holds(entry, "up.sql") for entry in listing.entries)
    return ours > 0 and ours > sum(
        e.kind is EntryKind.FILE and seed_names.is_migration(e.name) for e in listing.entries
    )


def read(listing: Listing, limits: Limits) -> Folder:
    directories = [
        directory for entry in listing.entries if (directory := _directory(entry)) and not directory.is_prisma
    ]
    labels = {directory.label for directory in directories}
    others = [entry for entry in listing.entries if entry.name not in labels]
    migrations = tuple(pairs.migrations(_pair(d, limits) for d in directories if d.find("up.sql")))
    problems = [
        *(problem for migration in migrations for problem in migration.problems),
        *ordering.problems(migrations, "Diesel"),
        *(problem for directory in directories for problem in _problems_inside(directory, limits)),
        *(problem for entry in others for problem in _problems_beside(entry, listing, limits)),
    ]
    files = [
        *(file for directory in directories for file in _files_inside(directory)),
        *(FileEntry(file=entry.name, role=_role_beside(entry)) for entry in others),
    ]
    return Folder(
        source=str(listing.source),
        format=FORMAT,
        files=tuple(sorted(files, key=lambda file: file.file)),
        migrations=migrations,
        problems=pairs.by_file(problems),
    )


# Reading


def _is_named_so(entry: Entry) -> bool:
    return entry.kind is EntryKind.FOLDER and entry.is_printable and bool(_NAME.fullmatch(entry.name))


def _holds(entry: Entry, name: str) -> bool:
    listing = _list(entry)
    return listing is not None and name in listing.names


def _list(entry: Entry) -> Listing | None:
    try:
        return entry.listing()
    except (SourceMissing, SourceUnreadable):
        return None


def _directory(entry: Entry) -> _Directory | None:
    match = _NAME.fullmatch(entry.name)
    listing = _list(entry) if match and _is_named_so(entry) else None
    if match is None or listing is None:
        return None
    return _Directory(
        label=entry.name,
        version=match["version"].replace("-", ""),
        name=match["name"] or _UNNAMED,
        listing=listing,
        metadata=_metadata(listing),
    )


def _metadata(listing: Listing) -> _Metadata:
    entry = next((e for e in listing.entries if e.name == _METADATA), None)
    if entry is None:
        return _Metadata()
    try:
        content = entry.content(_METADATA_BYTES)
        settings = tomllib.loads(content.decode())
    except OSError as error:
        return _Metadata(fault=error.strerror or "it is gone")
    except ValueError as error:  # not UTF-8, or not TOML
        return _Metadata(fault=str(error))
    if len(content) == _METADATA_BYTES:
        return _Metadata(fault=f"it is larger than {_METADATA_BYTES // 1024} KiB")
    in_transaction = settings.pop("run_in_transaction", True)
    if not isinstance(in_transaction, bool):
        return _Metadata(fault="run_in_transaction is neither true nor false")
    return _Metadata(outside=not in_transaction, ignored=tuple(settings))


def _pair(directory: _Directory, limits: Limits) -> Pair:
    up, down = directory.find("up.sql"), directory.find("down.sql")
    assert up is not None, "only a directory with up.sql is a migration"
    return Pair(
        version=directory.version,
        name=directory.name,
        up=_read(directory, up, limits),
        down=_read(directory, down, limits) if down else None,
        ending=f"_{directory.name}" if "_" in directory.label else "",
        rollback_file=directory.path("down.sql"),
    )


def _read(directory: _Directory, entry: Entry, limits: Limits) -> Reading:
    file = directory.path(entry.name)
    ending = _OUTSIDE if directory.metadata.outside else b""
    reading = script.read_entry(entry, limits, file=file, ending=ending)
    if directory.metadata.fault:
        return replace(reading, problems=(_bad_metadata(directory, file), *reading.problems))
    return reading


# Where everything belongs


def _files_inside(directory: _Directory) -> Iterator[FileEntry]:
    for entry in directory.listing.entries:
        yield FileEntry(
            file=directory.path(entry.name),
            role=_role_inside(entry),
            version=directory.version,
            name=directory.name,
        )
    if not directory.find("up.sql"):
        yield FileEntry(file=directory.label, role=FileRole.PROBLEM, version=directory.version, name=directory.name)


def _role_inside(entry: Entry) -> FileRole:
    if unrecognised.is_stranger(entry):
        return FileRole.PROBLEM
    if _TEST.fullmatch(entry.name):
        return FileRole.VERIFY
    return {"up.sql": FileRole.MIGRATION, "down.sql": FileRole.ROLLBACK}.get(entry.name, FileRole.PROBLEM)


def _role_beside(entry: Entry) -> FileRole:
    return FileRole.VERIFY if not unrecognised.is_stranger(entry) and _TEST.fullmatch(entry.name) else FileRole.PROBLEM


# Problems


def _problems_inside(directory: _Directory, limits: Limits) -> Iterator[Problem]:
    has_up = directory.find("up.sql") is not None
    if not has_up:
        yield _no_up(directory)
    for entry in directory.listing.entries:
        file = directory.path(entry.name)
        if entry.name == _METADATA and entry.kind is EntryKind.FILE:
            yield _bad_metadata(directory, file) if directory.metadata.fault else _metadata_note(directory, file)
        elif unrecognised.is_stranger(entry):
            yield replace(unrecognised.complaint(entry, directory.listing), file=file)
        elif _TEST.fullmatch(entry.name):
            yield from pairs.verify_problems(script.read_entry(entry, limits, file=file))
        elif entry.name == "down.sql" and not has_up:
            yield _orphan(directory, file)
        elif entry.name not in ("up.sql", "down.sql"):
            yield _wrong_name_inside(file)


def _problems_beside(entry: Entry, listing: Listing, limits: Limits) -> Iterator[Problem]:
    file = entry.name
    if (inside := _list(entry)) and entry.kind is EntryKind.FOLDER and other_tools.is_prisma(file, inside.names):
        yield other_tools.prisma(file)
    elif _is_named_so(entry):
        yield _error(
            file,
            "unreadable",
            f"The directory {file} cannot be read.",
            "Give the user that runs Signalbox read permission on it.",
        )
    elif entry.kind is EntryKind.FOLDER and _holds(entry, "up.sql"):
        yield _error(
            file,
            "wrong_name",
            f"The directory {file} holds an up.sql, but its name does not start with a version.",
            "Rename it to <version>_<name>; a version is digits, with or without hyphens between them.",
        )
    elif unrecognised.is_stranger(entry):
        yield unrecognised.complaint(entry, listing)
    elif _TEST.fullmatch(file):
        yield from pairs.verify_problems(script.read_entry(entry, limits))
    elif foreign := other_tools.named_so(file) or _written_for_another_tool(entry, limits):
        yield foreign
    else:
        yield _error(
            file,
            "wrong_name",
            f"{file} lies beside the directories of the migrations, and is not read.",
            "Move it to <version>_<name>/up.sql if it is a migration, or out of the folder if it is none.",
        )


def _written_for_another_tool(entry: Entry, limits: Limits) -> Problem | None:
    problems = script.read_entry(entry, limits).problems
    return next((problem for problem in problems if problem.code == other_tools.CODE), None)


def _no_up(directory: _Directory) -> Problem:
    file = directory.label
    return _error(
        file,
        "no_up_file",
        f"The directory {file} has no up.sql, so there is nothing to apply.",
        "Restore up.sql, or remove the directory.",
    )


def _orphan(directory: _Directory, file: str) -> Problem:
    return _error(
        file,
        "orphan_rollback",
        f"{file} is a rollback, but there is no {directory.path('up.sql')}.",
        "Restore the migration, or remove the directory.",
    )


def _wrong_name_inside(file: str) -> Problem:
    return _error(
        file,
        "wrong_name",
        f"{file} is neither up.sql nor down.sql, so it is not clear what it is.",
        "Rename it to verify.sql if it is a test, else move it to where it belongs.",
    )


def _bad_metadata(directory: _Directory, file: str) -> Problem:
    return _error(
        file,
        "bad_metadata",
        f"{directory.path(_METADATA)} cannot be obeyed: {directory.metadata.fault}.",
        "Write `run_in_transaction = false` or `run_in_transaction = true`, or remove the file.",
    )


def _metadata_note(directory: _Directory, file: str) -> Problem:
    how = "outside a transaction" if directory.metadata.outside else "in a transaction"
    also = f"; {pairs.listed(directory.metadata.ignored)} means nothing here" if directory.metadata.ignored else ""
    return _problem(
        file,
        "metadata",
        Severity.NOTE,
        f"{file} says that the migration runs {how}{also}.",
        "Nothing needs to be done.",
    )


def _error(file: str, code: str, sentence: str, advice: str) -> Problem:
    return _problem(file, code, Severity.ERROR, sentence, advice)


def _problem(file: str, code: str, severity: Severity, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=severity, file=file, sentence=sentence, advice=advice)
