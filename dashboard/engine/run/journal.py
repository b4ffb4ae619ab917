"""The journal of a step outside a transaction: rows of the audit log before and after each of its statements.

`started` commits before the statement; `done` commits with it where the statement can share a transaction, else right
after. A statement that was started and is neither done nor undone is not known to have happened.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.database.tracking import RunTracking, StatementOutcome
from dashboard.engine.migration import checksum
from dashboard.engine.plan import Step
from dashboard.engine.sql.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The journal of one step in one run."""

    tracking: RunTracking
    step: Step

    def write(self, statement: Statement, outcome: StatementOutcome) -> None:
        self.tracking.log(self.step, outcome=outcome, statement=statement.number, message=checksum(statement.sql))

    def last_outcome(self, statement: Statement) -> StatementOutcome | None:
        """None where the statement was never begun."""
        outcome = self.tracking.last_outcome(self.step, statement.number)
        return StatementOutcome(outcome) if outcome else None
