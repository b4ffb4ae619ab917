"""Throw-away databases: made under a dated name, dropped at the end whatever happens, found again after a crash."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import conninfo, sql

from dashboard.engine import localserver
from dashboard.engine.database import connection as connections
from dashboard.engine.database import sql as queries
from dashboard.engine.database.connection import Access, Address, Connection
from dashboard.engine.errors import EngineError, RehearsalImpossible, TargetUnreachable
from dashboard.engine.localserver import PostgresInstallation
from dashboard.engine.plan import Policy

VARIABLE = "SIGNALBOX_REHEARSAL_URL"

#: No rehearsal takes longer; what is older is dropped even where someone is still connected to it.
OLDEST = timedelta(hours=24)

_STAMP = "%Y%m%dt%H%M%S"
_NAME = re.compile(r"signalbox_rehearsal_(?P<made>[0-9]{8}t[0-9]{6})_[0-9a-f]{8}(_kept)?")
#: A schema is restored in one transaction, which locks each table, index, sequence and view until its end: with this
#: there is room for some 200,000 of them.
_ROOM = {"max_locks_per_transaction": "2048"}
_POLICY = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where throw-away databases are made. Nobody else uses a private one, and all of it goes at the end."""

    address: Address
    is_private: bool
    version: int  # as PostgreSQL numbers it: 170010

    @property
    def major(self) -> int:
        return self.version // 10000


@contextmanager
def server(
    url: str | None,
    *,
    variable: str = VARIABLE,
    major: int | None = None,
    extensions: Collection[str] = (),
    registered: Sequence[Address] = (),
) -> Iterator[Server]:
    """The server behind `url`; else a private one, with these extensions and of that major version where the programs
    for it are installed.

    Raises RehearsalImpossible where `url` leads to the server of a registered target; TargetUnreachable.
    """
    if url is None:
        installation = _installation(major, extensions)
        with localserver.running(ephemeral=True, installation=installation, settings=_ROOM) as local:
            address = _address(local.url(), variable)
            yield Server(address=address, is_private=True, version=_version(address))
    else:
        address = _address(url, variable)
        _refuse_targets(address, registered)
        sweep(address)
        yield Server(address=address, is_private=False, version=_version(address))


class Database:
    """One throw-away database, and the session that shows that its owner is at work."""

    def __init__(self, owner: Connection, server: Server, name: str) -> None:
        self._owner, self._server, self.name = owner, server.address, name
        self._roles = _roles(owner) if server.is_private else None
        self._settings: list[sql.Composed] = []

    @property
    def address(self) -> Address:
        return _address(conninfo.make_conninfo(self._server.url, dbname=self.name), self._server.variable)

    def connected(self) -> AbstractContextManager[Connection]:
        return _connected(self.address, f"{self.name} setup")

    def resemble(self, *, owner: str | None, settings: Iterable[tuple[str, str]]) -> None:
        """Have the owner and the settings of another database, while it is empty."""
        name = sql.Identifier(self.name)
        self._settings.clear()
        if owner:
            self._settings.append(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(owner)))
        for setting, value in settings:
            current = sql.SQL("SELECT pg_catalog.set_config({}, {}, false)")
            self._settings.append(current.format(sql.Literal(setting), sql.Literal(value)))
            taken = sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT")
            self._settings.append(taken.format(name, sql.Identifier(setting)))
        self._execute(*self._settings)

    def check(self, connection: Connection) -> None:
        """Before every script: nothing runs anywhere but here."""
        row = connection.execute("SELECT pg_catalog.current_database()").fetchone()
        if row is None or row[0] != self.name:
            raise RehearsalImpossible(
                reason=f"the connection leads to the database {row and row[0]}, not to {self.name}.",
                state_now="Nothing was run there.",
                remedy="Use a URL that leads to the rehearsal server itself, without a pooler.",
            )

    def keep(self) -> None:
        """Remember it as it is now. Nobody may be connected to it."""
        self._execute(self._named("CREATE DATABASE {kept} TEMPLATE {name}"))

    def forget(self) -> None:
        self._execute(self._named("DROP DATABASE IF EXISTS {kept} WITH (FORCE)"))

    def restore(self) -> None:
        """Make it what it was when it was last kept. A copy has neither the owner nor the settings of its original."""
        dropped, renamed = "DROP DATABASE {name} WITH (FORCE)", "ALTER DATABASE {kept} RENAME TO {name}"
        self._execute(self._named(dropped), self._named(renamed), *self._settings)

    def renew(self) -> None:
        """Empty it. On a private server the roles go too that were made for it, or by what ran in it."""
        dropped, made = "DROP DATABASE {name} WITH (FORCE)", "CREATE DATABASE {name} TEMPLATE template0"
        self._execute(self._named(dropped), self._named(made))
        for role in _roles(self._owner) - self._roles if self._roles is not None else ():
            with suppress(psycopg.Error):  # what it owns elsewhere keeps it
                self._execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def drop(self) -> None:
        """What cannot be dropped now is left to the sweeper."""
        with suppress(psycopg.Error, TargetUnreachable):
            self.forget()
            self._execute(self._named("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))

    def _named(self, statement: LiteralString) -> sql.Composed:
        return sql.SQL(statement).format(name=sql.Identifier(self.name), kept=sql.Identifier(f"{self.name}_kept"))

    def _execute(self, *statements: sql.Composed) -> None:
        with _connected(self._server, self.name) if self._owner.closed else nullcontext(self._owner) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def database(on: Server) -> Iterator[Database]:
    """A new empty database. Raises RehearsalImpossible where the server does not let us make one."""
    name = f"signalbox_rehearsal_{datetime.now(UTC):{_STAMP}}_{secrets.token_hex(4)}"
    with _connected(on.address, name) as owner:
        throwaway = Database(owner, on, name)
        try:
            owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise RehearsalImpossible(
                reason=f"the rehearsal server makes no database ({connections.reason_of(error, on.address)}).",
                remedy=f"Give the role of {on.address.variable} the right CREATEDB, or unset it to use a private one.",
            ) from None
        try:
            yield throwaway
        except psycopg.Error as error:
            raise RehearsalImpossible(
                reason=f"the rehearsal server broke it off ({connections.reason_of(error, on.address)}).",
                remedy="Rehearse again; if it happens again, look into the log of the rehearsal server.",
            ) from None
        finally:
            throwaway.drop()


def sweep(address: Address) -> list[str]:
    """Drop what crashed rehearsals left on a server; the names of what is gone."""
    with _connected(address, "signalbox sweeper") as connection:
        rows = connection.execute(queries.query("rehearsal_databases")).fetchall()
        return [str(name) for name, in_use in rows if _is_left(str(name), bool(in_use)) and _drop(connection, name)]


def _is_left(name: str, in_use: bool) -> bool:
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    made_at = datetime.strptime(match["made"], _STAMP).replace(tzinfo=UTC)
    return not in_use or datetime.now(UTC) - made_at > OLDEST


def _drop(connection: Connection, name: object) -> bool:
    """False where another sweeper was faster, or it is not ours to drop."""
    try:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name))))
    except psycopg.Error:
        return False
    return True


def _refuse_targets(address: Address, registered: Sequence[Address]) -> None:
    """A server is told by its own identifier; where a target cannot be asked, by the host and port of its URL."""
    ours = _system(address)
    for target in registered:
        if target.url and (_place(target) == _place(address) or _system_if_reachable(target) == ours):
            raise RehearsalImpossible(
                reason=f"{address.variable} leads to the server of {target.name}.",
                remedy="Use a server that holds no database of yours, or unset it to use a private one.",
            )


def _system(address: Address) -> str:
    with connections.reading(address) as connection:
        return connections.identity(connection).system_identifier


def _system_if_reachable(address: Address) -> str | None:
    try:
        return _system(address)
    except EngineError:
        return None


def _place(address: Address) -> tuple[str, str]:
    try:
        parts = conninfo.conninfo_to_dict(address.url)
    except psycopg.ProgrammingError:
        return ("", "")
    return (str(parts.get("host") or parts.get("hostaddr") or "localhost"), str(parts.get("port") or 5432))


def _roles(connection: Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute(queries.query("roles"))}


def _version(address: Address) -> int:
    with connections.reading(address) as connection:
        return connection.info.server_version


def _connected(address: Address, name: str) -> AbstractContextManager[Connection]:
    return connections.working(Access(address=address, policy=_POLICY, schema=""), name=name)


def _address(url: str, variable: str) -> Address:
    return Address(environment="rehearsal", name="The rehearsal server", variable=variable, url=url)


def _installation(major: int | None, extensions: Collection[str]) -> PostgresInstallation | None:
    """The first that has the extensions, of that major version if there is one; None: the default one. One that was
    asked for is never replaced."""
    if os.environ.get(localserver.BIN_DIR_VARIABLE):
        return None
    installed = localserver.installations()
    able = [installation for installation in installed if installation.has_extensions(extensions)] or installed
    return next((installation for installation in able if installation.major == str(major)), able[0] if able else None)
