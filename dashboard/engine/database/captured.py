"""Rollbacks are captured in the target, and no reader of files sees them. So the server, and what psql would make of
their text, is asked about them when a plan takes them."""

from __future__ import annotations

from dashboard.engine.database import grammar, strings
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.grammar import Answer
from dashboard.engine.errors import PlanBlocked, SqlSyntaxError
from dashboard.engine.plan import Action, Plan
from dashboard.engine.sql import backslashes
from dashboard.engine.sql.tokens import tokens

REMEDY = "Write a new migration that undoes what it did, and apply that."


def check(connection: Connection, plan: Plan, *, name: str) -> None:
    """Raises PlanBlocked for the first captured script that the server of `name` would not take, or that psql would
    send to it with another meaning."""
    server = f"PostgreSQL {connection.info.server_version // 10_000} of {name}"
    for step in plan.steps:
        if step.action is not Action.ROLLBACK:
            continue
        verdict = grammar.ask(connection, step.sql)
        if verdict.answer is Answer.REFUSED:
            reason = f"{server} refuses the rollback that was captured with it: {verdict.message}."
            raise PlanBlocked(version=step.label, reason=reason, remedy=REMEDY)
        if not strings.are_standard(connection) and _is_ambiguous(step.sql):
            reason = (
                f"{name} gives its sessions {backslashes.SETTING} = off, under which a backslash in the rollback that "
                "was captured with it is an escape; Signalbox would send it as a plain character."
            )
            remedy = (
                "Take the setting away there for as long as the rollback takes, if the backslash is meant as it "
                f"stands: ALTER DATABASE or ALTER ROLE ... RESET {backslashes.SETTING}. Otherwise: {REMEDY}"
            )
            raise PlanBlocked(version=step.label, reason=reason, remedy=remedy)


def _is_ambiguous(sql: str) -> bool:
    try:
        return backslashes.ambiguous(tokens(sql)) is not None
    except SqlSyntaxError:
        return False  # it does not run
