"""Does the server of a target take the text of a migration? Its grammar can be older or newer than that of our parser.

Asked with a message that is only parsed, with two statements behind the text: a server whose grammar takes all of it
then refuses it for being more than one statement, before it looks anything up. Nothing is planned, locked or run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import psycopg

from dashboard.engine.database import wire
from dashboard.engine.database.connection import Connection
from dashboard.engine.migration import Folder, Migration, MigrationId, Problem, Severity
from dashboard.engine.sql import excerpts
from dashboard.engine.sql.excerpts import Location
from dashboard.engine.sql.statements import GRAMMAR

#: Characters that are asked about in one message, as far as files allow.
TOGETHER = 64_000
#: The code of the problems that are about grammar.
SYNTAX = "syntax_error"


class Answer(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the server said something that is not about grammar


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVerdict:
    """The server's word on one text."""

    answer: Answer
    message: str = ""
    place: Location | None = None


def judged(connection: Connection, folder: Folder, wanted: Collection[MigrationId], *, name: str) -> Folder:
    """The folder, with what the server of `name` says of the up texts of these migrations. Where our parser refuses a
    text, the problem says whether the server takes it; where only the server refuses it, a new problem keeps the
    migration from running."""
    asked = [m for m in folder.migrations if m.identity in wanted and _is_in_question(m)]
    server = f"PostgreSQL {connection.info.server_version // 10_000} of {name}"
    problems_of = {m.identity: _problems(m, verdict, server) for m, verdict in _verdicts(connection, asked)}
    return with_problems(folder, problems_of)


def with_problems(folder: Folder, problems_of: Mapping[MigrationId, tuple[Problem, ...]]) -> Folder:
    """The folder, where these migrations have these problems instead of their own."""
    if all(problems_of.get(m.identity, m.problems) == m.problems for m in folder.migrations):
        return folder
    migrations = tuple(replace(m, problems=problems_of.get(m.identity, m.problems)) for m in folder.migrations)
    of_migrations = {problem for m in folder.migrations for problem in m.problems}
    others = [problem for problem in folder.problems if problem not in of_migrations]
    return replace(folder, migrations=migrations, problems=(*others, *(p for m in migrations for p in m.problems)))


def ask(connection: Connection, text: str) -> ServerVerdict:
    """What the server says of one text."""
    verdict = _verdict(text, _complaint(connection, f"{text}\n;SELECT 1;SELECT 1"))
    if verdict.answer is not Answer.REFUSED:
        return verdict
    alone = _verdict(text, _complaint(connection, text))  # so that what stands at its end is not the semicolon of ours
    return alone if alone.answer is Answer.REFUSED else verdict


def _complaint(connection: Connection, text: str) -> psycopg.Error | None:
    try:
        wire.parse(connection, text)
    except psycopg.Error as error:
        if connection.closed:
            raise
        return error
    return None


def _is_in_question(migration: Migration) -> bool:
    """The server need not be asked about a migration that something else keeps from running."""
    return bool(migration.up.sql) and all(problem.code == SYNTAX for problem in migration.errors())


def _verdicts(connection: Connection, asked: Sequence[Migration]) -> Iterator[tuple[Migration, ServerVerdict]]:
    """One message asks about many texts, where the server takes them all. A text that our parser refuses goes alone: a
    quote that it leaves open would end in the next text."""
    for group in _groups(asked):
        verdict = ask(connection, "\n;".join(m.up.sql for m in group)) if len(group) > 1 else None
        for migration in group:
            is_taken = verdict is not None and verdict.answer is Answer.TAKEN
            yield migration, verdict if verdict and is_taken else ask(connection, migration.up.sql)


def _groups(asked: Sequence[Migration]) -> Iterator[list[Migration]]:
    group: list[Migration] = []
    size = 0
    for migration in asked:
        if migration.errors():
            yield [migration]
            continue
        if size > TOGETHER:
            yield group
            group, size = [], 0
        group.append(migration)
        size += len(migration.up.sql)
    yield group


#: Where a server raises what its grammar refuses, and that it was more than one statement.
_OF_THE_GRAMMAR = frozenset({"scan.l", "gram.y", "scansup.c", "parser.c"})
_MORE_THAN_ONE = "exec_parse_message"


def _verdict(text: str, error: psycopg.Error | None) -> ServerVerdict:
    if error is None:
        return ServerVerdict(answer=Answer.UNKNOWN)
    diagnostic = error.diag
    if diagnostic.source_function == _MORE_THAN_ONE and diagnostic.sqlstate == "42601":
        return ServerVerdict(answer=Answer.TAKEN)
    if (diagnostic.source_file or "").rpartition("/")[2] not in _OF_THE_GRAMMAR:
        return ServerVerdict(answer=Answer.UNKNOWN)
    place = excerpts.locate(text, int(diagnostic.statement_position or 1))
    message = excerpts.one_line(diagnostic.message_primary or "", limit=200)
    return ServerVerdict(answer=Answer.REFUSED, message=message, place=place)


def _problems(migration: Migration, verdict: ServerVerdict, server: str) -> tuple[Problem, ...]:
    """The problems of the migration, with the server's word."""
    if verdict.answer is Answer.UNKNOWN:
        return migration.problems
    if errors := migration.errors():
        of_both = {error: _of_ours(error, verdict, server) for error in errors}
        return tuple(of_both.get(problem, problem) for problem in migration.problems)
    if verdict.answer is Answer.TAKEN or verdict.place is None:
        return migration.problems
    return (*migration.problems, _of_the_server(migration, verdict, verdict.place, server))


def _of_ours(problem: Problem, verdict: ServerVerdict, server: str) -> Problem:
    if verdict.answer is Answer.REFUSED:
        return replace(
            problem,
            sentence=f"{problem.sentence} So does {server}.",
            advice="Correct the statement the caret points at.",
        )
    return replace(
        problem,
        sentence=f"{problem.sentence} {server} takes it.",
        advice=f"Write it so that both take it: a name that is a keyword in {GRAMMAR} goes into double quotes, an "
        "operator behind its operand becomes a call of its function. Or run the file there with psql, and skip it "
        "here with a reason.",
    )


def _of_the_server(migration: Migration, verdict: ServerVerdict, place: Location, server: str) -> Problem:
    return Problem(
        code=SYNTAX,
        severity=Severity.ERROR,
        file=migration.up.file,
        sentence=f"{server} refuses the file: {verdict.message}. The parser of Signalbox, which has the grammar of "
        f"PostgreSQL {GRAMMAR}, takes it.",
        advice="Write it as that server understands it, or wait until the server is upgraded.",
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )
