"""What can happen to a server while a worker is between two steps of its work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import psycopg

from dashboard.engine.localserver import LocalServer
from dashboard.models import Run
from tests.faults import outside
from tests.faults.trial import Trial
from tests.waiting import wait_until


def restart(trial: Trial, server: LocalServer, run: Run) -> None:
    """As by a power cut: no session ends well, what was not flushed is gone."""
    server.restart("immediate")


def neighbour_dies(trial: Trial, server: LocalServer, run: Run) -> None:
    """The out-of-memory killer takes some other session; PostgreSQL then ends all of them and recovers."""
    with trial.database.connect() as neighbour:
        pid = neighbour.info.backend_pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: _is_cut(neighbour), "the server has noticed")
    wait_until(lambda: _answers(trial), "the server has recovered")


def terminated(trial: Trial, server: LocalServer, run: Run) -> None:
    """An administrator, or a platform, ends the session of the run."""
    for pid, *_ in outside.sessions(trial.database, run.pk):
        trial.database.query(f"SELECT pg_terminate_backend({pid})")
    wait_until(lambda: not outside.sessions(trial.database, run.pk), "the session is gone")


FAULTS: dict[str, Callable[[Trial, LocalServer, Run], None]] = {
    "immediate restart": restart,
    "neighbour killed": neighbour_dies,
    "session terminated": terminated,
}


def _is_cut(connection: psycopg.Connection) -> bool:
    with suppress(psycopg.OperationalError):
        connection.execute("SELECT 1")
    return connection.closed


def _answers(trial: Trial) -> bool:
    try:
        trial.database.query("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
