"""A fetch in a process of its own, which has nothing of our environment: no URL of a target, no key but the one it
needs. A server that hangs, or sends what blows up, costs that process and not the worker.

The last line of its answer says how long each file is that follows it.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import IO, Any

from dashboard.engine.apart import Program, Running, error_in, running
from dashboard.engine.git import addresses, errors
from dashboard.engine.git.errors import GitFetchFailed, GitTooSlow
from dashboard.engine.git.letters import fetched_from
from dashboard.engine.git.meter import megabytes
from dashboard.engine.git.proxies import Proxies
from dashboard.engine.git.values import Fetched, FetchLimits, Remote

_PROGRAM = Program(module="dashboard.engine.git.child", passed_on=("SSL_CERT_FILE", "SSL_CERT_DIR"))
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
    proxies: Proxies
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
        yield FetchOrder(
            remote=remote,
            limits=limits,
            home=home,
            silence=min(_SILENCE, timeout),
            is_peek=False,
            proxies=Proxies.of_environment(),
        )


def _answered[Answer](
    order: FetchOrder, timeout: float, read: Callable[[Mapping[str, Any], IO[bytes]], Answer]
) -> Answer:
    shown = addresses.parse(order.remote.url).shown
    received = 0
    with running(_PROGRAM) as child, _ended_after(timeout, child) as is_over:
        child.send(order)
        for line in child.answers():
            match line:
                case {"received": int(size)}:
                    received = size
                case {"answer": answer}:
                    with suppress(EOFError):
                        return read(answer, child.said)
                    break
                case {"error": error}:
                    raise error_in(error, errors, GitFetchFailed) or GitFetchFailed(
                        repository=str(error.get("repository")), reason=str(error.get("text"))
                    )
        if is_over():
            had_come = megabytes(received) if received else "little or nothing"
            raise GitTooSlow(repository=shown, seconds=f"{timeout:g}", received=had_come)
        raise GitFetchFailed(repository=shown, reason=f"the process that fetched it {_ending(child.status())}")


@contextmanager
def _ended_after(seconds: float, child: Running) -> Iterator[Callable[[], bool]]:
    """Kill it when its time is over, whatever it is doing. Gives a function that says whether that was done."""
    over = threading.Event()

    def end() -> None:
        over.set()
        child.kill()

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
