"""Up and down scripts to migrations: what every format asks of them, said in the same words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.engine import renumbering
from dashboard.engine.files import other_tools
from dashboard.engine.files.script import Reading
from dashboard.engine.migration import (
    DUPLICATE_VERSION,
    NO_ROLLBACK,
    REPEATABLE_PREFIX,
    Identified,
    Migration,
    Problem,
    Severity,
    numbers_of,
    repeatable_version,
)
from dashboard.engine.sql import directives

SAME_NUMBER = "same_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Identified):
    """One migration, as its format found it."""

    version: str
    name: str
    up: Reading
    down: Reading | None
    ending: str  # what follows the version in its file's or folder's name
    rollback_file: str  # what its rollback is called, or should be
    unclear: Sequence[str] = ()  # rollbacks that may or may not be meant for it

    @property
    def is_foreign(self) -> bool:
        """It is written for another tool, which is all that need be said of it."""
        return any(problem.code == other_tools.CODE for problem in self.up.problems)

    @property
    def file(self) -> str:
        return self.up.script.file


def migrations(pairs: Iterable[Pair]) -> Iterator[Migration]:
    """In version order, each with its problems. Where two have one version, both have the error that says so."""
    pairs = sorted(map(_placed, pairs), key=lambda pair: pair.identity.key)
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.version].append(pair)
    spellings: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for version in groups:
        if not version.startswith(REPEATABLE_PREFIX):
            spellings[numbers_of(version)].append(version)
    for pair in pairs:
        problems = [*up_problems(pair.up), *(down_problems(pair.down) if pair.down else ())]
        if len(groups[pair.version]) > 1:
            problems.append(_duplicate(pair, groups[pair.version], _right_after(pair.version, spellings)))
        if spelling := _other_spelling(pair, spellings):
            problems.append(_same_number(pair, spelling))
        problems += _of_rollback(pair)
        yield Migration(
            version=pair.version,
            name=pair.name,
            up=pair.up.script,
            down=pair.down.script if pair.down else None,
            directives=pair.up.script.directives,
            problems=tuple(problems),
        )


def _placed(pair: Pair) -> Pair:
    """A file that says of itself that it is repeatable has a version of that kind: its number keeps its place among
    those."""
    if pair.is_repeatable or directives.REPEATABLE not in pair.up.script.directives:
        return pair
    return replace(pair, version=repeatable_version(pair.version))


def _other_spelling(pair: Pair, spellings: Mapping[tuple[int, ...], Sequence[str]]) -> str:
    """Another version that is the same number; repeatable migrations are not told apart by numbers."""
    spelt = () if pair.is_repeatable else spellings[numbers_of(pair.version)]
    return next((version for version in spelt if version != pair.version), "")


def _of_rollback(pair: Pair) -> Iterator[Problem]:
    """What a migration lacks without one, and a repeatable one has no use for."""
    if not pair.is_repeatable:
        if pair.down is None and not pair.is_foreign and "irreversible" not in pair.up.script.directives:
            yield _no_rollback(pair)
    elif pair.down is not None:
        yield _problem(
            pair.file,
            "unused_rollback",
            Severity.WARNING,
            f"{pair.file} is repeatable, and a repeatable migration has no rollback: what undoes it is never run.",
            "Take the rollback away. To go back, restore the text of before: it runs again then.",
        )


def up_problems(reading: Reading) -> Iterator[Problem]:
    yield from reading.problems
    if reading.undone_below:
        yield reading.undone_below
    if reading.says_nothing:
        file = reading.script.file
        yield _problem(
            file,
            "no_statement",
            Severity.WARNING,
            f"{file} holds no statement: it is recorded as applied, and nothing is run.",
            "Nothing needs to be done if that is meant. Otherwise write its SQL before it is applied.",
        )


def down_problems(reading: Reading) -> Iterator[Problem]:
    yield from reading.problems
    if reading.says_nothing:
        file = reading.script.file
        yield _problem(
            file,
            "empty_rollback",
            Severity.ERROR,
            f"{file} holds no statement, so it is no rollback.",
            "Write the SQL that undoes the migration, or remove the file.",
        )


def verify_problems(reading: Reading) -> Iterator[Problem]:
    """A test is never applied, so nothing in it is more than a note."""
    file = reading.script.file
    yield _problem(
        file, "verify_file", Severity.NOTE, f"{file} is a test; it is never applied.", "Nothing needs to be done."
    )
    for problem in reading.problems:
        yield replace(problem, severity=Severity.NOTE, advice="Nothing needs to be done: the file is never applied.")


def by_file(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    severities = list(Severity)
    return tuple(sorted(problems, key=lambda p: (p.file, severities.index(p.severity), p.line or 0)))


#: Of more, so many are named: a sentence stays short, and a folder full of one number is not told in each of its files.
_NAMED = 5


def listed(names: Sequence[str], *, count: int = 0) -> str:
    """`count` says how many there are where `names` has only the first of them."""
    count = count or len(names)
    if count > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {count - _NAMED} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


#: How tools that know several database systems call each in a file name.
POSTGRESQL = frozenset({"postgres", "postgresql", "pgsql", "pg"})
OTHER_SYSTEMS = frozenset(
    {"cockroach", "cockroachdb", "crdb", "mariadb", "mssql", "mysql", "oracle", "spanner", "sqlite", "sqlite3"}
    | {"sqlserver"}
)


def _system(name: str) -> tuple[str, str]:
    """A name without the database system that it ends with, and that system; "" without one."""
    rest, _, system = re.sub("[._-](?=[^._-]*$)", "\0", f"_{name}").rpartition("\0")
    return (rest, system.lower()) if system.lower() in POSTGRESQL | OTHER_SYSTEMS else (f"_{name}", "")


def _for_several_systems(pair: Pair, rivals: Sequence[Pair]) -> str:
    """What to do where the files are one migration, written for each of several database systems; "" elsewhere."""
    of_each = {each.file: _system(each.name) for each in (pair, *rivals)}
    name = of_each[pair.file][0]
    systems = {file: system for file, (other, system) in of_each.items() if other == name}
    if len(systems) < 2 or not any(systems.values()):
        return ""
    keep = [file for file, system in systems.items() if system in POSTGRESQL]
    keep = keep or [file for file, system in systems.items() if not system]
    which = keep[0] if len(keep) == 1 else "the one for PostgreSQL, if there is one"
    return (
        f"They are one migration for several database systems, and only PostgreSQL is run here: keep {which}, and move "
        "the others out of the folder, with their rollbacks."
    )


#: So many files of one number are looked at: no tool knows more database systems.
_LOOKED_AT = 20


def _duplicate(pair: Pair, sharing: Sequence[Pair], free: str) -> Problem:
    rivals = [other for other in sharing[:_LOOKED_AT] if other is not pair]
    file, others = pair.file, [rival.file for rival in rivals]
    sentence = f"The number {pair.version} is also used by {listed(others, count=len(sharing) - 1)}."
    advice = _for_several_systems(pair, rivals) or _undoing(pair, rivals) or _one_first(pair, others, free)
    return _problem(file, DUPLICATE_VERSION, Severity.ERROR, sentence, advice)


#: A name that may say that a file undoes another one of its number.
_DOWN = re.compile(r"(?P<name>.+)[\W_](?:down|undo|revert)", re.IGNORECASE)


def _undoing(pair: Pair, rivals: Sequence[Pair]) -> str:
    """What to do where one of them is named as if it undid another: a new number would run it forward."""
    named = {each.name: each for each in (pair, *rivals)}
    for each in named.values():
        match = _DOWN.fullmatch(each.name)
        undone = named.get(match["name"]) if match else None
        if undone is not None:
            return (
                f"If {each.file} undoes {undone.file}, rename it to {undone.rollback_file}. Only if it is a migration "
                "of its own, give it another number."
            )
    return ""


def _one_first(pair: Pair, rivals: Sequence[str], free: str) -> str:
    second = (
        "Later files may need each of them, and no number right behind is free: put their SQL into one file, in order."
    )
    if free and len(rivals) == 1:
        second = f"If that is {rivals[0]}, rename this one to {free}{pair.ending}{_rollback_too(pair, free)}."
    return (
        f"Decide which of them runs first; it keeps the number. {second} "
        "Where a file should never run, an admin can skip it in that environment, with a reason."
    )


def _rollback_too(pair: Pair, free: str) -> str:
    """What its own rollback is called then, where that is a file of its own."""
    file = pair.down.script.file if pair.down and pair.down.script.checksum != pair.up.script.checksum else ""
    renamed = renumbering.with_number(file, pair.version, free) if "/" not in file else ""
    return f", and {file} to {renamed}" if renamed else ""


def _right_after(version: str, taken: Collection[tuple[int, ...]]) -> str:
    """The next number where nobody has it, so that a file moved there stays before all that may need it; else none."""
    if not version.isdigit():
        return ""
    return f"{int(version) + 1:0{len(version)}}" if (int(version) + 1,) not in taken else ""


def _same_number(pair: Pair, spelling: str) -> Problem:
    file = pair.file
    return _problem(
        file,
        SAME_NUMBER,
        Severity.WARNING,
        f"{pair.version} and {spelling} are one number written in two ways; to Signalbox they are two versions.",
        "Write all numbers equally wide, like 008 and 010.",
    )


def _no_rollback(pair: Pair) -> Problem:
    file = pair.file
    but = f": {listed(pair.unclear)} may or may not belong to it" if pair.unclear else ""
    return _problem(
        file,
        NO_ROLLBACK,
        Severity.WARNING,
        f"{file} has no rollback{but}.",
        f"Write {pair.rollback_file}, or say why there is none: `-- signalbox: irreversible=<reason>`.",
    )


def _problem(file: str, code: str, severity: Severity, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=severity, file=file, sentence=sentence, advice=advice)
