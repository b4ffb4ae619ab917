"""What somebody did by hand to the history, the files or the objects is recognised, and has its way on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from dashboard.engine import planner, status, verification
from dashboard.engine.errors import NothingToDo, PlanBlocked, PlanChanged, StatementFailed
from dashboard.engine.migration import History, MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.engine.status import MigrationStatus, State
from tests.engine.folders import Bench

FIVE = "CREATE TABLE five (id int);"
FIVE_ID = MigrationId("023", "five")


@pytest.fixture
def applied_bench(bench: Bench) -> Bench:
    bench.write("023_five.sql", FIVE)
    bench.write("023_rollback.sql", "DROP TABLE five;")
    bench.apply()
    return bench


def status_of(bench: Bench, label: str = "023_five") -> MigrationStatus:
    return next(item for item in status.compute(bench.read(), bench.history) if item.label == label)


def restoring(bench: Bench) -> Plan:
    return planner.restore_record(bench.look(), bench.read(), [FIVE_ID], reason="The table is there")


def restore(bench: Bench) -> None:
    bench.execute(restoring(bench), run_id="9")


def forget(bench: Bench) -> None:
    bench.database.query("DELETE FROM platform.schema_migrations WHERE version = '023'")


# A row that is gone


def test_a_row_that_was_deleted_is_not_called_never_run(applied_bench: Bench) -> None:
    forget(applied_bench)
    item = status_of(applied_bench)
    assert (item.state, item.is_pending, item.needs_attention) == (State.UNRECORDED, True, True)
    assert "The log of this database says that 023_five was applied here on " in item.sentence
    assert "its row in the history is gone" in item.sentence


def test_nothing_is_rolled_back_from_under_it(bench: Bench) -> None:
    bench.write("022_four.sql", "CREATE TABLE four (id int);")
    bench.write("022_rollback.sql", "DROP TABLE four;")
    bench.apply()
    bench.write("023_five.sql", FIVE)
    bench.write("023_rollback.sql", "DROP TABLE five;")
    bench.apply(run_id="2")
    forget(bench)
    with pytest.raises(PlanBlocked) as caught:
        bench.plan_rollback("022", "four")
    assert caught.value.facts["version"] == "023_five"
    restore(bench)
    assert [step.version for step in bench.plan_rollback("022", "four").steps] == ["023", "022"]


def test_where_the_whole_history_is_gone_the_log_still_says_it(applied_bench: Bench) -> None:
    applied_bench.database.query("DROP TABLE platform.schema_migrations")
    assert status_of(applied_bench).state is State.UNRECORDED
    restore(applied_bench)
    assert status_of(applied_bench).state is State.APPLIED


def test_applying_it_again_has_to_be_accepted(applied_bench: Bench) -> None:
    forget(applied_bench)
    (warning,) = applied_bench.plan().warnings
    assert (warning.code, warning.needs_acceptance) == ("unrecorded", True)
    assert warning.sentence.endswith("This plan runs it a second time.")


def test_once_it_is_really_gone_it_runs_again_and_all_agrees(applied_bench: Bench) -> None:
    forget(applied_bench)
    applied_bench.database.query("DROP TABLE five")
    applied_bench.apply(run_id="2")
    assert status_of(applied_bench).state is State.APPLIED
    assert applied_bench.history.contradicted == ()


def test_an_attempt_that_failed_after_the_row_was_gone_does_not_hide_the_log(applied_bench: Bench) -> None:
    forget(applied_bench)
    with pytest.raises(Exception, match="already exists"):
        applied_bench.apply(run_id="2")
    item = status_of(applied_bench)
    assert item.state is State.UNRECORDED
    assert "its row in the history was gone when an attempt to run it again failed" in item.sentence
    assert "already exists" in item.sentence


def test_a_row_that_was_marked_as_failed_by_hand_is_no_failure_of_the_migration(applied_bench: Bench) -> None:
    applied_bench.database.query("DROP TABLE five")
    with pytest.raises(Exception, match="does not exist"):
        applied_bench.execute(applied_bench.plan_rollback("023", "five"), run_id="2")
    applied_bench.database.query("UPDATE platform.schema_migrations SET success = false")
    item = status_of(applied_bench)
    assert item.state is State.UNRECORDED
    assert "was marked as failed by hand" in item.sentence
    assert "does not exist" not in item.sentence


def test_what_was_rolled_back_is_not_missed(applied_bench: Bench) -> None:
    applied_bench.execute(applied_bench.plan_rollback("023", "five"), run_id="2")
    assert status_of(applied_bench).state is State.ROLLED_BACK
    assert applied_bench.history.contradicted == ()


def test_a_skip_that_is_gone_is_told_as_a_skip(bench: Bench) -> None:
    bench.write("023_five.sql", FIVE)
    bench.execute(planner.skip(bench.look(), bench.read(), [FIVE_ID], reason="Not here"))
    forget(bench)
    assert "says that 023_five was skipped here" in status_of(bench).sentence
    with pytest.raises(NothingToDo):
        restoring(bench)


def test_a_log_without_checksums_still_tells_what_was_applied(applied_bench: Bench) -> None:
    applied_bench.database.query("ALTER TABLE platform.migration_audit_log DROP COLUMN checksum")
    assert applied_bench.history.contradicted == ()
    forget(applied_bench)
    assert status_of(applied_bench).state is State.UNRECORDED
    restore(applied_bench)
    (row,) = applied_bench.history.rows
    assert (row.checksum, row.forward_script, row.rollback_script) == ("manual", None, None)


def test_a_look_is_kept_with_what_the_log_says(applied_bench: Bench) -> None:
    forget(applied_bench)
    history = applied_bench.history
    assert History.from_dict(history.to_dict()) == history
    older = {"exists": True, "rows": [], "rolled_back": [], "unfinished": []}
    assert History.from_dict(older) == History(exists=True)


# Restoring it


def test_a_restored_record_says_what_the_log_says(applied_bench: Bench) -> None:
    (before,) = applied_bench.history.rows
    forget(applied_bench)
    restore(applied_bench)
    (row,) = applied_bench.history.rows
    assert row.success
    assert (row.checksum, row.checksum_sql, row.applied_by, row.run_id) == (
        before.checksum,
        before.checksum_sql,
        before.applied_by,
        before.run_id,
    )
    assert (row.forward_script, row.rollback_script) == (before.forward_script, before.rollback_script)
    assert row.applied_at
    assert before.applied_at
    assert abs((row.applied_at - before.applied_at).total_seconds()) < 1
    assert (status_of(applied_bench).state, applied_bench.history.contradicted) == (State.APPLIED, ())
    log = applied_bench.database.query("SELECT action, outcome, message FROM platform.migration_audit_log ORDER BY id")
    assert log[-1] == ("restore_record", "succeeded", "The table is there")


def test_it_can_be_rolled_back_afterwards(applied_bench: Bench) -> None:
    forget(applied_bench)
    restore(applied_bench)
    applied_bench.execute(applied_bench.plan_rollback("023", "five"), run_id="10")
    assert applied_bench.tables() == set()


def test_of_an_edited_file_only_what_ran_is_recorded(applied_bench: Bench) -> None:
    forget(applied_bench)
    applied_bench.write("023_five.sql", f"{FIVE} CREATE TABLE six ();")
    assert "Its file was edited since then." in status_of(applied_bench).sentence
    restore(applied_bench)
    assert status_of(applied_bench).state is State.MODIFIED
    (row,) = applied_bench.history.rows
    assert (row.forward_script, row.rollback_script) == (None, None)


def test_a_row_that_was_marked_as_failed_keeps_the_rollback_that_was_captured(applied_bench: Bench) -> None:
    applied_bench.database.query("UPDATE platform.schema_migrations SET success = false, error_message = 'by hand'")
    applied_bench.write("023_rollback.sql", "DROP TABLE five CASCADE;")
    restore(applied_bench)
    (row,) = applied_bench.history.rows
    assert (row.success, row.error_message, row.rollback_script) == (True, None, "DROP TABLE five;")


def test_nothing_is_restored_where_history_and_log_agree(applied_bench: Bench) -> None:
    with pytest.raises(NothingToDo):
        restoring(applied_bench)


def test_what_was_restored_meanwhile_is_not_restored_again(applied_bench: Bench) -> None:
    forget(applied_bench)
    plan = restoring(applied_bench)
    restore(applied_bench)
    with pytest.raises(PlanChanged):
        applied_bench.execute(plan, run_id="10")


def test_a_file_that_was_edited_after_the_plan_was_made_is_not_recorded(applied_bench: Bench) -> None:
    forget(applied_bench)
    plan = restoring(applied_bench)
    applied_bench.write("023_rollback.sql", "DROP TABLE five CASCADE;")
    with pytest.raises(PlanChanged, match="rollback"):
        verification.verify_files(plan, applied_bench.read())
    applied_bench.write("023_five.sql", f"{FIVE}\n")
    with pytest.raises(PlanChanged, match="edited"):
        verification.verify_files(plan, applied_bench.read())


def test_to_restore_is_for_administrators() -> None:
    assert Action.RESTORE_RECORD.is_by_hand


# A checksum that was changed


def test_a_checksum_changed_by_hand_is_no_edit_of_the_file(applied_bench: Bench) -> None:
    applied_bench.database.query("UPDATE platform.schema_migrations SET checksum = 'x', checksum_sql = 'y'")
    item = status_of(applied_bench)
    assert (item.state, item.is_pending, item.needs_attention) == (State.ALTERED, False, True)
    assert "its file is as it ran" in item.sentence
    assert applied_bench.plan_rollback("023", "five").steps
    restore(applied_bench)
    assert status_of(applied_bench).state is State.APPLIED


def test_a_checksum_made_to_fit_an_edited_file_does_not_hide_the_edit(applied_bench: Bench) -> None:
    applied_bench.write("023_five.sql", "CREATE TABLE five (id bigint);")
    edited = applied_bench.read().migrations[0].up.checksum
    applied_bench.database.query(f"UPDATE platform.schema_migrations SET checksum = '{edited}'")
    item = status_of(applied_bench)
    assert item.state is State.ALTERED
    assert "with another text than its file has now" in item.sentence
    restore(applied_bench)
    assert status_of(applied_bench).state is State.MODIFIED


def test_an_edit_of_comments_is_still_one(applied_bench: Bench) -> None:
    applied_bench.write("023_five.sql", f"-- Five\n{FIVE}")
    assert status_of(applied_bench).state is State.ANNOTATED
    applied_bench.execute(planner.accept_edits(applied_bench.look(), applied_bench.read(), [FIVE_ID]), run_id="2")
    assert (status_of(applied_bench).state, applied_bench.history.contradicted) == (State.APPLIED, ())


# A file under another number


@pytest.mark.parametrize("text", [FIVE, f"-- 035: five\n{FIVE}"], ids=["the same text", "but for its comments"])
def test_a_file_that_was_renumbered_does_not_run_a_second_time(applied_bench: Bench, text: str) -> None:
    (applied_bench.folder / "023_five.sql").unlink()
    (applied_bench.folder / "023_rollback.sql").unlink()
    applied_bench.write("035_five.sql", text)
    item = status_of(applied_bench, "035_five")
    assert item.state is State.CONFLICT
    assert "035_five.sql holds the same SQL as 023_five" in item.sentence
    assert "now called 035_five.sql" in status_of(applied_bench).sentence
    with pytest.raises(PlanBlocked, match="023_five"):
        applied_bench.plan()
    applied_bench.execute(
        planner.skip(applied_bench.look(), applied_bench.read(), [MigrationId("035", "five")], reason="It ran as 023")
    )
    assert status_of(applied_bench, "035_five").state is State.SKIPPED


def test_the_same_sql_in_two_files_is_none_of_our_business(applied_bench: Bench) -> None:
    applied_bench.write("035_five_again.sql", FIVE)
    assert status_of(applied_bench, "035_five_again").state is State.PENDING


# Who else works there


def test_a_look_names_every_installation_that_wrote_there(applied_bench: Bench) -> None:
    assert applied_bench.history.installations == ()
    applied_bench.database.query(
        "INSERT INTO platform.migration_audit_log (version, name, executed_by, installation) "
        "VALUES ('001', 'a', 'ada', 'first'), ('001', 'a', 'bob', 'second'), ('002', 'b', 'cyd', 'first')"
    )
    assert [(installation.identity, installation.by) for installation in applied_bench.history.installations] == [
        ("first", "cyd"),
        ("second", "bob"),
    ]


def test_a_plan_of_old_keeps_its_digest(applied_bench: Bench) -> None:
    """What an approval covers does not change because a look says more."""
    target = applied_bench.look()
    plain = replace(target, history=replace(target.history, contradicted=(), installations=()))
    assert planner.rollback(target, downto=FIVE_ID).digest == (planner.rollback(plain, downto=FIVE_ID).digest)


# What was done and undone since


def _marking(bench: Bench) -> Plan:
    return planner.mark_applied(bench.look(), bench.read(), [FIVE_ID], reason="Run with psql")


def _baseline(bench: Bench) -> Plan:
    return planner.baseline(bench.look(), bench.read(), upto="023", reason="From a dump")


def _skipping(bench: Bench) -> Plan:
    return planner.skip(bench.look(), bench.read(), [FIVE_ID], reason="Not here")


@pytest.mark.parametrize("plan_of", [_marking, _baseline, _skipping, Bench.plan])
@pytest.mark.parametrize("before", [0, 1])
def test_what_was_applied_and_rolled_back_since_voids_the_plan(
    plan_of: Callable[[Bench], Plan], before: int, bench: Bench
) -> None:
    """The rows are the same as before; also where the same was done once before the plan was made."""
    bench.write("023_five.sql", FIVE)
    bench.write("023_rollback.sql", "DROP TABLE five;")

    def there_and_back() -> None:
        bench.apply()
        bench.execute(bench.plan_rollback("023", "five"), run_id="2")

    for _ in range(before):
        there_and_back()
    made = plan_of(bench)
    assert made.basis == ()
    there_and_back()
    assert Plan.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert plan_of(bench).digest != made.digest
    with pytest.raises(PlanChanged, match="the log of Test has later entries about 023_five"):
        bench.execute(made, run_id="3")
    assert bench.history.rows == ()
    bench.execute(plan_of(bench), run_id="4")


def test_a_plan_says_nothing_of_the_log_where_nothing_was_done(bench: Bench) -> None:
    """So that digests of before stay the same, and what is done to others voids nothing but by its rows."""
    bench.write("023_five.sql", FIVE)
    assert bench.plan().last_deeds == ()
    bench.apply()
    bench.write("024_six.sql", "CREATE TABLE six (id int);")
    assert bench.plan().last_deeds == ()
    assert History.from_dict(json.loads(json.dumps(bench.history.to_dict()))).last_deeds == bench.history.last_deeds


def test_an_attempt_that_failed_and_left_nothing_voids_no_plan(bench: Bench) -> None:
    bench.write("023_five.sql", "SELECT 1/0;")
    with pytest.raises(StatementFailed):
        bench.apply()
    assert bench.plan().last_deeds == ()
