"""Files that are for some environments only: which those are, what is wrong with how they say it. Pure."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.migration import DUPLICATE_VERSION, Folder, Migration, MigrationId, Problem, Severity
from dashboard.engine.sql import directives
from dashboard.engine.sql.directives import DEPENDS, ENVIRONMENTS, EXCEPT

#: Codes of the problems of a file from which nobody can tell where it is for: it runs nowhere, and is shown everywhere.
UNKNOWN_ENVIRONMENT = "unknown_environment"
BAD_SCOPE = "bad_scope"
_UNTOLD = frozenset({UNKNOWN_ENVIRONMENT, BAD_SCOPE})
#: The code of the problem that a file needs one which some of its environments do not get.
NARROWER = "narrower_dependency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The scope of a file: its environments, by their slugs. `only` these, or all but `but`; neither: all."""

    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    @property
    def is_everywhere(self) -> bool:
        return not self.only and not self.but

    def covers(self, environment: str) -> bool:
        return environment in self.only if self.only else environment not in self.but

    def is_apart_from(self, other: Scope) -> bool:
        """Whatever environments there are, none is in both."""
        named = self.only or other.only
        return bool(named) and not any(self.covers(each) and other.covers(each) for each in named)

    @property
    def words(self) -> str:
        """As a predicate: "is for staging and development only"."""
        if self.only:
            return f"is for {_listed(self.only)} only"
        return f"is for every environment but {_listed(self.but)}" if self.but else "is for every environment"


def scope_of(migration: Migration) -> Scope:
    """What its file says. One that says it in a way that cannot be understood is for all, so that its error is seen."""
    if any(problem.code in _UNTOLD for problem in migration.problems):
        return Scope()
    return _said(migration)


class _WithSql(Protocol):
    @property
    def sql(self) -> str: ...


def meant_for[S: _WithSql](steps: Iterable[S], environment: str) -> list[S]:
    """Those of a plan that this environment ever gets, by their text. One that cannot be read is meant for all."""
    return [step for step in steps if _is_meant_for(step.sql, environment)]


def _is_meant_for(sql: str, environment: str) -> bool:
    try:
        return _scope_said(directives.values_in(sql)).covers(environment)
    except SqlSyntaxError:
        return True


def within(folder: Folder, environment: str) -> Folder:
    """The folder as this environment has it: what is for others only is in `elsewhere`. Two files of one number that
    no environment has together are no conflict there."""
    if not any(_says(migration) for migration in folder.migrations):
        return folder
    here = [migration for migration in folder.migrations if scope_of(migration).covers(environment)]
    left = [migration for migration in folder.migrations if not scope_of(migration).covers(environment)]
    if not left:
        return folder
    times = Counter(migration.version for migration in here)
    alone = {migration.up.file for migration in here if times[migration.version] == 1}
    silent = {script.file for m in left for script in (m.up, m.down) if script} - {m.up.file for m in here}
    return replace(
        folder,
        migrations=tuple(_without_duplicates(m, alone) for m in here),
        elsewhere=tuple(left),
        problems=tuple(p for p in folder.problems if p.file not in silent and not (p.is_duplicate and p.file in alone)),
    )


def apart(folder: Folder, environments: Collection[str]) -> tuple[tuple[tuple[str, ...], Folder], ...]:
    """The folder as each environment has it, by the names of those that have the same; empty where all files can run on
    one database. They cannot where files of one number are for different environments."""
    times = Counter(migration.version for migration in folder.migrations)
    if not any(times[m.version] > 1 and not any(p.is_duplicate for p in m.problems) for m in folder.migrations):
        return ()
    alike: dict[tuple[MigrationId, ...], tuple[tuple[str, ...], Folder]] = {}
    for slug in environments:
        here = within(folder, slug)
        identities = tuple(migration.identity for migration in here.migrations)
        slugs, _ = alike.get(identities, ((), here))
        alike[identities] = ((*slugs, slug), here)
    return tuple(alike.values())


def _parted(folder: Folder) -> Folder:
    """Files of one number that no environment has together are no conflict."""
    by_version: dict[str, list[Migration]] = defaultdict(list)
    for migration in folder.migrations:
        by_version[migration.version].append(migration)
    alone = {m.up.file for m in folder.migrations if _is_apart(m, by_version[m.version])}
    return replace(
        folder,
        migrations=tuple(_without_duplicates(m, alone) for m in folder.migrations),
        problems=tuple(p for p in folder.problems if not (p.is_duplicate and p.file in alone)),
    )


def _is_apart(migration: Migration, sharing: Sequence[Migration]) -> bool:
    scope = scope_of(migration)
    return all(scope.is_apart_from(scope_of(other)) for other in sharing if other is not migration)


def judged(folder: Folder, *, declared: Collection[str], sharing: Collection[str]) -> Folder:
    """The folder, with what is wrong with the scopes of its files. `declared`: every environment there is; `sharing`:
    those that take their files from this folder. Files of one number that none of them has together are no conflict."""
    if not any(_says(migration) for migration in folder.migrations):
        return folder
    named = tuple(replace(m, problems=(*m.problems, *_of_names(m, declared))) for m in folder.migrations)
    covered = _covered(named, sharing)
    migrations = tuple(replace(m, problems=(*m.problems, *_of_needs(m, covered, sharing))) for m in named)
    known = {problem for migration in folder.migrations for problem in migration.problems}
    added = [p for m in migrations for p in m.problems if p not in known]
    return _parted(replace(folder, migrations=migrations, problems=(*folder.problems, *added)))


def _says(migration: Migration) -> bool:
    return _names_any(migration.directives) or _says_below(migration)


def _says_below(migration: Migration) -> bool:
    """Only what undoes it names environments, which says nothing of where it runs."""
    down = migration.down.directives if migration.down else {}
    return _names_any(down) and not _names_any(migration.directives)


def _names_any(said: Mapping[str, str]) -> bool:
    return ENVIRONMENTS in said or EXCEPT in said


def _said(migration: Migration) -> Scope:
    return _scope_said(migration.directives)


def _scope_said(said: Mapping[str, str]) -> Scope:
    return Scope(only=directives.names_in(said, ENVIRONMENTS), but=directives.names_in(said, EXCEPT))


def _without_duplicates(migration: Migration, alone: Collection[str]) -> Migration:
    if migration.up.file not in alone:
        return migration
    return replace(migration, problems=tuple(p for p in migration.problems if p.code != DUPLICATE_VERSION))


# What is wrong


def _of_names(migration: Migration, declared: Collection[str]) -> Iterator[Problem]:
    if not _says(migration):
        return
    said, file = _said(migration), migration.up.file
    if _says_below(migration):
        sentence = f"What undoes {file} names environments, and {file} itself names none: it would run everywhere."
        yield _error(
            file, BAD_SCOPE, sentence, "Write the directive into what is run; what undoes it goes where that went."
        )
        return
    if said.only and said.but:
        sentence = f"{file} names environments that it is for, and others that it is not for."
        yield _error(file, BAD_SCOPE, sentence, f"Keep one of both directives: `{ENVIRONMENTS}` or `{EXCEPT}`.")
        return
    for name in (*said.only, *said.but):
        if name not in declared:
            near = difflib.get_close_matches(name, sorted(declared), n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            sentence = f"{file} names the environment {name}, and none is declared under that name."
            advice = f"Write one of these: {', '.join(declared)}.{meant} Until then the file runs nowhere."
            yield _error(file, UNKNOWN_ENVIRONMENT, sentence, advice)
    if said.but and set(declared) <= set(said.but):
        sentence = f"{file} is for no environment: it takes out each that is declared."
        yield _error(file, BAD_SCOPE, sentence, "Take one out of its list, or the file out of the folder.")


def _covered(migrations: Sequence[Migration], sharing: Collection[str]) -> Mapping[str, set[str]]:
    """The environments that get a file of each version."""
    covered: Mapping[str, set[str]] = defaultdict(set)
    for migration in migrations:
        scope = scope_of(migration)
        covered[migration.version].update(slug for slug in sharing if scope.covers(slug))
    return covered


def _of_needs(migration: Migration, covered: Mapping[str, set[str]], sharing: Collection[str]) -> Iterator[Problem]:
    """One for each version that it depends on and that some of its own environments never get."""
    scope = scope_of(migration)
    for version in directives.versions_in(migration.directives, DEPENDS):
        without = [slug for slug in sharing if scope.covers(slug) and slug not in covered[version]]
        if version in covered and without:
            sentence = (
                f"{migration.up.file} depends on {version}, which is not for {_listed(without)}, where this file would "
                "run without it."
            )
            advice = "Let both name the same environments, or take the dependency out."
            yield _error(migration.up.file, NARROWER, sentence, advice)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _error(file: str, code: str, sentence: str, advice: str) -> Problem:
    return Problem(code=code, severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)
