"""A file with the marks of one tool, in a folder of each other: it is never run as plain SQL, and its tool is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dashboard.engine import errors, planner
from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder, History, Severity
from dashboard.engine.plan import Policy, Target, TargetIdentity
from tests.engine.folders import summed
from tests.engine.test_formats import FOLDERS, UP, Files, committed, hash_of, place_of, write

DOWN = "DROP TABLE IF EXISTS a;\n"

#: By its tool: a text as that tool has it, and the formats whose own marks these are. The first line of sqlx is none
#: where the first lines are those of Liquibase and graphile-migrate.
MARKED: Mapping[str, tuple[str, frozenset[str]]] = {
    "dbmate": (f"-- migrate:up\n{UP}\n-- migrate:down\n{DOWN}", frozenset({"dbmate"})),
    "goose": (f"-- +goose Up\n{UP}\n-- +goose Down\n{DOWN}", frozenset({"goose"})),
    "sql-migrate": (f"-- +migrate Up\n{UP}-- +migrate Down\n{DOWN}", frozenset()),
    "rambler": (f"-- rambler up\n{UP}-- rambler down\n{DOWN}", frozenset()),
    "micrate": (f"-- +micrate Up\n{UP}-- +micrate Down\n{DOWN}", frozenset()),
    "Play": (f"# --- !Ups\n{UP}\n# --- !Downs\n{DOWN}", frozenset()),
    "MyBatis Migrations or dbdeploy": (f"-- // first\n{UP}\n-- //@UNDO\n{DOWN}", frozenset()),
    "tern": (f"{UP}\n---- create above / drop below ----\n\n{DOWN}", frozenset({"tern"})),
    "node-pg-migrate": (f"-- Up Migration\n{UP}-- Down Migration\n{DOWN}", frozenset({"node-pg-migrate"})),
    "Liquibase": (f"--liquibase formatted sql\n\n--changeset ann:1\n{UP}--rollback {DOWN}", frozenset({"liquibase"})),
    "Sqitch": (f"-- Deploy shop:x to pg\n\nBEGIN;\n{UP}COMMIT;\n", frozenset({"sqitch"})),
    "graphile-migrate": (f"--! Previous: -\n--! Hash: sha1:abc\n\n{UP}", frozenset({"graphile-migrate"})),
    "yoyo": (f"-- depends: 20240101_01_abcde-first\n-- transactional: false\n{UP}", frozenset({"yoyo"})),
    "Atlas": (f"-- atlas:txmode none\n\n{UP}", frozenset({"atlas"})),
    "sqlx": (f"-- no-transaction\n{UP}", frozenset({"sqlx", "updown", "liquibase", "graphile-migrate"})),
    "Drizzle": (f"{UP}--> statement-breakpoint\n{UP}", frozenset({"drizzle", "drizzle-directories"})),
}


def _beside(name: str, file: str) -> Callable[[str], Files]:
    return lambda text: {**FOLDERS[name][0], file: text}


def _journal(text: str) -> Files:
    journal = '{"entries": [{"idx": 0, "tag": "0000_a"}, {"idx": 1, "tag": "0001_x"}]}'
    return {**FOLDERS["drizzle"][0], "0001_x.sql": text, "meta/_journal.json": journal}


def _plan(text: str) -> Files:
    files = dict(FOLDERS["sqitch"][0])
    files["sqitch.plan"] += "x 2024-01-02T00:00:00Z Ann <a@b.c> # another\n"
    return {**files, "deploy/x.sql": text, "revert/x.sql": DOWN, "verify/x.sql": "SELECT 1;"}


def _chained(text: str) -> Files:
    files = FOLDERS["graphile-migrate"][0]
    return {**files, "committed/000003.sql": committed(text, hash_of(files["committed/000002-b.sql"]))}


def _change_set(text: str) -> Files:
    return {
        **FOLDERS["liquibase"][0],
        "002_x.sql": f"--liquibase formatted sql\n--changeset ann:9\n{text.removeprefix('--liquibase formatted sql')}",
    }


#: By the format: its folder with one file more, which its tool would run.
WITH_ONE_MORE: Mapping[str, Callable[[str], Files]] = {
    "seed": lambda text: {
        "001_a.sql": UP,
        "001_rollback.sql": DOWN,
        "002_x.sql": text,
        "003_b.sql": UP,
        "004_c.sql": UP,
    },
    "updown": _beside("updown", "2_x.up.sql"),
    "directories": _beside("directories", "2025-01-02-030405_x/up.sql"),
    "dbmate": _beside("dbmate", "20250101000000_x.sql"),
    "goose": _beside("goose", "00003_x.sql"),
    "node-pg-migrate": _beside("node-pg-migrate", "1800000000000_x.sql"),
    "tern": _beside("tern", "003_x.sql"),
    "graphile-migrate": _chained,
    "yoyo": _beside("yoyo", "20250101_01_x.sql"),
    "liquibase": _change_set,
    "atlas": lambda text: summed({"20240101000000_a.sql": UP, "20250101000000_x.sql": text}),
    "supabase": _beside("supabase", "20250101000000_x.sql"),
    "sqlx": _beside("sqlx", "20250101000000_x.sql"),
    "flyway": _beside("flyway", "V9__x.sql"),
    "prisma": _beside("prisma", "20250101000000_x/migration.sql"),
    "drizzle": _journal,
    "drizzle-directories": lambda text: {
        **FOLDERS["drizzle-directories"][0],
        "20250101000000_x/migration.sql": text,
        "20250101000000_x/snapshot.json": "{}",
    },
    "sqitch": _plan,
}


def _read(name: str, text: str, source: Path) -> Folder:
    return discovery.read(write(place_of(name, source), WITH_ONE_MORE[name](text)), folder_format=name)


def _plan_of(folder: Folder) -> list[str]:
    """What a plan would run of it, in an empty database."""
    target = Target(
        environment="staging",
        name="Staging",
        identity=TargetIdentity(system_identifier="1", database="app", database_oid=5),
        policy=Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0),
        history=History(exists=False),
    )
    try:
        return [step.file for step in planner.apply(target, folder).steps]
    except errors.PlanBlocked:
        return []


@pytest.mark.parametrize("name", WITH_ONE_MORE)
def test_without_such_marks_the_file_is_run(name: str, tmp_path: Path) -> None:
    """So that the cases below are not refused for another reason."""
    own = next((text for text, own in MARKED.values() if name in own and name in ("dbmate", "goose")), UP)
    folder = _read(name, own, tmp_path)
    assert not [p for p in folder.problems if p.severity is Severity.ERROR]
    assert len(_plan_of(folder)) == len(folder.migrations) > 1


@pytest.mark.parametrize("name", WITH_ONE_MORE)
@pytest.mark.parametrize("tool", MARKED)
def test_a_file_of_another_tool_is_an_error_that_names_it_and_is_never_run(
    tool: str, name: str, tmp_path: Path
) -> None:
    text, own = MARKED[tool]
    if name in own:
        return
    folder = _read(name, text, tmp_path)
    said = [p for p in folder.problems if p.severity is Severity.ERROR]
    assert said
    needs_marks = name in ("dbmate", "goose")  # of a file without theirs it is enough that they would refuse it
    assert any(tool in p.sentence or tool == p.tool or needs_marks for p in said)
    broken = {p.file for p in said}
    run = _plan_of(folder)
    assert not broken & set(run)
    assert all(text.strip() not in m.up.sql or m.errors() for m in folder.migrations)


@pytest.mark.parametrize("tool", ["Atlas", "sqlx"])
def test_what_says_it_in_our_words_too_is_run(tool: str, tmp_path: Path) -> None:
    text = MARKED[tool][0].replace(UP, f"-- signalbox: transaction=none\n{UP}")
    assert not [p for p in _read("seed", text, tmp_path).problems if p.severity is Severity.ERROR]


@pytest.mark.parametrize(
    "line", ["-- atlas:nolint", "-- atlas:txmode file", "-- see no-transaction", "-- > breakpoint"]
)
def test_a_comment_that_asks_nothing_of_a_run_is_only_text(line: str, tmp_path: Path) -> None:
    assert not [p for p in _read("seed", f"{line}\n{UP}", tmp_path).problems if p.severity is Severity.ERROR]
