"""How far a rollback reaches is what the planner allows, not a second opinion."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.engine import planner
from dashboard.engine.errors import EngineError, PlanBlocked
from dashboard.engine.migration import AppliedMigration, History, Kind, LoggedSuccess, MigrationId, Unfinished
from dashboard.engine.plan import Policy, Target, TargetIdentity

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


def row(version: str, day: int, **changes: Any) -> AppliedMigration:
    script = changes.pop("script", "DROP TABLE x;")
    return AppliedMigration(
        **{
            "version": version,
            "name": "x",
            "key": version,
            "applied_at": MOMENT.replace(day=day),
            "checksum": "c",
            "has_rollback": bool(script),
            "rollback_script": script,
            **changes,
        }
    )


def gone(day: int, **changes: Any) -> tuple[LoggedSuccess, ...]:
    return (LoggedSuccess(version="009", name="gone", at=MOMENT.replace(day=day), **changes),)


THREE = (row("001", 1), row("002", 2), row("003", 3))
CASES = [
    pytest.param(History(exists=True, rows=THREE), ["003", "002", "001"], id="all of it"),
    pytest.param(
        History(exists=True, rows=(row("001", 3), row("002", 1))), ["001", "002"], id="by when, not by number"
    ),
    pytest.param(
        History(exists=True, rows=(*THREE[:1], row("002", 2, script=None), THREE[2])), ["003"], id="no script"
    ),
    pytest.param(
        History(exists=True, rows=(THREE[0], row("002", 2, kind=Kind.BASELINE))), [], id="what was never applied here"
    ),
    pytest.param(
        History(exists=True, rows=(row("001", 3, kind=Kind.BASELINE), row("002", 1), row("003", 2))),
        ["003", "002"],
        id="over a baseline that was recorded later",
    ),
    pytest.param(
        History(exists=True, rows=(row("001", 1), row("002", 3, kind=Kind.BASELINE), row("003", 2))),
        ["003"],
        id="down to a baseline",
    ),
    pytest.param(
        History(exists=True, rows=(THREE[0], row("002", 2, kind=Kind.SKIPPED, script=None))), ["001"], id="over a skip"
    ),
    pytest.param(History(exists=True, rows=THREE, contradicted=gone(2)), ["003"], id="down to a record that is gone"),
    pytest.param(
        History(exists=True, rows=THREE, contradicted=gone(2, was_skipped=True)),
        ["003", "002", "001"],
        id="a lost skip",
    ),
    pytest.param(
        History(
            exists=True,
            rows=THREE,
            unfinished=(Unfinished(version="004", name="y", action="apply", entries=()),),
        ),
        [],
        id="something is unfinished",
    ),
]


@pytest.mark.parametrize(("history", "versions"), CASES)
def test_it_reaches_as_far_as_the_planner_allows(history: History, versions: list[str]):
    assert [row.version for row in planner.rollback_reach(history).within] == versions
    allowed = [row.version for row in history.rows if row.kind is Kind.APPLIED and plans(history, row.identity)]
    assert sorted(allowed) == sorted(versions)


@pytest.mark.parametrize("chosen", ["001", "002"])
def test_what_was_recorded_without_being_run_has_no_rollback(chosen: str):
    """It is applied: the status says so."""
    recorded = row("002", 2, kind=Kind.BASELINE, script=None)
    history = History(exists=True, rows=(THREE[0], recorded, THREE[2]))
    with pytest.raises(PlanBlocked, match=r"^002_x .* none was captured when it was recorded, as Signalbox did not"):
        planner.rollback(target(history), downto=MigrationId(chosen, "x"))


def plans(history: History, downto: MigrationId) -> bool:
    try:
        planner.rollback(target(history), downto=downto)
    except EngineError:
        return False
    return True


def target(history: History) -> Target:
    identity = TargetIdentity(system_identifier="1", database="app", database_oid=1)
    policy = Policy(protected=False, lock_timeout_ms=1000, statement_timeout_ms=1000)
    return Target(environment="staging", name="Staging", identity=identity, policy=policy, history=history)


@pytest.mark.parametrize(
    ("script", "left"),
    [
        ("DROP TABLE t;", "nothing of it remains."),
        ("DROP INDEX CONCURRENTLY IF EXISTS i;", "those before it stay."),
        ("-- signalbox: transaction=none\nDROP TABLE IF EXISTS t;", "those before it stay."),
        ("not SQL at all", "nothing of it remains."),
    ],
)
def test_the_warning_says_what_a_failure_would_leave(script: str, left: str):
    history = History(exists=True, rows=(row("001", 1, script=script),))
    (warning,) = planner.rollback(target(history), downto=history.rows[0].identity).warnings
    assert f"{left} Whether it undoes everything is not known." in warning.sentence


@pytest.mark.parametrize(
    ("script", "once"),
    [
        ("DROP INDEX CONCURRENTLY i;", True),
        ("DROP INDEX CONCURRENTLY IF EXISTS i;", False),
        ("-- signalbox: transaction=none\nDROP TABLE IF EXISTS t; DROP TABLE u;", True),
        ("DROP TABLE t;", False),
    ],
    ids=["an index", "an index that may be gone", "a table", "in a transaction, which starts over whole"],
)
def test_the_warning_says_what_fails_where_it_is_gone_already(script: str, once: bool):
    history = History(exists=True, rows=(row("001", 1, script=script),))
    (warning,) = planner.rollback(target(history), downto=history.rows[0].identity).warnings
    assert ("says no IF EXISTS" in warning.sentence) is once


def test_rollbacks_that_fail_alike_have_one_warning_that_names_each():
    outside = row("002", 2, script="DROP INDEX CONCURRENTLY IF EXISTS i;")
    history = History(exists=True, rows=(THREE[0], outside, THREE[2]))
    closed, alone = planner.rollback(target(history), downto=THREE[0].identity).warnings
    assert (closed.version, alone.version) == ("003,001", "002")
    assert closed.sentence.startswith("The rollbacks of 003 and 001 have not been proven by a rehearsal.")
    assert "if one fails nothing of it remains." in closed.sentence
    assert alone.sentence.startswith("The rollback of 002 has not")
    assert "those before it stay." in alone.sentence


def test_of_many_rollbacks_the_first_are_named_and_the_others_counted():
    rows = tuple(row(f"{number:03}", number) for number in range(1, 9))
    (warning,) = planner.rollback(target(History(exists=True, rows=rows)), downto=rows[0].identity).warnings
    assert "rollbacks of 008, 007, 006, 005, 004 and 3 more have" in warning.sentence
    assert warning.version.split(",") == [each.version for each in reversed(rows)], "the record names all"
