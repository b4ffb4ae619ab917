"""A rehearsal in a process of its own, which knows no URL of a target and no key. It outlives nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.engine import errors, localserver
from dashboard.engine.apart import Program, Running, error_in, running
from dashboard.engine.errors import EngineError, RehearsalImpossible
from dashboard.engine.rehearsal.report import Report, proof_from_dict
from dashboard.engine.rehearsal.series import Listener
from dashboard.engine.rehearsal.work import Order
from dashboard.engine.run.cancellation import Cancellation

#: Said to it: its server is private, so it needs no network of this machine.
ALONE = "alone"
MODULE = "dashboard.engine.rehearsal.child"
#: Seconds between two looks at whether it was told to stop, and how long it may then take.
_POLL = 0.2
_PATIENCE = 120.0


def run(order: Order, *, listener: Listener, cancellation: Cancellation) -> Report:
    """Raises what the rehearsal raises."""
    with running(program(alone=order.server_url is None)) as child, _stopping(child, cancellation):
        child.send(order)
        for answer in child.answers():
            match answer:
                case {"proof": proof}:
                    listener(proof_from_dict(proof))
                case {"report": report}:
                    return Report.from_dict(report)
                case {"error": error}:
                    raise error_in(error, errors, EngineError) or RehearsalImpossible(
                        reason=str(error.get("text")), remedy="Rehearse again."
                    )
    raise RehearsalImpossible(
        reason="the process that rehearses ended without a word; the log says why.",
        remedy="Rehearse again; if it happens again, report it.",
    )


def program(*, alone: bool) -> Program:
    return Program(
        module=MODULE,
        arguments=(ALONE,) if alone else (),
        passed_on=(localserver.BIN_DIR_VARIABLE,),
        patience=_PATIENCE,
    )


@contextmanager
def _stopping(child: Running, cancellation: Cancellation) -> Iterator[None]:
    """Tell it, once, who ends it."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL):
            if by := cancellation.stopped_by:
                child.write({"stop": by})
                return

    watcher = threading.Thread(target=watch, name="rehearsal-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
