"""What reads a folder does work in proportion to its files. Steps of Python are counted, not seconds."""

from __future__ import annotations

import sys
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
from dashboard.engine.lint import LintContext, lint_folder
from dashboard.engine.migration import AppliedMigration, Folder, History, Migration
from dashboard.engine.plan import Policy, Target, TargetIdentity

FEW, MANY = 60, 240
FACTOR = MANY / FEW
#: Sorting and the odd constant; quadratic work would be FACTOR times too much.
TOLERANCE = 1.4

FORMATS = {
    "seed": ("{n:05}_make.sql", "{n:05}_rollback.sql"),
    "seed, rollbacks by name": ("{n:05}_make_t{n}.sql", "{n:05}_make_t{n}_rollback.sql"),
    "seed, rollbacks without migrations": ("{n:05}_make.sql", "9{n:05}_rollback.sql"),
    "seed, two rollbacks each": ("{n:05}_make.sql", "{n:05}_rollback.sql", "rollback_{n:05}.sql"),
    "seed, beside copies": ("{n:05}_make.sql", "{n:05}_make.sql.bak"),
    "updown": ("{n:05}_make_t{n}.up.sql", "{n:05}_make_t{n}.down.sql"),
    "updown, other names": ("{n:05}_make_t{n}.up.sql", "{n:05}_drop_t{n}.down.sql"),
    "directories": ("{n:05}_make_t{n}/up.sql", "{n:05}_make_t{n}/down.sql"),
}


def steps_of(work: Callable[[], Any]) -> int:
    """How many calls, jumps and resumptions of generators the work takes."""
    monitoring, count = sys.monitoring, 0

    def seen(*_: Any) -> None:
        nonlocal count
        count += 1

    tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
    events = monitoring.events.PY_START | monitoring.events.PY_RESUME | monitoring.events.CALL | monitoring.events.JUMP
    monitoring.use_tool_id(tool, "linear work")
    try:
        for event in (1 << bit for bit in range(events.bit_length()) if events >> bit & 1):
            monitoring.register_callback(tool, event, seen)
        monitoring.set_events(tool, events)
        work()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return count


def assert_linear(work: Callable[[int], Callable[[], Any]]) -> None:
    few, many = steps_of(work(FEW)), steps_of(work(MANY))
    assert many <= few * FACTOR * TOLERANCE


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


@pytest.mark.parametrize("goal", ["apply", "skip"])
def test_a_plan(folder_of: Callable[[int], Folder], goal: str):
    def work(files: int) -> Callable[[], Any]:
        folder = folder_of(files)
        if goal == "apply":
            return lambda: planner.apply(target(), folder)
        return lambda: planner.skip(target(), folder, [m.identity for m in folder.migrations], reason="no")

    assert_linear(work)


def target() -> Target:
    return Target(
        environment="staging",
        name="Staging",
        identity=TargetIdentity(system_identifier="1", database="app", database_oid=1),
        policy=Policy(protected=False, lock_timeout_ms=1, statement_timeout_ms=1),
        history=History(exists=False),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE app.t{n} (id bigint PRIMARY KEY); DROP TABLE app.t{n};",
        "ALTER TABLE app.users ADD COLUMN c{n} integer, ALTER COLUMN c{n} TYPE bigint;",
    ],
    ids=["tables", "columns of one table"],
)
def test_lint(tmp_path: Path, sql: str):
    def work(files: int) -> Callable[[], Any]:
        folder = write(tmp_path, FORMATS["updown"], files)
        for number, path in enumerate(sorted(folder.glob("*.up.sql")), start=1):
            path.write_text(sql.format(n=number))
        read = discovery.read(folder)
        return lambda: lint_folder(read, LintContext())

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
