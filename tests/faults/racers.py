"""Eight worker processes that start at the same moment, round after round."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Self

from dashboard.engine.database.connection import Access
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import EngineError
from dashboard.engine.plan import Plan
from dashboard.engine.run import executor
from tests.faults import naive
from tests.faults.trial import processes

WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Heat:
    """What everyone does at once: run one plan of the engine, or one migration of the naive runner."""

    plan: Plan | None = None
    access: Access | None = None
    lock_wait: float = 0.0
    naively: dict[str, Any] = field(default_factory=dict)


@dataclass
class Racers(AbstractContextManager["Racers"]):
    log: Path
    _lines: list[Connection] = field(default_factory=list)
    _processes: list[ForkServerProcess] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._start = processes.Barrier(WORKERS)  # the children look it up by name, so it has to stay
        for number in range(WORKERS):
            ours, theirs = processes.Pipe()
            process = processes.Process(target=_race, args=(number, self._start, theirs, self.log))
            process.start()
            theirs.close()
            self._lines.append(ours)
            self._processes.append(process)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for line in self._lines:
            line.send(None)
            line.close()
        for process in self._processes:
            process.join(30)
            process.kill()
            process.close()

    def run(self, heat: Heat) -> Counter[str]:
        """What came of it, by name of the outcome."""
        for line in self._lines:
            line.send(heat)
        return Counter(self._answer(line) for line in self._lines)

    def _answer(self, line: Connection) -> str:
        assert line.poll(60), "a worker does not answer"
        return str(line.recv())


def _race(number: int, start: Barrier, line: Connection, log: Path) -> None:
    from tests.faults.worker import say_into

    say_into(log)
    while (heat := line.recv()) is not None:
        start.wait()
        line.send(_one(number, heat))


def _one(number: int, heat: Heat) -> str:
    if heat.naively:
        naive.run(**heat.naively)
        return "applied"
    assert heat.plan is not None
    assert heat.access is not None
    try:
        executor.execute(
            heat.plan,
            access=heat.access,
            attempt=Attempt(run_id=f"{number}", by=f"worker {number}"),
            approval=None,
            observer=lambda event: None,
            lock_wait=heat.lock_wait,
        )
    except EngineError as error:
        return error.code
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the outcome
        return repr(error)
    return "applied"
