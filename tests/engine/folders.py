"""Small folders written for one test, and an engine run against one target without the web."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.engine import planner
from dashboard.engine.database import history
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder, History, MigrationId, Problem
from dashboard.engine.plan import Action, Plan, Policy, Step, Target, TargetIdentity
from dashboard.engine.run import executor
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import RunEvent
from dashboard.engine.run.executor import Approval
from dashboard.engine.sql import statements
from dashboard.engine.sql.statements import Statement
from tests.fix_postgres import Database
from tests.waiting import wait_until

FREE = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)
SCHEMA = "platform"
OURS = {"platform.schema_migrations", "platform.migration_audit_log", "platform.migration_fuse"}


def plan_of(*scripts: str) -> Plan:
    """To apply these, as 001_x and so on, to no database that there is."""
    identity = TargetIdentity(system_identifier="1", database="d", database_oid=1)
    steps = tuple(
        Step(action=Action.APPLY, version=f"{n:03}", name="x", key=f"{n:03}", file="", sql=sql, checksum="")
        for n, sql in enumerate(scripts, start=1)
    )
    return Plan(environment="test", action=Action.APPLY, identity=identity, policy=FREE, basis=(), steps=steps)


def summed(files: Mapping[str, str]) -> dict[str, str]:
    """With the atlas.sum of these files."""
    running, lines = hashlib.sha256(), ["h1:all="]
    for file in sorted(files):
        running.update(file.encode() + files[file].encode())
        lines.append(f"{file} h1:{base64.b64encode(running.digest()).decode()}")
    return {**files, "atlas.sum": "\n".join(lines) + "\n"}


def only_statement(sql: str) -> Statement:
    (statement,) = statements.split(sql)
    return statement


def problems_by_code(folder: Folder, file: str) -> dict[str, Problem]:
    """What is wrong with that file of the folder."""
    return {problem.code: problem for problem in folder.problems if problem.file == file}


@dataclass
class Bench:
    """A folder and a database: apply, roll back, look. Events of the last run are in `events`."""

    folder: Path
    database: Database
    policy: Policy = FREE
    events: list[RunEvent] = field(default_factory=list)

    @property
    def address(self) -> Address:
        return Address(environment="test", name="Test", variable="TEST_URL", url=self.database.url)

    @property
    def access(self) -> Access:
        return Access(address=self.address, policy=self.policy, schema=SCHEMA)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self) -> Folder:
        return discovery.read(self.folder)

    def look(self) -> Target:
        return history.read(self.access, scripts=True)

    @property
    def history(self) -> History:
        return self.look().history

    def plan(self, upto: str | None = None) -> Plan:
        return planner.apply(self.look(), self.read(), upto=upto)

    def plan_rollback(self, version: str, name: str) -> Plan:
        return planner.rollback(self.look(), downto=MigrationId(version, name))

    def execute(
        self,
        plan: Plan,
        *,
        run_id: str = "1",
        approval: Approval | None = None,
        cancellation: Cancellation | None = None,
        confirm: Callable[[int], None] = lambda log: None,
    ) -> None:
        self.events = []
        executor.execute(
            plan,
            access=self.access,
            attempt=Attempt(run_id=run_id, by="alice", source_ip="192.0.2.7"),
            approval=approval,
            observer=self.events.append,
            cancellation=cancellation,
            confirm=confirm,
        )

    def apply(self, upto: str | None = None, *, run_id: str = "1") -> None:
        self.execute(self.plan(upto), run_id=run_id)

    def log(self, columns: str = "action, outcome") -> list[tuple[object, ...]]:
        """The audit log in the target, oldest row first."""
        return self.database.query(f"SELECT {columns} FROM platform.migration_audit_log ORDER BY id")

    def waits_for_a_lock(self) -> bool:
        """Whether some session does."""
        return bool(self.database.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    def outlast_the_lock_timeout(self) -> None:
        """Until somebody waits for a lock, and then for longer than a statement of the bench waits."""
        wait_until(self.waits_for_a_lock)
        time.sleep(2.5 * self.policy.lock_timeout_ms / 1000)

    def unfinished(self) -> list[tuple[int, bool]]:
        """Of everything that broke off, each statement of the journal and whether it is done."""
        return [(entry.statement, entry.done) for each in self.history.unfinished for entry in each.entries]

    def run_watched(self, observer: Callable[[RunEvent], None], cancellation: Cancellation | None = None) -> None:
        """Apply what is pending as run 2; `observer` may act between two events."""
        executor.execute(
            self.plan(),
            access=self.access,
            attempt=Attempt(run_id="2", by="alice"),
            approval=None,
            observer=observer,
            cancellation=cancellation,
        )

    def tables(self) -> set[str]:
        rows = self.database.query(
            "SELECT schemaname || '.' || tablename FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {row[0] for row in rows} - OURS
