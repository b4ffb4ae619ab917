"""A schema by pg_dump, and into another database. Passwords go by the environment, never by the arguments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import conninfo, pq

from dashboard.engine import localserver
from dashboard.engine.database import connection as connections
from dashboard.engine.database.connection import Address
from dashboard.engine.errors import RehearsalImpossible

TIMEOUT_S = 300

_TAKE = (
    "--schema-only",
    "--encoding=UTF8",
    "--no-subscriptions",
    "--no-tablespaces",
    "--lock-wait-timeout=5s",
)
_INSTALL = "Install a pg_dump that is not older than the target, or rehearse from the first file on."
_AGAIN = "Do what the message asks for and rehearse again, or rehearse from the first file on."
#: PostgreSQL says the same of both: a lock for each object, all in one transaction.
_MORE_LOCKS = (
    "The schema has more objects than {server} can lock at once: raise max_locks_per_transaction there, which takes a "
    "restart, and rehearse again."
)
#: What newer versions of pg_dump say to the program psql. All else in a dump of a schema is SQL.
_FOR_PSQL = re.compile(r"^\\(un)?restrict \w+$", re.MULTILINE)


class NoDump(Exception):
    """Why there is no dump, as a phrase, and what helps."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    bin_dir: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


def programs(major: int) -> Programs:
    """The oldest that can read a server of this major version. Raises NoDump."""
    able = sorted((p for p in _installed() if p.major >= major), key=lambda p: p.major)
    if not able:
        raise NoDump(f"no pg_dump of PostgreSQL {major} or newer is installed here", _INSTALL)
    return able[0]


def take(using: Programs, address: Address, *, with_roles: bool) -> str:
    """Raises NoDump."""
    options = _TAKE if with_roles else (*_TAKE, "--no-owner", "--no-privileges", "--no-publications")
    process = _run([str(using.bin_dir / "pg_dump"), *options], address)
    if process.returncode:
        raise NoDump(f"pg_dump could not read it ({_first_line(process.stderr)})", _remedy(process.stderr))
    return process.stdout


def restore(using: Programs, address: Address, dump: str, *, server_major: int) -> None:
    """In one message, so that a name in it that holds a line break is at worst an error: the program psql would take
    the next line for a command of its own. Raises RehearsalImpossible where the server refuses any of it."""
    dump = _FOR_PSQL.sub("", dump)
    if server_major < using.major:
        dump = re.sub(r"^SET \w+ = .*;$", lambda line: _known(line[0], server_major), dump, flags=re.MULTILINE)
    try:
        with psycopg.connect(address.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(dump.encode("utf-8", "surrogateescape"))
    except psycopg.Error as error:
        reason = connections.reason_of(error, address)
        raise RehearsalImpossible(
            reason=f"the rehearsal server refuses the schema of the target ({reason}).",
            remedy=_MORE_LOCKS.format(server="the rehearsal server")
            if isinstance(error, psycopg.errors.OutOfMemory)
            else f"Make there what it misses, or set {address.variable} to a server like the target.",
        ) from None


def _remedy(complaint: str) -> str:
    return _MORE_LOCKS.format(server="the target") if "max_locks_per_transaction" in complaint else _AGAIN


def _known(setting: str, server_major: int) -> str:
    """pg_dump 17 sets transaction_timeout, which no server before 17 knows."""
    return "" if server_major < 17 and setting.startswith("SET transaction_timeout") else setting


def _installed() -> list[Programs]:
    installed = [Programs(bin_dir=i.bin_dir, version=i.version) for i in localserver.installations()]
    on_path = shutil.which("pg_dump")
    if on_path:
        installed.append(Programs(bin_dir=Path(on_path).parent, version=_version(on_path)))
    return [p for p in installed if (p.bin_dir / "pg_dump").is_file()]


def _version(pg_dump: str) -> str:
    output = subprocess.run([pg_dump, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+(\.\d+)?", output)
    return match[0] if match else "0"


def _run(command: list[str], address: Address) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*command, "--no-password"],
            env=_environment(address),
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # a database in SQL_ASCII holds whatever bytes it was given
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoDump(f"{Path(command[0]).name} took longer than {TIMEOUT_S} s", _AGAIN) from None


def _environment(address: Address) -> dict[str, str]:
    """Only the path is ours; every part of the address that libpq reads from a variable is set."""
    variables = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults() if option.envvar}
    parts = conninfo.conninfo_to_dict(address.url)
    given = {variables[key].decode(): str(value) for key, value in parts.items() if key in variables}
    return {"PATH": os.defpath, "PGAPPNAME": "signalbox rehearsal", "PGCONNECT_TIMEOUT": "10", **given}


def _first_line(stderr: str) -> str:
    """What it complains of, without the name of the program."""
    lines = [re.sub(r"^pg_dump[^ ]* (error: )?", "", line) for line in stderr.splitlines() if line.strip()]
    return " ".join(lines[0].split()) if lines else "it did not say why"
