"""A history mended by a person's word: any number of rows, in one transaction, all of them or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.engine import planner, status, verification
from dashboard.engine.database import connection, tables
from dashboard.engine.errors import NoSuchMigration, NothingToDo, PlanBlocked, PlanChanged, StatementFailed
from dashboard.engine.migration import Kind, MigrationId
from dashboard.engine.plan import Action, Plan, last_deeds, records
from dashboard.engine.run import dryrun
from dashboard.engine.run.events import StepCommitted, StepEnded, StepStarted
from dashboard.engine.status import State
from tests.engine.folders import Bench

ONE, TWO, THREE = (MigrationId(f"00{n}", name) for n, name in enumerate(("one", "two", "three"), start=1))
WHY = "Ada ran it with psql on 3 March"


@pytest.fixture
def three(bench: Bench) -> Bench:
    """001 to 003, each with a rollback but the last; none has run."""
    for version, name in (ONE, TWO, THREE):
        bench.write(f"{version}_{name}.sql", f"CREATE TABLE {name} (id int);")
    for version, name in (ONE, TWO):
        bench.write(f"{version}_rollback.sql", f"DROP TABLE {name};")
    return bench


def marked(bench: Bench, *migrations: MigrationId) -> Plan:
    return planner.mark_applied(bench.look(), bench.read(), migrations, reason=WHY)


def states(bench: Bench) -> list[State]:
    return [item.state for item in status.compute(bench.read(), bench.history)]


def rows(bench: Bench) -> list[tuple[object, ...]]:
    sql = "SELECT version, kind, execution_time_ms, error_message, rollback_script FROM platform.schema_migrations"
    return bench.database.query(f"{sql} ORDER BY version")


# Marked as applied


def test_what_was_run_by_hand_is_recorded_as_applied_and_nothing_runs(three: Bench) -> None:
    three.execute(marked(three, TWO, ONE))
    assert rows(three) == [
        ("001", "applied", None, WHY, "DROP TABLE one;"),
        ("002", "applied", None, WHY, "DROP TABLE two;"),
    ]
    assert three.tables() == set()
    assert states(three) == [State.APPLIED, State.APPLIED, State.PENDING]
    assert three.log("version, action, outcome, message") == [
        ("001", "mark_applied", "succeeded", WHY),
        ("002", "mark_applied", "succeeded", WHY),
    ]
    assert three.history.contradicted == ()


def test_it_is_rolled_back_with_the_rollback_that_was_captured(three: Bench) -> None:
    three.database.query("CREATE TABLE one (id int)")
    three.execute(marked(three, ONE))
    three.write("001_rollback.sql", "DROP TABLE one CASCADE;")
    plan = three.plan_rollback(*ONE)
    assert [step.sql for step in plan.steps] == ["DROP TABLE one;"]
    three.execute(plan, run_id="2")
    assert (three.tables(), states(three)[0]) == (set(), State.ROLLED_BACK)


def test_without_a_rollback_that_is_said(three: Bench) -> None:
    three.execute(marked(three, THREE))
    with pytest.raises(PlanBlocked, match="no rollback"):
        three.plan_rollback(*THREE)


def test_what_is_recorded_already_is_not_marked(three: Bench) -> None:
    three.apply("001")
    with pytest.raises(NothingToDo, match="001_one"):
        marked(three, ONE, TWO)
    with pytest.raises(NothingToDo, match="no migration was chosen"):
        marked(three)


def test_a_number_that_two_files_have_is_settled_first(three: Bench) -> None:
    three.write("002_other.sql", "SELECT 1;")
    with pytest.raises(PlanBlocked):
        marked(three, TWO)


def test_a_file_that_only_psql_can_run_is_recorded_too(three: Bench) -> None:
    three.write("004_copy.sql", "\\copy one FROM 'one.csv'\n")
    copy = MigrationId("004", "copy")
    three.execute(marked(three, copy))
    assert states(three)[3] is State.APPLIED


def test_a_failed_attempt_gives_way(three: Bench) -> None:
    three.write("001_one.sql", "SELECT 1/0;")
    with pytest.raises(Exception, match="division"):
        three.apply("001")
    three.execute(marked(three, ONE), run_id="2")
    assert states(three)[0] is State.APPLIED


def test_a_file_that_changes_before_it_is_recorded_is_not_recorded(three: Bench) -> None:
    plan = marked(three, ONE)
    verification.verify_files(plan, three.read())
    three.write("001_rollback.sql", "DROP TABLE one CASCADE;")
    with pytest.raises(PlanChanged, match="rollback"):
        verification.verify_files(plan, three.read())
    three.write("001_one.sql", "CREATE TABLE one (id bigint);")
    with pytest.raises(PlanChanged, match="edited"):
        verification.verify_files(plan, three.read())


def test_its_record_is_restored_as_it_was(three: Bench) -> None:
    three.execute(marked(three, ONE))
    before = rows(three)
    three.database.query("DELETE FROM platform.schema_migrations")
    assert states(three)[0] is State.UNRECORDED
    with pytest.raises(PlanBlocked, match="log"):
        marked(three, ONE)
    three.execute(planner.restore_record(three.look(), three.read(), [ONE], reason="It is there"), run_id="2")
    assert rows(three) == before
    assert three.history.contradicted == ()


def test_no_record_is_restored_of_what_was_rolled_back_meanwhile(three: Bench) -> None:
    """The history is then what it was when the restoring was planned."""
    three.apply("001")
    three.database.query("DELETE FROM platform.schema_migrations; DROP TABLE one")
    plan = planner.restore_record(three.look(), three.read(), [ONE], reason="It is there")
    three.apply("001", run_id="2")
    three.execute(three.plan_rollback(*ONE), run_id="3")
    with pytest.raises(PlanChanged, match="later entries about 001_one"):
        three.execute(plan, run_id="4")
    assert (three.tables(), states(three)[0]) == (set(), State.ROLLED_BACK)


# All or none


def test_where_one_cannot_be_recorded_none_is(three: Bench) -> None:
    """A row that came in between is found under the lock; should it come even later, the transaction is undone."""
    plan = marked(three, ONE, TWO, THREE)
    three.apply("002")
    with pytest.raises(PlanChanged, match="history"):
        three.execute(plan, run_id="2")
    now = three.history
    sneaking = replace(plan, basis=records(now), last_deeds=last_deeds(now, plan.action, plan.steps))
    with pytest.raises(PlanChanged, match="001 is recorded already"):
        three.execute(sneaking, run_id="3")
    assert states(three) == [State.APPLIED, State.APPLIED, State.PENDING]
    three.execute(marked(three, THREE), run_id="4")


def test_the_one_that_failed_is_named_and_none_before_it_is_called_begun(three: Bench) -> None:
    three.apply("001")
    plan = planner.skip(three.look(), three.read(), [TWO, THREE], reason="No")
    collides = replace(plan.steps[1], key="001")
    with pytest.raises(PlanChanged):
        three.execute(replace(plan, steps=(plan.steps[0], collides)), run_id="2")
    assert [type(event) for event in three.events] == [StepStarted, StepEnded]
    assert {event.position for event in three.events} == {1}
    assert states(three) == [State.APPLIED, State.PENDING, State.PENDING]


def test_what_the_server_refuses_in_the_middle_undoes_all_of_it(three: Bench) -> None:
    three.write("000_none.sql", "SELECT 1;")
    three.apply("000")
    three.database.query(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.version = '002' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON platform.schema_migrations FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(StatementFailed, match="not this one"):
        three.execute(marked(three, ONE, TWO, THREE), run_id="2")
    assert [item.version for item in status.compute(three.read(), three.history) if item.is_pending] == [
        "001",
        "002",
        "003",
    ]
    assert three.log("version, action, outcome")[1:] == [("002", "mark_applied", "failed")]
    assert [(type(event), event.position) for event in three.events] == [(StepStarted, 1), (StepEnded, 1)]


def test_each_of_them_is_told_committed(three: Bench) -> None:
    three.execute(planner.skip(three.look(), three.read(), [ONE, TWO], reason="No"))
    assert [(type(event), event.position) for event in three.events] == [
        (StepStarted, 0),
        (StepCommitted, 0),
        (StepStarted, 1),
        (StepCommitted, 1),
    ]


def test_what_it_would_send_is_one_transaction(three: Bench) -> None:
    text = dryrun.text(marked(three, ONE, TWO), three.access)
    recording = "schema_migrations AS row"
    assert text.count(recording) == 2
    assert "COMMIT;" not in text[text.index(recording) : text.rindex(recording)]


# Skips


def test_many_skips_are_taken_back_at_once(three: Bench) -> None:
    three.execute(planner.skip(three.look(), three.read(), [ONE, TWO, THREE], reason="No"))
    assert states(three) == [State.SKIPPED] * 3
    three.execute(planner.unskip(three.look(), [THREE, ONE], reason="Yes"), run_id="2")
    assert states(three) == [State.PENDING, State.SKIPPED, State.PENDING]
    with pytest.raises(NothingToDo, match="001_one"):
        planner.unskip(three.look(), [ONE, TWO], reason="Yes")


# A baseline


def based(bench: Bench, upto: str) -> Plan:
    return planner.baseline(bench.look(), bench.read(), upto=upto, reason="It came from a dump")


def test_everything_up_to_a_version_is_recorded(three: Bench) -> None:
    three.execute(based(three, "002"))
    assert rows(three) == [
        ("001", "baseline", None, "It came from a dump", None),
        ("002", "baseline", None, "It came from a dump", None),
    ]
    assert states(three) == [State.BASELINED, State.BASELINED, State.PENDING]
    three.apply()
    assert three.tables() == {"public.three"}


def test_the_reason_of_a_person_is_not_taken_for_another_tool(three: Bench) -> None:
    plan = planner.baseline(three.look(), three.read(), upto="001", reason="Imported from the dump of 1 March")
    three.execute(plan)
    assert "without being run by Signalbox" in status.compute(three.read(), three.history)[0].sentence


def test_what_is_recorded_stays_as_it_is(three: Bench) -> None:
    three.apply("001")
    three.execute(planner.skip(three.look(), three.read(), [TWO], reason="No"), run_id="2")
    assert [step.identity for step in based(three, "003").steps] == [THREE]
    with pytest.raises(NothingToDo):
        based(three, "002")


def test_a_version_that_no_file_has_is_refused(three: Bench) -> None:
    with pytest.raises(NoSuchMigration):
        based(three, "009")


def test_a_file_that_nobody_can_read_stops_it(three: Bench) -> None:
    three.write("002-what.sql.txt", "SELECT 1;")
    three.write("notes 002.sql", "SELECT 1;")
    three.write("002_other.sql", "SELECT 1;")
    with pytest.raises(PlanBlocked):
        based(three, "003")


def test_of_a_baseline_there_is_no_rollback(three: Bench) -> None:
    three.execute(based(three, "001"))
    with pytest.raises(PlanBlocked, match="none was captured"):
        three.plan_rollback(*ONE)


def test_the_record_of_a_baseline_is_restored_as_one(three: Bench) -> None:
    three.execute(based(three, "001"))
    before = rows(three)
    three.database.query("DELETE FROM platform.schema_migrations")
    three.execute(planner.restore_record(three.look(), three.read(), [ONE], reason="It is there"), run_id="2")
    assert rows(three) == before


# What a baseline should find


def missing(bench: Bench, upto: str) -> tuple[str, ...]:
    """The sentences about what is not there."""
    plan, folder = based(bench, upto), bench.read()
    relations = planner.relations_of(plan, folder)
    with connection.reading(bench.address) as opened:
        absent = tables.absent(opened, [name for names in relations.values() for name in names])
    doubted = planner.doubted(plan, {key: [n for n in names if n in absent] for key, names in relations.items()})
    assert doubted.digest == plan.digest
    assert all(warning.needs_acceptance for warning in doubted.warnings)
    return tuple(warning.sentence for warning in doubted.warnings)


def test_what_its_files_make_and_the_database_does_not_have_is_told(three: Bench) -> None:
    three.database.query("CREATE TABLE one (id int)")
    (sentence,) = missing(three, "003")
    assert "2 tables or views are not there" in sentence
    assert "two (002_two), three (003_three)." in sentence
    three.database.query("CREATE TABLE two (id int); CREATE SCHEMA app; CREATE VIEW app.three AS SELECT 1")
    assert missing(three, "003") == ()


@pytest.mark.parametrize(
    ("sql", "is_told"),
    [
        ("DROP TABLE one, two, three;", False),
        ("ALTER TABLE one RENAME TO uno; DROP TABLE uno, two, three;", False),
        ("DROP TABLE two, three; ALTER TABLE one SET SCHEMA app;", False),
        ("DROP TABLE one, two, three; CREATE TEMP TABLE scratch (id int); CREATE TEMP VIEW seen AS SELECT 1;", False),
        ("DROP TABLE one, two, three; CREATE SCHEMA x; CREATE TABLE x.gone (id int); DROP SCHEMA x CASCADE;", False),
        ("DROP TABLE one, two, three; CREATE MATERIALIZED VIEW four AS SELECT 1 AS a;", True),
        ("DROP TABLE one, two, three; CREATE TABLE platform.one (id int);", True),
        ("DROP TABLE two, three; ALTER TABLE one RENAME TO uno;", True),
    ],
)
def test_it_is_what_all_files_together_leave(three: Bench, sql: str, is_told: bool) -> None:
    three.write("004_four.sql", sql)
    three.database.query("CREATE TABLE unrelated (id int)")
    assert bool(missing(three, "004")) is is_told


def test_what_a_file_recorded_earlier_made_is_none_of_it(three: Bench) -> None:
    three.apply("001")
    three.database.query("DROP TABLE one; CREATE TABLE two (id int)")
    assert missing(three, "002") == ()


# Edits


@pytest.fixture
def edited(three: Bench) -> Bench:
    """001 has another SQL than ran, 002 other comments."""
    three.apply("002")
    three.write("001_one.sql", "CREATE TABLE one (id bigint);")
    three.write("002_two.sql", "-- Two\nCREATE TABLE two (id int);")
    return three


def changed(bench: Bench, *migrations: MigrationId) -> Plan:
    return planner.accept_changes(bench.look(), bench.read(), migrations, reason="Widened by hand")


def test_a_changed_file_takes_the_new_checksum_and_keeps_what_ran(edited: Bench) -> None:
    texts = "SELECT forward_script, rollback_script FROM platform.schema_migrations ORDER BY version"
    before = edited.database.query(texts)
    plan = changed(edited, ONE)
    edited.execute(plan, run_id="2")
    assert states(edited)[0] is State.APPLIED
    assert edited.database.query(texts) == before
    (logged,) = edited.database.query(
        "SELECT message FROM platform.migration_audit_log WHERE action = 'accept_change' AND outcome = 'succeeded'"
    )
    assert logged == (f"Widened by hand. Its checksum was {plan.steps[0].before}.",)
    assert edited.history.contradicted == ()
    assert edited.plan_rollback(*ONE).steps[-1].sql == "DROP TABLE one;"


def test_no_record_that_is_restored_or_edited_later_says_that_the_accepted_text_ran(edited: Bench) -> None:
    texts = "SELECT forward_script, rollback_script FROM platform.schema_migrations WHERE version = '001'"
    edited.execute(changed(edited, ONE), run_id="2")
    edited.write("001_one.sql", "-- Wide\nCREATE TABLE one (id bigint);")
    edited.execute(planner.accept_edits(edited.look(), edited.read(), [ONE]), run_id="3")
    assert edited.database.query(texts) == [("CREATE TABLE one (id int);", "DROP TABLE one;")]
    edited.database.query("DELETE FROM platform.schema_migrations WHERE version = '001'")
    edited.execute(planner.restore_record(edited.look(), edited.read(), [ONE], reason="It is there"), run_id="4")
    assert (edited.database.query(texts), states(edited)[0]) == ([(None, None)], State.APPLIED)


def test_the_digest_binds_both_checksums(edited: Bench) -> None:
    plan = changed(edited, ONE)
    (step,) = plan.steps
    other = [replace(step, before="0" * 64), replace(step, checksum="0" * 64)]
    assert len({plan.digest, *(replace(plan, steps=(each,)).digest for each in other)}) == 3


def test_neither_passes_for_the_other(edited: Bench) -> None:
    with pytest.raises(PlanBlocked, match="only its comments"):
        changed(edited, ONE, TWO)
    with pytest.raises(PlanBlocked, match="edited"):
        planner.accept_edits(edited.look(), edited.read(), [ONE, TWO])


@pytest.mark.parametrize("action", [Action.ACCEPT, Action.ACCEPT_CHANGE])
def test_a_row_that_changed_in_between_is_not_overwritten(edited: Bench, action: Action) -> None:
    if action is Action.ACCEPT:
        plan, version = planner.accept_edits(edited.look(), edited.read(), [TWO]), "002"
    else:
        plan, version = changed(edited, ONE), "001"
    edited.database.query(f"UPDATE platform.schema_migrations SET checksum = 'x' WHERE version = '{version}'")
    with pytest.raises(PlanChanged):
        edited.execute(replace(plan, basis=changed_basis(edited)), run_id="2")
    assert edited.database.query(f"SELECT checksum FROM platform.schema_migrations WHERE version = '{version}'") == [
        ("x",)
    ]


def changed_basis(bench: Bench) -> tuple[object, ...]:
    return planner.skip(bench.look(), bench.read(), [THREE], reason="for its basis").basis


# Rows before and after


def test_each_row_is_shown_before_and_after(edited: Bench) -> None:
    (change,) = planner.row_changes(changed(edited, ONE))
    assert change.before
    assert change.after
    assert (change.before.kind, change.after.kind) == (Kind.APPLIED.value, Kind.APPLIED.value)
    assert change.before.checksum != change.after.checksum
    (mark,) = planner.row_changes(marked(edited, THREE))
    assert mark.before is None
    assert mark.after
    assert (mark.after.kind, mark.captures_rollback) == ("applied", False)


def test_a_row_that_goes_has_none_after(three: Bench) -> None:
    three.execute(planner.skip(three.look(), three.read(), [ONE], reason="No"))
    (change,) = planner.row_changes(planner.unskip(three.look(), [ONE], reason="Yes"))
    assert change.before
    assert (change.before.kind, change.after) == ("skipped", None)


@pytest.mark.parametrize("action", [Action.MARK_APPLIED, Action.BASELINE, Action.ACCEPT_CHANGE])
def test_only_an_administrator_may(action: Action) -> None:
    assert action.is_by_hand
    assert action.only_records
