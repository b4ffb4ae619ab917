"""Folders of other tools, each with its quirks: what is run, what undoes it, and what its tool would refuse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboard.engine.errors import PlanBlocked
from dashboard.engine.files import catalogue, discovery
from dashboard.engine.files.formats import flyway, graphile_migrate, prisma, sqlx
from dashboard.engine.migration import Direction, FileRole, Folder, Migration, Problem, Severity, version_key
from dashboard.engine.sql.transaction import TransactionMode, plan_transaction
from tests.engine.folders import Bench, summed

UP, DOWN = "CREATE TABLE a (id int);\n", "DROP TABLE a;\n"
OUTSIDE = {"transaction": "none"}

type Files = Mapping[str, str]


def committed(body: str, previous: str = "-", says: str = "") -> str:
    """A migration as graphile-migrate commits it."""
    text = f"--! Previous: {previous}\n--! Hash: {{}}\n{says}\n{body}"
    return text.format(graphile_migrate.native_checksum(text.encode()))


def hash_of(text: str) -> str:
    return text.split("--! Hash: ")[1].split("\n")[0]


def write(source: Path, files: Files) -> Path:
    for name, content in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(content, encoding="utf-8")
    return source


def read(source: Path, files: Files, folder_format: str = "", **placeholders: str) -> Folder:
    return discovery.read(write(source, files), folder_format=folder_format, placeholders=placeholders)


def only(folder: Folder) -> Migration:
    (migration,) = folder.migrations
    return migration


def errors(folder: Folder) -> list[tuple[str, str, int | None]]:
    return [(p.code, p.file, p.line) for p in folder.problems if p.severity is Severity.ERROR]


def problem(folder: Folder, code: str) -> Problem:
    return next(problem for problem in folder.problems if problem.code == code)


#: By the name in the catalogue: a folder that is read so, and what of it is run and undone, by version.
FOLDERS: Mapping[str, tuple[Files, Mapping[str, tuple[str, str | None]]]] = {
    "seed": ({"001_a.sql": UP, "001_rollback.sql": DOWN}, {"001": (UP, DOWN)}),
    "updown": ({"1_a.up.sql": UP, "1_a.down.sql": DOWN}, {"1": (UP, DOWN)}),
    "directories": (
        {"2024-01-02-030405_a/up.sql": UP, "2024-01-02-030405_a/down.sql": DOWN},
        {"20240102030405": (UP, DOWN)},
    ),
    "dbmate": (
        {"20240101000000_a.sql": f"-- the table\n-- migrate:up\n{UP}\n-- migrate:down\n{DOWN}", "schema.sql": UP},
        {"20240101000000": (UP, DOWN)},
    ),
    "goose": (
        {"00001_a.sql": f"-- +goose Up\n{UP}\n-- +goose Down\n{DOWN}", "00002_b.sql": f"-- +goose up\n{UP}"},
        {"00001": (UP, DOWN), "00002": (UP, None)},
    ),
    "node-pg-migrate": (
        {"1700000000000_a.sql": f"-- Up Migration\n{UP}\n-- Down Migration\n{DOWN}", "1700000000001_b.sql": UP},
        {"1700000000000": (UP, DOWN), "1700000000001": (UP, None)},
    ),
    "tern": (
        {"001_a.sql": f"{UP}\n---- create above / drop below ----\n\n{DOWN}", "tern.conf": "", "002_b.sql": UP},
        {"001": (UP, DOWN), "002": (UP, None)},
    ),
    "graphile-migrate": (
        {
            "committed/000001.sql": committed(UP),
            "committed/000002-b.sql": committed(DOWN, hash_of(committed(UP)), "--! Message: b\n"),
            "current.sql": "-- a draft",
        },
        {"000001": (UP, None), "000002": (DOWN, None)},
    ),
    "yoyo": (
        {
            "20240101_01_a.sql": UP,
            "20240101_01_a.rollback.sql": DOWN,
            "20240101_02_b.sql": f"-- depends: 20240101_01_a\n{DOWN}",
            "20240102_01_c.sql": f"--\n-- depends: 20240101_02_b\n{UP}",
        },
        {"20240101_01": (UP, DOWN), "20240101_02": (DOWN, None), "20240102_01": (UP, None)},
    ),
    "liquibase": (
        {
            "001_a.sql": "--liquibase formatted sql\n--changeset ann:1\n"
            f"{UP}--rollback {DOWN}\n--changeset bob:2\n{DOWN}"
        },
        {"001.1": (UP, DOWN), "001.2": (DOWN, None)},
    ),
    "atlas": (summed({"20240101000000_a.sql": UP}), {"20240101000000": (UP, None)}),
    "supabase": ({"20240101000000_a.sql": UP, "20210101000000_init.sql": DOWN}, {"20240101000000": (UP, None)}),
    "sqlx": ({"20240101000000_a.sql": f"-- no-transaction\n{UP}"}, {"20240101000000": (UP, None)}),
    "flyway": (
        {"V1__a.sql": UP, "U1__a.sql": DOWN, "V1_10__b.sql": DOWN, "V1.2__c.sql": UP},
        {"1": (UP, DOWN), "1.2": (UP, None), "1.10": (DOWN, None)},
    ),
    "prisma": (
        {"20240101000000_a/migration.sql": UP, "20240101000000_a/down.sql": DOWN, "migration_lock.toml": ""},
        {"20240101000000": (UP, DOWN)},
    ),
    "drizzle": (
        {
            "0000_a.sql": UP,
            "meta/_journal.json": '{"entries": [{"idx": 0, "tag": "0000_a"}]}',
            "meta/0000_snapshot.json": "",
        },
        {"0000": (UP, None)},
    ),
    "drizzle-directories": (
        {"20240101000000_a/migration.sql": UP, "20240101000000_a/snapshot.json": "{}"},
        {"20240101000000": (UP, None)},
    ),
    "sqitch": (
        {
            "sqitch.plan": "%project=shop\n\na 2024-01-01T00:00:00Z Ann <a@b.c> # the table\n",
            "deploy/a.sql": f"-- Deploy shop:a to pg\n\nBEGIN;\n{UP}COMMIT;\n",
            "revert/a.sql": f"-- Revert shop:a from pg\n\nBEGIN;\n{DOWN}COMMIT;\n",
            "verify/a.sql": "SELECT id FROM a WHERE false;",
            "sqitch.conf": "",
        },
        {"0001": (UP, DOWN)},
    ),
    "rails": ({"20240101000000_create_a.rb": ""}, {}),
    "django": ({"__init__.py": "", "0001_initial.py": ""}, {}),
    "alembic": ({"env.py": "", "versions/1a2b3c4d5e6f_a.py": ""}, {}),
}


def place_of(name: str, source: Path) -> Path:
    return source / "supabase" / "migrations" if name == "supabase" else source


def sent(migration: Migration, direction: Direction = Direction.UP) -> str | None:
    script = migration.up if direction is Direction.UP else migration.down
    if script is None:
        return None
    return "".join(f"{s.sql};\n" for s in script.statements if s.control is None)


def test_every_format_has_a_row_with_its_names_and_a_folder_that_shows_it() -> None:
    assert {row.name for row in catalogue.FORMATS} == set(FOLDERS)
    names = [name for row in catalogue.FORMATS for name in row.names]
    assert len(names) == len(set(names))
    assert catalogue.FORMATS[-1].name == "seed"
    for row in catalogue.FORMATS:
        assert row.title
        assert row.signature


def test_every_format_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "FORMATS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| `([\w-]+)`", page, re.MULTILINE)
    for row in catalogue.FORMATS:
        assert (row.title, row.name) in rows
        for directive in row.directives:
            assert directive in page
        for file in row.ignores:
            assert file in page


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_known_by_its_signature_and_cut_as_its_tool_cuts_it(name: str, tmp_path: Path) -> None:
    files, halves = FOLDERS[name]
    source = write(place_of(name, tmp_path), files)
    folder = discovery.read(source)
    assert folder.format == name
    assert {m.version: (sent(m), sent(m, Direction.DOWN)) for m in folder.migrations} == halves
    assert [m.version for m in folder.migrations] == sorted(halves, key=version_key)
    assert bool(halves) == (not errors(folder))
    for migration in folder.migrations:
        assert bool(migration.usable_down) == (halves[migration.version][1] is not None)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_file_has_a_place_and_what_is_run_stands_where_it_stands_on_disk(name: str, tmp_path: Path) -> None:
    files, _ = FOLDERS[name]
    source = write(place_of(name, tmp_path), files)
    folder = discovery.read(source)
    placed = {entry.file for entry in folder.files}
    assert all(file in placed or file.partition("/")[0] in placed for file in files)
    for entry in folder.files:
        assert entry.role is not FileRole.PROBLEM or any(p.file == entry.file for p in folder.problems)
    for script in (s for m in folder.migrations for s in (m.up, m.down) if s):
        lines = files[script.file.partition(" (")[0]].split("\n")
        for statement in script.statements:
            assert statement.sql.split("\n")[0] in lines[statement.line - 1]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_declared_format_overrules_the_signature(name: str, tmp_path: Path) -> None:
    folder = read(place_of(name, tmp_path), FOLDERS[name][0], "seed")
    assert folder.format == "seed"
    if name not in ("seed", "drizzle", "atlas", "supabase", "sqlx", "alembic"):
        assert name == "updown" or errors(folder)


@pytest.mark.parametrize("name", FOLDERS)
def test_whatever_format_is_declared_no_half_that_undoes_is_run(name: str, tmp_path: Path) -> None:
    files, halves = FOLDERS[name]
    source = write(place_of(name, tmp_path), files)
    forward = {up for up, _ in halves.values()} | {text for file, text in files.items() if file.endswith("_init.sql")}
    for declared in catalogue.BY_NAME:
        folder = discovery.read(source, folder_format=declared)
        placed = {entry.file.partition("/")[0] for entry in folder.files}
        assert {entry.name for entry in source.iterdir()} <= placed, declared
        for migration in folder.migrations:
            undoes = any(statement.sql in DOWN for statement in migration.up.statements)
            assert migration.errors() or not undoes or DOWN in forward, (declared, migration.up.file)


@pytest.mark.parametrize("file", ["2_rollback.sql", "2_b.rollback.sql", "2_b.down.sql", "rollback_2.sql"])
@pytest.mark.parametrize("declared", ["supabase", "atlas", "tern", "yoyo", "sqlx", "node-pg-migrate"])
def test_what_is_named_like_a_rollback_runs_forward_in_no_format(declared: str, file: str, tmp_path: Path) -> None:
    folder = read(tmp_path, {"1_a.sql": UP, file: DOWN}, declared)
    assert file in [error[1] for error in errors(folder)]
    assert all(migration.errors() for migration in folder.migrations if migration.version != "1")


def test_a_first_line_of_sqlx_makes_no_folder_with_rollbacks_one_of_sqlx(tmp_path: Path) -> None:
    assert read(tmp_path, {"1_a.sql": f"-- no-transaction\n{UP}", "1_rollback.sql": DOWN}).format == "seed"


def test_every_program_of_a_folder_of_programs_is_named_whatever_its_number(tmp_path: Path) -> None:
    """Revisions of Alembic and migrations of Django may be named as anybody likes; env.py is none."""
    alembic = read(
        tmp_path / "alembic",
        {"env.py": "", "script.py.mako": "", "versions/10cb17aea73_a.py": "", "versions/2024_01_02-b.py": "",
         "versions/__init__.py": ""},
    )  # fmt: skip
    assert [file for _, file, _ in errors(alembic)] == ["versions/10cb17aea73_a.py", "versions/2024_01_02-b.py"]
    only_revisions = read(tmp_path / "versions", {"1a2b3c4d5e6f_a.py": "", "latest.py": "", "__init__.py": ""})
    assert [file for _, file, _ in errors(only_revisions)] == ["1a2b3c4d5e6f_a.py", "latest.py"]
    django = read(tmp_path / "django", {"__init__.py": "", "0001_initial.py": "", "squashed.py": ""})
    assert [file for _, file, _ in errors(django)] == ["0001_initial.py", "squashed.py"]
    assert {code for folder in (alembic, only_revisions, django) for code, _, _ in errors(folder)} == {"other_tool"}


# Links, and what is not there


def test_what_a_tool_is_told_behind_a_link_is_neither_followed_nor_passed_over(tmp_path: Path) -> None:
    source = tmp_path / "files"
    write(source, {"V1__a.sql": UP})
    write(tmp_path, {"a.conf": "executeInTransaction=false", "elsewhere/_journal.json": "{}", "elsewhere/1.sql": UP})
    (source / "V1__a.sql.conf").symlink_to(tmp_path / "a.conf")
    assert errors(discovery.read(source)) == [("bad_metadata", "V1__a.sql", None)]
    for name in ("meta", "committed"):
        (source / name).symlink_to(tmp_path / "elsewhere")
    assert ("bad_journal", "meta", None) in errors(discovery.read(source, folder_format="drizzle"))
    folder = discovery.read(source, folder_format="graphile-migrate")
    assert ("symlink", "committed", None) in errors(folder)
    assert not folder.migrations


def test_a_declared_format_without_its_plan_is_an_error_of_the_plan(tmp_path: Path) -> None:
    assert ("bad_journal", "sqitch.plan", None) in errors(read(tmp_path, {"deploy/a.sql": UP}, "sqitch"))


# Transactions

OUTSIDE_A_TRANSACTION: Mapping[str, Files] = {
    "dbmate": {"1_a.sql": f"-- migrate:up transaction:false\n{UP}-- migrate:down\n{DOWN}"},
    "goose": {"1_a.sql": f"-- +goose NO TRANSACTION\n-- +goose Up\n{UP}"},
    "sqlx": {"1_a.sql": f"-- no-transaction\n{UP}"},
    "flyway": {"V1__a.sql": UP, "V1__a.sql.conf": "# why\nexecuteInTransaction=false\n"},
    "directories": {"1_a/up.sql": UP, "1_a/metadata.toml": "run_in_transaction = false"},
    "graphile-migrate": {"1.sql": committed(UP, says="--! no-transaction")},
    "tern": {"1_a.sql": f"---- tern: disable-tx ----\n{UP}", "tern.conf": ""},
    "yoyo": {"1_a.sql": f"-- transactional: false\n{UP}"},
    "atlas": summed({"1_a.sql": f"-- atlas:txmode none\n\n{UP}"}),
    "liquibase": {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1 runInTransaction:false\n{UP}"},
}


@pytest.mark.parametrize("name", OUTSIDE_A_TRANSACTION)
def test_what_a_tool_runs_outside_a_transaction_runs_so_here(name: str, tmp_path: Path) -> None:
    folder = read(tmp_path, OUTSIDE_A_TRANSACTION[name])
    assert folder.format == name
    assert not errors(folder)
    assert only(folder).directives == OUTSIDE
    assert problem(folder, "non_transactional").severity is Severity.WARNING


def test_the_half_that_a_directive_does_not_name_keeps_its_transaction(tmp_path: Path) -> None:
    down = only(read(tmp_path, OUTSIDE_A_TRANSACTION["dbmate"])).down
    assert down
    assert down.directives == {}


# What a tool refuses, and what is only filled in by it

REFUSED: Mapping[str, tuple[Files, tuple[str, str, int | None]]] = {
    "dbmate, SQL above the mark": (
        {"1_a.sql": f"SELECT 1;\n-- migrate:up\n{UP}"},
        ("bad_marks", "1_a.sql", 1),
    ),
    "dbmate, down first": ({"1_a.sql": f"-- migrate:down\n{DOWN}-- migrate:up\n{UP}"}, ("bad_marks", "1_a.sql", 1)),
    "dbmate, a mark that is moved in": (
        {"1_a.sql": f"-- migrate:up\n{UP}  -- migrate:down\n{DOWN}"},
        ("bad_marks", "1_a.sql", 3),
    ),
    "dbmate, beside a file without marks": (
        {"1_a.sql": f"-- migrate:up\n{UP}", "2_b.sql": UP},
        ("bad_marks", "2_b.sql", None),
    ),
    "dbmate, down twice": (
        {"1_a.sql": f"-- migrate:up\n{UP}-- migrate:down\n{DOWN}-- migrate:down\n"},
        ("bad_marks", "1_a.sql", 5),
    ),
    "goose, the number that it keeps for itself": (
        {"0_a.sql": f"-- +goose Up\n{UP}", "1_b.sql": f"-- +goose Up\n{UP}"},
        ("wrong_name", "0_a.sql", None),
    ),
    "goose, two ups": ({"1_a.sql": f"-- +goose Up\n{UP}-- +goose Up\n{UP}"}, ("bad_marks", "1_a.sql", 3)),
    "goose, a block without an end": (
        {"1_a.sql": f"-- +goose Up\n-- +goose StatementBegin\n{UP}"},
        ("bad_marks", "1_a.sql", 2),
    ),
    "goose, a dollar for two": (
        {"1_a.sql": "-- +goose Up\n-- +goose ENVSUB ON\nSELECT $$a$$;\n"},
        ("template", "1_a.sql", 3),
    ),
    "prisma, a program": (
        {"20240101000000_a/migration.sql": UP, "20240102000000_b/migration.ts": ""},
        ("other_tool", "20240102000000_b", None),
    ),
    "goose, variables": (
        {"1_a.sql": "-- +goose Up\n-- +goose ENVSUB ON\nCREATE TABLE ${T} ();\n"},
        ("template", "1_a.sql", 3),
    ),
    "node-pg-migrate, without up": ({"1_a.sql": f"{UP}-- Down Migration\n{DOWN}"}, ("bad_marks", "1_a.sql", 2)),
    "tern, a template": (
        {"1_a.sql": '{{ template "shared/a.sql" . }}\n', "tern.conf": ""},
        ("template", "1_a.sql", 1),
    ),
    "graphile-migrate, another chain": (
        {
            "1.sql": committed(UP),
            "2.sql": committed(UP, "sha1:x"),
        },
        ("bad_marks", "2.sql", 1),
    ),
    "yoyo, no number": ({"1_a.sql": f"-- depends: first\n{UP}"}, ("wrong_name", "first.sql", None)),
    "atlas, a checkpoint": (summed({"1_a.sql": f"-- atlas:checkpoint\n\n{UP}"}), ("bad_marks", "1_a.sql", 1)),
    "liquibase, a precondition": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1\n--preconditions onFail:HALT\n{UP}"},
        ("bad_marks", "1_a.sql (ann:1)", 3),
    ),
    "liquibase, again and again": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1 runAlways:true\n{UP}"},
        ("bad_marks", "1_a.sql (ann:1)", 2),
    ),
    "liquibase, another delimiter": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1 endDelimiter:/\n{UP}/\n"},
        ("bad_marks", "1_a.sql (ann:1)", 2),
    ),
    "flyway, its placeholder": ({"V1__a.sql": f"{UP}GRANT SELECT ON a TO ${{who}};"}, ("placeholder", "V1__a.sql", 2)),
    "flyway, in a string": ({"V1__a.sql": "SELECT '${who}';"}, ("placeholder", "V1__a.sql", 1)),
    "flyway, a condition": (
        {"V1__a.sql": UP, "V1__a.sql.conf": "shouldExecute=${x}"},
        ("bad_metadata", "V1__a.sql", None),
    ),
    "flyway, a baseline alone": ({"B2__a.sql": UP}, ("other_tool", "B2__a.sql", None)),
    "prisma, another system": (
        {"20240101000000_a/migration.sql": UP, "migration_lock.toml": 'provider = "mysql"'},
        ("other_system", "migration_lock.toml", None),
    ),
    "prisma, an empty directory": (
        {"20240101000000_a/migration.sql": UP, "20240102000000_b/notes.md": ""},
        ("no_up_file", "20240102000000_b", None),
    ),
    "drizzle, not in the journal": (
        {"0000_a.sql": UP, "0001_b.sql": UP, "meta/_journal.json": '{"entries": [{"idx": 0, "tag": "0000_a"}]}'},
        ("wrong_name", "0001_b.sql", None),
    ),
    "drizzle, gone": (
        {"meta/_journal.json": '{"entries": [{"idx": 0, "tag": "0000_a"}]}'},
        ("bad_journal", "0000_a.sql", None),
    ),
    "drizzle, no journal": ({"0000_a.sql": UP, "meta/_journal.json": "{"}, ("bad_journal", "meta", None)),
    "drizzle, another order": (
        {
            "1_a.sql": UP,
            "0_b.sql": UP,
            "meta/_journal.json": '{"entries": [{"idx": 0, "tag": "1_a"}, {"idx": 1, "tag": "0_b"}]}',
        },
        ("bad_marks", "0_b.sql", None),
    ),
    "sqitch, gone": (
        {"sqitch.plan": "%project=x\na 2024-01-01T00:00:00Z Ann <a@b.c> # a\n"},
        ("bad_journal", "deploy/a.sql", None),
    ),
    "sqitch, a requirement that is nowhere": (
        {"sqitch.plan": "%project=x\na [b c:d] 2024-01-01T00:00:00Z Ann <a@b.c> # a\n", "deploy/a.sql": UP},
        ("bad_marks", "deploy/a.sql", None),
    ),
    "liquibase, a rollback that does not end": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1\n{UP}/* liquibase rollback\n{DOWN}"},
        ("bad_marks", "1_a.sql (ann:1)", 4),
    ),
    "sqitch, no plan": ({"sqitch.plan": "what\n", "deploy/a.sql": UP}, ("bad_journal", "sqitch.plan", 1)),
    "dbmate, pairs of two kinds": (
        {"1_a.sql": f"-- migrate:up\n{UP}-- migrate:down\n-- migrate:up transaction:false\nSELECT 1;\n"},
        ("bad_marks", "1_a.sql", None),
    ),
    "tern, a border behind a statement": (
        {"1_a.sql": f"{UP.strip()} ---- create above / drop below ----\n{DOWN}", "tern.conf": ""},
        ("bad_marks", "1_a.sql", 1),
    ),
    "tern, a border with more behind it": (
        {"1_a.sql": f"{UP}---- create above / drop below ---- here\n{DOWN}", "tern.conf": ""},
        ("bad_marks", "1_a.sql", 2),
    ),
    "yoyo, neither true nor false": ({"1_a.sql": f"-- transactional: no\n{UP}"}, ("bad_marks", "1_a.sql", None)),
    "liquibase, a blank behind the colon": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1 dbms: mysql\n{UP}"},
        ("bad_marks", "1_a.sql (ann:1)", 2),
    ),
    "liquibase, never run": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1 ignore:true\n{UP}"},
        ("bad_marks", "1_a.sql (ann:1)", 2),
    ),
    "liquibase, an attribute that nobody knows": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1 onlyAt:night\n{UP}"},
        ("bad_marks", "1_a.sql (ann:1)", 2),
    ),
    "liquibase, no change set": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1\n{UP}--change set ann:2\n{DOWN}"},
        ("bad_marks", "1_a.sql (ann:1)", 4),
    ),
    "liquibase, more change sets than statements": (
        {"1_a.sql": "--liquibase formatted sql\n" + "--changeset a:1\n" * 5001},
        ("too_many_statements", "1_a.sql", None),
    ),
    "drizzle, a breakpoint in a string": (
        {
            "0000_a.sql": f"{UP}INSERT INTO b VALUES ('\n--> statement-breakpoint\n');\n",
            "meta/_journal.json": '{"entries": [{"idx": 0, "tag": "0000_a"}]}',
        },
        ("bad_marks", "0000_a.sql", 3),
    ),
    "drizzle, a journal that never ends": (
        {"0000_a.sql": UP, "meta/_journal.json": "[" * 200_000},
        ("bad_journal", "meta", None),
    ),
    "graphile-migrate, what it fills in by itself": (
        {"1.sql": committed("DO $$ BEGIN PERFORM ':DATABASE_OWNER'; END $$;\n")},
        ("placeholder", "1.sql", 4),
    ),
    "flyway, a folder in a folder": (
        {"V1__a.sql": UP, "shop/late/V2__b.sql": UP},
        ("subfolder", "shop", None),
    ),
    "dbmate, a mark behind a statement": (
        {"1_a.sql": f"-- migrate:up\n{UP.strip()} -- migrate:down\n{DOWN}"},
        ("bad_marks", "1_a.sql", 2),
    ),
    "goose, a mark that it does not know": (
        {"1_a.sql": f"-- +goose NO TRANSACTIONS\n-- +goose Up\n{UP}"},
        ("bad_marks", "1_a.sql", 1),
    ),
    "goose, one number in two ways": (
        {"1_a.sql": f"-- +goose Up\n{UP}", "01_b.sql": f"-- +goose Up\n{UP}"},
        ("same_number", "01_b.sql", None),
    ),
    "flyway, one number in two ways": ({"V1__a.sql": UP, "V1.0__b.sql": DOWN}, ("same_number", "V1.0__b.sql", None)),
    "atlas, a mode in a string": (
        summed({"1_a.sql": "INSERT INTO a VALUES ('\n-- atlas:txmode none\n');\n"}),
        ("bad_marks", "1_a.sql", 2),
    ),
    "atlas, a mode that it does not know": (
        summed({"1_a.sql": f"-- atlas:txmode off\n\n{UP}"}),
        ("bad_marks", "1_a.sql", 1),
    ),
    "another tool in a half of dbmate": (
        {"1_a.sql": f"-- migrate:up\n{UP}", "2_b.sql": f"-- migrate:up\n{UP}-- migrate:down\n-- +goose Down\n{DOWN}"},
        ("other_tool", "2_b.sql", 4),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_tool_would_refuse_or_fill_in_is_an_error_of_the_file(case: str, tmp_path: Path) -> None:
    files, error = REFUSED[case]
    folder = read(tmp_path, {**files, "first.sql": UP} if "first.sql" in error else files)
    assert error in errors(folder)
    (migration, *_) = [m for m in folder.migrations if m.up.file == error[1]] or [None]
    assert migration is None or migration.errors()


STEP = "20240101000000_a"
FORMATTED = "--liquibase formatted sql\n--changeset ann:1"

#: By the format that is declared and by what is wrong: the error, and whose it is.
MALFORMED: Mapping[tuple[str, str], tuple[Files, tuple[str, str]]] = {
    ("seed", "a hyphen"): ({"001-a.sql": UP}, ("wrong_name", "001-a.sql")),
    ("seed", "a typing error"): ({"001_a.sql": "CREATE TABEL a ();"}, ("syntax_error", "001_a.sql")),
    ("updown", "a rollback alone"): ({"1_a.down.sql": DOWN}, ("orphan_rollback", "1_a.down.sql")),
    ("updown", "one number twice"): ({"1_a.up.sql": UP, "1_b.up.sql": UP}, ("duplicate_version", "1_b.up.sql")),
    ("updown", "another kind of file"): ({"1_a.up.sql": UP, "2_b.up.json": "{}"}, ("other_tool", "2_b.up.json")),
    ("directories", "nothing to apply"): ({"1_a/down.sql": DOWN}, ("no_up_file", "1_a")),
    ("directories", "no settings"): (
        {"1_a/up.sql": UP, "1_a/metadata.toml": "=["}, ("bad_metadata", "1_a/metadata.toml")
    ),
    ("dbmate", "no marks"): ({"1_a.sql": UP}, ("bad_marks", "1_a.sql")),
    ("goose", "no marks"): ({"1_a.sql": UP}, ("bad_marks", "1_a.sql")),
    ("goose", "no number"): ({"a.sql": f"-- +goose Up\n{UP}"}, ("wrong_name", "a.sql")),
    ("node-pg-migrate", "up twice"): ({"1_a.sql": f"-- Up Migration\n{UP}-- Up Migration\n"}, ("bad_marks", "1_a.sql")),
    ("tern", "a hyphen"): ({"001-a.sql": UP}, ("wrong_name", "001-a.sql")),
    ("graphile-migrate", "no hash"): ({"000001.sql": UP}, ("bad_marks", "000001.sql")),
    ("yoyo", "marks of another tool"): ({"1_a.sql": f"-- migrate:up\n{UP}"}, ("other_tool", "1_a.sql")),
    ("liquibase", "no change set"): ({"1_a.sql": UP}, ("bad_marks", "1_a.sql")),
    ("liquibase", "two files of one number"): (
        {f"1_{n}.sql": f"{FORMATTED}\n{UP}" for n in "ab"}, ("wrong_name", "1_b.sql")
    ),
    ("atlas", "no sum"): ({"1_a.sql": UP}, ("other_hash", "atlas.sum")),
    ("supabase", "no number"): ({f"{STEP}.sql": UP, "notes.sql": UP}, ("wrong_name", "notes.sql")),
    ("supabase", "a hyphen"): ({"20240101000000-a.sql": UP}, ("wrong_name", "20240101000000-a.sql")),
    ("supabase", "one number twice"): ({f"{STEP}.sql": UP, f"{STEP}b.sql": UP}, ("duplicate_version", f"{STEP}b.sql")),
    ("supabase", "a typing error"): ({f"{STEP}.sql": "CREATE TABEL a ();"}, ("syntax_error", f"{STEP}.sql")),
    ("supabase", "marks of another tool"): ({f"{STEP}.sql": f"-- migrate:up\n{UP}"}, ("other_tool", f"{STEP}.sql")),
    ("sqlx", "no number"): ({"1_a.sql": UP, "notes.sql": UP}, ("wrong_name", "notes.sql")),
    ("sqlx", "one number in two ways"): ({"1_a.sql": UP, "01_b.sql": UP}, ("same_number", "01_b.sql")),
    ("sqlx", "a typing error"): ({"1_a.sql": "-- no-transaction\nDROP INDX i;"}, ("syntax_error", "1_a.sql")),
    ("sqlx", "a rollback alone"): ({"1_a.down.sql": DOWN}, ("orphan_rollback", "1_a.down.sql")),
    ("flyway", "one underscore"): ({"V1_a.sql": UP}, ("wrong_name", "V1_a.sql")),
    ("prisma", "a file beside"): ({f"{STEP}/migration.sql": UP, "2_b.sql": UP}, ("wrong_name", "2_b.sql")),
    ("drizzle", "no journal"): ({"0000_a.sql": UP}, ("bad_journal", "meta")),
    ("drizzle-directories", "nothing to apply"): ({f"{STEP}/snapshot.json": "{}"}, ("no_up_file", STEP)),
    ("drizzle-directories", "a program"): ({f"{STEP}/migration.ts": ""}, ("other_tool", STEP)),
    ("drizzle-directories", "a file beside"): ({f"{STEP}.sql": UP}, ("wrong_name", f"{STEP}.sql")),
    ("drizzle-directories", "no number"): ({"first/migration.sql": UP}, ("subfolder", "first")),
    ("drizzle-directories", "a breakpoint in a string"): (
        {f"{STEP}/migration.sql": "SELECT '\n--> statement-breakpoint\n';"}, ("bad_marks", f"{STEP}/migration.sql")
    ),
    ("sqitch", "no plan"): ({"deploy/a.sql": UP}, ("bad_journal", "sqitch.plan")),
}  # fmt: skip


def test_every_format_that_is_read_has_something_malformed() -> None:
    read_here = {name for name, (_, halves) in FOLDERS.items() if halves}
    assert {name for name, _ in MALFORMED} == read_here


@pytest.mark.parametrize(("name", "case"), MALFORMED)
def test_what_is_malformed_is_an_error_and_nothing_of_it_runs(name: str, case: str, tmp_path: Path) -> None:
    files, (code, file) = MALFORMED[name, case]
    source = write(tmp_path, files)
    folder = discovery.read(source, folder_format=name)
    assert (code, file) in [(problem, named) for problem, named, _ in errors(folder)]
    assert all(migration.errors() for migration in folder.migrations if migration.up.file.startswith(file))
    placed = {entry.file.partition("/")[0] for entry in folder.files}
    assert {entry.name for entry in source.iterdir()} <= placed


@pytest.mark.parametrize(
    "said",
    [
        "runAlways:true",
        "labels:v1",
        "failOnError:false",
        "runWith:psql",
        "ignore:true",
        "runOrder:first",
        "runOrder:last",
        "endDelimiter:/",
        "rollbackEndDelimiter:GO",
        "someday:true",
        "context: test",
    ],
)
def test_what_liquibase_would_decide_on_by_an_attribute_is_refused(said: str, tmp_path: Path) -> None:
    folder = read(tmp_path, {"1_a.sql": f"{FORMATTED} {said}\n{UP}"})
    assert ("bad_marks", "1_a.sql (ann:1)", 2) in errors(folder)
    assert only(folder).errors()


@pytest.mark.parametrize(
    "line",
    [
        "--preconditions onFail:MARK_RAN",
        "--precondition-sql-check expectedResult:0 SELECT count(*) FROM a",
        "--precondition-table-exists table:a",
        "/* preconditions onFail:HALT */",
        "--ignoreLines:1",
        "--ignoreLines:start",
        "--property name:who value:app",
    ],
)
@pytest.mark.parametrize("is_above", [True, False], ids=["above the change sets", "in one"])
def test_what_liquibase_would_decide_on_by_a_line_is_refused(line: str, is_above: bool, tmp_path: Path) -> None:
    head, change = FORMATTED.split("\n")
    lines = [head, line, change, UP] if is_above else [head, change, line, UP]
    folder = read(tmp_path, {"1_a.sql": "\n".join(lines)})
    assert [(code, at) for code, _, at in errors(folder)] == [("bad_marks", 2 if is_above else 3)]


@pytest.mark.parametrize(
    "said", ["runAlways:false", "failOnError:true", "ignore:false", "endDelimiter:;", "dbms:postgresql"]
)
def test_an_attribute_of_liquibase_that_changes_nothing_is_taken(said: str, tmp_path: Path) -> None:
    assert errors(read(tmp_path, {"1_a.sql": f"{FORMATTED} {said}\n{UP}"})) == []


def test_a_text_of_marks_alone_does_nothing_and_says_so(tmp_path: Path) -> None:
    folder = read(tmp_path, {"1_a.sql": "-- migrate:up\n\n-- migrate:down\n"})
    assert problem(folder, "no_statement").severity is Severity.WARNING
    assert only(folder).down is None


# Splitting


def test_the_end_of_a_block_of_goose_ends_its_statement(tmp_path: Path) -> None:
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$"
    text = f"-- +goose Up\n-- +goose StatementBegin\n{body}\n-- +goose StatementEnd\n{UP}"
    up = only(read(tmp_path, {"1_a.sql": text})).up
    assert [(s.sql, s.line) for s in up.statements] == [(body, 3), (UP.strip(";\n"), 5)]


def test_a_breakpoint_of_drizzle_ends_its_statement(tmp_path: Path) -> None:
    text = (
        "CREATE TABLE a (id int)\n--> statement-breakpoint\nCREATE TABLE b (id int);--> statement-breakpoint\nSELECT 1;"
    )
    files = {"0000_a.sql": text, "meta/_journal.json": '{"entries": [{"idx": 0, "tag": "0000_a"}]}'}
    assert [s.line for s in only(read(tmp_path, files)).up.statements] == [1, 3, 4]


def test_several_pairs_of_dbmate_are_one_after_the_other(tmp_path: Path) -> None:
    text = f"-- migrate:up\n{UP}-- migrate:down\n{DOWN}-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n"
    migration = only(read(tmp_path, {"1_a.sql": text}))
    assert sent(migration) == f"{UP}SELECT 1;\n"
    assert sent(migration, Direction.DOWN) == f"{DOWN}SELECT 2;\n"


def test_dbmate_fails_at_the_second_pair_and_that_is_a_warning(tmp_path: Path) -> None:
    text = f"-- migrate:up\n{UP}-- migrate:down\n-- migrate:up\nSELECT 1;\n-- migrate:down\n"
    said = problem(read(tmp_path, {"1_a.sql": text}), "bad_marks")
    assert (said.severity, said.line) == (Severity.WARNING, 4)


def test_a_comment_that_liquibase_reads_as_a_rollback_undoes_the_change_set(tmp_path: Path) -> None:
    text = f"--liquibase formatted sql\n--changeset ann:1\n{UP}/* liquibase rollback\n{DOWN}SELECT 1; */\nSELECT 2;\n"
    migration = only(read(tmp_path, {"1_a.sql": text}))
    assert sent(migration) == f"{UP}SELECT 2;\n"
    assert sent(migration, Direction.DOWN) == f"{DOWN}SELECT 1;\n"


def test_a_hook_of_yoyo_is_never_run_and_a_warning_says_so(tmp_path: Path) -> None:
    folder = read(tmp_path, {"1_a.sql": f"-- depends:\n{UP}", "post-apply.sql": "SELECT 1;"})
    assert (problem(folder, "callback").file, errors(folder)) == ("post-apply.sql", [])


OTHER_ORDERS: Mapping[str, tuple[Files, list[str]]] = {
    "node-pg-migrate, a time and milliseconds": (
        {"20230101000000000_a.sql": f"-- Up Migration\n{UP}-- Down Migration\n", "1704067200000_b.sql": UP},
        ["1704067200000_b.sql"],
    ),
    "node-pg-migrate, milliseconds and a later time": (
        {"20250101000000000_a.sql": f"-- Up Migration\n{UP}-- Down Migration\n", "1704067200000_b.sql": UP},
        [],
    ),
    "liquibase, files as text": (
        {f"{n}_a.sql": f"--liquibase formatted sql\n--changeset ann:{n}\n{UP}" for n in (9, 10)},
        ["9_a.sql (ann:9)"],
    ),
    "liquibase, ten change sets in one file": (
        {"1_a.sql": "--liquibase formatted sql\n" + "".join(f"--changeset ann:{n}\nSELECT {n};\n" for n in range(12))},
        [],
    ),
}


@pytest.mark.parametrize("case", OTHER_ORDERS)
def test_what_a_tool_would_run_in_another_order_is_named(case: str, tmp_path: Path) -> None:
    files, named = OTHER_ORDERS[case]
    assert [p.file for p in read(tmp_path, files).problems if p.code == "other_order"] == named


# Placeholders


def test_a_declared_value_is_put_in_and_the_checksum_stays_that_of_the_file(tmp_path: Path) -> None:
    files = {"V1__a.sql": "CREATE TABLE ${Schema}.a ();\n-- ${nothing}\n"}
    one = only(read(tmp_path, files, schema="app"))
    other = only(read(tmp_path, files, schema="shop"))
    assert one.up.sql.startswith("CREATE TABLE app.a ();")
    assert not one.errors()
    assert one.up.checksum == other.up.checksum
    assert one.up.checksum_sql != other.up.checksum_sql


def test_a_value_of_graphile_migrate_replaces_no_cast(tmp_path: Path) -> None:
    text = committed("GRANT SELECT ON a TO :WHO;\nSELECT 1::WHO;\nSELECT :ELSE;\n")
    folder = read(tmp_path, {"1.sql": text, "2.sql": text}, WHO="app")
    assert ("placeholder", "1.sql", 6) in errors(folder)
    assert "placeholders" in problem(folder, "placeholder").advice
    assert "TO app;\nSELECT 1::WHO" in folder.migrations[0].up.sql


def test_flyway_may_be_told_to_fill_in_nothing(tmp_path: Path) -> None:
    files = {"V1__a.sql": "SELECT '${a}';", "V1__a.sql.conf": "placeholderReplacement=false"}
    assert not errors(read(tmp_path, files))


def test_a_line_of_a_string_that_looks_like_a_comment_has_its_value_too(tmp_path: Path) -> None:
    text = "INSERT INTO a VALUES ('\n-- ${who}\n');\n"
    assert "-- Ann\n" in only(read(tmp_path, {"V1__a.sql": text}, who="Ann")).up.sql


# Order and identity


def test_what_yoyo_needs_becomes_what_depends(tmp_path: Path) -> None:
    folder = read(tmp_path, FOLDERS["yoyo"][0])
    assert folder.migrations[1].directives == {"depends": "20240101_01"}


def test_a_change_of_sqitch_that_was_reworked_keeps_its_first_script(tmp_path: Path) -> None:
    plan = (
        "a 2024-01-01T00:00:00Z A <a@b.c> # a\n@v1 2024-01-01T00:00:01Z A <a@b.c> # one\n"
        "s/b [a !c !other:d] 2023-01-02T00:00:00Z A <a@b.c> # b\na [a@v1] 2024-01-03T00:00:00Z A <a@b.c> # again\n"
    )
    files = {"sqitch.plan": plan, "deploy/a@v1.sql": UP, "deploy/a.sql": DOWN, "deploy/s/b.sql": UP, "deploy/x.sql": UP}
    folder = read(tmp_path, files)
    assert [(m.name, m.up.file) for m in folder.migrations] == [
        ("a", "deploy/a@v1.sql"),
        ("s-b", "deploy/s/b.sql"),
        ("a", "deploy/a.sql"),
    ]
    assert folder.migrations[2].directives == {"depends": "0001"}
    assert errors(folder) == [("bad_marks", "deploy/s/b.sql", None), ("wrong_name", "deploy/x.sql", None)]


REWORKED = (
    "a 2024-01-01T00:00:00Z A <a@b.c> # a\n@v1 2024-01-02T00:00:00Z A <a@b.c> # one\n"
    "b 2024-01-03T00:00:00Z A <a@b.c> # b\n@v2 2024-01-04T00:00:00Z A <a@b.c> # two\n"
    "@v3 2024-01-05T00:00:00Z A <a@b.c> # three\na [a@v1] 2024-01-06T00:00:00Z A <a@b.c> # again\n"
)


@pytest.mark.parametrize(
    ("kept", "script"),
    [({"a@v1"}, "a@v1"), ({"a@v2"}, "a@v2"), ({"a@v3"}, "a@v3"), ({"a@v1", "a@v2", "a@v3"}, "a@v2"), (set(), "a@v2")],
    ids=["the first tag", "a tag between", "the last tag", "several", "none"],
)
def test_the_script_of_a_reworked_change_is_the_first_that_is_there(
    kept: set[str], script: str, tmp_path: Path
) -> None:
    """Sqitch looks through the tags before the rework, those of the latest change first."""
    names = {"a", "b", *kept}
    folder = read(tmp_path, {"sqitch.plan": REWORKED, **{f"deploy/{name}.sql": UP for name in names}})
    entry = next(entry for entry in folder.files if entry.version == "0001")
    assert entry.file == f"deploy/{script}.sql"
    others = sorted(("wrong_name", f"deploy/{name}.sql", None) for name in kept - {script})
    missing = [] if kept else [("bad_journal", f"deploy/{script}.sql", None)]
    assert sorted(errors(folder)) == missing + others


def test_what_a_change_of_sqitch_conflicts_with_is_judged_against_the_database(tmp_path: Path) -> None:
    at = "2024-01-01T00:00:00Z A <a@b.c> # x"
    plan = f"a {at}\nb [!a !c !nowhere] {at}\nc {at}\n"
    folder = read(tmp_path, {"sqitch.plan": plan, **{f"deploy/{name}.sql": UP for name in "abc"}})
    assert [m.directives for m in folder.migrations] == [{}, {"conflicts": "0001,0003"}, {}]
    assert errors(folder) == []


def test_change_sets_are_apart_so_that_a_new_one_changes_no_older_one(tmp_path: Path) -> None:
    first = f"--liquibase formatted sql\n\n--changeset ann:1\n{UP}"
    before = only(read(tmp_path, {"1_a.sql": first}))
    after = read(tmp_path, {"1_a.sql": f"{first}\n--changeset ann:2 dbms:mysql\nSELECT 1;\n--changeset ann:3\n{DOWN}"})
    assert [m.version for m in after.migrations] == ["1.1", "1.3"]
    assert after.migrations[0].up.checksum_sql == before.up.checksum_sql
    assert problem(after, "not_a_migration").sentence == "ann:2 in 1_a.sql is for mysql, so it is not run."


def test_a_change_set_for_all_but_one_system_is_run_and_a_file_without_one_is_said(tmp_path: Path) -> None:
    head = "--liquibase formatted sql\n"
    files = {"1_a.sql": f"{head}--changeset ann: 1 dbms:!oracle,!mysql\n{UP}", "2_b.sql": f"{head}-- later\n"}
    folder = read(tmp_path, files)
    assert sent(only(folder)) == UP
    assert [p.file for p in folder.problems if p.code == "not_a_migration"] == ["2_b.sql"]


@pytest.mark.parametrize("mark", ["-- Down Migrations: drop it", "-- down migration_2"])
def test_node_pg_migrate_reads_a_mark_by_its_first_words(mark: str, tmp_path: Path) -> None:
    folder = read(tmp_path, {"1_a.sql": f"-- Up Migrations\n{UP}{mark}\n{DOWN}"})
    assert folder.format == "node-pg-migrate"
    assert (sent(only(folder)), sent(only(folder), Direction.DOWN)) == (UP, DOWN)


def test_versions_of_several_numbers_are_ordered_by_each_of_them() -> None:
    ordered = ["1", "1.1", "1.2", "1.10", "2", "20240101_02", "20240101_10", "20240102"]
    assert sorted(ordered, key=version_key) == ordered
    assert version_key("1.0")[0] == version_key("1")[0]


def test_a_day_comes_before_the_times_on_it() -> None:
    ordered = ["20231231235959", "20240101", "20240101000000", "202401021200", "20240102120000", "20240103"]
    assert sorted(ordered, key=version_key) == ordered
    assert len({version_key(version)[0] for version in ordered}) == len(ordered)
    assert version_key("20241301")[0] == (20241301,)


def test_prisma_tells_two_of_one_number_apart_by_their_names(tmp_path: Path) -> None:
    """Its users merge branches that were begun in the same second; public folders have such pairs."""
    names = ("20240102_a", "20240101_z", "20240101_b", "20240101_m")
    files = {f"{name}/migration.sql": UP for name in names} | {"20240101_m/down.sql": DOWN}
    folder = read(tmp_path, files)
    assert not errors(folder)
    assert [m.label for m in folder.migrations] == ["20240101_b", "20240101.2_m", "20240101.3_z", "20240102_a"]
    assert [m.down is not None for m in folder.migrations] == [False, True, False, False]


def test_a_folder_with_few_marks_is_none_of_that_tool(tmp_path: Path) -> None:
    plain = {f"00{n}_a.sql": UP for n in range(1, 4)}
    folder = read(tmp_path, {**plain, "004_d.sql": f"-- migrate:up\n{UP}-- migrate:down\n{DOWN}"})
    assert folder.format == "seed"
    assert errors(folder) == [("other_tool", "004_d.sql", 1)]


# What the tools themselves keep of a file


def test_native_checksums_are_those_of_the_tools() -> None:
    assert flyway.native_checksum(b"SELECT 1;\r\nSELECT 2;\n") == flyway.native_checksum(
        b"\xef\xbb\xbfSELECT 1;\nSELECT 2;"
    )
    assert flyway.native_checksum(b"SELECT 1;\nSELECT 2;\n") == "-1665099012", "the CRC32 of SELECT 1;SELECT 2;"
    assert prisma.FORMAT.native_checksum
    assert len(prisma.FORMAT.native_checksum(b"")) == 64
    assert sqlx.FORMAT.native_checksum
    assert len(sqlx.FORMAT.native_checksum(b"")) == 96
    assert graphile_migrate.native_checksum(b"--! Previous: -\n--! Hash: sha1:x\n\nSELECT 1;\n").startswith("sha1:")


# End to end


def test_each_half_of_a_dbmate_file_runs_in_its_own_direction_and_nothing_else(bench: Bench) -> None:
    bench.write("1_a.sql", f"-- migrate:up\n{UP}\n-- migrate:down\n{DOWN}")
    bench.write("2_b.sql", "-- migrate:up\nCREATE TABLE b (id int);\n-- migrate:down\nDROP TABLE b;\n")
    bench.apply()
    assert bench.tables() == {"public.a", "public.b"}
    assert [row.checksum for row in bench.history.rows] == [m.up.checksum for m in bench.read().migrations]
    bench.execute(bench.plan_rollback("2", "b"), run_id="2")
    assert bench.tables() == {"public.a"}
    bench.write("3_c.sql", "-- migrate:up\nSELECT 1;\n-- +goose Down\n")
    with pytest.raises(PlanBlocked, match="written for goose"):
        bench.plan(upto="3")


@pytest.mark.parametrize("declared", ["sqlx", "node-pg-migrate"])
def test_what_goes_down_by_its_name_is_a_rollback_and_never_run_forward(declared: str, tmp_path: Path) -> None:
    folder = read(tmp_path, {"1_a.up.sql": UP, "1_a.down.sql": DOWN}, declared)
    (migration,) = folder.migrations
    assert (sent(migration), sent(migration, Direction.DOWN)) == (UP, DOWN)


# What a tool keeps of its files

ATLAS = {"1_a.sql": UP, "2_b.sql": DOWN, "3_c.sql": UP}
HASHES: Mapping[str, tuple[Files, list[tuple[str, str]]]] = {
    "as they were": (summed(ATLAS), []),
    "the first that was edited": ({**summed(ATLAS), "2_b.sql": "-- edited\n"}, [("other_hash", "2_b.sql")]),
    "one that is new": ({**summed(ATLAS), "4_x.sql": UP}, [("other_hash", "4_x.sql")]),
    "one that is gone": (
        {file: text for file, text in summed(ATLAS).items() if file != "2_b.sql"},
        [("other_hash", "atlas.sum")],
    ),
    "one that says it does not count": (
        {**summed(ATLAS), "4_d.sql": f"-- atlas:sum ignore\n\n{UP}"},
        [],
    ),
    "not to be read": ({**ATLAS, "atlas.sum": "<<<<<<< ours\n"}, [("other_hash", "atlas.sum")]),
    "graphile-migrate, edited": ({"1.sql": committed(UP) + "-- edited\n"}, [("other_hash", "1.sql")]),
    "graphile-migrate, edited, and it says so": (
        {"1.sql": committed(UP, says="--! AllowInvalidHash\n") + "-- edited\n"},
        [],
    ),
}


@pytest.mark.parametrize("case", HASHES)
def test_a_file_is_what_its_tool_knows(case: str, tmp_path: Path) -> None:
    files, expected = HASHES[case]
    assert [(code, file) for code, file, _ in errors(read(tmp_path, files))] == expected


def test_a_v_or_a_dot_in_the_name_is_no_other_style(tmp_path: Path) -> None:
    folder = read(tmp_path, {"V0001.First.up.sql": UP, "V0001.First.down.sql": DOWN, "V0010.Tenth_one.up.sql": UP})
    assert (folder.format, errors(folder)) == ("updown", [])
    assert [(m.label, m.usable_down) for m in folder.migrations] == [("0001_First", DOWN), ("0010_Tenth_one", None)]
    assert read(tmp_path / "flyway", {"V1__a.up.sql": UP}).format == "flyway"


# What a team may choose of the names

_CHOSEN: Mapping[str, Files] = {
    "flyway.conf": {
        "flyway.conf": "# ours\nflyway.sqlMigrationPrefix=M\nflyway.sqlMigrationSeparator=--\nflyway.x=1\n"
    },
    "flyway.toml": {"flyway.toml": '[flyway]\nsqlMigrationPrefix = "M"\nsqlMigrationSeparator = "--"\n'},
}


@pytest.mark.parametrize("where", [*_CHOSEN, "declared"])
def test_flyway_reads_the_names_that_a_team_chose(where: str, tmp_path: Path) -> None:
    files = {"M1_2--a.sql": UP, "U1_2--a.sql": DOWN, "R--v.sql": UP, "V9__old.sql": UP, **_CHOSEN.get(where, {})}
    names = {"prefix": "M", "separator": "--"} if where == "declared" else {}
    source = write(tmp_path, files)
    folder = discovery.read(source, folder_format="flyway" if names else "", names=names)
    assert folder.format == "flyway"
    assert [(m.version, m.name, bool(m.usable_down)) for m in folder.migrations] == [
        ("1.2", "a", True),
        ("R__v", "v", False),
    ]
    assert errors(folder) == [("other_tool", "V9__old.sql", None)]
    assert {entry.file for entry in folder.files} == set(files)


def test_flyway_reads_the_suffixes_that_a_team_chose(tmp_path: Path) -> None:
    conf = "flyway.sqlMigrationSuffixes=.pg.sql,.ddl\n"
    files = {"V1__a.pg.sql": UP, "V2__b.ddl": UP, "V2__b.ddl.conf": "executeInTransaction=false\n", "V3__c.sql": UP}
    folder = read(tmp_path, {**files, "flyway.conf": conf})
    assert [(m.version, m.name) for m in folder.migrations] == [("1", "a"), ("2", "b")]
    assert folder.migrations[1].directives == OUTSIDE
    assert [file for _, file, _ in errors(folder)] == ["V3__c.sql"]


@pytest.mark.parametrize(
    "conf",
    [
        "flyway.sqlMigrationSeparator=\n",
        "flyway.sqlMigrationPrefix=U\n",
        "flyway.sqlMigrationSuffixes=\n",
        "flyway.sqlMigrationSuffixes=.sql, ,.ddl\n",
    ],
)
def test_names_that_tell_nothing_apart_leave_no_migration(conf: str, tmp_path: Path) -> None:
    folder = read(tmp_path, {"V1__a.sql": UP, "flyway.conf": conf}, "flyway")
    assert ("bad_metadata", "flyway.conf", None) in errors(folder)
    assert not folder.migrations


# A number that is not there


def test_tern_refuses_a_folder_with_a_gap(tmp_path: Path) -> None:
    files = {"001_a.sql": UP, "003_c.sql": UP, "004_d.sql": UP, "tern.conf": ""}
    folder = read(tmp_path, files)
    assert errors(folder) == [("missing_number", "003_c.sql", None), ("missing_number", "004_d.sql", None)]
    assert [bool(m.errors()) for m in folder.migrations] == [False, True, True]
    assert not errors(read(tmp_path, {"002_b.sql": UP}))
    assert [file for _, file, _ in errors(read(tmp_path / "from_two", {"002_a.sql": UP, "tern.conf": ""}))] == [
        "002_a.sql"
    ]


def test_another_order_than_that_of_include_all_is_an_error(tmp_path: Path) -> None:
    text = "--liquibase formatted sql\n--changeset ann:{}\n" + UP
    folder = read(tmp_path, {"10_a.sql": text.format(1), "9_b.sql": text.format(2)})
    assert [code for code, _, _ in errors(folder)] == ["other_order"]
    assert any(m.errors() for m in folder.migrations)
    assert not errors(read(tmp_path / "wide", {"09_b.sql": text.format(1), "10_a.sql": text.format(2)}))


# Whose own words decide on the transaction

#: By the format: what says so, said badly, and the code of the error.
MISWRITTEN: Mapping[str, tuple[Files, str]] = {
    "dbmate": ({"1_a.sql": f"-- migrate:up transaction:maybe\n{UP}-- migrate:down\n{DOWN}"}, "bad_marks"),
    "goose": ({"1_a.sql": f"-- +goose NO TRANSACTIONS\n-- +goose Up\n{UP}"}, "bad_marks"),
    "sqlx": ({"1_a.sql": f"-- no-transaction\n{UP}", "2_b.sql": f"\n-- no transaction\n{UP}"}, ""),
    "flyway": ({"V1__a.sql": UP, "V1__a.sql.conf": "executeInTransaction=nope\n"}, "bad_metadata"),
    "directories": ({"1_a/up.sql": UP, "1_a/metadata.toml": "run_in_transaction = 0"}, "bad_metadata"),
    "graphile-migrate": ({"1.sql": committed(UP, says="--! no-transactions")}, "bad_marks"),
    "tern": ({"1_a.sql": f"---- tern: disable-transaction ----\n{UP}", "tern.conf": ""}, "bad_marks"),
    "yoyo": ({"1_a.sql": f"-- transactional: perhaps\n{UP}"}, "bad_marks"),
    "atlas": (summed({"1_a.sql": f"-- atlas:txmode never\n\n{UP}"}), "bad_marks"),
    "liquibase": (
        {"1_a.sql": f"--liquibase formatted sql\n--changeset ann:1 runInTransaction:perhaps\n{UP}"},
        "bad_marks",
    ),
    "seed": ({"1_a.sql": f"-- signalbox: transaction=never\n{UP}"}, "bad_directive"),
}


@pytest.mark.parametrize("name", MISWRITTEN)
def test_a_word_about_the_transaction_that_cannot_be_obeyed_is_an_error(name: str, tmp_path: Path) -> None:
    files, code = MISWRITTEN[name]
    folder = read(tmp_path, files)
    assert folder.format == name
    assert {error[0] for error in errors(folder)} == ({code} if code else set())
    assert not code or all(migration.errors() for migration in folder.migrations)


def test_of_each_format_it_is_known_how_it_says_that_a_file_runs_outside_a_transaction() -> None:
    silent = {"supabase", "prisma", "drizzle", "drizzle-directories", "node-pg-migrate", "sqitch"}
    by_pairs = {"updown"}  # as sqlx, see there
    explained = {"rails", "django", "alembic"}
    assert {*OUTSIDE_A_TRANSACTION, "seed"} | silent | by_pairs | explained == {row.name for row in catalogue.FORMATS}
    assert MISWRITTEN.keys() == OUTSIDE_A_TRANSACTION.keys() | {"seed"}


@pytest.mark.parametrize("name", OUTSIDE_A_TRANSACTION)
def test_without_such_a_word_it_runs_in_a_transaction(name: str, tmp_path: Path) -> None:
    folder = discovery.read(write(place_of(name, tmp_path), FOLDERS[name][0]))
    modes = {plan_transaction(m.up.statements, m.up.directives).mode for m in folder.migrations}
    assert modes == ({TransactionMode.NONE} if name == "sqlx" else {TransactionMode.SINGLE})


# What lies beside the migrations

#: By the format: what its tool keeps there, and what is no migration either.
BESIDE: Mapping[str, Files] = {
    "seed": {"test_a.sql": "SELECT 1;"},
    "updown": {"test_a.sql": "SELECT 1;"},
    "directories": {"2024-01-02-030405_a/metadata.toml": ""},
    "dbmate": {"schema.sql": "CREATE TABLE s ();"},
    "goose": {},
    "node-pg-migrate": {},
    "tern": {"tern.conf": "[database]"},
    "graphile-migrate": {
        "current.sql": "CREATE TABLE s ();",
        "fixtures/f.sql": "CREATE TABLE s ();",
        "afterReset.sql": "CREATE TABLE s ();",
    },
    "yoyo": {"post-apply.sql": "CREATE TABLE s ();"},
    "liquibase": {},
    "atlas": {},
    "supabase": {"seed.sql": "CREATE TABLE s ();", "20210101000000_init.sql": "CREATE TABLE s ();"},
    "sqlx": {},
    "flyway": {"flyway.conf": "", "afterMigrate.sql": "CREATE TABLE s ();", "B1__a.sql": "CREATE TABLE s ();"},
    "prisma": {"migration_lock.toml": 'provider = "postgresql"'},
    "drizzle": {"meta/0000_snapshot.json": "{}"},
    "drizzle-directories": {"20240101000000_a/snapshot.json": "{}"},
    "sqitch": {"sqitch.conf": "[core]"},
}
#: Dumps and seeds, under the names that tools and teams give them.
_DUMPS = ("schema.sql", "structure.sql", "seed.sql", "seeds.sql", "dump.sql")


@pytest.mark.parametrize("name", BESIDE)
def test_what_a_tool_keeps_beside_its_migrations_is_none(name: str, tmp_path: Path) -> None:
    files, halves = FOLDERS[name]
    folder = discovery.read(write(place_of(name, tmp_path), {**files, **BESIDE[name]}))
    assert folder.format == name
    assert {m.version for m in folder.migrations} == halves.keys()
    assert not any("TABLE s" in m.up.sql for m in folder.migrations)
    assert not errors(folder)


@pytest.mark.parametrize("file", _DUMPS)
@pytest.mark.parametrize("name", [name for name in BESIDE if name != "sqitch"])
def test_a_dump_or_a_seed_is_a_migration_in_no_format(name: str, file: str, tmp_path: Path) -> None:
    """It is passed over with a note where its tool keeps such a file there, and is an error where nobody knows it."""
    files, halves = FOLDERS[name]
    source = write(place_of(name, tmp_path), {**files, file: "CREATE TABLE s ();"})
    folder = discovery.read(source, folder_format=name)
    assert {m.version for m in folder.migrations} == halves.keys()
    assert [p for p in folder.problems if p.file == file]


XML = "<?xml version='1.0'?>\n<databaseChangeLog>{}</databaseChangeLog>\n"
CHANGE_SET = "<changeSet id='1' author='ada'><createTable tableName='a'/></changeSet>"
CHANGE_SETS = "--liquibase formatted sql\n--changeset ada:{0}\nCREATE TABLE t{0} (id int);\n"

#: Folders with changelogs that are no SQL, and of each the file that is an error.
CHANGELOGS: Mapping[str, tuple[Files, str]] = {
    "XML alone": ({"db.changelog-master.xml": XML.format(CHANGE_SET)}, "db.changelog-master.xml"),
    "numbered XML": ({"001-init.xml": XML.format(CHANGE_SET), "002_b.sql": UP}, "001-init.xml"),
    "YAML": ({"changelog.yaml": "databaseChangeLog:\n  - changeSet:\n      id: 1\n"}, "changelog.yaml"),
    "JSON": ({"changelog.json": '{"databaseChangeLog": [{"changeSet": {"id": "1"}}]}'}, "changelog.json"),
    "beside plain files": ({"master.xml": XML.format(CHANGE_SET), "001_a.sql": UP}, "master.xml"),
    "beside change sets in SQL": (
        {"master.yml": "databaseChangeLog:\n- changeSet:\n    id: 9\n", "1.sql": CHANGE_SETS.format(1)},
        "master.yml",
    ),
    "that includes what is not read": (
        {"master.xml": XML.format("<include file='changes/more.xml'/>"), "1.sql": CHANGE_SETS.format(1)},
        "master.xml",
    ),
    "that includes a folder": ({"master.xml": XML.format("<includeAll path='db/changes/'/>")}, "master.xml"),
    "that includes a folder beside the files": (
        {
            "master.yaml": "databaseChangeLog:\n  - includeAll:\n      path: db/changes\n",
            "changes/1.xml": XML.format(CHANGE_SET),
            "1.sql": CHANGE_SETS.format(1),
        },
        "master.yaml",
    ),
    "that includes a file in YAML which is not there": (
        {"master.yaml": "databaseChangeLog:\n  - include:\n      file: db/gone.sql\n", "1.sql": CHANGE_SETS.format(1)},
        "master.yaml",
    ),
}


@pytest.mark.parametrize("case", CHANGELOGS)
def test_a_changelog_that_is_no_sql_is_an_error_that_names_the_tool_and_stops_the_plan(case: str, bench: Bench) -> None:
    files, file = CHANGELOGS[case]
    write(bench.folder, files)
    folder = bench.read()
    assert errors(folder) == [("other_tool", file, None)]
    said = problem(folder, "other_tool")
    assert "Liquibase" in said.sentence
    assert "update-sql" in said.advice
    with pytest.raises(PlanBlocked) as caught:
        bench.plan()
    assert said.sentence in str(caught.value)


def test_a_changelog_that_only_names_the_files_is_a_warning(tmp_path: Path) -> None:
    master = XML.format("<!-- <include file='gone.xml'/> --><include file='db/1.sql'/><include file='2.sql'/>")
    folder = read(tmp_path, {"master.xml": master, "1.sql": CHANGE_SETS.format(1), "2.sql": CHANGE_SETS.format(2)})
    assert [(p.code, p.severity) for p in folder.problems if p.file == "master.xml"] == [
        ("other_order", Severity.WARNING)
    ]
    assert len(folder.migrations) == 2


def test_other_xml_yaml_and_json_is_no_changelog(tmp_path: Path) -> None:
    others = {"pom.xml": "<project/>", "compose.yaml": "services: {}\n", "package.json": "{}"}
    folder = read(tmp_path, {**others, "001_a.sql": UP, "001_rollback.sql": DOWN})
    assert {p.code for p in folder.problems} == {"not_sql"}


PER_ENVIRONMENT = """
[flyway]
locations = ["filesystem:."]
[environments.prod]
url = "jdbc:postgresql://db/prod"
[environments.prod.flyway]
locations = ["filesystem:.", "filesystem:prod"]
"""


def test_locations_of_flyway_that_differ_by_environment_are_refused_with_what_to_declare(tmp_path: Path) -> None:
    files = {"flyway.toml": PER_ENVIRONMENT, "V1__a.sql": UP}
    folder = read(tmp_path, files)
    assert (errors(folder), folder.migrations) == ([("bad_metadata", "flyway.toml", None)], ())
    said = problem(folder, "bad_metadata")
    assert said.sentence.startswith("flyway.toml gives prod other locations")
    assert "Declare a source for each" in said.advice
    declared = discovery.read(tmp_path, folder_format="flyway", names={"prefix": "V"})
    assert [migration.label for migration in declared.migrations] == ["1_a"], "what is declared counts more"


def test_folders_with_files_of_flyway_are_locations_and_the_way_is_said(tmp_path: Path) -> None:
    folder = read(tmp_path, {"common/V1__a.sql": UP, "prod/V2__b.sql": DOWN})
    assert [(p.code, p.file) for p in folder.problems if p.severity is Severity.ERROR] == [
        ("subfolder", "common"),
        ("subfolder", "prod"),
    ]
    assert "declare a source for each" in problem(folder, "subfolder").advice


#: A file whose line 6 cannot be parsed, and one whose way back has it in line 9; the marks are in both.
HALVES: Mapping[str, tuple[str, str, str]] = {
    "dbmate": ("1_a.sql", "-- migrate:up", "-- migrate:down"),
    "goose": ("1_a.sql", "-- +goose Up", "-- +goose Down"),
    "node-pg-migrate": ("1_a.sql", "-- Up Migration", "-- Down Migration"),
    "tern": ("1_a.sql", "-- what it makes", "---- create above / drop below ----"),
    "liquibase": ("1_a.sql", "--changeset ada:1", "/* liquibase rollback"),
}


@pytest.mark.parametrize("tool", HALVES)
def test_an_error_names_the_line_that_a_person_sees_in_the_file(tool: str, tmp_path: Path) -> None:
    """What is not sent of a file is blanked, so no line moves, and the excerpt numbers them as an editor does."""
    file, up, down = HALVES[tool]
    end = "*/" if tool == "liquibase" else "-- end"
    top = "--liquibase formatted sql" if tool == "liquibase" else "-- why"
    lines = [
        top,
        up,
        "",
        "CREATE TABLE a (id int);",
        "SELECT 1;",
        "CREATE TABEL b;",
        down,
        "DROP TABLE a;",
        "DORP c;",
        end,
    ]
    folder = read(tmp_path, {file: "\n".join(lines) + "\n"}, tool)
    wrong = [p for p in folder.problems if p.code == "syntax_error"]
    assert [p.line for p in wrong] == [6, 9]
    assert [f"{p.line} | {lines[p.line - 1]}" in p.excerpt for p in wrong if p.line] == [True, True]
