"""Throw-away databases: made for one rehearsal, dropped at the end whatever happens, found again after a crash.

Foreign SQL runs there as a role of its own, which owns the database and is no superuser: it can run no program, read no
file of the server, and has no way back to the role that made it. Superusers only make and drop.

On a private server the database and that role are called as on the target, so that no script tells a rehearsal by their
names. On one that others use they are dated, so that the next rehearsal finds what a crash left.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import LiteralString, cast

import psycopg
from psycopg import conninfo, sql

from dashboard.engine import localserver
from dashboard.engine.database import connection as connections
from dashboard.engine.database import sql as queries
from dashboard.engine.database.connection import Access, Address, Connection
from dashboard.engine.errors import EngineError, RehearsalImpossible, TargetUnreachable
from dashboard.engine.localserver import PostgresInstallation
from dashboard.engine.plan import Policy
from dashboard.engine.rehearsal.doubts import LAST_WITHOUT_ROLES

VARIABLE = "SIGNALBOX_REHEARSAL_URL"

#: No rehearsal takes longer; what is older is dropped even where someone is still connected to it.
OLDEST = timedelta(hours=24)

#: What the maker of databases is connected to on a private server: a target may be called postgres.
_MAINTENANCE = "template1"

_STAMP = "%Y%m%dt%H%M%S"
_NAME = re.compile(r"signalbox_rehearsal_(?P<made>[0-9]{8}t[0-9]{6})_[0-9a-f]{8}(_kept)?")
#: A schema is restored in one transaction, which locks each table, index, sequence and view until its end: with this
#: there is room for some 200,000 of them. Files for sorting end somewhere.
_ROOM = {"max_locks_per_transaction": "2048", "temp_file_limit": "8GB"}
_POLICY = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What a throw-away database on a private server has of its target."""

    database: str = "app"
    role: str = "app"
    bypasses_row_security: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where throw-away databases are made. Nobody else uses a private one, and all of it goes at the end."""

    address: Address  # of the role that makes them
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
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """The server behind `url`; else a private one, with these settings and extensions, and of that major version where
    the programs for it are installed.

    Raises TargetUnreachable.
    """
    if url is None:
        installation = _installation(major, extensions)
        superuser = f"admin_{secrets.token_hex(4)}"  # not one of the target's: those get no rights of it
        with localserver.running(
            ephemeral=True, installation=installation, settings={**_ROOM, **settings}, superuser=superuser
        ) as local:
            address = _address(local.url(_MAINTENANCE), variable)
            yield Server(address=address, is_private=True, version=_version(address))
    else:
        address = _address(url, variable)
        sweep(address)
        yield Server(address=address, is_private=False, version=_version(address))


class Database:
    """One throw-away database, and the session that shows that its owner is at work."""

    def __init__(self, owner: Connection, server: Server, name: str, runner: Runner) -> None:
        self._owner, self._server, self.name, self.runner = owner, server, name, runner
        self._roles = _roles(owner) if server.is_private else None
        self._settings: list[sql.Composed] = []

    @property
    def address(self) -> Address:
        """For a connection as the role that foreign SQL runs as."""
        url = conninfo.make_conninfo(
            self._server.address.url, dbname=self.name, user=self.runner.role, password=self.runner.password
        )
        return _address(url, self._server.address.variable)

    @property
    def makers_address(self) -> Address | None:
        """As the superuser, who may do there only what runs no foreign code; None where there is none."""
        if not self.runner.is_made:
            return None
        url = conninfo.make_conninfo(self._server.address.url, dbname=self.name)
        return _address(url, self._server.address.variable)

    def have_roles(self, wanted: Iterable[str]) -> None:
        """They own things and are granted rights. Nobody can sign in as one, and the role that foreign SQL runs as is a
        member of each."""
        there = _roles(self._owner)
        for role in set(wanted) - {self.runner.role}:
            name, runner = sql.Identifier(role), sql.Identifier(self.runner.role)
            if role not in there:
                self._execute(sql.SQL("CREATE ROLE {}").format(name))
            self._execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(name, runner))

    def resemble(self, *, owner: str | None, settings: Iterable[tuple[str, str]]) -> None:
        """Take over the owner and the settings of another database, while this one is empty."""
        name = sql.Identifier(self.name)
        self._settings = [self._owned_by(owner or self.runner.role)]
        for setting, value in settings:
            current = sql.SQL("SELECT pg_catalog.set_config({}, {}, false)")
            self._settings.append(current.format(sql.Literal(setting), sql.Literal(value)))
            taken = sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT")
            self._settings.append(taken.format(name, sql.Identifier(setting)))
        self._settings.append(sql.SQL("RESET ALL").format())
        self._execute(*self._settings)

    def check(self, connection: Connection) -> None:
        """Before every script: nothing runs anywhere but here, and not as a superuser."""
        row = connection.execute(
            "SELECT pg_catalog.current_database(), pg_catalog.current_setting('is_superuser')"
        ).fetchone()
        if row is None or row[0] != self.name:
            raise RehearsalImpossible(
                reason=f"the connection leads to the database {row and row[0]}, not to {self.name}.",
                state_now="Nothing was run there.",
                remedy="Use a URL that leads to the rehearsal server itself, without a pooler.",
            )
        if row[1] != "off":
            raise RehearsalImpossible(
                reason=f"{self.runner.role} is a superuser of the rehearsal server, and could leave it.",
                state_now="Nothing was run there.",
                remedy="Rehearse again; if it happens again, report it.",
            )

    def keep(self) -> None:
        """Remember it as it is now. Nobody may be connected to it."""
        self._execute(self._named("CREATE DATABASE {kept} TEMPLATE {name}"))

    def forget(self) -> None:
        self._execute(self._named("DROP DATABASE IF EXISTS {kept} WITH (FORCE)"))

    def restore(self) -> None:
        """Make it what it was when it was last kept. A copy has neither the owner nor the settings of its original."""
        dropped, renamed = "DROP DATABASE {name} WITH (FORCE)", "ALTER DATABASE {kept} RENAME TO {name}"
        owned = self._owned_by(self.runner.role)
        self._execute(self._named(dropped), self._named(renamed), owned, *self._settings)

    def renew(self) -> None:
        """Empty it. On a private server the roles go too that were made for it, or by what ran in it."""
        self._execute(self._named("DROP DATABASE {name} WITH (FORCE)"), self._made())
        for role in _roles(self._owner) - self._roles if self._roles is not None else ():
            with suppress(psycopg.Error):  # what it owns elsewhere keeps it
                self._execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
        if self.runner.is_made:
            self._execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(self.runner.role)))
            self._execute(*_settings(self._server, self.runner))

    def make(self) -> None:
        if self._server.is_private:  # it may be called postgres
            self._execute(self._named("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        self._execute(self._made())

    def drop(self) -> None:
        """What cannot be dropped now is left to the sweeper."""
        with suppress(psycopg.Error, TargetUnreachable):
            self.forget()
            self._execute(self._named("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            if self.runner.is_made:
                self._execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(self.runner.role)))

    def _made(self) -> sql.Composed:
        made = "CREATE DATABASE {name} OWNER {role} TEMPLATE template0"
        return sql.SQL(made).format(name=sql.Identifier(self.name), role=sql.Identifier(self.runner.role))

    def _owned_by(self, role: str) -> sql.Composed:
        return sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(self.name), sql.Identifier(role))

    def _named(self, statement: LiteralString) -> sql.Composed:
        kept = f"{self.name[:50]}_kept"
        return sql.SQL(statement).format(name=sql.Identifier(self.name), kept=sql.Identifier(kept))

    def _execute(self, *statements: sql.Composed) -> None:
        with _alive(self._owner, self._server.address, self._session) as connection:
            for statement in statements:
                connection.execute(statement)

    @property
    def _session(self) -> str:
        return connections.LOOK if self._server.is_private else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The role that foreign SQL runs as. `is_made`: for this rehearsal, by a superuser."""

    role: str
    password: str = field(repr=False)
    is_made: bool


@contextmanager
def database(on: Server, like: Likeness | None = None) -> Iterator[Database]:
    """A new empty database. Raises RehearsalImpossible where the server does not let us make one."""
    like = like or Likeness()
    name = f"signalbox_rehearsal_{datetime.now(UTC):{_STAMP}}_{secrets.token_hex(4)}"
    with _connected(on.address, connections.LOOK if on.is_private else name) as owner:
        runner = _runner(owner, on, like if on.is_private else replace(like, role=name))
        throwaway = Database(owner, on, like.database if on.is_private else name, runner)
        try:
            throwaway.make()
        except psycopg.Error as error:
            throwaway.drop()
            raise RehearsalImpossible(
                reason=f"the rehearsal server makes no database ({connections.reason_of(error, on.address)}).",
                remedy=f"Give the role of {on.address.variable} the right CREATEDB, or unset it to use a private one.",
            ) from None
        try:
            with nullcontext() if runner.is_made else _left_as_it_was(owner, runner.role, on.address):
                yield throwaway
        except psycopg.Error as error:
            raise RehearsalImpossible(
                reason=f"the rehearsal server broke it off ({connections.reason_of(error, on.address)}).",
                remedy="Rehearse again; if it happens again, look into the log of the rehearsal server.",
            ) from None
        finally:
            throwaway.drop()


def _runner(owner: Connection, on: Server, like: Likeness) -> Runner:
    """The role that `like` names, made by a superuser; else the one of the URL, as long as it cannot leave the
    database."""
    row = owner.execute(queries.query("powers")).fetchone()
    assert row is not None, "current_user always has a role"
    role, is_superuser, powers = row
    if not is_superuser:
        if powers:
            raise RehearsalImpossible(
                reason=f"the role {role} of {on.address.variable} is a member of {powers}: what a rehearsal runs could "
                "leave the database.",
                remedy="Give rehearsals a role with CREATEDB and nothing more.",
            )
        password = conninfo.conninfo_to_dict(on.address.url).get("password") or ""
        return Runner(role=str(role), password=str(password), is_made=False)
    runner = Runner(role=like.role, password=secrets.token_urlsafe(24), is_made=True)
    _make(owner, on, runner, like)
    return runner


@contextmanager
def _left_as_it_was(owner: Connection, role: str, address: Address) -> Iterator[None]:
    """Its own role runs foreign SQL there, which can give that role other settings and another password: they would be
    those of every rehearsal after it. Raises RehearsalImpossible where they stay."""
    before = _settings_of_role(owner)
    try:
        yield
    finally:
        if left := _not_brought_back(owner, role, address, before):
            raise RehearsalImpossible(
                reason=f"the role {role} of {address.variable} may not be as it was before, because "
                f"{' and '.join(left)} could not be put back.",
                state_now="Nothing was changed in any target. What was rehearsed may have changed this role, and the "
                "next rehearsal would run with that.",
                remedy="Give the role its settings and its password again, as an administrator of that server; then "
                "rehearse again.",
            )


type _RoleSettings = Mapping[tuple[str | None, str], str]  # by database (None: in all of them) and name


def _settings_of_role(connection: Connection) -> _RoleSettings:
    rows = connection.execute(queries.query("settings_of_role")).fetchall()
    given = [
        (None if name is None else str(name), str(each)) for name, all_of in rows for each in cast("list[str]", all_of)
    ]
    return {(name, each.partition("=")[0]): each.partition("=")[2] for name, each in given}


def _not_brought_back(owner: Connection, role: str, address: Address, before: _RoleSettings) -> list[str]:
    """Each part by itself, by a session that was there before: a role may always do this to itself. What is left, in
    words."""
    try:
        with _alive(owner, address, connections.LOOK) as connection:
            now = _settings_of_role(connection)
            changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
            left = [name for database, name in changed if not _is_set(connection, role, database, name, before)]
            return [*(f"the setting {name}" for name in left), *_password_left(connection, role, address)]
    except (psycopg.Error, EngineError):
        return ["its settings", "its password"]


def _is_set(connection: Connection, role: str, database: str | None, name: str, before: _RoleSettings) -> bool:
    """As before, also where it was not set."""
    value = before.get((database, name))
    where = sql.SQL(" IN DATABASE {}").format(sql.Identifier(database)) if database else sql.SQL("")
    way = sql.SQL("RESET {}" if value is None else "SET {} FROM CURRENT").format(sql.Identifier(name))
    try:
        with connection.transaction():
            if value is not None:
                connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            connection.execute(sql.SQL("ALTER ROLE {}{} {}").format(sql.Identifier(role), where, way))
    except psycopg.Error:
        return False
    return True


def _password_left(connection: Connection, role: str, address: Address) -> list[str]:
    password = conninfo.conninfo_to_dict(address.url).get("password")
    if not password or _lets_in(address):
        return []
    try:
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(role), _verifier(connection, role, str(password))
            )
        )
    except psycopg.Error:
        return ["its password"]
    return []


def _verifier(connection: Connection, role: str, password: str) -> sql.Literal:
    """What the password is checked by, sent instead of it so that no log holds it."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return sql.Literal(verifier.decode())


def _lets_in(address: Address) -> bool:
    try:
        with _connected(address, connections.LOOK):
            return True
    except TargetUnreachable:
        return False


def _make(owner: Connection, on: Server, runner: Runner, like: Likeness) -> None:
    """A role that may make roles could give itself the right to run programs before version 16, so there it makes
    none."""
    rights = ["CREATEDB"] if on.is_private else []
    rights += ["CREATEROLE"] if on.is_private and on.major > LAST_WITHOUT_ROLES else []
    rights += ["BYPASSRLS"] if like.bypasses_row_security else []
    owner.execute(
        sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER {} PASSWORD {}").format(
            sql.Identifier(runner.role), sql.SQL(" ".join(rights)), _verifier(owner, runner.role, runner.password)
        )
    )
    for statement in _settings(on, runner):
        owner.execute(statement)


def _settings(on: Server, runner: Runner) -> list[sql.Composed]:
    """A role that it makes, it may also take on, as a superuser may."""
    if not on.is_private or on.major <= LAST_WITHOUT_ROLES:
        return []
    granted = sql.SQL("ALTER ROLE {} SET createrole_self_grant = 'set, inherit'")
    return [granted.format(sql.Identifier(runner.role))]


def sweep(address: Address) -> list[str]:
    """Drop what crashed rehearsals left on a server; the names of what is gone."""
    with _connected(address, connections.LOOK) as connection:
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
    with suppress(psycopg.Error):  # its role is called like it, where it has one of its own
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(str(name))))
    return True


def refuse_targets(url: str | None, variable: str, registered: Sequence[Address]) -> None:
    """A server is told by its own identifier; where a target cannot be asked, by the host and port of its URL.

    Raises RehearsalImpossible where `url` leads to the server of a registered target; TargetUnreachable.
    """
    if url is None:
        return
    address = _address(url, variable)
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


def _alive(owner: Connection, address: Address, name: str) -> AbstractContextManager[Connection]:
    """Another session where what was rehearsed has ended this one, which nobody notices before it is used."""
    try:
        owner.execute("")
    except psycopg.Error:
        return _connected(address, name)
    return nullcontext(owner)


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
