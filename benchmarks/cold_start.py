"""How long the program `signalbox` takes to start, by verb: the processor time of a call, and how many times that of
`python -c 'import psycopg'`. Processor time, because other work on the machine leaves it nearly as it is.

On the machine where it was written (2 cores, under load; psycopg 219 ms): --version and version 0.3, new 2.7, lint 2.8,
plan 2.8, status 2.9, apply 2.9, verify and rollback 3.0, doctor 3.5 times; `manage.py signalbox status` 7.5 times."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from dashboard.engine import localserver

ROOT = Path(__file__).parents[1]
TIMES = 7
PROGRAM = "from dashboard.cli.program import main; main()"
#: What each verb is given, so that it does what it does with the least to do.
CALLS = {
    "--version": (),
    "version": (),
    "completion": ("bash",),
    "new": ("city", "--dry-run"),
    "lint": (),
    "status": ("development",),
    "plan": ("development",),
    "verify": ("development",),
    "doctor": ("development",),
    "apply": ("development",),
    "rollback": ("development", "001"),
    "skip": ("development", "--all", "--reason", "none"),
}


def main() -> None:
    with localserver.running(ephemeral=True) as server, tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "migrations_sql"
        folder.mkdir()
        (folder / "001_users.sql").write_text("CREATE TABLE users (id bigint PRIMARY KEY);")
        (folder / "001_rollback.sql").write_text("DROP TABLE users;")
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": place,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL_DEV": server.create_database("bench"),
        }
        least = _seconds(["-c", "import psycopg"], place, variables)
        print(f"{'import psycopg':24}{least * 1000:6.0f} ms")
        _told("nothing (python -c '')", _seconds(["-c", ""], place, variables), least)
        for verb, arguments in CALLS.items():
            _told(f"signalbox {verb}", _seconds(["-c", PROGRAM, verb, *arguments], place, variables), least)
        of_django = variables | {"SIGNALBOX_SOURCE": str(folder), "SIGNALBOX_SECRET_KEY": "0123456789abcdef" * 4}
        command = [str(ROOT / "manage.py"), "signalbox", "status", "development"]
        _told("manage.py … status", _seconds(command, place, of_django), least)


def _told(name: str, seconds: float, least: float) -> None:
    print(f"{name:24}{seconds * 1000:6.0f} ms  {seconds / least:5.1f} times")


def _seconds(arguments: list[str], place: str, variables: dict[str, str]) -> float:
    """The median of several calls; the first, which writes the compiled modules, does not count."""
    times = [_once(arguments, place, variables) for _ in range(TIMES + 1)][1:]
    return statistics.median(times)


def _once(arguments: list[str], place: str, variables: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=place, env=variables, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
