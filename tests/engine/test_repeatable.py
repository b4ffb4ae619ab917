"""Repeatable migrations: they follow all others, run again when their text changes, and nothing takes them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.engine import planner, rehearsal
from dashboard.engine.errors import PartlyApplied, PlanBlocked, StatementFailed
from dashboard.engine.files import discovery
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import FileRole, Folder, History, Kind, MigrationId, Severity, version_key
from dashboard.engine.plan import STAYS, Action
from dashboard.engine.rehearsal.report import Proof, Verdict
from dashboard.engine.status import State, compute
from tests.engine.conftest import ReadFiles
from tests.engine.folders import Bench

TABLE = "CREATE TABLE people (id int, name text);\n"
VIEW = "CREATE OR REPLACE VIEW names AS SELECT name FROM people;\n"
OTHER = "CREATE OR REPLACE VIEW names AS SELECT name, id FROM people;\n"
LIQUIBASE = "--liquibase formatted sql\n"
AGAIN = "-- signalbox: repeatable\n"
NAMES = MigrationId("R__names", "names")


def labels(folder: Folder) -> list[str]:
    return [migration.label for migration in folder.migrations]


def codes(folder: Folder, severity: Severity = Severity.ERROR) -> list[tuple[str, str]]:
    return [(problem.code, problem.file) for problem in folder.problems if problem.severity is severity]


# Which files are repeatable

#: A folder, its format, and its migrations in the order in which they run.
FOLDERS = {
    "plain files": ({"R__b.sql": VIEW, "R__a.sql": VIEW, "010_c.sql": TABLE}, "seed", ["010_c", "R__a", "R__b"]),
    "a number and the directive": (
        {"001_v.sql": AGAIN + VIEW, "010_v.sql": AGAIN + OTHER, "002_t.sql": TABLE, "R__a.sql": VIEW},
        "seed",
        ["002_t", "R__001_v", "R__010_v", "R__a"],
    ),
    "Flyway": (
        {"V2__t.sql": TABLE, "R__b.sql": VIEW, "R__a_1.sql": VIEW, "V10__u.sql": TABLE},
        "flyway",
        ["2_t", "10_u", "R__a_1", "R__b"],
    ),
    "Flyway, nothing else": ({"R__b.sql": VIEW, "afterMigrate.sql": VIEW}, "flyway", ["R__b"]),
    "up and down": (
        {"1_v.up.sql": AGAIN + VIEW, "2_t.up.sql": TABLE, "2_t.down.sql": "DROP TABLE people;"},
        "updown",
        ["2_t", "R__1_v"],
    ),
    "dbmate": (
        {"1_v.sql": f"-- migrate:up\n{AGAIN}{VIEW}", "2_t.sql": f"-- migrate:up\n{TABLE}"},
        "dbmate",
        ["2_t", "R__1_v"],
    ),
    "Liquibase": (
        {
            "1_a.sql": f"{LIQUIBASE}--changeset ann:1\n{TABLE}--changeset ann:2 runOnChange:true\n{VIEW}",
            "10_a.sql": f"{LIQUIBASE}--changeset ann:3 runOnChange:TRUE\n{VIEW}",
        },
        "liquibase",
        ["1.1_ann-1", "R__1.2_ann-2", "R__10.1_ann-3"],
    ),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_what_is_repeatable_follows_all_that_run_once(case: str, read_files: ReadFiles) -> None:
    files, folder_format, expected = FOLDERS[case]
    folder = read_files(files)
    assert (folder.format, labels(folder), codes(folder)) == (folder_format, expected, [])


def test_where_the_tool_knows_no_such_name_it_is_not_read(read_files: ReadFiles) -> None:
    folder = read_files({"R__names.sql": VIEW, "1_people.sql": f"-- migrate:up\n{TABLE}"})
    assert (labels(folder), codes(folder)) == (["1_people"], [("other_tool", "R__names.sql")])


def test_no_version_of_another_migration_is_that_of_a_repeatable_one() -> None:
    ordered = ["9", "010", f"{10**30}", "R__2", "R__10", "R__10.1", "R__1_names", "R__names"]
    assert sorted(ordered, key=version_key) == ordered
    assert sorted(ordered) != ordered


def test_of_what_runs_again_no_rollback_is_missed(read_files: ReadFiles) -> None:
    folder = read_files({"R__names.sql": VIEW, "001_people.sql": TABLE, "001_rollback.sql": "DROP TABLE people;"})
    assert codes(folder, Severity.WARNING) == []


def test_a_rollback_of_it_is_never_run_and_that_is_said(read_files: ReadFiles) -> None:
    folder = read_files(
        {
            "001_v.sql": AGAIN + VIEW,
            "001_rollback.sql": "DROP VIEW names;",
            "R__names.sql": OTHER,
            "R__names_rollback.sql": "DROP VIEW names;",
            "R__names.down.sql": "DROP VIEW names;",
        }
    )
    assert labels(folder) == ["R__001_v", "R__names"]
    assert codes(folder) == [("orphan_rollback", "R__names.down.sql"), ("orphan_rollback", "R__names_rollback.sql")]
    assert codes(folder, Severity.WARNING) == [("unused_rollback", "001_v.sql")]
    assert [migration.usable_down for migration in folder.migrations] == [None, None]


def test_a_test_of_it_is_one_where_its_file_is_there(read_files: ReadFiles) -> None:
    tests = {"R__names_test.sql": "", "R__other.test.sql": ""}
    folder = read_files({"001_people.sql": TABLE, "R__names.sql": VIEW, "R__latest_test.sql": VIEW, **tests})
    assert labels(folder) == ["001_people", "R__latest_test", "R__names"]
    assert [entry.file for entry in folder.files if entry.role is FileRole.VERIFY] == [
        "R__names_test.sql",
        "R__other.test.sql",
    ]


def test_liquibase_would_run_it_at_its_place(read_files: ReadFiles) -> None:
    head = f"{LIQUIBASE}--changeset ann:1 runOnChange:true\n"
    early = read_files({"1_a.sql": f"{head}{VIEW}--changeset ann:2\n{TABLE}"})
    assert codes(early, Severity.WARNING)[0] == ("other_order", "1_a.sql (ann:1)")
    assert codes(read_files({"1_a.sql": f"{head}{VIEW}"}), Severity.WARNING) == []


# From the folder into a database and back


@pytest.fixture
def views(bench: Bench) -> Bench:
    """001 and R__names are applied."""
    bench.write("001_people.sql", TABLE)
    bench.write("001_rollback.sql", "DROP TABLE people CASCADE;")
    bench.write("R__names.sql", VIEW)
    bench.apply()
    return bench


def state(bench: Bench, identity: MigrationId = NAMES) -> State:
    return next(item.state for item in compute(bench.read(), bench.history) if item.identity == identity)


def rows(bench: Bench) -> list[tuple[object, ...]]:
    return bench.database.query(
        "SELECT version, name, success, kind, rollback_script FROM platform.schema_migrations ORDER BY applied_at"
    )


def test_it_runs_after_the_others_and_has_one_row_of_its_own(views: Bench) -> None:
    assert rows(views) == [
        ("001", "people", True, "applied", "DROP TABLE people CASCADE;"),
        ("R__names", "names", True, "repeatable", None),
    ]
    assert {item.state for item in compute(views.read(), views.history)} == {State.APPLIED}
    assert History.from_dict(views.history.to_dict()) == views.history


def test_changed_it_is_outdated_and_runs_again_after_what_is_new(views: Bench) -> None:
    before = views.history.row(NAMES)
    views.write("R__names.sql", OTHER)
    views.write("002_more.sql", "ALTER TABLE people ADD more int;")
    assert state(views) is State.OUTDATED
    plan = views.plan()
    assert [step.label for step in plan.steps] == ["002_more", "R__names"]
    views.execute(plan, run_id="2")
    after = views.history.row(NAMES)
    assert before is not None
    assert after is not None
    assert (after.checksum, after.run_id, after.kind) == (plan.steps[1].checksum, "2", Kind.REPEATABLE)
    assert (before.checksum, before.run_id) == (views.log("checksum, run_id")[1])
    assert views.database.query("SELECT checksum FROM platform.schema_migrations WHERE version = 'R__names'") == [
        (after.checksum,)
    ]
    assert views.history.contradicted == ()
    assert views.log("version, action, outcome")[2:] == [
        ("002", "apply", "succeeded"),
        ("R__names", "apply", "succeeded"),
    ]
    assert state(views) is State.APPLIED


def test_comments_make_it_run_again_too(views: Bench) -> None:
    views.write("R__names.sql", f"-- because of 002\n{VIEW}")
    assert state(views) is State.OUTDATED


def test_other_values_of_its_placeholders_make_it_run_again(bench: Bench) -> None:
    bench.write("V1__people.sql", TABLE)
    bench.write("R__names.sql", "CREATE OR REPLACE VIEW names AS SELECT ${column} FROM people;")
    folders = {
        value: discovery.read(bench.folder, placeholders={"column": value}) for value in ("name", "name AS other")
    }
    bench.execute(planner.apply(bench.look(), folders["name"]))
    states = {value: compute(folder, bench.history)[-1] for value, folder in folders.items()}
    assert [states["name"].state, states["name AS other"].state] == [State.APPLIED, State.OUTDATED]
    assert "what the placeholders of R__names.sql stand for" in states["name AS other"].sentence


def test_a_second_run_that_fails_leaves_the_first_and_stays_outdated(views: Bench) -> None:
    views.write("R__names.sql", "CREATE OR REPLACE VIEW names AS SELECT nothing FROM people;")
    with pytest.raises(StatementFailed):
        views.apply(run_id="2")
    assert rows(views)[1][:4] == ("R__names", "names", True, "repeatable")
    assert (state(views), views.history.contradicted) == (State.OUTDATED, ())
    assert views.log()[-1] == ("apply", "failed")


def test_a_first_run_that_fails_is_recorded_and_tried_again(bench: Bench) -> None:
    bench.write("R__names.sql", VIEW)
    with pytest.raises(StatementFailed):
        bench.apply()
    assert (state(bench), rows(bench)[0][2:4]) == (State.FAILED, (False, "repeatable"))
    bench.write("001_people.sql", TABLE)
    bench.apply(run_id="2")
    assert state(bench) is State.APPLIED


def test_outside_a_transaction_it_is_unfinished_until_it_is_settled(views: Bench) -> None:
    views.write("R__names.sql", f"-- signalbox: transaction=none\n{VIEW}SELECT 1 / 0;\n")
    with pytest.raises(PartlyApplied):
        views.apply(run_id="2")
    assert state(views) is State.PARTIAL
    with pytest.raises(PlanBlocked):
        views.plan()


def test_a_rollback_leaves_it_and_says_so(views: Bench) -> None:
    views.write("002_more.sql", "ALTER TABLE people ADD more int;")
    views.write("002_rollback.sql", "ALTER TABLE people DROP more;")
    views.write("R__names.sql", OTHER)
    applied = views.plan()
    views.execute(applied, run_id="2")
    plan = views.plan_rollback("002", "more")
    assert [step.label for step in plan.steps] == ["002_more"]
    (warning,) = [warning for warning in plan.warnings if warning.code == STAYS]
    assert (warning.version, warning.needs_acceptance) == ("R__names", False)
    inverse = planner.inverse(applied)
    assert inverse is not None
    assert inverse.digest == plan.digest
    assert [row.version for row in planner.rollback_reach(views.history).within] == ["002", "001"]
    views.execute(plan, run_id="3")
    assert (state(views), state(views, MigrationId("002", "more"))) == (State.APPLIED, State.ROLLED_BACK)


def test_nothing_rolls_it_back(views: Bench) -> None:
    with pytest.raises(PlanBlocked, match="repeatable"):
        views.plan_rollback("R__names", "names")
    views.write("R__names.sql", OTHER)
    assert planner.inverse(views.plan()) is None


def test_no_plan_runs_it_before_all_others_are_done(views: Bench) -> None:
    views.write("R__names.sql", OTHER)
    views.write("002_more.sql", "ALTER TABLE people ADD more int;")
    views.write("003_bad.sql", "\\i other.sql\n")
    assert [step.label for step in views.plan(upto="002").steps] == ["002_more"]
    stopped = views.plan()
    assert [step.label for step in stopped.steps] == ["002_more"]
    assert "Not reached: R__names" in stopped.stops_before


def test_one_that_ran_once_may_become_repeatable(bench: Bench) -> None:
    bench.write("001_people.sql", TABLE)
    bench.write("002_names.sql", VIEW)
    bench.apply()
    bench.write("002_names.sql", AGAIN + VIEW)
    states = {item.label: item.state for item in compute(bench.read(), bench.history)}
    assert states == {"001_people": State.APPLIED, "002_names": State.APPLIED, "R__002_names": State.PENDING}
    bench.apply(run_id="2")
    assert state(bench, MigrationId("R__002", "names")) is State.APPLIED


def test_its_lost_row_is_restored_as_one_of_its_kind(views: Bench) -> None:
    views.database.query("DELETE FROM platform.schema_migrations WHERE version = 'R__names' RETURNING 1")
    assert state(views) is State.UNRECORDED
    plan = planner.restore_record(views.look(), views.read(), [NAMES], reason="it was deleted")
    views.execute(plan, run_id="2")
    assert [row[3] for row in rows(views) if row[0] == "R__names"] == ["repeatable"]
    assert state(views) is State.APPLIED


def test_skipped_it_stays_so(bench: Bench) -> None:
    bench.write("R__names.sql", VIEW)
    bench.execute(planner.skip(bench.look(), bench.read(), [NAMES], reason="not here"))
    bench.write("R__names.sql", OTHER)
    assert state(bench) is State.SKIPPED
    bench.execute(planner.unskip(bench.look(), [NAMES], reason="here after all"), run_id="2")
    assert state(bench) is State.PENDING


def test_whose_file_is_gone_is_missing_and_what_it_made_stays(views: Bench) -> None:
    (views.folder / "R__names.sql").unlink()
    (item,) = [item for item in compute(views.read(), views.history) if item.identity == NAMES]
    assert item.state is State.MISSING
    assert "what it made is still there" in item.sentence


def test_a_plan_names_what_it_is(views: Bench) -> None:
    views.write("R__names.sql", OTHER)
    plan = views.plan()
    assert plan.action is Action.APPLY
    assert [(step.key, step.kind, step.down_sql) for step in plan.steps] == [("R__names", Kind.REPEATABLE, None)]
    assert "restore the text that it had" in plan.warnings[0].sentence


# Rehearsed


def proof_of(folder: Path, server: LocalServer, text: str) -> Proof:
    (folder / "001_people.sql").write_text(TABLE, encoding="utf-8")
    (folder / "R__names.sql").write_text(text, encoding="utf-8")
    return rehearsal.of_folder(discovery.read(folder), server_url=server.url()).proofs[1]


def test_a_rehearsal_runs_it_twice(tmp_path: Path, postgres_server: LocalServer) -> None:
    proof = proof_of(tmp_path, postgres_server, VIEW)
    assert (proof.identity, proof.verdict, proof.repeatable, proof.down) == (NAMES, Verdict.PROVEN, True, None)


def test_what_cannot_run_twice_is_not_proven(tmp_path: Path, postgres_server: LocalServer) -> None:
    proof = proof_of(tmp_path, postgres_server, "CREATE VIEW names AS SELECT name FROM people;")
    assert (proof.verdict, proof.repeatable, proof.up.ok) == (Verdict.FAILED, False, True)
    assert [error.sqlstate for error in proof.errors] == ["42P07"]
