"""Flyway: `V1.2__users.sql`, with `U1.2__users.sql` that undoes it, and what it is told in `V1.2__users.sql.conf`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from dashboard.engine.files import cuts, other_tools, parted
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Entry, Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileRole, Folder, Problem, Severity, numbers_of, repeatable_version

_NAME = re.compile(r"(?P<kind>[VU])(?P<version>[0-9]+(?:[._][0-9]+)*)__(?P<name>.+)\.sql")
_BASELINE = re.compile(r"B(?P<version>[0-9]+(?:[._][0-9]+)*)__.+\.sql")
_REPEATABLE = re.compile(r"R__(?P<name>.+)\.sql")
_CALLBACK = re.compile(r"(?:before|after|create)[A-Z]\w*\.sql")
_PLACEHOLDER = re.compile(r"\$\{(?P<name>[^}\s]+)\}")
_CONF_BYTES = 64 * 1024
_KNOWN = ("executeInTransaction", "placeholderReplacement", "encoding", "shouldExecute")


def place(file: str) -> Place | None:
    """`_` between the numbers of a version means a dot."""
    if again := _REPEATABLE.fullmatch(file):
        return Place(role=FileRole.MIGRATION, version=repeatable_version(again["name"]), name=again["name"])
    match = _NAME.fullmatch(file)
    if match is None:
        return None
    version = match["version"].replace("_", ".")
    if match["kind"] == "V":
        return Place(role=FileRole.MIGRATION, version=version, name=match["name"])
    return Place(role=FileRole.ROLLBACK, version=version, name=match["name"], by_version=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conf:
    """What the file beside a migration says of it."""

    outside: bool = False
    fills: bool = True
    faults: tuple[CutFault, ...] = ()


def cut(confs: Mapping[str, Entry], placeholders: Mapping[str, str], text: str, file: str) -> Cut:
    conf = _conf(confs.get(f"{file}.conf"), file)
    faults: tuple[CutFault, ...] = ()
    if conf.fills:
        values = {name.lower(): value for name, value in placeholders.items()}
        text, faults = cuts.filled(text, _PLACEHOLDER, values, lambda match: match["name"].lower())
    return Cut(up=text, says=(cuts.OUTSIDE,) if conf.outside else (), faults=(*conf.faults, *faults))


def _conf(entry: Entry | None, file: str) -> _Conf:
    if entry is None:
        return _Conf()
    try:
        content = entry.content(_CONF_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError):
        return _Conf(faults=(_bad_conf(file, "it cannot be read"),))
    if len(content) > _CONF_BYTES:
        return _Conf(faults=(_bad_conf(file, f"it is larger than {_CONF_BYTES // 1024} KiB"),))
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    said = {key.strip(): value.strip() for key, _, value in pairs}
    return _Conf(
        outside=said.get("executeInTransaction", "").lower() == "false",
        fills=said.get("placeholderReplacement", "").lower() != "false",
        faults=tuple(_bad_conf(file, why) for why in _refused(said)),
    )


def _refused(said: Mapping[str, str]) -> Iterator[str]:
    for key, value in said.items():
        if key not in _KNOWN:
            yield f"{key} is not known here"
        elif key == "encoding" and value.upper() not in ("UTF-8", "UTF8"):
            yield f"its encoding is {value}, and only UTF-8 is read"
        elif key == "shouldExecute" and value.lower() != "true":
            yield "shouldExecute is a condition, and conditions are not judged"
        elif key in ("executeInTransaction", "placeholderReplacement") and value.lower() not in ("true", "false"):
            yield f"{key} is neither true nor false"


def _bad_conf(file: str, why: str) -> CutFault:
    return CutFault(
        code="bad_metadata",
        sentence=f"{file}.conf cannot be obeyed: {why}.",
        advice="Take that line out of it, and write into the migration what it meant.",
    )


def read(listing: Listing, options: Options) -> Folder:
    confs = {entry.name: entry for entry in listing.entries if entry.name.endswith(".sql.conf")}
    style = Style(
        format="flyway",
        title="Flyway",
        named="V<version>__<name>.sql",
        place=place,
        cut=partial(cut, confs, options.placeholders),
        undone="U{version}__<name>.sql",
        ignores={r".+\.sql\.conf": "says how the migration beside it is run"},
        counts=True,
        fills=True,
    )
    folder = parted.read(listing, options, style)
    versions = {numbers_of(m.version) for m in folder.migrations if not m.is_repeatable}
    problems = [_judged(problem, versions) for problem in folder.problems]
    return replace(folder, problems=tuple(problems))


def _judged(problem: Problem, versions: set[tuple[int, ...]]) -> Problem:
    """What is said of files that Flyway runs besides its versioned migrations."""
    file = problem.file
    if problem.code not in ("wrong_name", other_tools.CODE):
        return problem
    if baseline := _BASELINE.fullmatch(file):
        return _of_baseline(problem, numbers_of(baseline["version"]), versions)
    if _CALLBACK.fullmatch(file):
        return replace(
            problem,
            code="callback",
            severity=Severity.WARNING,
            sentence=f"{file} is a callback, which Flyway runs around its own runs. It is never run here.",
            advice="Put what it does into a migration, or run it by hand where it is needed.",
        )
    return problem


def _of_baseline(problem: Problem, version: tuple[int, ...], versions: set[tuple[int, ...]]) -> Problem:
    if any(each <= version for each in versions):
        return replace(
            problem,
            code="not_a_migration",
            severity=Severity.NOTE,
            sentence=f"{problem.file} stands for the migrations up to its version, which are there; it is not run.",
            advice="Nothing needs to be done.",
        )
    return replace(
        problem,
        sentence=f"{problem.file} stands for migrations that are not in the folder, and is not read.",
        advice="Rename it to a versioned migration, V<version>__<name>.sql, or restore those that it stands for.",
    )


def recognises(look: Look) -> bool:
    """Repeatable migrations are named so in plain folders too: they tell only where nothing else is there."""
    names = [entry.name for entry in look.sql_files]
    versioned = [name for name in names if _NAME.fullmatch(name) or _BASELINE.fullmatch(name)]
    repeatable = [name for name in names if _REPEATABLE.fullmatch(name)]
    others = [name for name in names if name not in repeatable and not _CALLBACK.fullmatch(name)]
    return len(versioned) > look.plain or bool(repeatable and not others)


def native_checksum(content: bytes) -> str:
    """CRC32 over the lines without their ends, as a signed number."""
    text = content.decode(errors="replace").removeprefix("\ufeff")
    crc = 0
    for line in re.split("\r\n|\r|\n", text):
        crc = zlib.crc32(line.encode(), crc)
    return str(crc - (1 << 32) if crc >= 1 << 31 else crc)


FORMAT = Format(
    name="flyway",
    title="Flyway",
    signature="more files than not are named `V1__name.sql`, `U1__name.sql` or `B1__name.sql`",
    recognises=recognises,
    read=read,
    directives=("`executeInTransaction` and `placeholderReplacement` in its `.conf`", "`${placeholder}`"),
    ignores=("`V1__name.sql.conf`", "`B1__name.sql` beside what it stands for"),
    native_checksum=native_checksum,
)
