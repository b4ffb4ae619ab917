"""What a digest covers, and what the executor compares under the lock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboard.engine import errors, planner, verification
from dashboard.engine.migration import AppliedMigration, History, MigrationId
from dashboard.engine.plan import (
    Action,
    Plan,
    Policy,
    Record,
    Step,
    Target,
    TargetIdentity,
)
from tests.engine.folders import Bench

STEP = Step(
    action=Action.APPLY,
    version="001",
    name="a",
    key="001",
    file="001_a.sql",
    sql="SELECT 1;",
    checksum="c",
    down_sql="",
)
PLAN = Plan(
    environment="production",
    action=Action.APPLY,
    identity=TargetIdentity(system_identifier="1", database="app", database_oid=5),
    policy=Policy(protected=True, lock_timeout_ms=3000, statement_timeout_ms=0),
    basis=(Record("000", "z", "c", "applied"),),
    steps=(STEP,),
)
OF_A_STEP: dict[str, Any] = {
    "action": Action.ROLLBACK,
    "version": "002",
    "name": "b",
    "key": "001_a",
    "sql": "SELECT 2;",
    "checksum": "d",
    "down_sql": "SELECT 3;",
    "reason": "made by hand",
    "first_statement": 2,
}
OF_A_PLAN: dict[str, Any] = {
    "environment": "staging",
    "identity": replace(PLAN.identity, database_oid=6),
    "policy": replace(PLAN.policy, lock_timeout_ms=4000),
    "basis": (),
    "steps": (STEP, STEP),
}


@pytest.mark.parametrize("field", OF_A_STEP)
def test_the_digest_covers_what_a_step_does(field: str) -> None:
    changed = replace(PLAN, steps=(replace(STEP, **{field: OF_A_STEP[field]}),))
    assert changed.digest != PLAN.digest


@pytest.mark.parametrize("field", OF_A_PLAN)
def test_the_digest_covers_where_and_from_what(field: str) -> None:
    assert replace(PLAN, **{field: OF_A_PLAN[field]}).digest != PLAN.digest


def target(**changes: Any) -> Target:
    history = History(exists=True, rows=(_row(success=True),))
    same = Target(
        environment=PLAN.environment, name="Production", identity=PLAN.identity, policy=PLAN.policy, history=history
    )
    return replace(same, **changes)


def _row(*, success: bool, version: str = "000") -> AppliedMigration:
    return AppliedMigration(version=version, name="z", key=version, applied_at=None, checksum="c", success=success)


def _rows(*versions: str) -> History:
    return History(exists=True, rows=tuple(_row(success=True, version=version) for version in versions))


def test_a_plan_holds_for_the_target_it_was_made_for() -> None:
    verification.verify(PLAN, target())


def test_a_failed_attempt_changes_no_plan() -> None:
    rows = (_row(success=True), _row(success=False, version="001"))
    verification.verify(PLAN, target(history=History(exists=True, rows=rows)))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"environment": "staging"}, "it was made for production, not staging"),
        ({"identity": OF_A_PLAN["identity"]}, "another database"),
        ({"policy": OF_A_PLAN["policy"]}, "policy was changed"),
        ({"history": History(exists=True)}, "000_z is no longer recorded"),
        ({"history": _rows("000", "001")}, r"\(001_z was recorded since\)"),
        ({"history": _rows("000", "001", "002")}, r"\(001_z, 002_z were recorded since\)"),
    ],
)
def test_a_plan_for_anything_else_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(errors.PlanChanged, match=named):
        verification.verify(PLAN, target(**changes))


# Files


@pytest.fixture
def users_bench(bench: Bench) -> Bench:
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.write("001_rollback.sql", "DROP TABLE users;")
    return bench


def test_a_file_that_is_gone_is_refused(users_bench: Bench) -> None:
    plan = users_bench.plan()
    for file in users_bench.folder.iterdir():
        file.unlink()
    users_bench.write("002_other.sql", "SELECT 1;")
    with pytest.raises(errors.PlanChanged, match="is gone"):
        verification.verify_files(plan, users_bench.read())


@pytest.mark.parametrize("file", ["001_users.sql", "001_rollback.sql"])
def test_a_file_that_was_edited_is_refused(users_bench: Bench, file: str) -> None:
    plan = users_bench.plan()
    users_bench.write(file, "SELECT 1;")
    with pytest.raises(errors.PlanChanged, match="was edited"):
        verification.verify_files(plan, users_bench.read())


def test_what_is_applied_cannot_be_skipped(users_bench: Bench) -> None:
    users_bench.apply()
    with pytest.raises(errors.NothingToDo, match="already applied"):
        planner.skip(users_bench.look(), users_bench.read(), [MigrationId("001", "users")], reason="by hand")


def test_nothing_is_rolled_back_while_something_is_unfinished(users_bench: Bench) -> None:
    users_bench.apply()
    users_bench.write("002_steps.sql", "-- signalbox: transaction=none\nCREATE TABLE one (id int);\nSELECT 1/0;")
    with pytest.raises(errors.PartlyApplied):
        users_bench.apply()
    with pytest.raises(errors.PlanBlocked, match="broke off outside a transaction"):
        users_bench.plan_rollback("001", "users")


def test_what_depends_on_something_that_is_not_applied_waits(users_bench: Bench) -> None:
    users_bench.write("002_next.sql", "-- signalbox: depends=009\nSELECT 1;")
    with pytest.raises(errors.PlanBlocked, match="depends on 009") as caught:
        users_bench.plan("002")
    assert caught.value.remedy.startswith("No file is called 009"), "nobody can apply what is not there"
    users_bench.write("009_later.sql", "SELECT 1;")
    with pytest.raises(errors.PlanBlocked, match="depends on 009") as caught:
        users_bench.plan("002")
    assert caught.value.remedy.startswith("Apply that first")
