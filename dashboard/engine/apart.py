"""A program of ours in a process of its own, because what it works on is foreign: with nothing of our environment,
bounded, and dead at the end.

It is sent one order on its standard input, and answers in lines of JSON. The way in is a pickle, because we wrote it;
the way out is not, because foreign bytes were at work behind it. The first half of this module is for whoever starts
such a program, the second for the program.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from dashboard.engine.errors import EngineError
from dashboard.engine.secrecy import close_process

#: All that it gets of our environment, besides what the program names.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
ROOT = Path(__file__).parents[2]
#: Seconds between two looks at whether it has ended.
_POLL = 0.02
#: Of a line that it says, which is all in memory before it is read.
LONGEST_LINE = 256 * 1024 * 1024
PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`module` is run as `python -m`. `patience`: seconds in which it may end by itself, once nobody listens."""

    module: str
    arguments: tuple[str, ...] = ()
    passed_on: tuple[str, ...] = ()
    patience: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The process of a program. `said` is its standard output."""

    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def said(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def send(self, order: object) -> None:
        """A program that has ended already says so by what it does not answer."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(order, self.process.stdin)
            self.process.stdin.flush()

    def write(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(OSError, ValueError):
            write(self.process.stdin, message)

    def answers(self) -> Iterator[dict[str, Any]]:
        """Each whole line. It ends where the program does, or says what is no line, or none of JSON."""
        while (line := self.said.readline(LONGEST_LINE)).endswith(b"\n"):
            try:
                answer = json.loads(line)
            except (ValueError, RecursionError):  # the latter where it is too deep
                return
            yield answer

    def status(self) -> int:
        """How it ended, once it has. It is not reaped by that, so its number is still its own."""
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None, "it waits"
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def kill(self) -> None:
        """With all that is in its group. Once it is reaped, the number may be that of another group."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def let_end(self, patience: float) -> None:
        """Wait so many seconds at most; it is not reaped by that."""
        until = time.monotonic() + patience
        ended = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, self.process.pid, ended) is None and time.monotonic() < until:
            time.sleep(_POLL)


@contextmanager
def running(program: Program) -> Iterator[Running]:
    """Nothing of it is left afterwards."""
    names = (*PASSED_ON, *program.passed_on)
    process = subprocess.Popen(
        [sys.executable, "-m", program.module, *program.arguments],
        env={name: os.environ[name] for name in names if name in os.environ} | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to answer
    )
    started = Running(process=process)
    try:
        yield started
    finally:
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        started.said.close()  # nobody reads what it still says
        started.let_end(program.patience)
        started.kill()
        process.wait()


def error_in(sent: Mapping[str, Any], classes: ModuleType, base: type[EngineError]) -> EngineError | None:
    """What `write_error` wrote, as one of these classes; None where it is none of them."""
    kind = getattr(classes, str(sent.get("class")), None)
    if isinstance(kind, type) and issubclass(kind, base):
        with suppress(KeyError, TypeError):
            return kind(**sent["facts"])
    return None


# For the program


def begin(*, dies_with_parent: bool) -> None:
    """First of all: nobody looks into it, and nothing of its memory is left in a file. Where memory is short, Linux
    ends it first, with what it starts, and not those that started it; where asked for it, it is killed with the thread
    that did."""
    with suppress(OSError):  # elsewhere than on Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
    close_process()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if dies_with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def received(stream: IO[bytes]) -> Any:
    """The order."""
    return pickle.load(stream)  # noqa: S301  # by the process that started this one


def bound(*, memory: int, file_size: int = 0) -> None:
    """What it, and each process that it starts, may take of this machine. The memory of a file that is mapped is not
    counted, its size on disk is."""
    if file_size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def at_end_of(stream: IO[bytes], do: Callable[[str], None]) -> None:
    """Have it done once whoever started this program says a line, with it; or is gone, with nothing."""

    def heed() -> None:
        do(next(iter(stream), b"").decode())

    threading.Thread(target=heed, daemon=True).start()


def write(stream: IO[bytes], message: Mapping[str, Any]) -> None:
    stream.write(json.dumps(message, default=str).encode() + b"\n")
    stream.flush()


def write_error(stream: IO[bytes], error: EngineError) -> None:
    write(stream, {"error": {"class": type(error).__name__, "facts": error.facts, "text": str(error)}})


def nobody_listens() -> None:
    """What is left to say must not be written when the program ends either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
