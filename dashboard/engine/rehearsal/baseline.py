"""The state a plan is rehearsed from: a copy of the target's schema, or else its history run once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

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
from dashboard.engine.rehearsal.doubts import Doubt
from dashboard.engine.rehearsal.dump import NoDump, Programs
from dashboard.engine.rehearsal.rights import Rights
from dashboard.engine.rehearsal.sandbox import Sandbox
from dashboard.engine.rehearsal.throwaway import Database, Server
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.schema import diff, snapshot
from dashboard.engine.schema.objects import SchemaSnapshot

_NO_ROWS = "No rows were copied: what a script does with data that is there is not proven."
_REPLAYED = "It ran on what the {count} migrations applied on {name} make, because {reason}."
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
    rights: Rights
    publications: tuple[str, ...]  # of all tables

    @property
    def is_superuser(self) -> bool:
        return self.rights.is_superuser

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
                rights=_rights(connection),
                publications=_names(connection, "publications_of_all_tables"),
            )
        except psycopg.Error as error:
            raise SchemaUnreadable(
                environment=source.address.name, reason=connections.reason_of(error, source.address)
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedSchema:
    """What a reader must know of how it came about, and what may therefore be otherwise on the target."""

    remarks: tuple[str, ...]
    doubts: tuple[Doubt, ...]


@contextmanager
def copied(
    original: Original, server: Server, recorded: Sequence[Step], cancellation: Cancellation
) -> Iterator[tuple[Sandbox, CopiedSchema]]:
    """A sandbox in the state of the target, with these steps in its history.

    Raises RehearsalImpossible where that state cannot be made.
    """
    _refuse_missing_extensions(original, server)
    with throwaway.database(server) as database:
        sandbox = Sandbox(
            database, policy=original.access.policy, schema=original.access.schema, cancellation=cancellation
        )
        with sandbox:
            yield sandbox, _copy(original, server, database, sandbox, recorded)


def _copy(
    original: Original, server: Server, database: Database, sandbox: Sandbox, recorded: Sequence[Step]
) -> CopiedSchema:
    doubts = _doubts(original, server)
    try:
        using = dump.programs(original.major)
        text = dump.take(using, original.access.address, with_roles=server.is_private)
    except NoDump as no_dump:
        reason, missing = str(no_dump), no_dump
        sandbox.begin(lambda: _replay(original, server, sandbox, recorded, missing))
        doubts.append(Doubt(reason=f"it began with what the history makes, and not with the schema of {original.name}"))
        first = _REPLAYED.format(count=len(_standing(original)), name=original.name, reason=reason)
    else:
        sandbox.begin(lambda: _restore(original, server, database, sandbox, recorded, (using, text)))
        first = f"It ran on a copy of the schema of {original.name}, made by pg_dump {using.version}."
    return CopiedSchema(remarks=(f"{first} {_NO_ROWS}", *_remarks(original, server, sandbox)), doubts=tuple(doubts))


# By pg_dump


def _restore(
    original: Original,
    server: Server,
    database: Database,
    sandbox: Sandbox,
    recorded: Sequence[Step],
    dumped: tuple[Programs, str],
) -> None:
    using, text = dumped
    if server.is_private:
        _make_roles(database, original.roles)
    database.resemble(owner=original.owner if server.is_private else None, settings=original.settings)
    dump.restore(using, database.address, text, server_major=server.major)
    if recorded:
        sandbox.record(recorded)


def _make_roles(database: Database, wanted: Sequence[str]) -> None:
    """They own things and are granted rights; nobody can sign in as one."""
    with database.connected() as connection:
        for role in set(wanted).difference(_names(connection, "roles")):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


# By replay


def _replay(original: Original, server: Server, sandbox: Sandbox, recorded: Sequence[Step], missing: NoDump) -> None:
    for row in _standing(original):
        step = _step(row, missing)
        error = refusals.refusal(step.sql, server_is_private=server.is_private) or sandbox.run(step).error
        if error:
            raise RehearsalImpossible(
                reason=f"{missing}, and what was applied does not run here: {step.label}, {error.sentence}",
                remedy=missing.remedy,
            )
    if recorded:
        sandbox.record(recorded)


def _standing(original: Original) -> list[AppliedMigration]:
    rows = [row for row in original.target.history.rows if row.success and row.kind is not Kind.SKIPPED]
    return sorted(rows, key=_order)


def _order(row: AppliedMigration) -> tuple[float, tuple[int, str]]:
    return (row.applied_at.timestamp() if row.applied_at else 0.0, version_key(row.version))


def _step(row: AppliedMigration, missing: NoDump) -> Step:
    if row.forward_script is None:
        raise RehearsalImpossible(
            reason=f"{missing}, and the history of the target has no text of {row.label} to run instead.",
            remedy=missing.remedy,
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


#: Of a role that is not there, and of a right that nobody gave.
_OF_ROLES = frozenset({"42704", "42501"})


def _doubts(original: Original, server: Server) -> list[Doubt]:
    doubts = []
    if server.major != original.major:
        reason = f"it ran on PostgreSQL {server.major}, and {original.name} is PostgreSQL {original.major}"
        doubts.append(Doubt(reason=reason, of_passes=True))
    if original.publications and not server.is_private:
        reason = f"{original.name} publishes all tables ({', '.join(original.publications)}), and the copy does not"
        doubts.append(Doubt(reason=reason, of_passes=True))
    if not server.is_private:
        reason = f"roles and rights of {original.name} are not on the rehearsal server"
        doubts.append(Doubt(reason=reason, sqlstates=_OF_ROLES))
    return doubts


def _remarks(original: Original, server: Server, sandbox: Sandbox) -> list[str]:
    remarks = []
    if server.major != original.major:
        remarks.append(f"It ran on PostgreSQL {server.major}, and {original.name} is PostgreSQL {original.major}.")
    if not original.is_superuser:
        remarks.append(
            f"It ran as the owner of everything: rights that {original.name} does not give do not show here."
        )
    differences = diff.compare(original.schema, sandbox.schema())
    if lines := diff.summary_lines(d for d in differences if not _is_of_the_copy(d.key, original)):
        more = f", and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        remarks.append(f"The copy differs from {original.name}: {'; '.join(lines[:_SHOWN])}{more}.")
    return remarks


def _rights(connection: Connection) -> Rights:
    row = connection.execute(queries.query("rights_of_role")).fetchone()
    assert row is not None, "whoever is connected has a role"
    role, is_superuser, bypasses, creates, *names = row
    not_owned, not_creating_in, trusted = (frozenset(map(str, cast("list[str]", each))) for each in names)
    return Rights(
        role=str(role),
        is_superuser=bool(is_superuser),
        bypasses_row_security=bool(bypasses),
        creates_in_database=bool(creates),
        not_owned=not_owned,
        not_creating_in=not_creating_in,
        trusted=trusted,
    )


def _names(connection: Connection, query: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(queries.query(query)))


def _settings(connection: Connection) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in connection.execute(queries.query("meaning")))


def _is_of_the_copy(key: str, original: Original) -> bool:
    """Another database has settings and grants of its own, another server roles: those that decide what SQL means are
    given to the copy. The schema of the tracking tables is made by the first run, and by the sandbox."""
    if key.startswith("role ") or key.endswith(" in the database"):
        return True
    return key in {f"schema {original.access.schema}", *_OF_THE_SERVER}


_OF_THE_SERVER = (
    "settings of the database",
    "settings of all roles",
    "grants on the database",
    "owner of the database",
)
