from pathlib import Path

import pytest

from dashboard.engine.files import discovery
from dashboard.engine.migration import Direction, FileRole, MigrationId, Severity, checksum
from tests.engine.folders import problems_by_code

CASES = Path(__file__).parent / "cases" / "migrations"


def named(*names):
    return dict.fromkeys(names, "SELECT 1;")


@pytest.fixture(scope="module")
def folder():
    return discovery.read(CASES / "up_down")


def test_pairs_are_read_in_version_order(folder):
    assert folder.format == "updown"
    assert [m.label for m in folder.migrations] == [
        "0001_create_users",
        "0002_add_phone",
        "0010_index_phone",
        "0011_add_city",
        "0013_add_team",
    ]
    users = folder.migrations[0]
    assert (users.up.file, users.down.file) == ("0001_create_users.up.sql", "0001_create_users.down.sql")
    assert users.problems == ()
    assert users.up.checksum == checksum((CASES / "up_down" / users.up.file).read_text())


def test_every_file_has_one_place(folder):
    assert sorted(e.file for e in folder.files) == sorted(path.name for path in (CASES / "up_down").iterdir())
    others = {e.file: e.role for e in folder.files if e.role in (FileRole.VERIFY, FileRole.PROBLEM)}
    assert others == {"verify_users.sql": FileRole.VERIFY}


def test_a_rollback_of_another_name_belongs_to_the_only_migration_of_its_version(folder):
    assert folder.find(MigrationId("0002", "add_phone")).down.file == "0002_drop_phone.down.sql"


def test_a_rollback_that_says_nothing_is_kept_and_cannot_run(folder):
    index = folder.find(MigrationId("0010", "index_phone"))
    assert index.down.statements == ()
    assert [p.code for p in index.errors(Direction.DOWN)] == ["empty_rollback"]
    assert index.errors(Direction.UP) == ()


def test_the_first_line_of_sqlx_means_no_transaction(folder):
    index = folder.find(MigrationId("0010", "index_phone"))
    assert index.directives == {"transaction": "none"}
    assert index.up.sql.startswith("-- no-transaction\n")
    assert index.up.sql.endswith("-- signalbox: transaction=none")
    assert index.up.statements[0].line == 2


def test_a_missing_rollback_is_a_warning_that_names_the_file_to_write(folder):
    assert "0011_add_city.down.sql" in problems_by_code(folder, "0011_add_city.up.sql")["no_rollback"].advice


def test_a_rollback_without_migration_is_an_error(folder):
    orphan = problems_by_code(folder, "0012_create_teams.down.sql")["orphan_rollback"]
    assert "0012_create_teams.up.sql" in orphan.sentence
    assert orphan.severity is Severity.ERROR


def test_two_ups_of_one_version_are_a_conflict_and_share_no_rollback(read_files):
    folder = read_files(named("001_a.up.sql", "001_b.up.sql", "001_c.down.sql"))
    assert [m.label for m in folder.migrations if m.errors()] == ["001_a", "001_b"]
    assert [m.down for m in folder.migrations] == [None, None]
    assert "002_a.up.sql" in problems_by_code(folder, "001_a.up.sql")["duplicate_version"].advice
    assert "orphan_rollback" in problems_by_code(folder, "001_c.down.sql")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["001_a.up.sql"], "updown"),
        (["001_a.up.sql", "001_a.down.sql", "002_b.up.sql", "003_c.sql"], "updown"),
        (["001_a.sql", "002_b.up.sql"], "seed"),
        (["001_a.sql", "001_rollback.sql"], "seed"),
        (["001_a.down.sql"], "seed"),
        (["a.up.sql"], "seed"),
    ],
)
def test_the_folder_is_read_in_the_way_most_of_its_migrations_are_named(read_files, names, expected):
    folder = read_files(named(*names))
    assert folder.format == expected
    assert sorted(e.file for e in folder.files) == sorted(names)
    unplaced = {e.file for e in folder.files if e.role is FileRole.PROBLEM}
    assert unplaced <= {p.file for p in folder.problems}


@pytest.mark.parametrize(
    "names",
    [
        ["001_a.up.sql", "001_a.down.sql", "002_b.sql", "003_c.sql", "003_c_rollback.sql"],
        ["001_a.up.sql", "001_a.down.sql", "002_b.up.sql", "003_c.sql", "003_rollback.sql"],
    ],
)
def test_a_folder_that_changed_its_style_is_read_whole(read_files, names):
    folder = read_files(named(*names))
    assert [m.label for m in folder.migrations] == ["001_a", "002_b", "003_c"]
    assert [m.down.file if m.down else "" for m in folder.migrations] == ["001_a.down.sql", "", names[-1]]
    assert not [p for p in folder.problems if p.severity is Severity.ERROR]


def test_two_styles_for_one_migration_are_not_clear(read_files):
    assert "wrong_name" in problems_by_code(read_files(named("001_a.sql", "002_b.sql", "001_a.up.sql")), "001_a.up.sql")


def test_a_rollback_is_never_told_to_become_a_migration(read_files):
    folder = read_files(named("001_a.up.sql", "002_b.up.sql", "003_c.up.sql", "001_a_down.sql", "002_b_up.sql"))
    assert "Rename it to 001_a.down.sql" in problems_by_code(folder, "001_a_down.sql")["wrong_name"].advice
    assert "Rename it to 002_b.up.sql" in problems_by_code(folder, "002_b_up.sql")["wrong_name"].advice


@pytest.mark.parametrize("beside", [(), ("0002_next.up.sql",)], ids=["alone", "among files of this format"])
def test_a_file_that_says_which_way_it_goes_is_told_its_name_with_that(read_files, beside):
    folder = read_files(named("V0001-First.up.sql", "V0001-First.down.sql", "first.down.sql", *beside))
    said = {
        file: problems_by_code(folder, file)["wrong_name"].advice
        for file in ("V0001-First.up.sql", "V0001-First.down.sql")
    }
    assert said["V0001-First.up.sql"] == "Rename it to 0001_First.up.sql."
    assert said["V0001-First.down.sql"].startswith("Rename it to 0001_First.down.sql: it is the rollback of")
    assert "Rename it to <version>_first.down.sql" in problems_by_code(folder, "first.down.sql")["wrong_name"].advice


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        (("1_a_mysql.up.sql", "1_a_postgres.up.sql", "1_a_sqlite3.up.sql"), "keep 1_a_postgres.up.sql,"),
        (("1_a.up.sql", "1_a_mysql.up.sql"), "keep 1_a.up.sql,"),
        (("1_a.cockroach.up.sql", "1_a.mysql.up.sql"), "keep the one for PostgreSQL, if there is one,"),
        (("1_a_pg.up.sql", "1_a_mysql.up.sql"), "keep 1_a_pg.up.sql,"),
    ],
)
def test_one_migration_for_several_database_systems_is_never_joined(read_files, files, kept):
    folder = read_files(named(*files))
    for file in files:
        advice = problems_by_code(folder, file)["duplicate_version"].advice
        assert kept in advice
        assert "move the others out of the folder, with their rollbacks" in advice


def test_two_migrations_that_only_share_a_number_are_no_dialects(read_files):
    folder = read_files(named("1_users.up.sql", "1_mysql.up.sql", "1_orders_pg.up.sql"))
    assert "Decide which of them runs first" in problems_by_code(folder, "1_users.up.sql")["duplicate_version"].advice


# One folder for several database systems


def test_of_files_for_several_systems_those_for_postgresql_are_read(tmp_path: Path) -> None:
    """As Soda and pop name them; golang-migrate knows no systems, and there each would be a migration."""
    files = {
        "1_users.postgres.up.sql": "CREATE TABLE a (id int);",
        "1_users.postgres.down.sql": "DROP TABLE a;",
        "1_users.mysql.up.sql": "CREATE TABLE a (id int) ENGINE=InnoDB;",
        "1_users.up.sql": "CREATE TABLE a (id integer);",
        "2_pets.up.sql": "CREATE TABLE b (id int);",
        "2_pets.sqlite3.up.sql": "CREATE TABLE b (id int);",
        "2_pets.down.sql": "DROP TABLE b;",
        "3_only.postgresql.up.sql": "CREATE TABLE c (id int);",
        "4_crdb.cockroach.up.sql": "CREATE TABLE d (id int);",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    folder = discovery.read(tmp_path)
    assert folder.format == "updown"
    assert [(m.version, m.name, m.up.file) for m in folder.migrations] == [
        ("1", "users", "1_users.postgres.up.sql"),
        ("2", "pets", "2_pets.up.sql"),
        ("3", "only", "3_only.postgresql.up.sql"),
    ]
    assert [bool(m.usable_down) for m in folder.migrations] == [True, True, False]
    assert not [p for p in folder.problems if p.severity is Severity.ERROR]
    left = {p.file for p in folder.problems if p.code == "not_a_migration"}
    assert left == {"1_users.mysql.up.sql", "1_users.up.sql", "2_pets.sqlite3.up.sql", "4_crdb.cockroach.up.sql"}
    assert {entry.file for entry in folder.files} == set(files)


def test_a_word_before_up_is_part_of_the_name_where_no_migration_has_several_systems(tmp_path: Path) -> None:
    for name in ("1_users.postgres.up.sql", "2_pets.mysql.up.sql"):
        (tmp_path / name).write_text("SELECT 1;", encoding="utf-8")
    assert [m.name for m in discovery.read(tmp_path).migrations] == ["users.postgres", "pets.mysql"]
