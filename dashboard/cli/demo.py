"""Start everything on this machine: a private PostgreSQL, three environments, sample history, web and worker.

What it keeps is in .demo, or in the folder of --home: --reset clears it, once the demo is stopped. Stops with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from config import numbers
from dashboard.cli import demo_story
from dashboard.cli.exits import Exit
from dashboard.engine import localserver
from dashboard.engine.errors import LocalServerError
from dashboard.engine.localserver import LocalServer
from dashboard.local.workspace import Workspace

DATABASES = {
    "SIGNALBOX_DATABASE_URL": "signalbox",
    "DATABASE_URL_DEV": "development",
    "DATABASE_URL_STAGING": "staging",
    "DATABASE_URL": "production",
}

#: What the story is about: a folder and environments of its own, whatever this checkout declares.
MIGRATIONS = Path(__file__).parent / "demo_migrations"
ENVIRONMENTS = Path(__file__).parent / "demo_environments.toml"

#: Seconds until the first page must have answered.
PATIENCE = 60
#: Seconds a run under way has to end when the demo is stopped, and what the processes have beyond that.
DRAIN = 10
GRACE = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, metavar="N", help="where its pages are (default: $PORT, without it 8000)")
    parser.add_argument(
        "--home",
        type=Path,
        default=settings.BASE_DIR / ".demo",
        metavar="FOLDER",
        help="where its databases are kept (default: .demo in this checkout)",
    )
    parser.add_argument("--reset", action="store_true", help="clear what an earlier demo kept, and start nothing")
    parser.add_argument("--tell-story", action="store_true", help=argparse.SUPPRESS)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= numbers.HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: say a number from 1 to {numbers.HIGHEST_PORT}")
    return int(text)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    if options.tell_story:
        demo_story.tell()
        return Exit.OK
    if options.reset:
        return _reset(options.home)
    options.port = options.port or numbers.port(os.environ)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(Exit.OK))
    if _is_taken(options.port):
        print(f"Port {options.port} is taken. Choose another: PORT=8123 make demo", file=sys.stderr)
        return Exit.USAGE
    options.home.mkdir(exist_ok=True)
    try:
        with localserver.running(options.home / "postgres") as server:
            return _serve(server, options)
    except KeyboardInterrupt:
        return Exit.OK


def _reset(home: Path) -> int:
    try:
        localserver.remove(home / "postgres")
    except LocalServerError as error:
        print(f"The demo was not cleared: {error}", file=sys.stderr)
        print("  If it still runs, stop it with Ctrl-C where it was started, and clear it then.", file=sys.stderr)
        return Exit.BUSY
    shutil.rmtree(home, ignore_errors=True)
    return Exit.OK


def _serve(server: LocalServer, options: argparse.Namespace) -> int:
    environment = _environment(server, options)
    is_new = _prepare(server, environment, options.home / "told")
    # A group of its own: Ctrl-C reaches us alone, and we stop all of it in order.
    process = subprocess.Popen(
        [settings.BASE_DIR / "bin" / "start"], env=environment, cwd=settings.BASE_DIR, process_group=0
    )
    try:
        if not _wait_for_page(options.port, process):
            print("The web server did not start; its last words are above.", file=sys.stderr)
            return Exit.FAILED
        print(_welcome(server, options.port, is_new=is_new), flush=True)
        return process.wait()
    finally:
        _stop(process)


def _environment(server: LocalServer, options: argparse.Namespace) -> dict[str, str]:
    urls = {variable: server.url(name) for variable, name in DATABASES.items()}
    return (
        os.environ
        | urls
        | {
            "PORT": str(options.port),
            "SIGNALBOX_ROLE": "all",
            "SIGNALBOX_ENVIRONMENTS": str(ENVIRONMENTS),
            "SIGNALBOX_SOURCE": os.environ.get("SIGNALBOX_SOURCE") or str(MIGRATIONS),
            "SIGNALBOX_DRAIN_SECONDS": str(DRAIN),
            "SIGNALBOX_BIND": f"127.0.0.1:{options.port}",
            "SIGNALBOX_INSECURE_HTTP": "1",
            # Everybody who tries it has read the passwords above.
            "SIGNALBOX_REAUTHENTICATE_SECONDS": os.environ.get("SIGNALBOX_REAUTHENTICATE_SECONDS", "0"),
            "SIGNALBOX_DATABASE_OWNER_URL": "",
            "SIGNALBOX_SECRET_KEY": _secret(options.home / "secret"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "SIGNALBOX_LOG_LEVEL": os.environ.get("SIGNALBOX_LOG_LEVEL", "WARNING"),
        }
    )


def _prepare(server: LocalServer, environment: dict[str, str], report: Path) -> bool:
    """Whether this is the first time: then with databases, tables, people and history. Later starts find them there;
    bin/start migrates."""
    if report.exists():
        return False
    print("First start: making the databases and a history to look at …", flush=True)
    for name in DATABASES.values():
        server.drop_database(name)
        server.create_database(name)
    _manage(environment, "migrate", "--noinput", "-v", "0")
    _manage(environment, "signalbox", "demo", "--tell-story")
    report.touch()
    return True


def _manage(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    subprocess.run(command, env=environment, check=True, process_group=0)


def _secret(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(settings.SECRET_KEY)
    return path.read_text()


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for_page(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The web server and the worker too, even when it does not wait for them or someone is impatient."""
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(DRAIN + GRACE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _welcome(server: LocalServer, port: int, *, is_new: bool) -> str:
    people = "\n".join(f"    {p.username:8} {p.password:24} {p.what}" for p in demo_story.PEOPLE)
    targets = "\n".join(f"    {name:12} {server.url(name)}" for name in DATABASES.values() if name != "signalbox")
    return f"""
  Signalbox is running:  http://127.0.0.1:{port}/

  Sign in as
{people}

  Nobody approves their own request: what alice or bob asks for on Production, carol can approve.

  The databases, for psql or any other client: change something there, and see it found as drift
{targets}

  {_STORY if is_new else _STORY_GOES_ON}
  Stop with Ctrl-C. Start over with: make demo-reset
"""


_STORY = "Production waits for the approval of a request by alice. Staging shows a migration that failed on its rows."
_STORY_GOES_ON = "Everything is as it was when the demo was stopped."
