"""Flyway: `V1.2__users.sql`, with `U1.2__users.sql` that undoes it, and what it is told in `V1.2__users.sql.conf`."""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from dashboard.engine.files import cuts, other_tools, parted
from dashboard.engine.files.cuts import Cut, CutFault
from dashboard.engine.files.format import Format, Look, Options
from dashboard.engine.files.listing import Entry, EntryKind, Listing
from dashboard.engine.files.parted import Place, Style
from dashboard.engine.migration import FileRole, Folder, Problem, Severity, numbers_of, repeatable_version

_CALLBACK = re.compile(r"(?:before|after|create)[A-Z]\w*\.sql")
_PLACEHOLDER = re.compile(r"\$\{(?P<name>[^}\s]+)\}")
_CONF_BYTES = 64 * 1024
_KNOWN = ("executeInTransaction", "placeholderReplacement", "encoding", "shouldExecute")


#: What a team may choose, under the name in a declaration: Flyway's own name for it, and what it is without a choice.
NAMES: Mapping[str, tuple[str, str]] = {
    "prefix": ("sqlMigrationPrefix", "V"),
    "undo_prefix": ("undoSqlMigrationPrefix", "U"),
    "baseline_prefix": ("baselineMigrationPrefix", "B"),
    "repeatable_prefix": ("repeatableSqlMigrationPrefix", "R"),
    "separator": ("sqlMigrationSeparator", "__"),
    "suffixes": ("sqlMigrationSuffixes", ".sql"),
}
#: Where Flyway keeps that, if it lies in the folder.
_SETTINGS = ("flyway.toml", "flyway.conf")


def fault_of(names: Mapping[str, str]) -> str:
    """Why these cannot tell files apart, as a clause; empty where they can."""
    said = {name: names.get(name, usual) for name, (_, usual) in NAMES.items()}
    prefixes = [said[name] for name in NAMES if name.endswith("prefix")]
    if not said["separator"] or not all(map(str.strip, said["suffixes"].split(","))):
        return "the separator and each suffix need at least one character, a suffix one that is no blank"
    if len(set(prefixes)) < len(prefixes):
        return "each prefix has to be another one"
    return ""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How the files of a folder are named. `fault`: why what a file says of that or of the folder cannot be obeyed."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    fault: Problem | None = None

    def _of(self, name: str) -> str:
        return re.escape(self.chosen.get(name, NAMES[name][1]))

    @cached_property
    def suffixes(self) -> tuple[str, ...]:
        chosen = self.chosen.get("suffixes", NAMES["suffixes"][1])
        return tuple(suffix.strip() for suffix in chosen.split(","))

    @cached_property
    def _end(self) -> str:
        return f"(?:{'|'.join(map(re.escape, self.suffixes))})"

    def _numbered(self, kinds: str) -> re.Pattern[str]:
        """The first separator ends the version."""
        version = r"(?P<version>[0-9]+(?:[._][0-9]+)*?)"
        return re.compile(f"(?P<kind>{kinds}){version}{self._of('separator')}(?P<name>.+?){self._end}")

    @cached_property
    def migration(self) -> re.Pattern[str]:
        return self._numbered(f"{self._of('prefix')}|{self._of('undo_prefix')}")

    @cached_property
    def baseline(self) -> re.Pattern[str]:
        return self._numbered(self._of("baseline_prefix"))

    @cached_property
    def repeatable(self) -> re.Pattern[str]:
        return re.compile(f"{self._of('repeatable_prefix')}{self._of('separator')}(?P<name>.+?){self._end}")

    def place(self, file: str) -> Place | None:
        """`_` between the numbers of a version means a dot."""
        if again := self.repeatable.fullmatch(file):
            return Place(role=FileRole.MIGRATION, version=repeatable_version(again["name"]), name=again["name"])
        match = self.migration.fullmatch(file)
        if match is None:
            return None
        version = match["version"].replace("_", ".")
        if match["kind"] == self.chosen.get("prefix", NAMES["prefix"][1]):
            return Place(role=FileRole.MIGRATION, version=version, name=match["name"])
        return Place(role=FileRole.ROLLBACK, version=version, name=match["name"], by_version=True)


def naming(listing: Listing, declared: Mapping[str, str]) -> Naming:
    """What is declared, else what Flyway's own settings say where they lie in the folder."""
    if declared:
        return Naming(chosen=declared)
    for name in _SETTINGS:
        if (entry := next((e for e in listing.entries if e.name == name), None)) is not None:
            return _naming_in(entry)
    return Naming()


def _naming_in(entry: Entry) -> Naming:
    try:
        text = entry.content(_CONF_BYTES).decode()
        is_toml = entry.name.endswith(".toml")
        said = _of_toml(text) if is_toml else _of_conf(text)
        apart = _environments_apart(text) if is_toml else []
    except (OSError, ValueError):
        return Naming(fault=_misnamed(entry.name, "it cannot be read"))
    if apart:
        return Naming(fault=_apart(entry.name, apart))
    chosen = {ours: said[theirs] for ours, (theirs, _) in NAMES.items() if theirs in said}
    fault = fault_of(chosen)
    return Naming(fault=_misnamed(entry.name, fault)) if fault else Naming(chosen=chosen)


def _environments_apart(text: str) -> list[str]:
    """Those of Flyway that have locations of their own."""
    environments = tomllib.loads(text).get("environments", {})
    tables = environments.items() if isinstance(environments, dict) else ()
    settings = ((name, table.get("flyway", {})) for name, table in tables if isinstance(table, dict))
    return sorted(name for name, said in settings if isinstance(said, dict) and "locations" in said)


def _apart(file: str, environments: list[str]) -> Problem:
    return _fault(
        file,
        f"{file} gives {', '.join(environments)} other locations, and one folder is read here for every environment.",
        "Declare a source for each, whose `path` is its location, with the files that they share in all of them. Or "
        "put all files into one folder, with a line `-- signalbox: environments=` in those for some, and say with "
        '`names = { prefix = "V" }` of the source how they are named: then this file is not asked.',
    )


def _misnamed(file: str, fault: str) -> Problem:
    return _fault(
        file,
        f"{file} says how the migrations are named, and cannot be obeyed: {fault}.",
        "Mend it, or say it with `names` of the source, in config/environments.toml.",
    )


def _fault(file: str, sentence: str, advice: str) -> Problem:
    return Problem(code="bad_metadata", severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)


def _of_toml(text: str) -> Mapping[str, str]:
    settings = tomllib.loads(text).get("flyway", {})
    said = settings if isinstance(settings, dict) else {}
    return {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in said.items()}


def _of_conf(text: str) -> Mapping[str, str]:
    lines = [line.strip() for line in text.splitlines()]
    pairs_of = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {key.strip().removeprefix("flyway."): value.strip() for key, _, value in pairs_of}


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
    named = naming(listing, options.names)
    ends = tuple(f"{suffix}.conf" for suffix in named.suffixes)
    confs = {entry.name: entry for entry in listing.entries if entry.name.endswith(ends)}
    style = Style(
        format="flyway",
        title="Flyway",
        named="V<version>__<name>.sql",
        place=named.place,
        cut=partial(cut, confs, options.placeholders),
        undone="U{version}__<name>.sql",
        ignores={
            rf".+(?:{'|'.join(map(re.escape, ends))})": "says how the migration beside it is run",
            r"flyway\.(?:toml|conf)": "has the settings of Flyway",
        },
        counts=True,
        fills=True,
    )
    folder = parted.read(listing, options, style, is_ours=lambda entry: _is_ours(entry, named))
    versions = {numbers_of(m.version) for m in folder.migrations if not m.is_repeatable}
    problems = [_judged(problem, versions, named) for problem in folder.problems]
    if named.fault:
        return _without_names(folder, named.fault)
    return replace(folder, problems=tuple(problems))


def _is_ours(entry: Entry, named: Naming) -> bool:
    is_plain = entry.kind is EntryKind.FILE and entry.is_printable and not entry.name.startswith(".")
    return is_plain and entry.name.endswith((".sql", *named.suffixes))


def _without_names(folder: Folder, problem: Problem) -> Folder:
    """Nobody knows which files are migrations: none is."""
    files = tuple(replace(entry, role=FileRole.PROBLEM) for entry in folder.files)
    return replace(folder, migrations=(), files=files, problems=(problem, *folder.problems))


def _judged(problem: Problem, versions: set[tuple[int, ...]], named: Naming) -> Problem:
    """What is said of files that Flyway runs besides its versioned migrations."""
    file = problem.file
    if problem.code not in ("wrong_name", other_tools.CODE):
        return problem
    if baseline := named.baseline.fullmatch(file):
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
    named = naming(look.listing, {})
    names = [entry.name for entry in look.listing.entries if _is_ours(entry, named)]
    versioned = [name for name in names if named.migration.fullmatch(name) or named.baseline.fullmatch(name)]
    repeatable = [name for name in names if named.repeatable.fullmatch(name)]
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
