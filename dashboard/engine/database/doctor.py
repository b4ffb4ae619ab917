"""Is this connection fit to run migrations on? Asked before every run, and when a person tests the connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg import conninfo

from dashboard.engine.database import connection as connections
from dashboard.engine.database import dual_writing, encoding, guards, history, sql, strings, transport
from dashboard.engine.database.connection import Access, Address, Connection
from dashboard.engine.database.tracking import TrackingTables
from dashboard.engine.errors import PlanChanged, TargetUnsuitable, TrackingTablesNotMade, TrackingTableUnusable
from dashboard.engine.sql import backslashes


class CheckLevel(StrEnum):
    FINE = "fine"
    NOTE = "note"  # nothing to do, but good to know
    WARNING = "warning"  # a run may start; people should look at this first
    REFUSED = "refused"  # no run starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    code: str
    level: CheckLevel
    finding: str  # a clause about the database, so that "Staging is not fit: {finding}" is a sentence
    remedy: str = ""
    grants: tuple[str, ...] = ()  # the statements of the remedy, where it is nothing else


OLDEST_VERSION = 130000
#: The newest whose grammar the parser knows.
NEWEST_VERSION = 190000

#: How often a second connection is compared with ours; a pooler may have several idle backends to choose from.
PROBES = 10

#: Seconds. A target's log carries its own time, the audit log ours: beyond this nobody can put the two in order.
CLOCKS_AGREE_WITHIN = 5.0

UNPOOLED = (
    "Use the session-mode or unpooled URL: on Railway DATABASE_UNPOOLED_URL, on Supabase port 5432 instead of 6543."
)


def examine(connection: Connection, address: Address) -> None:
    """Raise TargetUnsuitable with the remedy, or return."""
    for check in _fitness(connection, address):
        if check.level is CheckLevel.REFUSED:
            raise TargetUnsuitable(environment=address.name, finding=check.finding, remedy=check.remedy)


def checkup(connection: Connection, access: Access, *, installation: str = "") -> tuple[Check, ...]:
    """Every check of the connection and the database, the failed ones first. What a check tries out is undone.
    `installation` is the identity of this Signalbox; without it the check only tells whether one or several have
    written here.

    Where a role may not see something the check says so; it never fails for that. Raises TrackingTableUnusable, and
    what `naming_errors` does.
    """
    if access.address.only_reads:
        return _checkup_to_read(connection, access)
    with connections.naming_errors(connection, access):
        checks = [*_fitness(connection, access.address), *(check(connection, access) for check in _CHECKS)]
        checks += _other_installations(connection, access, installation)
        checks += _apart(connection, access)
        checks += _dual_write(connection, access)
    return tuple(sorted(checks, key=lambda check: list(CheckLevel)[::-1].index(check.level)))


def reading(connection: Connection, access: Access) -> Check:
    """The check that the role of the URL for looks can read what pages show, and nothing more."""
    role, variable, schema = connection.info.user, access.address.variable, access.schema
    try:
        with suppress(TrackingTableUnusable):
            history.of(TrackingTables(connection, schema))
    except psycopg.errors.InsufficientPrivilege as error:
        finding = f"the role {role} of {variable} may not read what pages show: {error.diag.message_primary}."
        remedy = (
            f"Run as their owner: GRANT USAGE ON SCHEMA {schema} TO {role}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};"
        )
        return Check(code="reader", level=CheckLevel.WARNING, finding=finding, remedy=remedy)
    row = connection.execute(sql.query("reader")).fetchone()
    if row and row[0]:
        finding = f"pages read with {variable}, whose role {role} can also write."
        remedy = "Take those rights away, or the web process holds a key that changes this database."
        return Check(code="reader", level=CheckLevel.WARNING, finding=finding, remedy=remedy)
    finding = f"pages read with {variable}, whose role {role} only reads."
    return Check(code="reader", level=CheckLevel.FINE, finding=finding)


def _checkup_to_read(connection: Connection, access: Access) -> tuple[Check, ...]:
    """For a process that has only the URL for looks: no check is about runs."""
    with connections.naming_errors(connection, access):
        row = connection.execute(sql.query("doctor")).fetchone()
        assert row is not None, "a SELECT without FROM has one row"
        checks = (_pooling(connection, access.address, row[3]), _version(int(str(row[0]))), reading(connection, access))
        more = tuple(check(connection, access) for check in (_encryption, _clocks, _identity, _encoding))
    return tuple(sorted((*checks, *more), key=lambda check: list(CheckLevel)[::-1].index(check.level)))


def is_fit(checks: Iterable[Check]) -> bool:
    return all(check.level is not CheckLevel.REFUSED for check in checks)


def _fitness(connection: Connection, address: Address) -> Iterator[Check]:
    """The checks that every run needs."""
    row = connection.execute(sql.query("doctor")).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    version, standby, read_only, backend_pid = row
    yield _pooling(connection, address, backend_pid)
    yield _version(int(str(version)))
    if standby:
        yield _refused("standby", "it is a standby and read-only.", "Use the URL of the primary.")
    elif read_only:
        remedy = (
            "Find out why first: some providers set it when a disk is nearly full. Then reset "
            "default_transaction_read_only for this role or database."
        )
        yield _refused("read_only", "its sessions are read-only.", remedy)
    else:
        yield Check(code="primary", level=CheckLevel.FINE, finding="it is a primary and takes writes.")


def _pooling(connection: Connection, address: Address, backend_pid: object) -> Check:
    if _behind_transaction_pooler(connection, address, backend_pid):
        finding = "its URL leads through a transaction pooler, which loses locks and settings."
        return _refused("transaction_pooler", finding, UNPOOLED)
    if connection.info.backend_pid != backend_pid:
        return Check(code="pooler", level=CheckLevel.NOTE, finding="its URL leads through a pooler in session mode.")
    return Check(code="pooler", level=CheckLevel.FINE, finding="no pooler stands between.")


def _behind_transaction_pooler(connection: Connection, address: Address, backend_pid: object) -> bool:
    """A pooler tells a backend pid of its own. In session mode the server's backend is ours as long as we are
    connected. In transaction mode it serves other connections between our statements, or another backend serves us."""
    if str(conninfo.conninfo_to_dict(address.url).get("port", "")) == "6543":
        return True
    if connection.info.backend_pid == backend_pid:
        return False
    with connections.reading(address) as other:
        return any(_pid(other) == backend_pid or _pid(connection) != backend_pid for _ in range(PROBES))


def _pid(connection: Connection) -> object:
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    return row[0] if row else None


def _version(version: int) -> Check:
    finding = f"it runs PostgreSQL {version // 10000}."
    if version < OLDEST_VERSION:
        return _refused("version", finding, "Signalbox needs 13 or newer.")
    if version >= NEWEST_VERSION:
        remedy = "What is new in its SQL may be refused when the folder is read; tell the maintainers."
        return Check(code="version", level=CheckLevel.WARNING, finding=finding, remedy=remedy)
    return Check(code="version", level=CheckLevel.FINE, finding=finding)


# What people should know


def _rights(connection: Connection, access: Access) -> Check:
    row = connection.execute(sql.query("rights", access.schema), {"schema": access.schema}).fetchone()
    assert row is not None, "current_user always has a role"
    role, is_superuser, may_create_schema, may_create_tables, may_write, *quoted = row
    schema = access.schema
    own_database, to_role, own_schema = map(str, quoted)
    if not TrackingTables(connection, schema).is_prepared():
        if may_create_tables is None and not may_create_schema:
            grant = f"GRANT CREATE ON DATABASE {own_database} TO {to_role};"
            finding = f"the role {role} may not create the schema {schema} there."
            return _not_granted("rights", finding, "Run as the owner of the database:", grant)
        if may_create_tables is False:
            grant = f"GRANT USAGE, CREATE ON SCHEMA {own_schema} TO {to_role};"
            finding = f"the role {role} may not create tables in the schema {schema}."
            return _not_granted("rights", finding, "Run as its owner:", grant)
    elif not may_write:
        grants = (
            f"GRANT USAGE ON SCHEMA {own_schema} TO {to_role};",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {own_schema} TO {to_role};",
        )
        finding = f"the role {role} may not write to the tracking tables in {schema}."
        return _not_granted("rights", finding, "Run as their owner:", *grants)
    if is_superuser:
        remedy = "A migration can then do anything to the server. A role that owns only its schemas is enough."
        return Check(code="rights", level=CheckLevel.NOTE, finding=f"the role {role} is a superuser.", remedy=remedy)
    return Check(code="rights", level=CheckLevel.FINE, finding=f"the role {role} may keep the history there.")


def _grants(connection: Connection, access: Access) -> Check:
    """What a run does not need for itself, and nearly every folder does: its first CREATE TABLE would fail."""
    row = connection.execute(sql.query("grants")).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    may_create_schemas, may_use_public, own_database, to_role = row
    lacks, grants = [], []
    if not may_use_public:
        lacks.append("create tables in the schema public, which PostgreSQL 15 and newer give to nobody by themselves")
        grants.append(f"GRANT USAGE, CREATE ON SCHEMA public TO {to_role};")
    if not may_create_schemas:
        lacks.append("create schemas, so it can save no rows before they are destroyed")
        grants.append(f"GRANT CREATE ON DATABASE {own_database} TO {to_role};")
    if not grants:
        finding = f"the role {connection.info.user} may create schemas, and tables in public."
        return Check(code="grants", level=CheckLevel.FINE, finding=finding)
    finding = f"the role {connection.info.user} may not {'; nor '.join(lacks)}."
    how = "Run as their owner, where your files need it:"
    return _not_granted("grants", finding, how, *grants, level=CheckLevel.WARNING)


def _encryption(connection: Connection, access: Access) -> Check:
    parts = connections.parts_of(access.address)
    if not connection.pgconn.ssl_in_use:
        if transport.is_private({"host": connection.info.host, "hostaddr": connection.info.hostaddr}):
            return Check(code="tls", level=CheckLevel.FINE, finding="the connection does not leave a private network.")
        remedy = 'Add sslmode=require, better verify-full, to the URL, or tls = "require" to the environment.'
        return Check(code="tls", level=CheckLevel.WARNING, finding="the connection is not encrypted.", remedy=remedy)
    if parts.get("sslmode") in {"verify-ca", "verify-full"}:
        return Check(
            code="tls", level=CheckLevel.FINE, finding="the connection is encrypted and the server proved itself."
        )
    remedy = "sslmode=verify-full with the provider's root certificate would tell an impostor."
    finding = "the connection is encrypted; who answers is not verified."
    return Check(code="tls", level=CheckLevel.NOTE, finding=finding, remedy=remedy)


def _clocks(connection: Connection, access: Access) -> Check:
    asked = time.time()
    row = connection.execute(sql.query("clock")).fetchone()
    answered = time.time()
    server_time = int(str(row[0])) / 1000 if row else answered
    skew = max(asked - server_time, server_time - answered)
    if skew > CLOCKS_AGREE_WITHIN:
        finding = f"its clock is {skew:.0f} s away from that of this machine."
        remedy = "Times in its tables and in the audit log will not fit together. No decision rests on them."
        return Check(code="clock", level=CheckLevel.WARNING, finding=finding, remedy=remedy)
    return Check(code="clock", level=CheckLevel.FINE, finding="its clock agrees with that of this machine.")


def _identity(connection: Connection, access: Access) -> Check:
    """Without it no look and no run knows which database it has met."""
    try:
        connections.identity(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        role = connection.info.user
        finding = f"the role {role} may not ask which database it is: {error.diag.message_primary}."
        grant = f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO {role};"
        return _not_granted("identity", finding, "Run as a superuser:", grant)
    return Check(code="identity", level=CheckLevel.FINE, finding="it tells which database it is.")


def _record(connection: Connection, access: Access) -> Check:
    """Tried out and undone: event triggers, policies and publications of the database apply to our tables too."""
    code, tables = "record", TrackingTables(connection, access.schema)
    if _rights(connection, access).level is CheckLevel.REFUSED:
        finding = "whether a run could keep its record there was not tried, because the role lacks the rights."
        return Check(code=code, level=CheckLevel.NOTE, finding=finding)
    try:
        with guards.tried(tables):
            return Check(code=code, level=CheckLevel.FINE, finding="a run can keep its record there.")
    except (TrackingTableUnusable, TrackingTablesNotMade) as error:
        return _refused(code, f"a run could not keep its record there: {error}", error.remedy)
    except PlanChanged:
        remedy = f"Look at the triggers and rules of the tables in {access.schema}: one of them throws rows away."
        return _refused(code, "a run could not keep its record there: a row that is written does not stay.", remedy)
    except psycopg.errors.ReadOnlySqlTransaction:
        finding = "whether a run could keep its record there was not tried, because nothing can be written."
        return Check(code=code, level=CheckLevel.NOTE, finding=finding)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        finding = "whether a run could keep its record there was not tried: somebody holds its tracking tables."
        remedy = "A run may be under way. Else look in pg_stat_activity for the session that holds them."
        return Check(code=code, level=CheckLevel.WARNING, finding=finding, remedy=remedy)
    except psycopg.Error as error:
        if connection.closed:
            raise
        remedy = f"Something in that database stands between this role and the tables in {access.schema}: take it away."
        return _refused(code, f"a run could not keep its record there: {error.diag.message_primary}.", remedy)


def _tables(connection: Connection, access: Access) -> Check:
    tables = TrackingTables(connection, access.schema)
    name = tables.history_table
    try:
        tables.check_shape()  # all of it at once; a reader stops at what it cannot read
        remembered = history.of(tables)
    except TrackingTableUnusable as error:
        return _refused("tables", str(error), error.remedy)
    except psycopg.errors.InsufficientPrivilege:
        return Check(code="tables", level=CheckLevel.NOTE, finding=f"its {name} is hidden from this role.")
    if not remembered.exists:
        finding = f"it has no {name} yet; the first run makes it."
        row = connection.execute(sql.query("beside"), {"schema": access.schema}).fetchone()
        if row and row[0]:
            finding = (
                f"its schema {access.schema} holds {row[0]} tables of others; the first run puts {name} beside them."
            )
        return Check(code="tables", level=CheckLevel.NOTE, finding=finding)
    if not tables.is_prepared() and tables.is_ours():
        finding = f"its {name} is of an older version; the next run adds what is missing to it."
        remedy = "The role of Signalbox has to own that table, or a run cannot begin."
        return Check(code="tables", level=CheckLevel.NOTE, finding=finding, remedy=remedy)
    if not tables.is_prepared():
        finding = f"it has a {name} that Signalbox did not make; the first run adds its columns to it."
        remedy = "The columns that stand there keep their meaning for whoever reads them."
        return Check(code="tables", level=CheckLevel.NOTE, finding=finding, remedy=remedy)
    rows = len(remembered.rows)
    finding = f"its {name} holds {rows} {'row' if rows == 1 else 'rows'}."
    return Check(code="tables", level=CheckLevel.FINE, finding=finding)


def _encoding(connection: Connection, access: Access) -> Check:
    name = connection.info.parameter_status("server_encoding") or "an unknown encoding"
    if name == "UTF8":
        return Check(code="encoding", level=CheckLevel.FINE, finding="it stores text as UTF-8.")
    if name in encoding.KEEP_ALL:
        finding, remedy = f"it stores any bytes ({name}).", "What is sent there is UTF-8, which nothing checks."
    else:
        finding = f"it stores text as {name}."
        remedy = "Files are sent as UTF-8. Where a comment has a character that it lacks, the history keeps it escaped."
    return Check(code="encoding", level=CheckLevel.NOTE, finding=finding, remedy=remedy)


def _strings(connection: Connection, access: Access) -> Check:
    """Another session is asked, because our own has this setting from us."""
    with connections.as_given(access.address) as other:
        if strings.are_standard(other):
            return Check(code="strings", level=CheckLevel.FINE, finding="it reads strings as the SQL standard has it.")
    finding = f"its sessions are given {backslashes.SETTING} = off, and one that runs migrations has it on."
    remedy = (
        "A file with a backslash in a plain string means something else to psql there, so no plan takes one: write "
        f"E'...'. Or RESET {backslashes.SETTING} for the database or the role."
    )
    return Check(code="strings", level=CheckLevel.WARNING, finding=finding, remedy=remedy)


def _timeouts(connection: Connection, access: Access) -> Check:
    given = connection.execute(sql.query("timeouts_given")).fetchall()
    if not given:
        finding = "neither its role nor its database sets a timeout that a run would replace."
        return Check(code="timeouts", level=CheckLevel.FINE, finding=finding)
    settings = ", ".join(f"{name} = {value} (set by {giver})" for giver, name, value in given)
    lock, statement = _limit(access.policy.lock_timeout_ms), _limit(access.policy.statement_timeout_ms)
    remedy = (
        f"A run replaces them: lock_timeout is {lock}, statement_timeout {statement}, "
        f"idle_in_transaction_session_timeout {connections.IDLE_IN_TRANSACTION}, any other is off. Its environment may "
        "set the first two (lock_timeout_ms, statement_timeout_ms), and so may a file, with a directive."
    )
    finding = f"sessions there are given timeouts: {settings}."
    return Check(code="timeouts", level=CheckLevel.NOTE, finding=finding, remedy=remedy)


def _limit(ms: int) -> str:
    return f"{ms}ms" if ms else "off"


def _dual_write(connection: Connection, access: Access) -> Iterator[Check]:
    if access.dual_write is None:
        return
    code, label = "dual_write", access.dual_write.label
    if obstacle := dual_writing.obstacle(connection, access.dual_write):
        yield Check(
            code=code,
            level=CheckLevel.REFUSED,
            finding=obstacle.finding,
            remedy=obstacle.remedy,
            grants=obstacle.grants,
        )
    else:
        yield Check(code=code, level=CheckLevel.FINE, finding=f"what is recorded can be written to {label}, too.")


def _other_installations(connection: Connection, access: Access, installation: str) -> Iterator[Check]:
    try:
        installations = TrackingTables(connection, access.schema).installations()
    except psycopg.errors.InsufficientPrivilege:
        return
    others = [other for other in installations if other.identity != installation]
    code = "installations"
    if not others or (not installation and len(others) == 1):
        yield Check(code=code, level=CheckLevel.FINE, finding="no other Signalbox has written to its log.")
        return
    named = "; ".join(other.named for other in others)
    if installation:
        finding = f"another Signalbox runs migrations there too: {named}. This one is {installation[:8]}."
    else:
        finding = f"{len(others)} installations of Signalbox have run migrations there: {named}."
    remedy = "They take turns by the lock in the target, but see nothing of each other's requests. Keep only one."
    yield Check(code=code, level=CheckLevel.WARNING, finding=finding, remedy=remedy)


def _apart(connection: Connection, access: Access) -> Iterator[Check]:
    """The check that the approved migrations cannot write to the database that keeps the approvals."""
    try:
        identity = connections.identity(connection)
    except psycopg.errors.InsufficientPrivilege:
        return  # another check says so
    code = "control"
    if access.control is None:
        finding = "whether Signalbox keeps its own tables there too was not asked: its own database did not answer."
        yield Check(code=code, level=CheckLevel.NOTE, finding=finding)
    elif not access.control.may_be(identity):
        yield Check(code=code, level=CheckLevel.FINE, finding="Signalbox keeps its own tables in another database.")
    elif access.policy.protected:
        yield _refused(code, f"{_SHARED}, and it is protected.", f"{_APART} {_WHY_APART}")
    else:
        yield Check(code=code, level=CheckLevel.WARNING, finding=f"{_SHARED}.", remedy=f"{_APART} {_WHY_APART}")


_SHARED = "Signalbox keeps its own people, requests and approvals in it"
_APART = "Set SIGNALBOX_DATABASE_URL to a database for Signalbox alone, run manage.py migrate there and restart it."
_WHY_APART = "A migration could otherwise approve itself and remove its traces."


def _long_transactions(connection: Connection, access: Access) -> Check:
    code = "long_transactions"
    try:
        rows = connection.execute(sql.query("long_transactions")).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        finding = "what other sessions there are doing is hidden from this role."
        remedy = "GRANT SELECT ON pg_catalog.pg_stat_activity TO it, and a run can say who blocks it and for how long."
        return Check(code=code, level=CheckLevel.NOTE, finding=finding, remedy=remedy)
    prepared = connection.execute(sql.query("prepared_transactions")).fetchone()
    if rows or (prepared and prepared[0]):
        transactions = [
            f"session {pid} of {user} ({name or state}) for {age} s" for pid, user, name, state, age in rows
        ]
        transactions += [f"{prepared[0]} prepared and never ended"] if prepared and prepared[0] else []
        finding = f"it has transactions that have been open for long: {'; '.join(transactions)}."
        remedy = (
            "A migration that needs a strong lock on what they have touched waits for them. Wait until they end; to "
            "end one undoes its work, so ask whoever it belongs to."
        )
        return Check(code=code, level=CheckLevel.WARNING, finding=finding, remedy=remedy)
    hidden = connection.execute(sql.query("hidden_sessions")).fetchone()
    if hidden and hidden[0]:
        finding = "what other sessions there are doing is hidden from this role."
        remedy = "GRANT pg_read_all_stats TO it, and a run can say who blocks it and for how long."
        return Check(code=code, level=CheckLevel.NOTE, finding=finding, remedy=remedy)
    return Check(code=code, level=CheckLevel.FINE, finding="no transaction there has been open for more than a minute.")


_CHECKS: tuple[Callable[[Connection, Access], Check], ...] = (
    _rights,
    _grants,
    _identity,
    _encryption,
    _clocks,
    _tables,
    _encoding,
    _strings,
    _timeouts,
    _long_transactions,
    _record,
)


def _refused(code: str, finding: str, remedy: str) -> Check:
    return Check(code=code, level=CheckLevel.REFUSED, finding=finding, remedy=remedy)


def _not_granted(code: str, finding: str, how: str, *grants: str, level: CheckLevel = CheckLevel.REFUSED) -> Check:
    """`how` leads to the statements."""
    return Check(code=code, level=level, finding=finding, remedy=f"{how} {' '.join(grants)}", grants=grants)
