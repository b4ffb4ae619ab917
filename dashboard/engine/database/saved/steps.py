"""What a step has to do with saved rows, before its statements."""

from __future__ import annotations

from dashboard.engine.database.connection import Connection
from dashboard.engine.database.saved.copying import save
from dashboard.engine.database.saved.queries import set_locally
from dashboard.engine.database.saved.register import prepare
from dashboard.engine.database.saved.returning import bring_back_all
from dashboard.engine.database.saved.values import Copied
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.plan import Action, Step


def work(connection: Connection, step: Step, attempt: Attempt) -> tuple[Copied, ...]:
    """Copy what the step destroys, or bring back what it names. Inside a transaction of the caller's.

    Raises PlanBlocked, naming the copy, where rows no longer fit; then nothing must be committed.
    """
    with set_locally(connection, "row_security", "off"):  # a part of the rows would pass for all of them
        if step.action is Action.BRING_BACK:
            return bring_back_all(connection, step, attempt)
        prepare(connection)
        return tuple(save(connection, step, copy, attempt) for copy in step.copies)
