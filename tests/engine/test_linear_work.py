"""What the engine does is in proportion to files, statements and rows of a history."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard.engine import planner, status
from dashboard.engine.files import discovery, script
from dashboard.engine.files.cache import Cache
from dashboard.engine.files.verifications import Verification
from dashboard.engine.forecast import reading
from dashboard.engine.lint import LintContext, lint_folder
from dashboard.engine.migration import AppliedMigration, Folder, History, Kind, Migration, Script
from dashboard.engine.plan import Policy, Target, TargetIdentity
from dashboard.engine.rehearsal import selection
from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Change, Difference
from tests.engine.folders import plan_of
from tests.linear import assert_linear

FORMATS = {
    "seed": ("{n:05}_make.sql", "{n:05}_rollback.sql"),
    "seed, rollbacks by name": ("{n:05}_make_t{n}.sql", "{n:05}_make_t{n}_rollback.sql"),
    "seed, rollbacks without migrations": ("{n:05}_make.sql", "9{n:05}_rollback.sql"),
    "seed, two rollbacks each": ("{n:05}_make.sql", "{n:05}_rollback.sql", "rollback_{n:05}.sql"),
    "seed, beside copies": ("{n:05}_make.sql", "{n:05}_make.sql.bak"),
    "updown": ("{n:05}_make_t{n}.up.sql", "{n:05}_make_t{n}.down.sql"),
    "updown, other names": ("{n:05}_make_t{n}.up.sql", "{n:05}_drop_t{n}.down.sql"),
    "directories": ("{n:05}_make_t{n}/up.sql", "{n:05}_make_t{n}/down.sql"),
    "seed, beside tests": ("{n:05}_make.sql", "test_{n:05}_make.sql"),
    "seed, one number": ("007_make_t{n}.sql", "007_make_t{n}_rollback.sql"),
    "seed, one number and its rollbacks": ("007_make_t{n}.sql", "007_rollback.sql", "rollback_007.sql"),
    "updown, one number": ("007_make_t{n}.up.sql", "008_drop_t{n}.down.sql"),
    "directories, one number": ("007_make_t{n}/up.sql",),
    "prisma, one number": ("007_make_t{n}/migration.sql",),
}


@pytest.fixture(autouse=True)
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "_READINGS", Cache(bytes_at_most=0))


def write(source: Path, names: tuple[str, ...], files: int) -> Path:
    folder = source / str(files)
    for number in range(1, files + 1):
        for name in names:
            path = folder / name.format(n=number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"CREATE TABLE app.t{number} (id bigint PRIMARY KEY);\n")
    return folder


@pytest.mark.parametrize("names", FORMATS.values(), ids=FORMATS.keys())
def test_reading_a_folder(tmp_path: Path, names: tuple[str, ...]):
    def work(files: int) -> Callable[[], Any]:
        folder = write(tmp_path, names, files)
        return lambda: discovery.read(folder)

    assert_linear(work)


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[int], Folder]:
    return lambda files: discovery.read(write(tmp_path, FORMATS["updown"], files))


def applied(folder: Folder, **changes: Any) -> History:
    return History(exists=True, rows=tuple(replace(row_of(m), **changes) for m in folder.migrations))


def row_of(migration: Migration) -> AppliedMigration:
    return AppliedMigration(
        version=migration.version,
        name=migration.name,
        applied_at=datetime(2026, 1, 1, tzinfo=UTC),
        checksum=migration.up.checksum,
    )


@pytest.mark.parametrize("changes", [{}, {"name": "renamed"}, {"name": "gone", "checksum": "a"}, {"success": False}])
def test_the_state_of_every_migration(folder_of: Callable[[int], Folder], changes: dict[str, Any]):
    def work(files: int) -> Callable[[], Any]:
        folder = folder_of(files)
        history = applied(folder, **changes)
        return lambda: status.compute(folder, history)

    assert_linear(work)


@pytest.mark.parametrize("changes", [{}, {"kind": Kind.SKIPPED, "name": "make_t1"}])
def test_the_state_of_files_that_share_one_number(tmp_path: Path, changes: dict[str, Any]):
    def work(files: int) -> Callable[[], Any]:
        folder = discovery.read(write(tmp_path, FORMATS["seed, one number"], files))
        history = History(exists=True, rows=(replace(row_of(folder.migrations[-1]), **changes),))
        return lambda: status.compute(folder, history)

    assert_linear(work)


@pytest.mark.parametrize("goal", ["apply", "skip", "mark", "baseline"])
def test_a_plan(folder_of: Callable[[int], Folder], goal: str):
    def work(files: int) -> Callable[[], Any]:
        folder = folder_of(files)
        if goal == "apply":
            return lambda: planner.apply(target(), folder)
        if goal == "baseline":
            return lambda: planner.baseline(target(), folder, upto=folder.migrations[-1].version, reason="dump")
        plan = planner.skip if goal == "skip" else planner.mark_applied
        return lambda: planner.row_changes(plan(target(), folder, [m.identity for m in folder.migrations], reason="no"))

    assert_linear(work)


def test_a_plan_beside_a_long_history(folder_of: Callable[[int], Folder]):
    def work(files: int) -> Callable[[], Any]:
        folder = folder_of(files)
        rows = tuple(
            replace(row, version=f"9{row.version}", key=f"9{row.version}", checksum="0") for row in applied(folder).rows
        )
        where = target(History(exists=True, rows=rows))
        return lambda: planner.apply(where, folder)

    assert_linear(work)


def test_a_rollback_and_what_it_is_a_part_of(folder_of: Callable[[int], Folder]):
    def work(files: int) -> Callable[[], Any]:
        folder = folder_of(files)
        where = target(applied(folder, rollback_script="SELECT 1;"))
        oldest, newest = folder.migrations[0].identity, folder.migrations[-1].identity
        whole, part = planner.rollback(where, downto=oldest), planner.rollback(where, downto=newest)
        assert planner.is_newest_part(part, whole)
        return lambda: (planner.rollback(where, downto=oldest), planner.is_newest_part(part, whole))

    assert_linear(work)


def test_a_rollback_that_is_part_of_none(folder_of: Callable[[int], Folder]):
    def work(files: int) -> Callable[[], Any]:
        folder = folder_of(files)
        where = target(applied(folder, rollback_script="SELECT 1;"))
        whole = planner.rollback(where, downto=folder.migrations[0].identity)
        other = replace(whole, steps=tuple(replace(step, sql="SELECT 2;") for step in whole.steps))
        return lambda: planner.is_newest_part(other, whole)

    assert_linear(work)


def target(past: History | None = None) -> Target:
    return Target(
        environment="staging",
        name="Staging",
        identity=TargetIdentity(system_identifier="1", database="app", database_oid=1),
        policy=Policy(protected=False, lock_timeout_ms=1, statement_timeout_ms=1),
        history=past or History(exists=False),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE app.t{n} (id bigint PRIMARY KEY); DROP TABLE app.t{n};",
        "ALTER TABLE app.users ADD COLUMN c{n} integer, ALTER COLUMN c{n} TYPE bigint;",
        "CREATE TABLE s{n}.users (id bigint PRIMARY KEY); DROP TABLE s{n}.users;",
        "CREATE INDEX CONCURRENTLY i{n} ON app.users (id);",
        "ALTER TABLE a ADD COLUMN x integer; ALTER TABLE a RENAME TO b; ALTER TABLE b RENAME TO a;",
    ],
    ids=["tables", "columns of one table", "a schema each", "indexes of one table", "a table renamed to and fro"],
)
def test_lint(tmp_path: Path, sql: str):
    def work(files: int) -> Callable[[], Any]:
        folder = write(tmp_path, FORMATS["updown"], files)
        for number, path in enumerate(sorted(folder.glob("*.up.sql")), start=1):
            path.write_text(sql.format(n=number))
        read = discovery.read(folder)
        return lambda: lint_folder(read, LintContext())

    assert_linear(work)


@pytest.mark.parametrize(
    ("head", "statement"),
    [
        ("", "INSERT INTO app.users VALUES ({n});\n"),
        ("", "INSERT INTO app.users VALUES ({n}); "),
        ("", "CREATE INDEX CONCURRENTLY i{n} ON app.users (id);\n"),
        ("", "ALTER SUBSCRIPTION s{n} SET (slot_name = NONE); DROP SUBSCRIPTION s{n};\n"),
        ("", "COPY app.users FROM STDIN;\n"),
        ("", "-- signalbox: nonsense={n}\n"),
        ("", 'SELECT 1 AS "${{name{n}}}";\n'),
        ("-- signalbox:allow destructive because\n\n", "DROP TABLE app.t{n};\n"),
    ],
)
def test_a_file_of_many_statements(tmp_path: Path, head: str, statement: str):
    def work(statements: int) -> Callable[[], Any]:
        source = tmp_path / str(statements)
        source.mkdir()
        sql = head + "".join(statement.format(n=number) for number in range(statements))
        (source / "001_many.sql").write_text(sql)
        return lambda: lint_folder(discovery.read(source), LintContext())

    assert_linear(work)


# Before a run


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE app.t{n} SET x = 1 WHERE y = 2;",
        "CREATE TRIGGER t BEFORE INSERT ON app.t{n} EXECUTE FUNCTION f(); INSERT INTO app.u{n} VALUES (1);",
        "ALTER TABLE app.t{n} RENAME TO u{n}; ALTER TABLE app.u{n} RENAME COLUMN x TO y; DROP TABLE app.u{n};",
    ],
    ids=["updates", "triggers", "renames"],
)
def test_what_a_plan_would_destroy(sql: str):
    def work(steps: int) -> Callable[[], Any]:
        plan = plan_of(*(sql.format(n=number) for number in range(steps)))
        differences = {step.identity: [removed(f"table app.t{n}")] for n, step in enumerate(plan.steps)}
        return lambda: reading.read(plan, differences)

    assert_linear(work)


def removed(key: str) -> Difference:
    return Difference(key=key, change=Change.REMOVED, before=f"{key}\n", after=None)


def test_which_migration_each_check_follows():
    def work(steps: int) -> Callable[[], Any]:
        plan = plan_of(*["SELECT 1;"] * steps)
        script = Script(file="", sql="", checksum="", checksum_sql="")
        checks = [Verification(script=script, version=step.version) for step in plan.steps]
        return lambda: selection.of_plan(plan, History(exists=False), checks)

    assert_linear(work)


def test_the_summary_of_a_difference():
    def work(tables: int) -> Callable[[], Any]:
        names = [f"app.t{number}" for number in range(tables)]
        differences = [removed(key) for name in names for key in (f"table {name}", f"column {name}.id")]
        return lambda: diff.summary_lines(differences)

    assert_linear(work)


# What was read before


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    read: list[str] = []
    original = script._read
    monkeypatch.setattr(script, "_read", lambda file, *rest: read.append(file) or original(file, *rest))
    yield read


def test_a_folder_of_any_usual_size_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(script, "_READINGS", Cache(bytes_at_most=64 * 1024 * 1024))
    folder = write(tmp_path, ("{n:05}_make.sql",), 5000)
    with counted(monkeypatch) as read:
        discovery.read(folder)
        assert len(read) == 5000
        (folder / "00001_make.sql").write_text("SELECT 2;")
        discovery.read(folder)
    assert read[5000:] == ["00001_make.sql"]


def test_what_is_kept_is_bounded_by_its_size_and_the_oldest_goes_first():
    kept: Cache[str, str] = Cache(bytes_at_most=10_000)
    for key in ("first", "second", "third"):
        kept.get(key, 2_000, lambda: "old")
    assert kept.get("first", 2_000, lambda: "new") == "old"
    kept.get("fourth", 2_000, lambda: "old")
    assert kept.get("second", 2_000, lambda: "new") == "new"
    assert kept.get("first", 2_000, lambda: "new") == "old"
    assert kept.get("huge", 20_000, lambda: "huge") == "huge"
    assert kept.get("huge", 20_000, lambda: "read again") == "read again"


@pytest.mark.parametrize(
    "text",
    [
        lambda size: "-- " + " " * size + "x\nSELECT 1;",
        lambda size: "-- signalbox:" + " " * size + "x=1\nSELECT 1;",
        lambda size: "/*" * (size // 4) + "*/" * (size // 4) + " SELECT 1;",
        lambda size: "/*" * (size // 2),
        lambda size: "/* " + "*" * size + "/ SELECT 1;",
        lambda size: "+-" * (size // 2),
        lambda size: "{{" * (size // 2),
        lambda size: "${" * (size // 2),
        lambda size: "{%" * (size // 2),
        lambda size: "-- migrate:up" + " a" * (size // 2),
    ],
    ids=[
        "blanks in a comment",
        "blanks in a directive",
        "nested comments",
        "unclosed comments",
        "stars",
        "operators",
        "braces",
        "placeholders",
        "templates",
        "options",
    ],
)
def test_no_line_keeps_its_reader_busy(text: Callable[[int], str], tmp_path: Path) -> None:
    """It is patterns and the scanner that work here, of which no step can be counted: in a quadratic way, minutes."""
    (tmp_path / "001_a.sql").write_text(text(400_000))
    before = time.thread_time()
    discovery.read(tmp_path)
    assert time.thread_time() - before < 10


@pytest.mark.parametrize("part", ["<!--", "<include ", "<includeAll "], ids=["comments", "includes", "folders"])
def test_no_changelog_keeps_its_reader_busy(part: str, tmp_path: Path) -> None:
    (tmp_path / "001_a.sql").write_text("SELECT 1;")
    (tmp_path / "root.xml").write_text("<databaseChangeLog>" + part * 40_000)
    before = time.thread_time()
    discovery.read(tmp_path)
    assert time.thread_time() - before < 10
