"""A schema by pg_dump, and into another database. Passwords go by the environment, never by the arguments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import pq

from dashboard.engine import localserver
from dashboard.engine.database import connection as connections
from dashboard.engine.database import messages
from dashboard.engine.database.connection import Address
from dashboard.engine.localserver import account
from dashboard.engine.rehearsal.restoring import MORE_LOCKS

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
#: What newer versions of pg_dump say to the program psql. All else in a dump of a schema is SQL.
_FOR_PSQL = re.compile(r"^\\(un)?restrict \w+$", re.MULTILINE)
#: pg_dump 17 sets it.
_NOT_BEFORE_17 = re.compile(r"^SET transaction_timeout = .*;$", re.MULTILINE)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """A schema as text, and the version of the pg_dump that wrote it; or why there is none, and what helps."""

    text: str = field(default="", repr=False)
    version: str = ""
    reason: str = ""
    remedy: str = ""


def take_or_say_why(major: int, address: Address, *, with_roles: bool) -> Dumped:
    """The schema of a target of this major version."""
    try:
        using = programs(major)
        return Dumped(text=take(using, address, with_roles=with_roles), version=using.version)
    except NoDump as no_dump:
        return Dumped(reason=str(no_dump), remedy=no_dump.remedy)


def take(using: Programs, address: Address, *, with_roles: bool) -> str:
    """Raises NoDump."""
    options = _TAKE if with_roles else (*_TAKE, "--no-owner", "--no-privileges", "--no-publications")
    process = _run([str(using.bin_dir / "pg_dump"), *options], address)
    if process.returncode:
        raise NoDump(f"pg_dump could not read it ({_first_line(process.stderr)})", _remedy(process.stderr))
    return process.stdout


def as_sql(dump: str, *, server_major: int) -> str:
    """Without what is for the program psql, and what a server of this major version does not know."""
    dump = _FOR_PSQL.sub("", dump)
    if server_major < 17:
        dump = _NOT_BEFORE_17.sub("", dump)
    return dump.encode("utf-8", "replace").decode()  # bytes that are no text, of a database in SQL_ASCII


def _remedy(complaint: str) -> str:
    return MORE_LOCKS.format(server="the target") if messages.is_lack_of_locks(complaint) else _AGAIN


def _installed() -> list[Programs]:
    installed = [Programs(bin_dir=i.bin_dir, version=i.version) for i in localserver.installations()]
    on_path = shutil.which("pg_dump")
    if on_path:
        installed.append(Programs(bin_dir=Path(on_path).parent, version=_version(on_path)))
    return [p for p in installed if (p.bin_dir / "pg_dump").is_file()]


def _version(pg_dump: str) -> str:
    output = account.output(pg_dump, "--version")
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
    parts = connections.parts_of(address)
    given = {variables[key].decode(): str(value) for key, value in parts.items() if key in variables}
    return {"PATH": os.defpath, "PGAPPNAME": connections.LOOK, "PGCONNECT_TIMEOUT": "10", **given}


def _first_line(stderr: str) -> str:
    """What it complains of, without the name of the program."""
    lines = [re.sub(r"^pg_dump[^ ]* (error: )?", "", line) for line in stderr.splitlines() if line.strip()]
    return " ".join(lines[0].split()) if lines else "it did not say why"
