"""A file that another tool would read in another way is never sent as plain SQL, and what nobody reads stops a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dashboard.engine import errors, planner, verification
from dashboard.engine.files import discovery
from dashboard.engine.lint import LintContext, lint_folder
from dashboard.engine.migration import AppliedMigration, FileRole, Folder, History, Severity
from dashboard.engine.plan import Plan, Policy, Target, TargetIdentity
from tests.engine.folders import Bench

type Write = Callable[[Mapping[str, str]], Folder]

TARGET = Target(
    environment="staging",
    name="Staging",
    identity=TargetIdentity(system_identifier="1", database="app", database_oid=5),
    policy=Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0),
    history=History(exists=False),
)


@pytest.fixture
def write_files(tmp_path: Path) -> Write:
    def write(files: Mapping[str, str]) -> Folder:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
        return discovery.read(tmp_path)

    return write


def plan(folder: Folder, upto: str | None = None) -> Plan:
    return planner.apply(TARGET, folder, upto=upto)


def obstacle(folder: Folder) -> errors.PlanBlocked:
    with pytest.raises(errors.PlanBlocked) as caught:
        plan(folder)
    return caught.value


UP, DOWN = "CREATE TABLE IF NOT EXISTS a (id int);\n", "DROP TABLE IF EXISTS a;\n"

MARKED = {
    "dbmate": f"-- migrate:up\n{UP}\n-- migrate:down\n{DOWN}",
    "dbmate, with an option": f"-- migrate:up transaction:false\n{UP}-- migrate:down\n{DOWN}",
    "goose": f"-- +goose Up\n-- +goose StatementBegin\n{UP}-- +goose StatementEnd\n\n-- +goose Down\n{DOWN}",
    "goose, in small letters": f"--+goose up\n{UP}-- +goose down\n{DOWN}",
    "sql-migrate": f"-- +migrate Up\n{UP}-- +migrate Down\n{DOWN}",
    "tern": f"{UP}\n---- create above / drop below ----\n\n{DOWN}",
    "node-pg-migrate": f"-- Up Migration\n{UP}-- Down Migration\n{DOWN}",
    "node-pg-migrate, without its first mark": f"{UP}-- Down Migration\n{DOWN}",
    "Liquibase": f"--liquibase formatted sql\n\n--changeset ann:1\n{UP}--rollback {DOWN}",
    "Liquibase, with its delimiter": f"--liquibase formatted sql\n--changeset ann:1 endDelimiter:/\n{UP}/\n",
    "Sqitch": f"-- Deploy shop:a to pg\n\nBEGIN;\n{UP}COMMIT;\n",
    "graphile-migrate": f"--! Previous: -\n--! Hash: sha1:abc\n\n{UP}",
    "yoyo": f"-- depends: 20240101_01_abcde-first\n-- transactional: false\n{UP}",
    "rambler": f"-- rambler up\n{UP}-- rambler down\n{DOWN}",
    "micrate": f"-- +micrate Up\n{UP}-- +micrate Down\n{DOWN}",
    "Play": f"-- !Ups\n{UP}-- !Downs\n{DOWN}",
    "Play, with its hash": f"# --- !Ups\n{UP}\n# --- !Downs\n{DOWN}",
    "MyBatis": f"-- // first\n{UP}\n-- //@UNDO\n{DOWN}",
    "dbdeploy": f"{UP}--//@UNDO\n{DOWN}",
    "dbmate, with a quote that never ends": f"-- migrate:up\n{UP}-- migrate:down\nSELECT 'a;\n",
}


#: Beside them a file with the marks of one tool is the odd one out, and the folder none of that tool's.
PLAIN_FILES = {"002_b.sql": UP, "003_c.sql": UP, "004_d.sql": UP}


def beside_plain_files(file: str, text: str) -> Mapping[str, str]:
    return {file: text, **({} if file.endswith("up.sql") else PLAIN_FILES)}


@pytest.mark.parametrize("case", MARKED)
@pytest.mark.parametrize("file", ["001_a.sql", "001_a.up.sql", "001_a/up.sql", "001.sql"])
def test_a_file_of_another_tool_stops_everything_and_names_the_tool(case: str, file: str, write_files: Write) -> None:
    tool = case.partition(",")[0]
    folder = write_files(beside_plain_files(file, MARKED[case]))
    (error,) = (p for p in folder.problems if p.severity is Severity.ERROR)
    assert (error.code, error.file) == ("other_tool", file)
    assert tool in error.sentence
    assert tool in error.advice
    assert error.line
    assert not any(migration.up.statements for migration in folder.migrations if migration.up.file == file)
    assert error.sentence in str(obstacle(folder))
    assert obstacle(folder).remedy == error.advice
    assert [f.rule for f in lint_folder(folder, LintContext()) if f.blocks] == ["other-tool"]


HALVES = {
    "node-sqlite": f"-- Up\n{UP}-- Down\n{DOWN}",
    "shmig": f"-- Migration: a\n-- ====  UP  ====\n\n{UP}\n-- ==== DOWN ====\n\n{DOWN}",
    "without blanks": f"--up\n{UP}--down\n{DOWN}",
    "with an at": f"-- @up\n{UP}-- @down\n{DOWN}",
    "with a plus and a name": f"-- +anytool Up\n{UP}-- +anytool Down\n{DOWN}",
    "with a name and a colon": f"-- anytool:up\n{UP}-- anytool:down\n{DOWN}",
    "with a word beside": f"--migrate up\n{UP}--migrate down\n{DOWN}",
    "in block comments": f"/* up */\n{UP}/* down */\n{DOWN}",
    "undo alone": f"{UP}-- UNDO\n{DOWN}",
    "rollback alone": f"{UP}-- rollback\n-- takes the table away\n{DOWN}",
    "roll back in two words": f"{UP}\n-- ROLL BACK:\n{DOWN}",
    "nothing above, but both marks": f"-- up\n-- down\n{DOWN}",
    "the wrong way round": f"-- down\n{DOWN}-- up\n{UP}",
}


@pytest.mark.parametrize("case", HALVES)
@pytest.mark.parametrize("file", ["001_a.sql", "001_a.up.sql", "001_a/up.sql"])
def test_two_halves_in_one_file_stop_everything_whatever_the_tool(case: str, file: str, write_files: Write) -> None:
    folder = write_files({file: HALVES[case]})
    (error,) = (p for p in folder.problems if p.severity is Severity.ERROR)
    assert (error.code, error.file) == ("two_halves", file)
    assert "only a heading" in error.advice
    assert error.line
    assert error.sentence in str(obstacle(folder))
    assert [f.rule for f in lint_folder(folder, LintContext()) if f.blocks] == ["two-halves"]


def test_a_rollback_may_name_its_parts_and_never_holds_both_halves(write_files: Write) -> None:
    parts = write_files({"001_a.sql": UP, "001_rollback.sql": f"-- Rollback\n{DOWN}\n-- Undo\nSELECT 1;\n"})
    assert parts.migrations[0].usable_down
    both = write_files({"001_a.sql": UP, "001_rollback.sql": HALVES["node-sqlite"]})
    assert both.migrations[0].usable_down is None


def test_a_rollback_of_another_tool_is_no_usable_rollback(write_files: Write) -> None:
    folder = write_files({"001_a.sql": UP, "001_rollback.sql": f"-- migrate:down\n{DOWN}"})
    (migration,) = folder.migrations
    assert migration.usable_down is None
    assert [step.down_sql for step in plan(folder).steps] == [None]


PLAIN = {
    "in a string": "INSERT INTO notes VALUES ('\n-- migrate:up\n-- +goose Up\n--liquibase formatted sql\n');",
    "in a function body": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n-- migrate:up\n-- +goose Up\nSELECT 1$$",
    "in a block comment": "/*\n-- +goose Up\n---- create above / drop below ----\n*/\nSELECT 1;",
    "behind a statement": "SELECT 1; -- +goose Down",
    "in prose": "-- We left goose: no `-- +goose Up` here, and -- migrate:up neither.\nSELECT 1;",
    "a heading": "-- Up migration: the table of people\nCREATE TABLE people (id int);",
    "a heading at the end": "CREATE TABLE people (id int);\n-- Down migration: see 001_rollback.sql",
    "a heading of one word at the top": "-- Rollback:\n--   see 001_rollback.sql\nSELECT 1;",
    "a heading of one word at the end": "-- Up\nSELECT 1;\n\n-- Down\n",
    "a heading that says more": "SELECT 1;\n-- Rollback plan: see wiki\nSELECT 2;",
    "one half commented out": "SELECT 1;\n-- Rollback:\n-- DROP TABLE a;\n\nSELECT 2;",
    "inside a statement": "CREATE TABLE a (\n  -- up\n  up int,\n  -- down\n  down int\n);",
    "a word inside a function body": "SELECT 1;\nDO $$ BEGIN\n-- undo\nPERFORM 1; END $$;",
    "only up": "-- Up\nSELECT 1;\n-- Up\nSELECT 2;",
    "prose about order": "-- depends: on the table of people\nSELECT 1;",
    "a word further down": "SELECT 1;\n-- Deploy shop to pg\n-- depends: 001_a\nSELECT 2;",
}


@pytest.mark.parametrize("case", PLAIN)
def test_a_mark_that_no_tool_would_read_is_only_text(case: str, write_files: Write) -> None:
    folder = write_files({"001_a.sql": PLAIN[case]})
    assert not [p for p in folder.problems if p.severity is Severity.ERROR]
    assert [step.sql for step in plan(folder).steps] == [PLAIN[case]]


@pytest.mark.parametrize(
    ("file", "text", "who"),
    [("V1__a.sql.conf", "executeInTransaction=false", "ann"), ("V1__a.sql.conf", "executeInTransaction=true", "bob")],
    ids=["how it runs", "a value"],
)
def test_what_decides_on_the_text_that_is_sent_voids_an_approval(
    file: str, text: str, who: str, tmp_path: Path
) -> None:
    (tmp_path / "V1__a.sql").write_text("CREATE TABLE ${who} (id int);\n")
    before = plan(discovery.read(tmp_path, placeholders={"who": "ann"}))
    (tmp_path / file).write_text(text)
    folder = discovery.read(tmp_path, placeholders={"who": who})
    assert plan(folder).digest != before.digest
    with pytest.raises(errors.PlanChanged):
        verification.verify_files(before, folder)


def test_nothing_of_a_dbmate_file_in_a_folder_of_another_kind_reaches_a_database(bench: Bench) -> None:
    bench.database.query("CREATE TABLE a AS SELECT generate_series(1, 1000) AS id")
    for file, text in beside_plain_files("001_a.sql", MARKED["dbmate"]).items():
        bench.write(file, text)
    with pytest.raises(errors.PlanBlocked, match="written for dbmate"):
        bench.apply()
    assert bench.database.query("SELECT count(*) FROM a") == [(1000,)]


# Names and layouts

PRISMA = {"20240101000000": "migration", "20240102000000": "up", "20240103000000": "up"}

LAYOUTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Flyway": ("V1__a.sql", {"V1__a.sql": UP, **PLAIN_FILES}),
    "Flyway, with dots": ("V1.0.0.000__a.sql", {"V1.0.0.000__a.sql": UP, **PLAIN_FILES}),
    "Flyway, what undoes": ("U1__a.sql", {"U1__a.sql": DOWN, **PLAIN_FILES}),
    "Prisma": ("20240101000000_a", {f"{n}_a/{file}.sql": UP for n, file in PRISMA.items()}),
    "JavaScript": ("001_a.js", {"001_a.js": ""}),
    "TypeScript": ("001_a.ts", {"001_a.ts": ""}),
    "Go": ("001_a.up.go", {"001_a.up.go": ""}),
    "Python": ("001_a.py", {"001_a.py": ""}),
    "Ruby": ("001_a.rb", {"001_a.rb": ""}),
    "Python, with a dot": ("001.a.py", {"001.a.py": ""}),
    "JavaScript, as Postgrator has it": ("001.do.cjs", {"001.do.cjs": ""}),
    "Rust, as refinery has it": ("U20240101__a.rs", {"U20240101__a.rs": ""}),
    "PHP, as Doctrine has it": ("Version20240101000000.php", {"Version20240101000000.php": ""}),
    "TypeScript, as MikroORM has it": ("Migration20240101000000_a.ts", {"Migration20240101000000_a.ts": ""}),
    "C#, as FluentMigrator has it": ("M0001_a.cs", {"M0001_a.cs": ""}),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_layout_of_another_tool_is_named_and_has_nothing_to_do_is_not_said(case: str, write_files: Write) -> None:
    file, files = LAYOUTS[case]
    folder = write_files(files)
    (error,) = (p for p in folder.problems if p.file == file)
    assert (error.code, error.severity) == ("other_tool", Severity.ERROR)
    assert case.partition(",")[0] in error.sentence
    assert str(obstacle(folder)).startswith(f"{file} stands in the way: ")


def test_what_undoes_in_flyway_is_never_told_to_become_a_migration(write_files: Write) -> None:
    (error,) = (p for p in write_files({"U2__a.sql": DOWN, **PLAIN_FILES}).problems if p.file == "U2__a.sql")
    assert "2_a_rollback.sql" in error.advice


def test_a_migration_in_go_is_not_told_to_be_renamed(write_files: Write) -> None:
    (error,) = (p for p in write_files({"001_a.up.go": ""}).problems if p.file)
    assert "ename" not in error.advice


def test_a_test_in_go_is_no_migration(write_files: Write) -> None:
    (note,) = (p for p in write_files({"001_a_test.go": "", "002_b.sql": UP}).problems if p.file == "001_a_test.go")
    assert note.severity is Severity.NOTE


# What nobody reads has its place in the order

UNREAD = {
    "a hyphen": "002-b.sql",
    "Go": "002_b.go",
    "another ending": "002_b.sql.bak",
    "Flyway": "V2__b.sql",
    "capitals": "002_b.SQL",
    "another kind of file": "002_b.txt",
}


@pytest.mark.parametrize("file", UNREAD.values(), ids=UNREAD)
def test_a_plan_stops_before_a_file_that_nobody_reads(file: str, write_files: Write) -> None:
    folder = write_files({"001_a.sql": UP, file: "", "003_c.sql": UP, "004_d.sql": UP})
    made = plan(folder)
    assert [step.version for step in made.steps] == ["001"]
    assert made.stops_before.startswith(f"{file} stands in the way: ")
    assert made.stops_before.endswith("Not reached: 003_c, 004_d.")
    assert [step.version for step in plan(folder, upto="001").steps] == ["001"]
    with pytest.raises(errors.PlanBlocked, match=file):
        plan(folder, upto="003")


def test_a_file_without_a_number_stops_a_plan_at_its_end(write_files: Write) -> None:
    made = plan(write_files({"001_a.sql": UP, "later.sql": UP}))
    assert [step.version for step in made.steps] == ["001"]
    assert made.stops_before.startswith("later.sql stands in the way: ")


def test_of_what_is_not_reached_the_first_are_named(write_files: Write) -> None:
    made = plan(write_files({f"{n:03}_a.sql" if n != 2 else "002-a.sql": UP for n in range(1, 11)}))
    assert made.stops_before.endswith("Not reached: 003_a, 004_a, 005_a, 006_a, 007_a and 3 more.")


def settled(folder: Folder) -> Target:
    rows = (
        AppliedMigration(version=m.version, name=m.name, applied_at=None, checksum=m.up.checksum)
        for m in folder.migrations
    )
    return Target(
        environment=TARGET.environment,
        name=TARGET.name,
        identity=TARGET.identity,
        policy=TARGET.policy,
        history=History(exists=True, rows=tuple(rows)),
    )


def test_nothing_to_do_is_said_only_where_every_file_was_read(write_files: Write) -> None:
    folder = write_files({"001_a.sql": UP})
    with pytest.raises(errors.NothingToDo, match="every migration in the folder is settled there"):
        planner.apply(settled(folder), folder)
    folder = write_files({"later.sql": UP})
    with pytest.raises(errors.PlanBlocked, match=r"^later\.sql stands"):
        planner.apply(settled(folder), folder)


def test_of_an_empty_folder_no_migration_is_called_settled(write_files: Write) -> None:
    with pytest.raises(errors.NothingToDo, match="the folder holds no migration"):
        plan(write_files({"README.md": ""}))


def test_up_to_a_version_nothing_is_said_of_later_ones(write_files: Write) -> None:
    folder = write_files({"001_a.sql": UP})
    target = settled(folder)
    with pytest.raises(errors.NothingToDo, match="every migration up to 001 is settled there"):
        planner.apply(target, write_files({"002_b.sql": UP}), upto="001")


# A migration that does nothing


@pytest.mark.parametrize("text", ["-- it was withdrawn\n", "", "-- signalbox: transaction=none\n"])
def test_a_file_of_comments_only_is_recorded_and_does_not_hold_up_what_follows(text: str, bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.write("002_b.sql", text)
    bench.write("003_c.sql", "CREATE TABLE c (id int);")
    made = bench.plan()
    assert [step.version for step in made.steps] == ["001", "002", "003"]
    assert [w.version for w in made.warnings if w.code == "no_statement"] == ["002"]
    bench.execute(made)
    assert bench.tables() == {"public.a", "public.c"}
    assert [(row.version, row.success) for row in bench.history.rows] == [("001", True), ("002", True), ("003", True)]


def test_a_rollback_of_comments_only_is_still_none(write_files: Write) -> None:
    folder = write_files({"001_a.sql": UP, "001_rollback.sql": "-- nothing"})
    assert folder.migrations[0].usable_down is None
    assert {f.file: f.role for f in folder.files}["001_rollback.sql"] is FileRole.ROLLBACK
