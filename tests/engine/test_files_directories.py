from pathlib import Path

import pytest

from dashboard.engine.files import discovery
from dashboard.engine.migration import Direction, FileRole, MigrationId, Severity
from dashboard.engine.sql import directives
from tests.engine.folders import problems_by_code

CASES = Path(__file__).parent / "cases" / "migrations"
INDEX = "2024-03-04-050607-0000_index_phone"


@pytest.fixture(scope="module")
def folder():
    return discovery.read(CASES / "directories")


def test_directories_are_migrations_with_their_paths_as_file_names(folder):
    assert folder.format == "directories"
    assert [(m.version, m.name) for m in folder.migrations] == [
        ("20240102030405", "create_users"),
        ("20240203040506", "add_phone"),
        ("202403040506070000", "index_phone"),
    ]
    users = folder.migrations[0]
    assert users.up.file == "2024-01-02-030405_create_users/up.sql"
    assert users.down.file == "2024-01-02-030405_create_users/down.sql"
    assert users.problems == ()


def test_every_file_has_one_place(folder):
    source = CASES / "directories"
    on_disk = sorted(str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    assert sorted(e.file for e in folder.files) == on_disk
    roles = {e.file: e.role for e in folder.files}
    assert roles["20240203040506_add_phone/verify.sql"] is FileRole.VERIFY
    unplaced = {file for file, role in roles.items() if role is FileRole.PROBLEM}
    assert unplaced == {"README.md", f"{INDEX}/metadata.toml"} <= {p.file for p in folder.problems}


def test_metadata_send_the_directive_along_with_both_scripts(folder):
    index = folder.find(MigrationId("202403040506070000", "index_phone"))
    for script in (index.up, index.down):
        assert directives.values_in(script.sql) == {"transaction": "none"}
    assert index.errors(Direction.UP) == index.errors(Direction.DOWN) == ()
    assert index.up.statements[1].line == 2
    assert problems_by_code(folder, f"{INDEX}/metadata.toml")["metadata"].severity is Severity.NOTE


def test_a_rollback_that_says_nothing_is_kept_and_cannot_run(folder):
    phone = folder.find(MigrationId("20240203040506", "add_phone"))
    assert phone.down.statements == ()
    assert [p.code for p in phone.errors(Direction.DOWN)] == ["empty_rollback"]


@pytest.mark.parametrize("content", ["run_in_transaction = ", "run_in_transaction = 'no'", "a = 1\n" * 20_000])
def test_metadata_that_cannot_be_read_keep_the_migration_from_running(read_files, content):
    folder = read_files({"1_a/up.sql": "SELECT 1;", "1_a/down.sql": "SELECT 2;", "1_a/metadata.toml": content})
    (migration,) = folder.migrations
    for direction in Direction:
        assert [p.code for p in migration.errors(direction)] == ["bad_metadata"]
    assert problems_by_code(folder, "1_a/metadata.toml")["bad_metadata"].severity is Severity.ERROR


def test_settings_that_mean_nothing_here_are_named(read_files):
    folder = read_files({"1_a/up.sql": "SELECT 1;", "1_a/metadata.toml": "run_in_transaction = true\ncolour = 'red'"})
    assert "colour means nothing here" in problems_by_code(folder, "1_a/metadata.toml")["metadata"].sentence
    assert folder.migrations[0].directives == {}


def test_nothing_that_lies_about_goes_unseen(read_files, tmp_path):
    (tmp_path / "4_empty").mkdir()
    folder = read_files(
        {
            "1_a/up.sql": "SELECT 1;",
            "1_a/notes.txt": "",
            "1_a/seed.sql": "SELECT 1;",
            "1_a/more/up.sql": "SELECT 1;",
            "2_b/down.sql": "SELECT 1;",
            "3_c/migration.sql": "SELECT 1;",
            "fixes/up.sql": "SELECT 1;",
            "archive/000_old.sql": "SELECT 1;",
            "data.sql": "SELECT 1;",
            "test_all.sql": "SELECT 1;",
            "docs/readme.md": "",
        }
    )
    assert [m.label for m in folder.migrations] == ["1_a"]
    errors = {p.file: p.code for p in folder.problems if p.severity is Severity.ERROR}
    assert errors == {
        "1_a/seed.sql": "wrong_name",
        "1_a/more": "subfolder",
        "2_b": "no_up_file",
        "2_b/down.sql": "orphan_rollback",
        "3_c": "no_up_file",
        "3_c/migration.sql": "wrong_name",
        "4_empty": "no_up_file",
        "fixes": "wrong_name",
        "archive": "subfolder",
        "data.sql": "wrong_name",
    }
    notes = {p.file: p.code for p in folder.problems if p.severity is Severity.NOTE}
    assert notes == {"1_a/notes.txt": "not_sql", "test_all.sql": "verify_file", "docs": "subfolder"}
    placed = {e.file for e in folder.files}
    assert placed == {"1_a/up.sql", *errors, *notes}


def test_links_are_not_followed(read_files, tmp_path):
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "up.sql").write_text("SELECT 1;")
    (tmp_path / "2_b").symlink_to(elsewhere)
    (tmp_path / "3_c").mkdir()
    (tmp_path / "3_c" / "up.sql").symlink_to(elsewhere / "up.sql")
    folder = read_files({"1_a/up.sql": "SELECT 1;"})
    assert [m.label for m in folder.migrations] == ["1_a"]
    assert set(problems_by_code(folder, "2_b")) == {"symlink"}
    assert set(problems_by_code(folder, "3_c/up.sql")) == {"symlink"}


def test_two_spellings_of_one_version_are_a_conflict(read_files):
    folder = read_files({"2024-01-02-030405_a/up.sql": "SELECT 1;", "20240102030405_a/up.sql": "SELECT 2;"})
    assert [m.version for m in folder.migrations if m.errors()] == ["20240102030405", "20240102030405"]
    duplicate = problems_by_code(folder, "20240102030405_a/up.sql")["duplicate_version"]
    assert "2024-01-02-030405_a/up.sql" in duplicate.sentence


def test_numbers_of_unequal_width_are_told_that_diesel_orders_them_as_text(read_files):
    folder = read_files({"9_a/up.sql": "SELECT 1;", "10_b/up.sql": "SELECT 1;", "11_c/up.sql": "SELECT 1;"})
    assert [m.version for m in folder.migrations] == ["9", "10", "11"]
    assert {p.file for p in folder.problems if p.code == "other_order"} == {"9_a/up.sql"}


def test_the_one_that_is_out_of_width_is_named_and_no_other(read_files):
    files = {f"{version}_a/up.sql": "SELECT 1;" for version in (100, 101, 102, 103, 99, 1000)}
    sentences = {p.file: p.sentence for p in read_files(files).problems if p.code == "other_order"}
    assert sentences == {
        "99_a/up.sql": "99 runs before 100 to 103 here, by number; Diesel orders versions as text and runs it after.",
        "1000_a/up.sql": "1000 runs after 101 to 103 here, by number; Diesel orders versions as text and runs it "
        "before.",
    }


def test_a_directory_that_is_nothing_but_a_version_is_a_migration(read_files):
    folder = read_files(
        {"1000000001/up.sql": "SELECT 1;", "1000000001/down.sql": "SELECT 1;", "2_b/up.sql": "SELECT 1;"}
    )
    assert [m.label for m in folder.migrations] == ["2_b", "1000000001_up"]
    assert folder.migrations[1].down.file == "1000000001/down.sql"


def test_digits_behind_a_timestamp_break_ties_only(read_files):
    files = {
        "2026-05-27-130000-0000_a/up.sql": "SELECT 1;",
        "2026-05-27-130000-0001_b/up.sql": "SELECT 1;",
        "20260601000000_c/up.sql": "SELECT 1;",
    }
    folder = read_files(files)
    assert [m.name for m in folder.migrations] == ["a", "b", "c"]
    assert not [p for p in folder.problems if p.code == "other_order"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["1_a/up.sql"], "directories"),
        (["1_a/up.sql", "2_b/up.sql", "003_c.sql"], "directories"),
        (["001_a.sql", "2_b/up.sql"], "seed"),
        (["a/up.sql"], "seed"),
        (["1_a/down.sql"], "seed"),
    ],
)
def test_the_folder_is_read_in_the_way_most_of_its_migrations_are_kept(read_files, files, expected):
    assert read_files(dict.fromkeys(files, "SELECT 1;")).format == expected
