"""A file for some environments only: shown and settled in the others, in no plan there, and never passed over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboard.engine import errors, planner, scoping, status, verification
from dashboard.engine.files import discovery
from dashboard.engine.migration import (
    AppliedMigration,
    Folder,
    History,
    JournalEntry,
    Kind,
    LoggedSuccess,
    MigrationId,
    Severity,
    Unfinished,
)
from dashboard.engine.plan import Policy, Target, TargetIdentity
from dashboard.engine.status import State
from tests.engine.folders import summed
from tests.engine.test_formats import DOWN, FOLDERS, UP, Files, place_of, write

SLUGS = ("development", "staging", "production")
ONLY, BUT = "-- signalbox: environments=development,staging\n", "-- signalbox: except=production\n"
SEEDS = MigrationId("002", "seeds")
FILES = {"001_a.sql": UP, "002_seeds.sql": f"{ONLY}INSERT INTO a VALUES (1);\n", "003_c.sql": "CREATE TABLE c ();\n"}


def judged(source: Path, files: Files, sharing: tuple[str, ...] = SLUGS) -> Folder:
    return scoping.judged(discovery.read(write(source, files)), declared=SLUGS, sharing=sharing)


def there(source: Path, files: Files, environment: str = "production") -> Folder:
    return scoping.within(judged(source, files), environment)


def row(folder: Folder, identity: MigrationId, **changes: object) -> AppliedMigration:
    file = next(m for m in folder.every if m.identity == identity)
    facts = {"applied_at": None, "checksum": file.up.checksum, "checksum_sql": file.up.checksum_sql, "run_id": "1"}
    return AppliedMigration(**{**identity._asdict(), **facts, **changes})  # type: ignore[arg-type]


def past(*rows: AppliedMigration, **changes: object) -> History:
    return History(exists=True, rows=rows, **changes)  # type: ignore[arg-type]


def target(history: History) -> Target:
    return Target(
        environment="production",
        name="Production",
        identity=TargetIdentity(system_identifier="1", database="app", database_oid=5),
        policy=Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0),
        history=history,
    )


def states(folder: Folder, history: History) -> Mapping[str, State]:
    return {item.version: item.state for item in status.compute(folder, history)}


def of(folder: Folder, history: History, identity: MigrationId = SEEDS) -> status.MigrationStatus:
    return next(item for item in status.compute(folder, history) if item.identity == identity)


def wrong(folder: Folder) -> list[tuple[str, str]]:
    return [(p.code, p.file) for p in folder.problems if p.severity is Severity.ERROR]


# Where it is for


@pytest.mark.parametrize("says", [ONLY, BUT])
def test_a_file_is_for_the_environments_that_it_names(says: str, tmp_path: Path) -> None:
    files = {**FILES, "002_seeds.sql": f"{says}INSERT INTO a VALUES (1);\n"}
    for slug, expected in {
        "development": State.PENDING,
        "staging": State.PENDING,
        "production": State.ELSEWHERE,
    }.items():
        assert states(there(tmp_path, files, slug), past())["002"] is expected


def test_where_it_does_not_run_it_is_shown_with_where_it_does_and_nothing_waits_for_it(tmp_path: Path) -> None:
    folder = there(tmp_path, FILES)
    item = of(folder, past())
    assert "it is for development and staging only" in item.sentence
    assert not item.is_pending
    assert not item.needs_attention
    applied = past(row(folder, MigrationId("001", "a")), row(folder, MigrationId("003", "c")))
    assert states(folder, applied) == {"001": State.APPLIED, "002": State.ELSEWHERE, "003": State.APPLIED}
    assert status.summary(status.compute(folder, applied)).pending == 0


def test_a_plan_holds_only_what_is_for_its_environment(tmp_path: Path) -> None:
    made = planner.apply(target(past()), there(tmp_path, FILES))
    assert [step.version for step in made.steps] == ["001", "003"]
    assert made.stops_before == ""


def test_an_error_in_it_stops_no_plan_elsewhere(tmp_path: Path) -> None:
    files = {**FILES, "002_seeds.sql": f"{ONLY}INSERT INTO;\n"}
    assert [s.version for s in planner.apply(target(past()), there(tmp_path, files)).steps] == ["001", "003"]
    assert not wrong(there(tmp_path, files))
    assert [s.version for s in planner.apply(target(past()), there(tmp_path, files, "staging")).steps] == ["001"]


def test_its_scope_is_part_of_the_bytes_that_are_approved(tmp_path: Path) -> None:
    made = planner.apply(target(past()), there(tmp_path, FILES, "staging"))
    wider = {**FILES, "002_seeds.sql": FILES["002_seeds.sql"].replace("staging", "staging,production")}
    assert planner.apply(target(past()), there(tmp_path, wider, "staging")).digest != made.digest


def test_a_plan_is_refused_once_its_file_is_for_others(tmp_path: Path) -> None:
    everywhere = {**FILES, "002_seeds.sql": "INSERT INTO a VALUES (1);\n"}
    made = planner.apply(target(past()), there(tmp_path, everywhere))
    with pytest.raises(errors.PlanChanged, match="is for development and staging only by now"):
        verification.verify_files(made, there(tmp_path, FILES))


def test_two_files_of_one_number_for_different_environments_are_no_conflict(tmp_path: Path) -> None:
    files = {
        "001_a.sql": UP,
        "002_few.sql": f"{BUT}INSERT INTO a VALUES (1);\n",
        "002_many.sql": "-- signalbox: environments=production\nINSERT INTO a VALUES (2);\n",
    }
    for slug, name in {"staging": "few", "production": "many"}.items():
        folder = there(tmp_path, files, slug)
        assert [step.name for step in planner.apply(target(past()), folder).steps] == ["a", name]
        assert not wrong(folder)


def test_the_same_file_twice_in_one_environment_stays_a_conflict(tmp_path: Path) -> None:
    files = {"002_few.sql": f"{BUT}SELECT 1;\n", "002_many.sql": "SELECT 2;\n"}
    assert states(there(tmp_path, files, "staging"), past()) == {"002": State.CONFLICT}
    assert of(there(tmp_path, files), past(), MigrationId("002", "many")).state is State.PENDING


# Once it was applied


def test_what_was_applied_before_its_scope_changed_stands_and_blocks_nothing(tmp_path: Path) -> None:
    folder = there(tmp_path, FILES)
    history = past(row(folder, SEEDS, checksum="that of before", checksum_sql="so too"))
    item = of(folder, history)
    assert item.state is State.NARROWED
    assert "says by now that it is for development and staging only" in item.sentence
    assert not item.needs_attention
    assert status.summary([item]).applied == 1
    assert [step.version for step in planner.apply(target(history), folder).steps] == ["001", "003"]


def test_it_is_rolled_back_with_what_was_captured_and_does_not_come_back(tmp_path: Path) -> None:
    folder = there(tmp_path, FILES)
    history = past(row(folder, SEEDS, rollback_script="DELETE FROM a;", forward_script="INSERT INTO a VALUES (1);"))
    made = planner.rollback(target(history), downto=SEEDS, folder=folder)
    assert [step.sql for step in made.steps] == ["DELETE FROM a;"]
    after = of(folder, past(rolled_back=frozenset({SEEDS})))
    assert after.state is State.ELSEWHERE
    assert "rolled back" in after.sentence


def test_a_repeatable_one_does_not_run_again_where_it_is_not_for(tmp_path: Path) -> None:
    folder = there(tmp_path, {"R__grants.sql": f"{ONLY}SELECT 1;\n"})
    identity = MigrationId("R__grants", "grants")
    history = past(row(folder, identity, kind=Kind.REPEATABLE, checksum="another", checksum_sql="another"))
    assert of(folder, history, identity).state is State.NARROWED


def test_what_broke_off_there_still_freezes_the_environment(tmp_path: Path) -> None:
    folder = there(tmp_path, FILES)
    entry = JournalEntry(statement=1, checksum="x", done=True)
    history = past(unfinished=(Unfinished(**SEEDS._asdict(), action="apply", entries=(entry,)),))
    assert of(folder, history).state is State.PARTIAL
    with pytest.raises(errors.PlanBlocked):
        planner.apply(target(history), folder)
    with pytest.raises(errors.PlanBlocked, match="by now, and cannot go on here"):
        planner.resume(target(history), folder, SEEDS)


def test_a_history_that_was_changed_by_hand_is_seen_there_too(tmp_path: Path) -> None:
    logged = LoggedSuccess(**SEEDS._asdict(), at=None, checksum="x")
    item = of(there(tmp_path, FILES), past(contradicted=(logged,)))
    assert item.needs_attention
    assert not item.is_pending
    assert "which somebody changed by hand" in item.sentence


def test_nothing_is_recorded_by_hand_where_it_is_not_for(tmp_path: Path) -> None:
    folder = there(tmp_path, FILES)
    with pytest.raises(errors.PlanBlocked):
        planner.mark_applied(target(past()), folder, [SEEDS], reason="by hand")
    with pytest.raises(errors.NothingToDo):
        planner.skip(target(past()), folder, [SEEDS], reason="not here")
    made = planner.baseline(target(past()), folder, upto="003", reason="a dump")
    assert [step.version for step in made.steps] == ["001", "003"]


# What is wrong


def test_an_environment_that_is_not_declared_is_an_error_of_the_file_everywhere(tmp_path: Path) -> None:
    files = {**FILES, "002_seeds.sql": "-- signalbox: environments=stagign\nSELECT 1;\n"}
    for slug in SLUGS:
        folder = there(tmp_path, files, slug)
        assert wrong(folder) == [(scoping.UNKNOWN_ENVIRONMENT, "002_seeds.sql")]
        (problem,) = [p for p in folder.problems if p.code == scoping.UNKNOWN_ENVIRONMENT]
        assert "Did you mean staging?" in problem.advice
        assert states(folder, past())["002"] is State.PENDING
        assert [step.version for step in planner.apply(target(past()), folder).steps] == ["001"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{ONLY}{BUT}SELECT 1;\n", scoping.BAD_SCOPE),
        ("-- signalbox: except=development,staging,production\nSELECT 1;\n", scoping.BAD_SCOPE),
        ("-- signalbox: environments=\nSELECT 1;\n", "bad_directive"),
        ("-- signalbox: environments=staging development\nSELECT 1;\n", "bad_directive"),
        ("-- signalbox: environment=staging\nSELECT 1;\n", "unknown_directive"),
        ("-- signalbox environments=staging\nSELECT 1;\n", "unknown_directive"),
    ],
)
def test_a_scope_that_cannot_be_understood_runs_nowhere(text: str, code: str, tmp_path: Path) -> None:
    for slug in SLUGS:
        folder = there(tmp_path, {"001_a.sql": text}, slug)
        assert wrong(folder) == [(code, "001_a.sql")]
        with pytest.raises(errors.PlanBlocked):
            planner.apply(target(past()), folder)


def test_environments_named_only_by_what_undoes_it_say_nothing_of_where_it_runs(tmp_path: Path) -> None:
    folder = judged(tmp_path, {"001_a.up.sql": UP, "001_a.down.sql": f"{ONLY}{DOWN}"})
    assert wrong(folder) == [(scoping.BAD_SCOPE, "001_a.up.sql")]


def test_a_file_may_not_depend_on_one_that_fewer_environments_get(tmp_path: Path) -> None:
    files = {**FILES, "003_c.sql": "-- signalbox: depends=002\nSELECT 1;\n"}
    folder = judged(tmp_path, files)
    assert wrong(folder) == [(scoping.NARROWER, "003_c.sql")]
    assert "not for production" in next(p.sentence for p in folder.problems if p.code == scoping.NARROWER)
    with pytest.raises(errors.PlanBlocked, match="depends on 002, which is not for production"):
        planner.apply(target(past(row(folder, MigrationId("001", "a")))), scoping.within(folder, "production"))
    assert not wrong(judged(tmp_path, files, sharing=("development", "staging")))
    narrow = {**files, "003_c.sql": f"{ONLY}{files['003_c.sql']}"}
    assert not wrong(judged(tmp_path, narrow))


def test_a_folder_without_scopes_stays_the_very_same(tmp_path: Path) -> None:
    folder = discovery.read(write(tmp_path, {"001_a.sql": UP}))
    assert scoping.within(scoping.judged(folder, declared=SLUGS, sharing=SLUGS), "production") is folder


# In every format


def _scoped(name: str, *, at_top: bool) -> Files:
    files, _ = FOLDERS[name]
    line = "-- signalbox: environments=staging\n"
    put = (lambda text: line + text) if at_top else (lambda text: text.replace(UP, line + UP))
    changed = {
        file: put(text) if file.endswith(".sql") and UP in text and not file.endswith("down.sql") else text
        for file, text in files.items()
    }
    if name == "liquibase" and at_top:
        changed = {file: text.replace("sql\n", f"sql\n{line}", 1) for file, text in files.items()}
    return summed({f: text for f, text in changed.items() if f != "atlas.sum"}) if name == "atlas" else changed


#: Their first lines belong to the tool: sqlx reads `-- no-transaction` there, graphile-migrate its chain.
_INSIDE_ONLY = {"sqlx", "graphile-migrate"}
_WITH_FILES = [name for name, (_, halves) in FOLDERS.items() if halves]


@pytest.mark.parametrize(
    ("name", "at_top"),
    [(name, at_top) for name in _WITH_FILES for at_top in (True, False) if not (at_top and name in _INSIDE_ONLY)],
)
def test_in_no_format_is_a_scope_passed_over(name: str, at_top: bool, tmp_path: Path) -> None:
    folder = scoping.judged(
        discovery.read(write(place_of(name, tmp_path), _scoped(name, at_top=at_top))), declared=SLUGS, sharing=SLUGS
    )
    assert folder.format == name
    with_table = [m for m in folder.migrations if "CREATE TABLE" in m.up.sql]
    assert with_table
    assert all(scoping.scope_of(m).only == ("staging",) for m in with_table)
    assert not {m.identity for m in scoping.within(folder, "production").migrations} & {m.identity for m in with_table}
    texts = [migration.up for migration in with_table]
    assert scoping.meant_for(texts, "staging") == texts
    assert scoping.meant_for(texts, "production") == [], "what a plan holds of it says so too"


@pytest.mark.parametrize(
    ("said", "scope"),
    [
        ("context:staging", scoping.Scope(only=("staging",))),
        ('contextFilter:"staging or Development"', scoping.Scope(only=("staging", "development"))),
        ("context:!production", scoping.Scope(but=("production",))),
        ('context:"not production and !staging"', scoping.Scope(but=("production", "staging"))),
    ],
)
def test_a_context_of_liquibase_is_the_name_of_an_environment(said: str, scope: scoping.Scope, tmp_path: Path) -> None:
    folder = judged(tmp_path, {"001_a.sql": f"--liquibase formatted sql\n--changeset ann:1 {said}\n{UP}"})
    assert not wrong(folder)
    assert scoping.scope_of(folder.migrations[0]) == scope


@pytest.mark.parametrize("said", ['context:"staging and development"', 'context:"(a or b) and c"', "labels:x"])
def test_a_context_that_is_no_list_of_environments_is_an_error(said: str, tmp_path: Path) -> None:
    folder = judged(tmp_path, {"001_a.sql": f"--liquibase formatted sql\n--changeset ann:1 {said}\n{UP}"})
    assert [code for code, _ in wrong(folder)] == ["bad_marks"]


def test_narrowing_twice_is_narrowing_once(tmp_path: Path) -> None:
    folder = there(tmp_path, FILES)
    assert scoping.within(folder, "production") == folder
