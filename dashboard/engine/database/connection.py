"""Connections to targets: opened, described and cleaned here, nowhere else. Never pooled, never shared."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from psycopg import conninfo

from dashboard.engine.database import messages, pinned, sql, transport, urls
from dashboard.engine.database.pinned import WorkingConnection
from dashboard.engine.database.transport import Transport
from dashboard.engine.errors import (
    EngineError,
    RightMissing,
    SessionRefused,
    TargetNotConfigured,
    TargetNotRead,
    TargetUnreachable,
    TrackingTableLocked,
    TransportRefused,
)
from dashboard.engine.plan import DualWrite, Policy, TargetIdentity

type Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How to reach one target. The URL is a secret and in no repr."""

    environment: str  # its slug, part of a plan
    name: str  # what people call it, for sentences
    variable: str  # the environment variable the URL came from
    url: str = field(repr=False)
    transport: Transport = Transport.ANY
    refused: str = ""  # what is wrong with the URL that was given, as a clause; then `url` is empty
    only_reads: bool = False  # the URL of a role that is there for looks

    @property
    def fault(self) -> str:
        """What is wrong with the URL, as a clause. A URL written in libpq's keywords was put together by the engine."""
        judge = urls.fault_of_keywords if _KEYWORDS.match(self.url) else urls.fault_of
        return self.refused or judge(self.url)

    @property
    def shown(self) -> str:
        """host:port/database as user, without the password. Nothing is shown of a URL that can be read in two ways."""
        if not self.url and not self.refused:
            return "(no URL)"
        if self.fault:
            return "(a URL that cannot be used)"
        parts = conninfo.conninfo_to_dict(self.url)
        place = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
        return f"{place} as {parts['user']}" if parts.get("user") else place


def parts_of(address: Address) -> dict[str, str]:
    """The parts for libpq: those of the URL, and what the environment demands of the connection."""
    parts = urls.parts(address.url)
    return parts | transport.demanded(address.transport, parts)


#: host=127.0.0.1 port=5432 …
_KEYWORDS = re.compile(r"\w+\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """All that is needed to work on a target: where it is, what its environment demands now, the schema of the tracking
    tables, and the database in which approvals are kept, where that is known."""

    address: Address
    policy: Policy
    schema: str
    control: TargetIdentity | None = None
    dual_write: DualWrite | None = None  # the table of another tool that gets its rows, too
    history_table: str = ""  # the one in which another tool keeps its history, where it has a name of one's own


#: Seconds to wait for a target before it counts as unreachable.
CONNECT_TIMEOUT = 5

#: Ends a statement soon after its client is gone. Not every server knows it (14 and later).
LIVENESS = {"client_connection_check_interval": "1s"}


#: How long a run's transaction may wait for its worker.
IDLE_IN_TRANSACTION = "60s"

#: Settings of a connection that only looks. Beside them it has those that queries of our own mean.
LOOKING = {"default_transaction_read_only": "on", "statement_timeout": "10s", "lock_timeout": "5s"}

#: What a connection that only looks is called there.
LOOK = "signalbox look"

#: Seconds a connection that only looks is kept in all, however silent the network is.
LOOK_AT_MOST = 60.0


@contextmanager
def reading(address: Address, *, timeout: int = CONNECT_TIMEOUT) -> Iterator[Connection]:
    """A connection that only looks: it is read-only, its statements have to be short, and it has our settings instead
    of those of the database and the role. Raises TargetUnreachable, TargetNotConfigured, and for whatever the target
    refuses what `naming_errors` does."""
    options = LOOKING | dict(pinned.SETTINGS)
    with (
        _opened(address, LOOK, options, timeout) as connection,
        cut_off_after(LOOK_AT_MOST, connection),
        _naming(connection, address),
        _said_again(connection, options),
    ):
        yield connection


@contextmanager
def as_given(address: Address) -> Iterator[Connection]:
    """A connection that only looks, with the settings that the database and the role give a new session: to ask for
    these settings, to look up names as a file would, and to have texts parsed. Queries of ours are pinned, as in a
    session that runs migrations; any other query holds no operator and calls functions by their full names."""
    with (
        _opened(address, LOOK, LOOKING, CONNECT_TIMEOUT, WorkingConnection) as connection,
        cut_off_after(LOOK_AT_MOST, connection),
        _naming(connection, address),
    ):
        yield connection


@contextmanager
def working(access: Access, *, name: str) -> Iterator[Connection]:
    """The connection a run works on. `name` becomes its application_name, so that it can be found after a crash."""
    options = startup_options(access)
    with _opened(access.address, name, options, CONNECT_TIMEOUT, WorkingConnection) as connection:
        yield connection


def startup_options(access: Access) -> dict[str, str]:
    """Settings a working session begins with."""
    return _settings(access) | LIVENESS


class Cutter:
    """Ends a connection from another thread, whatever the network does. Neither a timeout of the server nor one of TCP
    helps where something in between takes every packet and answers none."""

    def __init__(self, connection: Connection) -> None:
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))

    def cut(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended already
            return

    def close(self) -> None:
        self._socket.close()


@contextmanager
def cut_off_after(seconds: float, connection: Connection) -> Iterator[None]:
    cutter = Cutter(connection)
    timer = threading.Timer(seconds, cutter.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        cutter.close()


@contextmanager
def naming_errors(connection: Connection, access: Access) -> Iterator[None]:
    """For our own statements before any of a migration. What psycopg raises becomes TargetUnreachable where the
    connection is gone; otherwise it says what the server refuses: TrackingTableLocked, RightMissing or
    TargetNotRead."""
    with _naming(connection, access.address, access.schema):
        yield


def own_role(connection: Connection) -> str:
    """The role that runs migrations there, as SQL writes it."""
    row = connection.execute("SELECT pg_catalog.quote_ident(current_user)").fetchone()
    return str(row[0]) if row else ""


def identity(connection: Connection) -> TargetIdentity:
    row = connection.execute(sql.query("identity")).fetchone()
    assert row is not None, "pg_control_system() and pg_database always have a row"
    return TargetIdentity(system_identifier=str(row[0]), database=str(row[1]), database_oid=int(str(row[2])))


def reset(connection: Connection, access: Access) -> None:
    """Undo whatever a migration left in the session: role, settings, temporary tables, prepared statements, cursors,
    LISTEN. Never DISCARD ALL, which would also release the target lock. Then the name of the session and the settings
    of the run are set again, because a pooler may have dropped those given at the start."""
    connection.execute(_CLEAN)
    name_of_session = {"application_name": connection.info.get_parameters().get("application_name", "")}
    wanted = name_of_session | _settings(access)
    assignments = ", ".join("pg_catalog.set_config(%s, %s, false)" for _ in wanted)
    connection.execute(f"SELECT {assignments}", [part for pair in wanted.items() for part in pair])


def settings_given(connection: Connection) -> str:
    """A fingerprint of the settings that the database and the role give a new session; it changes when they do."""
    row = connection.execute(sql.query("settings_given")).fetchone()
    return str(row[0]) if row else ""


def take_settings(connection: Connection, access: Access) -> None:
    """Give this session the settings that a session beginning now would get. A new session is asked for them, because
    only the server knows which setting takes precedence and what holds where one was taken back. Raises
    TargetUnreachable."""
    with working(access, name="signalbox settings") as fresh:
        given = fresh.execute(sql.query("settings_at_start")).fetchall()
    ours = {row[0]: row[1] for row in connection.execute(sql.query("settings_at_start")).fetchall()}
    for name, value in given:
        if ours.get(name) != value:
            connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


#: One message, because a distant target makes a dozen of them slow. At its end every timeout that a session may set,
#: also those that only later servers know: transaction_timeout ends one in the middle of its work, idle_session_timeout
#: while it waits to try again. The run's own are said after it.
_CLEAN = """
RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DEALLOCATE ALL; DISCARD TEMP;
DISCARD SEQUENCES; DISCARD PLANS;
BEGIN; SET LOCAL search_path = pg_catalog, pg_temp;
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
WHERE context = 'user' AND name LIKE '%_timeout' AND name NOT LIKE '%.%' AND name <> 'tcp_user_timeout';
COMMIT
"""


def reason_of(error: psycopg.Error, address: Address) -> str:
    """The server's message in one line, without the password and the address: the sentence around it names the
    address."""
    text = messages.in_one_line(error) or error.__class__.__name__
    for secret in _secrets(address):
        text = text.replace(secret, "***")
    return text


@contextmanager
def _naming(connection: Connection, address: Address, schema: str = "") -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise _named(error, connection, address, schema) from None
    except UnicodeError:
        remedy = "Its database takes any bytes (SQL_ASCII). Find the text that is not UTF-8 and write it again."
        raise TargetNotRead(environment=address.name, reason=_NO_UTF8, remedy=remedy) from None


_NO_UTF8 = "it holds text that is not valid UTF-8"


def _named(error: psycopg.Error, connection: Connection, address: Address, schema: str) -> EngineError:
    if connection.closed:
        return _unreachable(address, reason_of(error, address))
    reason = (error.diag.message_primary or reason_of(error, address)).rstrip(".")
    match error:
        case psycopg.errors.LockNotAvailable() | psycopg.errors.QueryCanceled():
            table = f"{schema}.schema_migrations" if schema else "A table"
            return TrackingTableLocked(environment=address.name, table=table, reason=reason)
        case psycopg.errors.InsufficientPrivilege():
            role = connection.info.user
            remedy = _grant(reason, role, schema)
            return RightMissing(environment=address.name, role=role, reason=reason, remedy=remedy)
        case _:
            return TargetNotRead(environment=address.name, reason=reason)


def _grant(reason: str, role: str, schema: str) -> str:
    """What gives a role the right that it lacks."""
    if messages.mentions(reason, "pg_control_system"):
        return f"Run as a superuser: GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO {role}."
    if messages.mentions(reason, "signalbox_saved"):
        return (
            f"Run as the owner of the saved rows: GRANT USAGE, CREATE ON SCHEMA signalbox_saved TO {role}, and GRANT "
            f"SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA signalbox_saved TO {role}."
        )
    if not schema or not messages.mentions(reason, schema, "schema_migrations", "migration_"):
        return f"Grant it to {role} as the owner of the object, then try again."
    return (
        f"Run as the owner of the schema {schema}: GRANT USAGE ON SCHEMA {schema} TO {role}, and GRANT SELECT, INSERT, "
        f"UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}."
    )


@contextmanager
def _opened(
    address: Address,
    name: str,
    options: Mapping[str, str],
    timeout: int,
    kind: type[Connection] = psycopg.Connection,
) -> Iterator[Connection]:
    connection = _connect(address, name, options, timeout, kind)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _said_again(connection: Connection, options: Mapping[str, str]) -> Iterator[None]:
    """A pooler drops the options of a new connection. Then they are set in one transaction around the whole look, so
    that whoever is given its session next has none of them."""
    row = connection.execute("SELECT pg_catalog.current_setting('search_path')").fetchone()
    if row and row[0] == options["search_path"]:
        yield
        return
    with connection.transaction():
        for name, value in options.items():
            connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
        connection.execute("SET TRANSACTION READ ONLY")
        yield


def _settings(access: Access) -> dict[str, str]:
    """Startup options of a run's session: given so, they survive a RESET ALL in a file."""
    return {
        "lock_timeout": f"{access.policy.lock_timeout_ms}ms",
        "statement_timeout": f"{access.policy.statement_timeout_ms}ms",
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION,
        "standard_conforming_strings": "on",
        "client_encoding": "UTF8",
    }


def _connect(
    address: Address, name: str, options: Mapping[str, str], timeout: int, kind: type[Connection]
) -> Connection:
    if not address.url:
        reason = urls.absence(address.variable, address.refused)
        raise TargetNotConfigured(environment=address.name, variable=address.variable, reason=reason)
    if address.fault:
        raise _unreachable(address, f"its URL {address.fault}.") from None
    try:
        return _open(parts_of(address), name, options, timeout, kind)
    except UnicodeError:  # a host that is no name, or an escape that is no text; the error can quote the URL
        raise _unreachable(address, "its URL holds a name that cannot be looked up") from None
    except psycopg.Error as error:
        if refused := messages.refused_options(error, options):
            accepted = {key: value for key, value in options.items() if key not in refused}
            return _connect(address, name, accepted, timeout, kind)
        raise _not_connected(address, reason_of(error, address)) from None


def _open(
    parts: dict[str, str], name: str, options: Mapping[str, str], timeout: int, kind: type[Connection]
) -> Connection:
    """Text travels as UTF-8, whatever the URL, the role or the database asks for."""
    parts.pop("client_encoding", None)
    given = str(parts.pop("options", "") or "")
    flags = " ".join(f"-c {key}={value}" for key, value in options.items())
    return kind.connect(
        **{**parts, "options": f"{given} {flags}".strip(), "application_name": name, "connect_timeout": timeout},  # type: ignore[arg-type]
        client_encoding="UTF8",
        autocommit=True,
        prepare_threshold=None,
    )


def _unreachable(address: Address, reason: str) -> TargetUnreachable:
    if address.transport is not Transport.ANY and messages.is_about_encryption(reason):
        return TransportRefused(
            environment=address.name,
            address=address.shown,
            reason=reason,
            variable=address.variable,
            tls=address.transport.value,
            slug=address.environment,
        )
    return TargetUnreachable(environment=address.name, address=address.shown, reason=reason, variable=address.variable)


_LOGIN_TRIGGER = (
    "An event trigger ON login may write, and a look is read-only: let it return where "
    "current_setting('transaction_read_only') is on. "
)


def _not_connected(address: Address, reason: str) -> TargetUnreachable:
    if not messages.is_of_the_server(reason):
        return _unreachable(address, reason)
    return SessionRefused(
        environment=address.name,
        address=address.shown,
        reason=reason,
        variable=address.variable,
        cause=_LOGIN_TRIGGER if messages.is_about_writing(reason) else "",
    )


def _secrets(address: Address) -> list[str]:
    password = "" if address.fault else str(conninfo.conninfo_to_dict(address.url).get("password") or "")
    return [secret for secret in (address.url, password, quote(password, safe="")) if secret]
