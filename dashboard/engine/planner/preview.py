"""What a plan leaves in the history: each row before and after it. Pure."""

from __future__ import annotations

from dashboard.engine.plan import Action, Plan, Record, RowChange, Step


def row_changes(plan: Plan) -> tuple[RowChange, ...]:
    """One for each step, in their order."""
    rows = {record.identity: record for record in plan.basis}
    return tuple(
        RowChange(
            migration=step.identity,
            before=rows.get(step.identity),
            after=_after(step, rows.get(step.identity)),
            captures_rollback=step.down_sql is not None,
            note=step.reason if step.action is Action.IMPORT else "",
            forgets_journal=step.action is Action.RESET,
        )
        for step in plan.steps
    )


def _after(step: Step, before: Record | None) -> Record | None:
    match step.action:
        case Action.ROLLBACK | Action.UNSKIP:
            return None
        case Action.REPAIR | Action.RESET | Action.BRING_BACK:
            return before
        case Action.ACCEPT | Action.ACCEPT_CHANGE | Action.RESTORE_RECORD if before:
            return before._replace(checksum=step.checksum)
        case _:
            return Record(step.version, step.name, step.checksum, step.kind.value)
