"""Does a session of this database read strings as a session of Signalbox does?"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dashboard.engine.database import grammar
from dashboard.engine.database.connection import Connection
from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.migration import Folder, Migration, MigrationId, Problem, Script, Severity
from dashboard.engine.sql import backslashes
from dashboard.engine.sql.excerpts import locate
from dashboard.engine.sql.tokens import tokens


def are_standard(connection: Connection) -> bool:
    """Asked on a connection with its settings as given: one that looks, or runs migrations, has this one from us."""
    return connection.info.parameter_status(backslashes.SETTING) != "off"


def judged(connection: Connection, folder: Folder, wanted: Collection[MigrationId], *, name: str) -> Folder:
    """The folder, with an error for every text of these migrations that psql would send to `name` with another
    meaning."""
    if are_standard(connection):
        return folder
    problems_of = {m.identity: (*m.problems, *_problems(m, name)) for m in folder.migrations if m.identity in wanted}
    return grammar.with_problems(folder, problems_of)


def _problems(migration: Migration, name: str) -> Iterator[Problem]:
    for script in (migration.up, migration.down):
        if script and script.statements and (offset := _ambiguous(script)) is not None:
            place = locate(script.sql, offset + 1)
            yield Problem(
                code="backslash",
                severity=Severity.ERROR,
                file=script.file,
                sentence=f"{name} gives its sessions {backslashes.SETTING} = off, under which the backslash in this "
                "string is an escape; Signalbox would send it as a plain character.",
                advice=f"{backslashes.REMEDY} Or take the setting away there: ALTER DATABASE or ALTER ROLE ... RESET "
                f"{backslashes.SETTING}.",
                line=place.line,
                column=place.column,
                excerpt=place.excerpt,
            )


def _ambiguous(script: Script) -> int | None:
    try:
        token = backslashes.ambiguous(tokens(script.sql))
    except SqlSyntaxError:
        return None  # it does not run
    return token.offset if token else None
