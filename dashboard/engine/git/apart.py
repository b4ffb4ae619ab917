"""A fetch in a process of its own, which has nothing of our environment: no URL of a target, no key but the one it
needs. A server that hangs, or sends what blows up, costs that process and not the worker.

It is sent what to fetch on its standard input. It answers in lines of JSON, the last of which says how long each file
is that follows it: foreign bytes were at work, so nothing of it is a pickle.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from dashboard.engine.git import addresses, errors
from dashboard.engine.git.errors import GitFetchFailed, GitTooSlow
from dashboard.engine.git.letters import fetched_from
from dashboard.engine.git.meter import megabytes
from dashboard.engine.git.values import Fetched, FetchLimits, Remote

#: All that it gets of our environment.
_PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_ROOT = Path(__file__).parents[3]
#: Seconds without a byte from the server after which it is left, if the time is not over before.
_SILENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOrder:
    """`home`: a folder for what is received, which whoever orders removes. `is_peek`: only the id of the commit."""

    remote: Remote
    limits: FetchLimits
    home: str
    silence: float
    is_peek: bool
    known: str = ""


def peek(remote: Remote, *, timeout: float) -> str:
    """The id of the commit that the ref points to now. Raises GitFetchFailed and what is below it."""
    with _order(remote, FetchLimits(), timeout) as order:
        return _answered(replace(order, is_peek=True), timeout, lambda answer, _: str(answer["commit"]))


def fetch(
    remote: Remote,
    *,
    limits: FetchLimits = FetchLimits(),  # noqa: B008 - frozen
    timeout: float,
    known: str = "",
) -> Fetched:
    """One commit's files. `known`: the id of the commit before, to tell whether it was replaced. Raises
    GitFetchFailed and what is below it."""
    with _order(remote, limits, timeout) as order:
        return _answered(replace(order, known=known), timeout, fetched_from)


@contextmanager
def _order(remote: Remote, limits: FetchLimits, timeout: float) -> Iterator[FetchOrder]:
    """Its folder is ours, so that it goes even where the process was killed."""
    with tempfile.TemporaryDirectory(prefix="signalbox-git-", ignore_cleanup_errors=True) as home:
        yield FetchOrder(remote=remote, limits=limits, home=home, silence=min(_SILENCE, timeout), is_peek=False)


def _answered[Answer](
    order: FetchOrder, timeout: float, read: Callable[[Mapping[str, Any], IO[bytes]], Answer]
) -> Answer:
    shown = addresses.parse(order.remote.url).shown
    received = 0
    with _process() as process, _ended_after(timeout, process) as is_over:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            pickle.dump(order, process.stdin)
            process.stdin.close()
        for line in process.stdout:
            if not line.endswith(b"\n"):  # it was ended while it spoke
                break
            match json.loads(line):
                case {"received": int(size)}:
                    received = size
                case {"answer": answer}:
                    with suppress(EOFError):
                        return read(answer, process.stdout)
                    break
                case {"error": error}:
                    raise _error(error)
        if is_over():
            had_come = megabytes(received) if received else "little or nothing"
            raise GitTooSlow(repository=shown, seconds=f"{timeout:g}", received=had_come)
        raise GitFetchFailed(repository=shown, reason=f"the process that fetched it {_ending(process.wait())}")


@contextmanager
def _process() -> Iterator[subprocess.Popen[bytes]]:
    given = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.engine.git.child"],
        env=given | {"PYTHONPATH": str(_ROOT)},
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to answer
    )
    try:
        yield process
    finally:
        _kill(process)
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        process.stdout.close()
        process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.kill()


@contextmanager
def _ended_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[Callable[[], bool]]:
    """Kill it when its time is over, whatever it is doing. Gives a function that says whether that was done."""
    over = threading.Event()

    def end() -> None:
        over.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over.is_set
    finally:
        timer.cancel()
        timer.join()


def _ending(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}, as happens when memory is short"
    return "ended without a word; the log says why"


def _error(sent: Mapping[str, Any]) -> GitFetchFailed:
    kind = getattr(errors, str(sent.get("class")), None)
    if isinstance(kind, type) and issubclass(kind, GitFetchFailed):
        with suppress(KeyError):
            return kind(**sent["facts"])
    return GitFetchFailed(repository=str(sent.get("repository")), reason=str(sent.get("text")))
