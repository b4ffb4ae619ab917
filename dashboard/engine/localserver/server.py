"""Starting and stopping a private server."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from dashboard.engine.errors import LocalServerError
from dashboard.engine.localserver.account import environment, locale, make_private, privileges, run
from dashboard.engine.localserver.home import (
    LOCK_TIMEOUT_S,
    clear_stale_server,
    locked,
    password_file,
    prepare_home,
    remembered,
    write_secret,
)
from dashboard.engine.localserver.installation import (
    BIN_DIR_VARIABLE,
    PostgresInstallation,
    find_installation,
    within_reach,
)

type StopMode = Literal["fast", "immediate", "kill"]

SUPERUSER = "postgres"

WATCHDOG = Path(__file__).with_name("watchdog.py")

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "default_text_search_config": "pg_catalog.english",
    "password_encryption": "scram-sha-256",
    "jit": "off",
}
EPHEMERAL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
HOST_RULES = "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"


def start(
    data_dir: Path | None = None,
    *,
    installation: PostgresInstallation | None = None,
    port: int = 0,
    ephemeral: bool = False,
    settings: Mapping[str, str] | None = None,
    superuser: str = SUPERUSER,
) -> LocalServer:
    """Start the server whose home is `data_dir`, making it first if need be; without one, a temporary folder.

    Port 0 takes the port of the last start, or a free one. An ephemeral server is fast, not durable, and its home
    is removed when it stops; its password is in no file.
    """
    server = LocalServer(
        home=prepare_home(data_dir),
        installation=within_reach(installation or find_installation()),
        port=port,
        ephemeral=ephemeral or data_dir is None,
        settings=settings or {},
        superuser=superuser,
    )
    try:
        server.launch()
    except LocalServerError:
        if data_dir is None:
            shutil.rmtree(server.data_dir, ignore_errors=True)
        raise
    return server


@contextmanager
def running(
    data_dir: Path | None = None,
    *,
    installation: PostgresInstallation | None = None,
    port: int = 0,
    ephemeral: bool = False,
    settings: Mapping[str, str] | None = None,
    superuser: str = SUPERUSER,
) -> Iterator[LocalServer]:
    server = start(
        data_dir, installation=installation, port=port, ephemeral=ephemeral, settings=settings, superuser=superuser
    )
    try:
        yield server
    finally:
        server.stop()


def remove(data_dir: Path) -> None:
    """Delete a stopped server's home, wherever it really is."""
    home = data_dir.resolve()
    if home.is_dir():
        with locked(home):
            clear_stale_server(home / "pgdata")
            shutil.rmtree(home)
    if data_dir.is_symlink():
        data_dir.unlink()


class LocalServer:
    """A running server and the right to stop it. Made by `start` or `running`."""

    def __init__(  # one for each thing that may differ
        self,
        *,
        home: Path,
        installation: PostgresInstallation,
        port: int,
        ephemeral: bool,
        settings: Mapping[str, str],
        superuser: str,
    ) -> None:
        self.data_dir = home
        self.superuser = superuser
        self.installation = installation
        self.ephemeral = ephemeral
        self.port = port
        self._port_is_fixed = bool(port)
        self._password = ""
        self._settings = SETTINGS | (EPHEMERAL_SETTINGS if ephemeral else {}) | dict(settings)
        self._watchdog: subprocess.Popen[str] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{self.superuser}:{self._password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def is_running(self) -> bool:
        """Whether something answers on the server's port."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop for good; an ephemeral server's home goes with it. Stopping twice is no mistake."""
        self.kill(mode)
        if self.ephemeral:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def kill(self, mode: StopMode = "immediate") -> None:
        """Make the server go away and keep its data, so that `restart` can bring it back on the same port."""
        if not self._watchdog:
            return
        try:
            self._watchdog.communicate(f"{mode}\n")
        except BrokenPipeError:
            self._watchdog.wait()
        self._watchdog = None

    def restart(self, mode: StopMode = "fast") -> None:
        self.kill(mode)
        self.launch()

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create the database and return its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database if it exists, and end the connections to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def launch(self) -> None:
        """Take the home, clear what a crash left in it, make the cluster if there is none, and start the server."""
        with locked(self.data_dir) as lock:
            clear_stale_server(self._cluster)
            self._recall()
            if not self._cluster.exists():
                self._initialize()
            self._check_version()
            self._start_watchdog(lock)

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "pgdata"

    @property
    def _log(self) -> Path:
        return self.data_dir / "postgres.log"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _recall(self) -> None:
        """Port and password belong to the home; another server may have made or moved them since the last start. Of an
        ephemeral one only this object knows them."""
        if self.ephemeral:
            self._password = self._password or secrets.token_urlsafe(24)
            self.port = self.port or _free_port()
            return
        memory = remembered(self.data_dir)
        self._password = memory["password"]
        self.port = self.port or memory["port"] or _free_port()

    def _initialize(self) -> None:
        """Make the cluster under another name first: a half-made one is never taken for a whole one."""
        unfinished = self.data_dir / "pgdata.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private(unfinished)
        self._run_initdb(unfinished)
        unfinished.rename(self._cluster)

    def _run_initdb(self, cluster: Path) -> None:
        with password_file(self.data_dir, self._password) as file:
            command = [
                *(self.installation.bin_dir / "initdb", "--pgdata", cluster, "--username", self.superuser),
                *("--encoding", "UTF8", "--locale", locale(), "--auth", "scram-sha-256"),
                *("--pwfile", file, "--no-sync", "--no-instructions"),
            ]
            result = run([str(part) for part in command])
        if result.returncode:
            raise LocalServerError(
                what=f"The private PostgreSQL in {self.data_dir} could not be made: {result.stderr.strip()}",
                state_now="Nothing was kept.",
                remedy="Correct what the message names and start again.",
            )

    def _check_version(self) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        if made_by != self.installation.major:
            raise LocalServerError(
                what=f"{self.data_dir} was made by PostgreSQL {made_by}, and this is {self.installation.version}.",
                state_now="Its data was not touched.",
                remedy=f"Set {BIN_DIR_VARIABLE} to the programs of PostgreSQL {made_by}, "
                f"or delete the folder to start afresh (make demo-reset does so for the demo).",
            )

    def _start_watchdog(self, lock: int) -> None:
        """Start, and start again when another program took the port or backends of a killed server still linger."""
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            self._write_configuration()
            already_said = self._log.stat().st_size if self._log.exists() else 0
            self._watchdog = self._spawn(lock)
            if self._watchdog.stdout and self._watchdog.stdout.readline() == "ready\n":
                return
            self.kill("kill")
            self._prepare_next_attempt(self._said_since(already_said), deadline)

    def _prepare_next_attempt(self, log: str, deadline: float) -> None:
        port_is_taken = "Address already in use" in log
        if port_is_taken and not self._port_is_fixed:
            self.port = _free_port()
        elif "still in use" in log and not port_is_taken:
            time.sleep(0.2)
        else:
            raise self._did_not_start(log)
        if time.monotonic() > deadline:
            raise self._did_not_start(log)

    def _did_not_start(self, log: str) -> LocalServerError:
        tail = "\n".join(log.splitlines()[-12:])
        return LocalServerError(
            what=f"The private PostgreSQL in {self.data_dir} did not start on port {self.port}:\n{tail}",
            state_now="No server is running there.",
            remedy=f"The whole log is in {self._log}.",
        )

    def _said_since(self, offset: int) -> str:
        with self._log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def _write_configuration(self) -> None:
        settings = {**self._settings, "port": str(self.port), "hba_file": str(self.data_dir / "pg_hba.conf")}
        lines = [f"{name} = '{value.replace("'", "''")}'\n" for name, value in settings.items()]
        (self.data_dir / "postgresql.conf").write_text("".join(lines))
        (self.data_dir / "pg_hba.conf").write_text(HOST_RULES)
        if not self.ephemeral:
            write_secret(self.data_dir / "server.json", json.dumps({"port": self.port, "password": self._password}))

    def _spawn(self, lock: int) -> subprocess.Popen[str]:
        config = f"config_file={self.data_dir / 'postgresql.conf'}"
        order = {
            "command": [str(self.installation.bin_dir / "postgres"), "-D", str(self._cluster), "-c", config],
            "environment": environment(),
            "privileges": privileges(),
            "pid_file": str(self._cluster / "postmaster.pid"),
            "log": str(self._log),
            "home": str(self.data_dir),
            "ephemeral": self.ephemeral,
        }
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(WATCHDOG), json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[lock],
            start_new_session=True,
            cwd="/",
            env=environment(),
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
