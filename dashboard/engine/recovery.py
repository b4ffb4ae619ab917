"""What did a run commit? Asked after its worker or its connection was lost.

The order matters. Reading alone proves nothing while the old session lives: a COMMIT that hangs has already
committed for itself, yet no other session sees the row. So: wait until the session of the run is gone (end it if
it stays), win the target lock, then read. The witness is the audit log row that commits with each step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from dashboard.engine.errors import PlanChanged, TargetBusy
from dashboard.engine.planner import Plan
from dashboard.engine.target import connection as connections
from dashboard.engine.target import doctor, locks, sql, tracking
from dashboard.engine.target.connection import Access, Address, Connection

#: Seconds a session of the run gets to notice that its client is gone before it is terminated.
GRACE = 4.0
#: Seconds in all until the run stays unresolved for now.
PATIENCE = 20.0
POLL = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """For each step of the plan: did it commit? A fact, read under the lock."""

    committed: tuple[bool, ...]


def resolve(plan: Plan, *, access: Access, run_id: str) -> Verdict:
    """Raises TargetUnreachable, or TargetBusy while the run's session cannot be got rid of: then ask again later.
    Raises PlanChanged when the URL leads to another database than the run worked on."""
    with connections.working(access, name="signalbox recovery") as connection:
        doctor.examine(connection, access.address)
        if connections.identity(connection) != plan.identity:
            raise PlanChanged(what="the URL now leads to another database than the run worked on")
        _wait_until_gone(connection, access.address, run_id)
        with locks.held(connection, access.address.environment, wait=PATIENCE):
            return Verdict(committed=_committed(connection, plan, access.schema, run_id))


def _wait_until_gone(connection: Connection, address: Address, run_id: str) -> None:
    begun = time.monotonic()
    values = {"name": connections.session_name(run_id)}
    while connection.execute(sql.query("sessions_of_run"), values).fetchall():
        waited = time.monotonic() - begun
        if waited > PATIENCE:
            raise TargetBusy(environment=address.environment, holder=f"the session of run {run_id}, which will not end")
        if waited > GRACE:
            connection.execute(sql.query("terminate_run"), values)
        time.sleep(POLL)


def _committed(connection: Connection, plan: Plan, schema: str, run_id: str) -> tuple[bool, ...]:
    if not tracking.is_prepared(connection, schema):
        return tuple(False for _ in plan.steps)
    rows = connection.execute(sql.query("succeeded_in_run", schema), {"run_id": run_id}).fetchall()
    found = {(str(version), str(name)) for version, name in rows}
    return tuple(step.identity in found for step in plan.steps)
