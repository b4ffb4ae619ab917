"""The state a plan is rehearsed from: a copy of the target's schema, or else its history run once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import psycopg

from dashboard.engine.database import connection as connections
from dashboard.engine.database import history
from dashboard.engine.database import sql as queries
from dashboard.engine.database.connection import Access, Connection
from dashboard.engine.errors import RehearsalImpossible, SchemaUnreadable
from dashboard.engine.migration import AppliedMigration, Kind, VersionKey, version_key
from dashboard.engine.plan import Action, Step, Target
from dashboard.engine.rehearsal import dump, refusals, restoring, throwaway
from dashboard.engine.rehearsal.doubts import NO_SUCH_VALUE, Doubt, of_rights
from dashboard.engine.rehearsal.dump import Dumped
from dashboard.engine.rehearsal.rights import Rights
from dashboard.engine.rehearsal.sandbox import Sandbox
from dashboard.engine.rehearsal.throwaway import Database, Likeness, Server
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.schema import diff, snapshot
from dashboard.engine.schema.objects import SchemaSnapshot
from dashboard.engine.schema.snapshot import PLATFORM_SCHEMAS

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
    looks: tuple[tuple[str, str], ...]  # settings that any script can see and that change nothing here
    rights: Rights
    publications: tuple[str, ...]  # of all tables
    event_triggers: tuple[str, ...]

    @property
    def is_superuser(self) -> bool:
        return self.rights.is_superuser

    @property
    def major(self) -> int:
        return self.version // 10000

    @property
    def name(self) -> str:
        return self.access.address.name

    def without_url(self) -> Original:
        return replace(self, access=replace(self.access, address=replace(self.access.address, url="")))


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
                settings=_settings(source),
                looks=_values(connection, _LOOKS),
                rights=_rights(connection),
                publications=_names(connection, "publications_of_all_tables"),
                event_triggers=_names(connection, "event_triggers_of_people", platform=sorted(PLATFORM_SCHEMAS)),
            )
        except psycopg.Error as error:
            raise SchemaUnreadable(
                environment=source.address.name, reason=connections.reason_of(error, source.address)
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedSchema:
    """What a reader must know about how the copy was made, and what may therefore differ from the target."""

    remarks: tuple[str, ...]
    doubts: tuple[Doubt, ...]


@contextmanager
def copied(
    original: Original, dumped: Dumped, server: Server, recorded: Sequence[Step], cancellation: Cancellation
) -> Iterator[tuple[Sandbox, CopiedSchema]]:
    """A sandbox in the state of the target, with these steps in its history.

    Raises RehearsalImpossible where that state cannot be made.
    """
    _refuse_missing_extensions(original, server)
    with throwaway.database(server, _likeness(original)) as database:
        sandbox = Sandbox(
            database, policy=original.access.policy, schema=original.access.schema, cancellation=cancellation
        )
        with sandbox:
            yield sandbox, _copy(original, dumped, server, database, sandbox, recorded)


def _copy(  # one for each thing that may differ
    original: Original,
    dumped: Dumped,
    server: Server,
    database: Database,
    sandbox: Sandbox,
    recorded: Sequence[Step],
) -> CopiedSchema:
    doubts = _doubts(original, server)
    if dumped.reason:
        sandbox.begin(lambda: _replay(original, server, sandbox, recorded, dumped))
        doubts.append(Doubt(reason=f"it began with what the history makes, and not with the schema of {original.name}"))
        first = _REPLAYED.format(count=len(_standing(original)), name=original.name, reason=dumped.reason)
    else:
        left_out: list[str] = []
        sandbox.begin(lambda: _restore(original, server, database, sandbox, recorded, dumped.text, left_out))
        doubts += _doubts_of_what_is_missing(original, left_out)
        first = f"It ran on a copy of the schema of {original.name}, made by pg_dump {dumped.version}."
    return CopiedSchema(remarks=(f"{first} {_NO_ROWS}", *_remarks(original, server, sandbox)), doubts=tuple(doubts))


def _likeness(original: Original) -> Likeness:
    """Its database may be one that a server keeps for itself."""
    name = original.target.identity.database
    return Likeness(
        database=name if name not in {"template0", "template1"} else "app",
        role=original.rights.role,
        bypasses_row_security=original.rights.is_superuser or original.rights.bypasses_row_security,
    )


# By pg_dump


def _restore(
    original: Original,
    server: Server,
    database: Database,
    sandbox: Sandbox,
    recorded: Sequence[Step],
    dumped: str,
    left_out: list[str],
) -> None:
    """`left_out` is told what could not be made."""
    if server.is_private:
        database.have_roles(original.roles)
    database.resemble(owner=original.owner if server.is_private else None, settings=original.settings)
    text = dump.as_sql(dumped, server_major=server.major)
    left_out[:] = restoring.restore(text, database.address, maker=database.makers_address, role=database.runner.role)
    if recorded:
        sandbox.record(recorded)


# By replay


def _replay(original: Original, server: Server, sandbox: Sandbox, recorded: Sequence[Step], missing: Dumped) -> None:
    for row in _standing(original):
        step = _step(row, missing)
        error = refusals.refusal(step.sql, server_is_private=server.is_private) or sandbox.run(step).error
        if error:
            raise RehearsalImpossible(
                reason=f"{missing.reason}, and what was applied does not run here: {step.label}, {error.sentence}",
                remedy=missing.remedy,
            )
    if recorded:
        sandbox.record(recorded)


def _standing(original: Original) -> list[AppliedMigration]:
    rows = [row for row in original.target.history.rows if row.success and row.kind is not Kind.SKIPPED]
    return sorted(rows, key=_order)


def _order(row: AppliedMigration) -> tuple[float, VersionKey]:
    return (row.applied_at.timestamp() if row.applied_at else 0.0, version_key(row.version))


def _step(row: AppliedMigration, missing: Dumped) -> Step:
    if row.forward_script is None:
        raise RehearsalImpossible(
            reason=f"{missing.reason}, and the history of the target has no text of {row.label} to run instead.",
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
    doubts = of_rights(server.major) if server.is_private else []
    if original.event_triggers:
        names = ", ".join(original.event_triggers)
        reason = f"{original.name} has event triggers ({names}), which are off here"
        doubts.append(Doubt(reason=reason, of_passes=True))
    if server.major != original.major:
        reason = f"it ran on PostgreSQL {server.major}, and {original.name} is PostgreSQL {original.major}"
        doubts.append(Doubt(reason=reason, of_passes=True))
    if original.publications and not server.is_private:
        reason = f"{original.name} publishes all tables ({', '.join(original.publications)}), and the copy does not"
        doubts.append(Doubt(reason=reason, of_passes=True))
    if not server.is_private:
        reason = f"roles and rights of {original.name} are not on the rehearsal server"
        doubts += [Doubt(reason=reason, sqlstates=_OF_ROLES), NO_SUCH_VALUE]
    return doubts


def _doubts_of_what_is_missing(original: Original, left_out: Sequence[str]) -> list[Doubt]:
    if not left_out:
        return []
    more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
    return [Doubt(reason=f"not all of {original.name} could be copied without a superuser ({left_out[0]}{more})")]


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


def _names(connection: Connection, query: str, **values: object) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(queries.query(query), values or None))


def _settings(source: Access) -> tuple[tuple[str, str], ...]:
    with connections.as_given(source.address) as connection:
        return _values(connection, _MEANING)


def _values(connection: Connection, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    asked = "SELECT " + ", ".join(f"pg_catalog.current_setting('{name}')" for name in names)
    row = connection.execute(asked.encode()).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return tuple(zip(names, map(str, row), strict=True))


#: By these a script could tell a rehearsal. That files are written at once costs little on a server without rows.
_LOOKS = ("cluster_name", "fsync", "full_page_writes", "synchronous_commit", "jit", "log_statement")
#: Settings of a session that decide what the same SQL means.
_MEANING = ("search_path", "TimeZone", "DateStyle", "IntervalStyle")


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
