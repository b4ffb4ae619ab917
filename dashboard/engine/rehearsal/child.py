"""The process that rehearses: started by `apart`, and by nobody else."""

from __future__ import annotations

import io
import json
import os
import sys

from dashboard.engine import apart
from dashboard.engine.errors import EngineError, RehearsalNotIsolated
from dashboard.engine.localserver import network
from dashboard.engine.localserver.watchdog import adopt_orphans, kill_descendants
from dashboard.engine.rehearsal import work
from dashboard.engine.rehearsal.apart import ALONE
from dashboard.engine.rehearsal.report import Proof
from dashboard.engine.run.cancellation import Cancellation

#: Of memory for each process of a rehearsal: half of the machine's, and no less than this.
_LEAST_MEMORY = 2 * 1024**3


def main() -> None:
    adopt_orphans()
    is_cut_off = ALONE not in sys.argv or network.leave()
    apart.begin(dies_with_parent=False)  # it has a database to drop on a server that others use
    # Nothing is read ahead, so that what is said later is not lost; nor is it sys.stdin, whose lock a thread that reads
    # would hold when Python ends.
    said = io.BufferedReader(io.FileIO(0, closefd=False), buffer_size=1)
    order: work.Order = apart.received(said)
    apart.bound(memory=max(_LEAST_MEMORY, _memory() // 2))
    cancellation = Cancellation()
    apart.at_end_of(said.raw, lambda line: cancellation.cancel(_who_stops(line)))
    try:
        _carry_out(order, cancellation, is_cut_off=is_cut_off)
    except BrokenPipeError:
        apart.nobody_listens()
    finally:
        kill_descendants(os.getpid())


def _carry_out(order: work.Order, cancellation: Cancellation, *, is_cut_off: bool) -> None:
    out = sys.stdout.buffer
    try:
        if order.needs_no_network and not is_cut_off:
            raise _still_open()
        report = work.carry_out(order, listener=_tell, cancellation=cancellation)
    except EngineError as error:
        apart.write_error(out, error)
    else:
        apart.write(out, {"report": report.to_dict()})


def _still_open() -> RehearsalNotIsolated:
    """It was looked at before this process began, and is not as it was then."""
    return RehearsalNotIsolated(
        reason="nothing is proven, because the process that rehearses could not leave the network of this machine, "
        "although that was possible a moment before.",
        remedy="Rehearse again. If it happens again, ask the doctor on the command line: the platform may allow few "
        "namespaces.",
    )


def _tell(proof: Proof) -> None:
    apart.write(sys.stdout.buffer, {"proof": work.proof_to_dict(proof)})


def _who_stops(line: str) -> str:
    return str(json.loads(line)["stop"]) if line else "the end of the process that asked for it"


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


if __name__ == "__main__":
    main()
