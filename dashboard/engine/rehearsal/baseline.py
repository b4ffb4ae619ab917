"""The state a plan is rehearsed from: a copy of the target's schema, or else its history run once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from dashboard.engine.database import connection as connections
from dashboard.engine.database import history
from dashboard.engine.database import sql as queries
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.errors import RehearsalImpossible, SchemaUnreadable
from dashboard.engine.migration import AppliedMigration, Kind, version_key
from dashboard.engine.plan import Action, Step, Target
from dashboard.engine.rehearsal import dump, refusals, throwaway
from dashboard.engine.rehearsal.dump import NoDump
from dashboard.engine.rehearsal.sandbox import Sandbox
from dashboard.engine.rehearsal.throwaway import Database, Server
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.schema import diff, snapshot
from dashboard.engine.schema.objects import SchemaSnapshot

_NO_ROWS = "No rows were copied: what a script does with data that is there is not proven."
_INSTALL = "Install a pg_dump that is not older than the target, or rehearse from the first file on."
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What is read of the target."""

    access: Access
    target: Target
    version: int
    schema: SchemaSnapshot
    extensions: tuple[str, ...]
    roles: tuple[str, ...]
    owner: str  # of the database
    settings: tuple[tuple[str, str], ...]  # of the database and its role, where they decide what SQL means
    is_superuser: bool

    @property
    def major(self) -> int:
        return self.version // 10000

    @property
    def name(self) -> str:
        return self.access.address.name


def read(source: Access) -> Original:
    target = history.read(source, scripts=True)
    with connections.reading(source.address) as connection:
        try:
            return Original(
                access=source,
                target=target,
                version=connection.info.server_version,
                schema=snapshot.take(connection, exclude_tables=snapshot.tracking_tables(source.schema)),
                extensions=_names(connection, "extensions"),
                roles=_names(connection, "roles"),
                owner=_names(connection, "database_owner")[0],
                settings=_settings(connection),
                is_superuser=connection.info.parameter_status("is_superuser") == "on",
            )
        except psycopg.Error as error:
            raise SchemaUnreadable(
                environment=source.address.name, reason=connections.reason_of(error, source.address)
            ) from None


@contextmanager
def copied(original: Original, server: Server, cancellation: Cancellation) -> Iterator[tuple[Sandbox, list[str]]]:
    """A sandbox in the state of the target, and what a reader must know of how it came about.

    Raises RehearsalImpossible where that state cannot be made.
    """
    _refuse_missing_extensions(original, server)
    with throwaway.database(server) as database:
        sandbox = Sandbox(
            database, policy=original.access.policy, schema=original.access.schema, cancellation=cancellation
        )
        with sandbox:
            try:
                remarks = _dumped(original, server, database)
            except NoDump as no_dump:
                remarks = _replayed(original, server, sandbox, str(no_dump))
            yield sandbox, [*remarks, *_remarks(original, server, sandbox)]


# By pg_dump


def _dumped(original: Original, server: Server, database: Database) -> list[str]:
    using = dump.programs(original.major)
    text = dump.take(using, original.access.address, with_roles=server.is_private)
    if server.is_private:
        _make_roles(database, original.roles)
    database.resemble(owner=original.owner if server.is_private else None, settings=original.settings)
    dump.restore(using, database.address, text, server_major=server.major)
    return [f"It ran on a copy of the schema of {original.name}, made by pg_dump {using.version}. {_NO_ROWS}"]


def _make_roles(database: Database, wanted: Sequence[str]) -> None:
    """They own things and are granted rights; nobody can sign in as one."""
    with database.connected() as connection:
        for role in set(wanted).difference(_names(connection, "roles")):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


# By replay


def _replayed(original: Original, server: Server, sandbox: Sandbox, reason: str) -> list[str]:
    rows = [row for row in original.target.history.rows if row.success and row.kind is not Kind.SKIPPED]
    for row in sorted(rows, key=_order):
        step = _step(row, reason)
        error = refusals.refusal(step.sql, server_is_private=server.is_private) or sandbox.run(step).error
        if error:
            raise RehearsalImpossible(
                reason=f"{reason}, and what was applied does not run here: {step.label}, {error.sentence}",
                remedy=_INSTALL,
            )
    return [f"It ran on what the {len(rows)} migrations applied on {original.name} make, because {reason}. {_NO_ROWS}"]


def _order(row: AppliedMigration) -> tuple[float, tuple[int, str]]:
    return (row.applied_at.timestamp() if row.applied_at else 0.0, version_key(row.version))


def _step(row: AppliedMigration, reason: str) -> Step:
    if row.forward_script is None:
        raise RehearsalImpossible(
            reason=f"{reason}, and the history of the target has no text of {row.version}_{row.name} to run instead.",
            remedy=_INSTALL,
        )
    return Step(
        action=Action.APPLY,
        version=row.version,
        name=row.name,
        key=row.key,
        file="",
        sql=row.forward_script,
        checksum=row.checksum,
        checksum_sql=row.checksum_sql,
        down_sql=row.rollback_script,
    )


# What must be known of it


def _refuse_missing_extensions(original: Original, server: Server) -> None:
    with connections.reading(server.address) as connection:
        missing = sorted(set(original.extensions).difference(_names(connection, "available_extensions")))
    if missing:
        raise RehearsalImpossible(
            reason=f"{original.name} uses {', '.join(missing)}, which the rehearsal server does not have.",
            remedy=f"Install it there, or set {server.address.variable} to a server that has it.",
        )


def _remarks(original: Original, server: Server, sandbox: Sandbox) -> list[str]:
    remarks = []
    if server.major != original.major:
        remarks.append(f"It ran on PostgreSQL {server.major}, and {original.name} is PostgreSQL {original.major}.")
    if not original.is_superuser:
        remarks.append(
            f"It ran as the owner of everything: rights that {original.name} does not give do not show here."
        )
    ours = f"schema {original.access.schema}"  # made by the first run, and by the sandbox
    if lines := diff.summary_lines(d for d in diff.compare(original.schema, sandbox.schema()) if d.key != ours):
        more = f", and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        remarks.append(f"The copy differs from {original.name}: {'; '.join(lines[:_SHOWN])}{more}.")
    return remarks


def _names(connection: Connection, query: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(queries.query(query)))


def _settings(connection: Connection) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in connection.execute(queries.query("meaning")))
