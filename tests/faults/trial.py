"""One migration, one worker process, one fault; then recovery by another process, and a judge who looks from outside.

Every migration of a trial leaves marks, rows of the table `effects` that can be written twice, so that a second run
of the same statements shows.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from config.environments import Environment
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.models import AuditEvent, Run, RunStep
from dashboard.services import execution, plans, runs
from dashboard.services.actors import Actor
from tests.faults import outside, worker
from tests.faults.proxy import Proxy
from tests.fix_postgres import Database
from tests.services.workflow import confirmed
from tests.waiting import wait_until

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.faults.worker"])


@dataclass(frozen=True, kw_only=True)
class Mode:
    """A way to run: what the migration says, and at which named points a worker passes while it runs it."""

    name: str
    up: str
    down: str = ""
    marks: tuple[int, ...]
    points: tuple[str, ...]
    index: bool = False

    @property
    def is_rollback(self) -> bool:
        return bool(self.down)


_BEFORE = ("claimed", "connected", "locked", "verified", "prepared")
_AFTER = ("committed", "step_reported", "run_done", "reported")
_ONCE = "INSERT INTO effects VALUES ({version}, 1);\nINSERT INTO effects VALUES ({version}, 2);\n"
_TRANSACTION = (*_BEFORE, "begun", "before_statement:1", "before_statement:2", "body_done", "before_commit", *_AFTER)

TX = Mode(name="transaction", up=_ONCE, marks=(1, 2), points=_TRANSACTION)
ROLLBACK = Mode(name="rollback", up="SELECT 1;\n", down=_ONCE, marks=(1, 2), points=_TRANSACTION)
NO_TX = Mode(
    name="no transaction",
    up="-- signalbox: transaction=none\n"
    "INSERT INTO effects VALUES ({version}, 1);\n"
    "CREATE INDEX CONCURRENTLY effects_{version} ON effects (version);\n"
    "INSERT INTO effects VALUES ({version}, 2);\n",
    marks=(1, 2),
    points=(
        *_BEFORE,
        *(f"journal_started:{n}" for n in (1, 2, 3)),
        "statement_done",
        *(f"journal_done:{n}" for n in (1, 2, 3)),
        *_AFTER,
    ),
    index=True,
)
MODES = (TX, NO_TX, ROLLBACK)


class Outcome(StrEnum):
    EXACTLY_ONCE = "exactly once"
    DOUBLE = "double"
    LOST = "lost"
    WRONG_STATE = "wrong state"
    UNRESOLVED = "unresolved"


@dataclass(kw_only=True)
class Trial:
    """`site` is given to each worker process; `person` starts the runs. Versions count up, a database serves many."""

    database: Database
    site: worker.Site
    person: Actor
    mode: Mode
    version: int = 0
    started: list[ForkServerProcess] = field(default_factory=list)

    @property
    def environment(self) -> Environment:
        return self.site.environments[0]

    @property
    def label(self) -> str:
        return f"{self.version:03}"

    def next(self) -> Run:
        """A new migration of the mode, queued."""
        self.version += 1
        texts = {"crash": self.mode.up, "rollback": self.mode.down}
        for name, text in texts.items():
            if text:
                (self.site.source / f"{self.label}_{name}.sql").write_text(text.format(version=self.version))
        if self.mode.is_rollback:
            self._apply_here()
        return self.start()

    def shorten_deadline(self, seconds: float = 1.0) -> None:
        """For the environment, which says it in minutes."""
        (environment,) = self.site.environments
        self.site = replace(self.site, environments=(replace(environment, deadline_minutes=seconds / 60),))  # type: ignore[arg-type]
        settings.ENVIRONMENTS = self.site.environments

    def start(self) -> Run:
        """Asked for by a person: the apply or the rollback of the version at hand."""
        plan = (
            plans.rollback(self.environment, downto=MigrationId(self.label, "crash"))
            if self.mode.is_rollback
            else plans.apply(self.environment)
        )
        return self._started(plan)

    def _started(self, plan: Plan) -> Run:
        """By a person who has read what it says, and types it."""
        accepted = [w.key for w in plan.warnings]
        word = confirmed(plan, self.environment)
        return runs.start(plan, environment=self.environment, by=self.person, accepted=accepted, confirmation=word)

    def work(self, run: Run, fault: str = "", **tuned: Any) -> ForkServerProcess:
        """A worker takes the run. With a fault the process meets it."""
        return self._process("execute", run, fault, tuned)

    def through(self, control: Proxy | None) -> Trial:
        """The same, for a worker that reaches the control database through a proxy."""
        if control is None:
            return self
        there = {**self.site.control, "HOST": "127.0.0.1", "PORT": control.port}
        return replace(self, site=replace(self.site, control=there))

    def recover(self, run: Run, *, fault: str = "", **tuned: Any) -> float:
        """Another worker looks for lost runs, once the lease is over; the seconds it took."""
        self.end_lease(run)
        begun = time.monotonic()
        exit_code = end(self._process("recover", run, fault, tuned))
        assert bool(exit_code) is bool(fault), f"the worker that recovers ended with {exit_code}"
        return time.monotonic() - begun

    def end_lease(self, run: Run) -> None:
        """When all that dead workers sent to the control database is done: the last of it may renew the lease."""
        names = [worker.session_name(process.pid) for process in self.started if process.pid and process.exitcode]
        wait_until(lambda: not _sessions_in_control(names), "the sessions of dead workers ended")
        Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING, lease_until__gt=Now()).update(
            lease_until=Now() - timedelta(seconds=1)
        )

    def judge(self, run: Run) -> Outcome:
        """What Signalbox says of the run, held against what stands in the target."""
        run.refresh_from_db()
        if run.is_active:
            return Outcome.UNRESOLVED
        marks, said = self.marks(), said_of(run)
        if any(count > 1 for count in marks.values()):
            return Outcome.DOUBLE
        everything = set(marks) == set(self.mode.marks) and self.stands()
        if said == "committed":
            return Outcome.EXACTLY_ONCE if everything else Outcome.LOST
        nothing = not marks and not self.stands()
        if said == "partial":
            return Outcome.WRONG_STATE if everything or (nothing and not self.has_index()) else Outcome.EXACTLY_ONCE
        return Outcome.EXACTLY_ONCE if nothing else Outcome.WRONG_STATE

    def finish(self, run: Run) -> Outcome:
        """A person goes on from what was said, until it is done; then every mark must stand exactly once."""
        said = said_of(run)
        if said == "partial":
            plan = plans.resume(self.environment, MigrationId(self.label, "crash"))
            execution.execute(self._started(plan).pk)
        elif said != "committed":
            execution.execute(self.start().pk)
        marks = self.marks()
        if any(count > 1 for count in marks.values()):
            return Outcome.DOUBLE
        done = set(marks) == set(self.mode.marks) and self.stands() and self.has_index() == self.mode.index
        return Outcome.EXACTLY_ONCE if done else Outcome.LOST

    def close(self) -> None:
        """No process outlives its test: a frozen one would hold what it has locked."""
        for process in self.started:
            if process.exitcode is None:
                process.kill()
                process.join()
            process.close()

    def marks(self) -> Counter[int]:
        return Counter(
            row[0] for row in self.database.query(f"SELECT mark FROM effects WHERE version = {self.version}")
        )

    def stands(self) -> bool:
        """Whether the tracking table says that the migration, or its rollback, is done."""
        applied = self.label in {row[0] for row in outside.history(self.database)}
        return applied != self.mode.is_rollback

    def has_index(self) -> bool:
        return bool(
            self.database.query(
                f"SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('effects_{self.version}') AND indisvalid"
            )
        )

    def check_quiet(self, run: Run) -> None:
        """No session of the run is left, nothing is locked or prepared, and each change has one audit event."""
        wait_until(lambda: not outside.sessions(self.database, run.pk), "the session of the run ended")
        assert outside.prepared_transactions(self.database) == []
        events = Counter(AuditEvent.objects.filter(run_id=run.pk).values_list("kind", flat=True))
        endings = ("run.succeeded", "run.failed", "run.cancelled", "run.resolved")
        assert sum(events[kind] for kind in endings) == 1, events
        assert max(events.values()) == 1, events

    def _apply_here(self) -> None:
        run = self._started(plans.apply(self.environment))
        execution.execute(run.pk)
        run.refresh_from_db()
        assert run.status == Run.Status.SUCCEEDED, run.failure

    def _process(self, job: str, run: Run, fault: str, tuned: Mapping[str, Any]) -> ForkServerProcess:
        site = replace(self.site, tuned={**self.site.tuned, **tuned})
        process = processes.Process(target=worker.main, args=(site, job, run.pk, fault))
        process.start()
        self.started.append(process)
        return process


def _sessions_in_control(names: Sequence[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY(%s)", [list(names)])
        return int(cursor.fetchone()[0])


def said_of(run: Run) -> str:
    """What Signalbox says happened, in one word: committed, partial or nothing."""
    run.refresh_from_db()
    statuses = set(run.steps.values_list("status", flat=True))
    if statuses == {RunStep.Status.COMMITTED}:
        return "committed"
    if statuses & {RunStep.Status.PARTIAL, RunStep.Status.UNKNOWN, RunStep.Status.RUNNING}:
        return "partial"
    if run.status == Run.Status.SUCCEEDED:
        return "committed"
    return "nothing"


def end(process: ForkServerProcess, seconds: float = 60) -> int:
    """Wait for a process; how it ended. One that hangs is killed and fails the test."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"the worker still ran after {seconds} s")
    return process.exitcode


def is_frozen(process: ForkServerProcess) -> bool:
    """Whether the kernel has stopped it."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def wait_until_frozen(process: ForkServerProcess) -> None:
    wait_until(lambda: is_frozen(process), "the worker reached the point at which it is to stop")


def control() -> dict[str, Any]:
    return {key: connection.settings_dict[key] for key in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
