"""What comes late, what needs what, and the names that files would have under other numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.engine import planner, status
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import OutOfOrder, Plan
from dashboard.engine.status import MigrationStatus
from tests.engine.folders import Bench

ONE, TWO = MigrationId("001", "one"), MigrationId("002", "two")


@pytest.fixture
def late(bench: Bench) -> Bench:
    """001 and 010 are applied; 004 came later, and 020 is to come."""
    for label in ("001_one", "010_ten", "020_twenty"):
        bench.write(f"{label}.sql", f"CREATE TABLE {label[4:]} (id int);")
    bench.apply("010")
    bench.write("004_four.sql", "CREATE TABLE four (id int);")
    bench.write("004_rollback.sql", "DROP TABLE four;")
    return bench


def with_order(bench: Bench, order: OutOfOrder) -> Plan:
    target = bench.look()
    return planner.apply(replace(target, policy=replace(target.policy, out_of_order=order)), bench.read())


def state_of(bench: Bench, version: str) -> MigrationStatus:
    return next(item for item in status.compute(bench.read(), bench.history) if item.version == version)


# Out of order


@pytest.mark.parametrize(("order", "asks"), [(OutOfOrder.ASK, True), (OutOfOrder.ALLOW, False)])
def test_what_comes_late_is_accepted_or_only_said(late: Bench, order: OutOfOrder, asks: bool) -> None:
    plan = with_order(late, order)
    assert [step.version for step in plan.steps] == ["004", "020"]
    (warning,) = [w for w in plan.warnings if w.code == "out_of_order"]
    assert (warning.version, warning.needs_acceptance) == ("004", asks)


def test_where_it_is_refused_the_plan_says_what_to_do(late: Bench) -> None:
    with pytest.raises(PlanBlocked, match="nothing out of order") as caught:
        with_order(late, OutOfOrder.REFUSE)
    assert "004_four.sql to 011_four.sql" in caught.value.remedy


def test_a_policy_that_says_nothing_of_it_keeps_older_digests(late: Bench) -> None:
    plan = with_order(late, OutOfOrder.ASK)
    assert "out_of_order" not in plan.policy.facts
    assert len({plan.digest, with_order(late, OutOfOrder.ALLOW).digest}) == 2
    kept = plan.to_dict()
    del kept["policy"]["out_of_order"]
    assert Plan.from_dict(kept).digest == plan.digest
    assert Plan.from_dict(with_order(late, OutOfOrder.ALLOW).to_dict()).policy.out_of_order is OutOfOrder.ALLOW


# Other numbers


def test_the_exact_names_are_given_with_that_of_the_rollback(late: Bench) -> None:
    item = state_of(late, "004")
    assert item.renaming.endswith("rename 004_four.sql to 011_four.sql and 004_rollback.sql to 011_rollback.sql.")
    assert item.renaming in item.sentence
    (late.folder / "004_four.sql").rename(late.folder / "011_four.sql")
    (late.folder / "004_rollback.sql").rename(late.folder / "011_rollback.sql")
    plan = late.plan()
    assert [(step.version, step.down_sql) for step in plan.steps] == [("011", "DROP TABLE four;"), ("020", None)]
    assert not [warning for warning in plan.warnings if warning.needs_acceptance]


def test_several_keep_their_order(late: Bench) -> None:
    late.write("005_five.sql", "CREATE TABLE five (id int);")
    assert "004_four.sql to 011_four.sql" in state_of(late, "004").renaming
    assert "005_five.sql to 012_five.sql" in state_of(late, "005").renaming


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"011_next.sql": "SELECT 1;"}, id="no room before what is to come"),
        pytest.param({"015_next.sql": "-- signalbox: depends=004\nSELECT 1;"}, id="something names it"),
        pytest.param({"011_rollback.sql": "SELECT 1;"}, id="a file is called so"),
        pytest.param({"007_a.sql": "SELECT 1;", "007_b.sql": "SELECT 2;"}, id="what may need it comes first"),
    ],
)
def test_no_name_is_given_that_may_be_wrong(late: Bench, files: dict[str, str]) -> None:
    for name, text in files.items():
        late.write(name, text)
    assert state_of(late, "004").renaming == ""


def test_what_failed_below_may_need_it(late: Bench) -> None:
    late.write("006_six.sql", "SELECT 1/0;")
    late.write("004_four.sql", "SELECT 1/0;")
    with pytest.raises(Exception, match="division"):
        late.apply("004")
    late.write("003_three.sql", "SELECT 1;")
    assert state_of(late, "003").renaming == ""


def test_a_timestamp_gets_the_next_second(bench: Bench) -> None:
    bench.write("20260101115959_a.sql", "SELECT 1;")
    bench.apply()
    bench.write("20250101000000_b.sql", "SELECT 2;")
    assert "20260101120000_b.sql" in state_of(bench, "20250101000000").renaming


def test_of_one_number_in_two_files_the_rollback_is_renamed_too(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.write(f"007_{name}.sql", "SELECT 1;")
        bench.write(f"007_{name}_rollback.sql", "SELECT 2;")
    advice = [problem.advice for problem in bench.read().problems if problem.is_duplicate]
    assert "rename this one to 008_a.sql, and 007_a_rollback.sql to 008_a_rollback.sql." in advice[0]


# What needs what


@pytest.fixture
def needing(bench: Bench) -> Bench:
    """002 needs 001; both have a rollback."""
    bench.write("001_one.sql", "CREATE TABLE one (id int);")
    bench.write("001_rollback.sql", "DROP TABLE one;")
    bench.write("002_two.sql", "-- signalbox: depends=001\nCREATE TABLE two (id int);")
    bench.write("002_rollback.sql", "DROP TABLE two;")
    return bench


def test_what_it_needs_may_run_in_the_same_plan(needing: Bench) -> None:
    assert [step.version for step in needing.plan().steps] == ["001", "002"]


def test_what_is_skipped_is_not_applied(needing: Bench) -> None:
    needing.execute(planner.skip(needing.look(), needing.read(), [ONE], reason="No"))
    with pytest.raises(PlanBlocked, match="depends on 001, which is not applied") as caught:
        needing.plan()
    assert "001_one is skipped here" in caught.value.remedy


def test_what_failed_and_lost_its_file_is_not_applied(needing: Bench) -> None:
    needing.write("001_one.sql", "SELECT 1/0;")
    with pytest.raises(Exception, match="division"):
        needing.apply("001")
    (needing.folder / "001_one.sql").unlink()
    (needing.folder / "001_rollback.sql").unlink()
    with pytest.raises(PlanBlocked, match="depends on 001"):
        needing.plan()


def test_what_it_conflicts_with_must_not_be_applied(needing: Bench) -> None:
    needing.write("003_three.sql", "-- signalbox: conflicts=002, 009\nSELECT 1;")
    assert needing.plan().stops_before.startswith("003_three stands in the way: it conflicts with 002_two")
    needing.apply()
    with pytest.raises(PlanBlocked, match="conflicts with 002_two, which is applied"):
        needing.plan()
    needing.execute(needing.plan_rollback(*TWO), run_id="2")
    needing.execute(planner.skip(needing.look(), needing.read(), [TWO], reason="No"), run_id="3")
    assert [step.version for step in needing.plan().steps] == ["003"]


@pytest.mark.parametrize("knows_text", [True, False])
def test_nothing_is_rolled_back_from_under_what_needs_it(needing: Bench, knows_text: bool) -> None:
    """By their times it would be: 002 was recorded before 001."""
    needing.apply()
    needing.database.query("UPDATE platform.schema_migrations SET applied_at = '2020-01-01' WHERE version = '002'")
    if not knows_text:
        needing.database.query("UPDATE platform.schema_migrations SET forward_script = NULL WHERE version = '002'")
    with pytest.raises(PlanBlocked, match="002_two is applied and depends on it") as caught:
        planner.rollback(needing.look(), downto=ONE, folder=needing.read())
    assert caught.value.facts["version"] == "001_one"
    assert [step.version for step in needing.plan_rollback(*TWO).steps] == ["001", "002"]
