"""The process that rehearses: started by `apart`, and by nobody else."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import threading

from dashboard.engine.errors import EngineError
from dashboard.engine.localserver import network
from dashboard.engine.localserver.watchdog import adopt_orphans, kill_descendants
from dashboard.engine.rehearsal import work
from dashboard.engine.rehearsal.apart import write
from dashboard.engine.rehearsal.report import Proof
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.secrecy import close_process


def main() -> None:
    adopt_orphans()
    # Nothing is read ahead, so that what is said later is not lost; nor is it sys.stdin, whose lock a thread that reads
    # would hold when Python ends.
    said = io.BufferedReader(io.FileIO(0, closefd=False), buffer_size=1)
    order: work.Order = pickle.load(said)  # noqa: S301  # by the process that started this one
    if order.server_url is None:
        network.leave()
    close_process()
    cancellation = Cancellation()
    threading.Thread(target=_heed, args=(said.raw, cancellation), daemon=True).start()
    try:
        _carry_out(order, cancellation)
    except BrokenPipeError:  # whoever asked has heard enough; what is left must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        kill_descendants(os.getpid())


def _carry_out(order: work.Order, cancellation: Cancellation) -> None:
    try:
        report = work.carry_out(order, listener=_tell, cancellation=cancellation)
    except EngineError as error:
        sent = {"class": type(error).__name__, "facts": error.facts, "text": str(error)}
        write(sys.stdout.buffer, {"error": sent})
    else:
        write(sys.stdout.buffer, {"report": report.to_dict()})


def _tell(proof: Proof) -> None:
    write(sys.stdout.buffer, {"proof": work.proof_to_dict(proof)})


def _heed(said: io.RawIOBase, cancellation: Cancellation) -> None:
    """A line says who stops it; the end of the input, that whoever asked is gone."""
    for line in said:
        cancellation.cancel(str(json.loads(line)["stop"]))
        return
    cancellation.cancel("the end of the process that asked for it")


if __name__ == "__main__":
    main()
