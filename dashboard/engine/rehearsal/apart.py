"""A rehearsal in a process of its own, which has nothing of our environment: no URL of a target, no key.

It is sent what to rehearse on its standard input, and says what it sees in lines of JSON. The way in is a pickle,
because we wrote it; the way out is not, because foreign SQL was at work behind it. When its input ends, so does the
rehearsal: it outlives nobody.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from dashboard.engine import errors, localserver
from dashboard.engine.errors import EngineError, RehearsalImpossible
from dashboard.engine.rehearsal.report import Report, proof_from_dict
from dashboard.engine.rehearsal.series import Listener
from dashboard.engine.rehearsal.work import Order
from dashboard.engine.run.cancellation import Cancellation

#: All that it gets of our environment.
_PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"),
    localserver.BIN_DIR_VARIABLE,
)
_ROOT = Path(__file__).parents[3]
#: Seconds between two looks at whether it was told to stop, and how long it may then take.
_POLL = 0.2
_PATIENCE = 120.0


def run(order: Order, *, listener: Listener, cancellation: Cancellation) -> Report:
    """Raises what the rehearsal raises."""
    with _process() as process, _stopping(process, cancellation):
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            pickle.dump(order, process.stdin)
            process.stdin.flush()
        for line in process.stdout:
            match json.loads(line):
                case {"proof": proof}:
                    listener(proof_from_dict(proof))
                case {"report": report}:
                    return Report.from_dict(report)
                case {"error": error}:
                    raise _error(error)
    raise RehearsalImpossible(
        reason="the process that rehearses ended without a word; the log says why.",
        remedy="Rehearse again; if it happens again, report it.",
    )


def write(stream: IO[bytes] | None, message: Mapping[str, Any]) -> None:
    assert stream is not None
    stream.write(json.dumps(message, default=str).encode() + b"\n")
    stream.flush()


@contextmanager
def _process() -> Iterator[subprocess.Popen[bytes]]:
    given = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.engine.rehearsal.child"],
        env=given | {"PYTHONPATH": str(_ROOT)},
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to answer
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.close()
        process.stdout.close()  # nobody reads what it still says
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        process.kill()
        process.wait()


@contextmanager
def _stopping(process: subprocess.Popen[bytes], cancellation: Cancellation) -> Iterator[None]:
    """Tell it, once, who ends it."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL):
            if by := cancellation.stopped_by:
                with suppress(OSError, ValueError):
                    write(process.stdin, {"stop": by})
                return

    watcher = threading.Thread(target=watch, name="rehearsal-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _error(sent: Mapping[str, Any]) -> EngineError:
    kind = getattr(errors, str(sent.get("class")), None)
    if isinstance(kind, type) and issubclass(kind, EngineError):
        with suppress(KeyError):
            return kind(**sent["facts"])
    return RehearsalImpossible(reason=str(sent.get("text")), remedy="Rehearse again.")
