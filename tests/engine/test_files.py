import os
import re
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.engine import scoping
from dashboard.engine.errors import SourceMissing, SourceUnreadable, SqlSyntaxError
from dashboard.engine.files import cuts, discovery, pairs
from dashboard.engine.files.listing import Entry, Limits
from dashboard.engine.migration import (
    DUPLICATE_VERSION,
    NO_ROLLBACK,
    Direction,
    FileRole,
    MigrationId,
    Severity,
    checksum,
)
from dashboard.engine.sql import directives

CASES = Path(__file__).parent / "cases" / "migrations"
FORMATS = Path(__file__).parents[2] / "docs" / "FORMATS.md"


def case(name):
    return discovery.read(CASES / name)


def codes(folder, file):
    return [p.code for p in folder.problems if p.file == file]


def problem(folder, file, code):
    (match,) = [p for p in folder.problems if (p.file, p.code) == (file, code)]
    return match


def roles(folder):
    return {entry.file: entry.role for entry in folder.files}


def blocked(folder):
    return {m.label for m in folder.migrations if m.errors()}


# A folder as a whole


def test_a_good_folder_is_read_in_version_order_with_its_rollbacks():
    folder = case("sample")
    assert [m.label for m in folder.migrations] == ["001_create_users", "002_add_display_name", "003_index_email"]
    assert [m.down.file for m in folder.migrations] == [
        "001_rollback.sql",
        "002_add_display_name_rollback.sql",
        "003_index_email.rollback.sql",
    ]
    assert {p.severity for p in folder.problems} == {Severity.WARNING}
    assert {p.code for p in folder.problems} == {"non_transactional"}


def test_numbers_are_ordered_as_numbers():
    assert [m.version for m in case("out_of_order").migrations] == ["9", "10", "100"]
    assert [m.version for m in case("gap").migrations] == ["001", "005", "010"]


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    with pytest.raises(SourceMissing, match="nowhere"):
        discovery.read(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SourceUnreadable, match="not a folder"):
        discovery.read(tmp_path / "file")


def test_a_folder_without_migrations_says_what_belongs_there(read_files):
    folder = read_files({"README.md": "# here"})
    assert [p.code for p in folder.problems] == ["empty_folder", "not_sql"]
    assert "001_" in folder.problems[0].advice


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir() if path.is_dir()))
def test_every_file_of_every_case_has_exactly_one_entry(name):
    for source in {path.parent for path in (CASES / name).rglob("*.sql")}:
        folder = discovery.read(source)
        assert sorted(e.file for e in folder.files) == sorted(path.name for path in source.iterdir())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.from_regex(
            r"[0-9]{0,3}[-_.]?(rollback|test|verify|up|down|a|é|B c)?[-_.]?(rollback|test|a)?[-_.]?[0-9]?\.(sql|SQL)",
            fullmatch=True,
        ),
        max_size=6,
        unique_by=str.lower,
    )
)
def test_whatever_files_are_called_each_has_one_entry_and_none_is_silently_dropped(names, tmp_path_factory):
    source = tmp_path_factory.mktemp("names")
    for name in names:
        (source / name).write_text("SELECT 1;")
    folder = discovery.read(source)
    assert sorted(entry.file for entry in folder.files) == sorted(names)
    complained = {p.file for p in folder.problems}
    for entry in folder.files:
        known = entry.role is not FileRole.PROBLEM or entry.file in complained
        assert known, f"{entry.file} has no place and no problem"
    assert {m.up.file for m in folder.migrations} == {e.file for e in folder.files if e.role is FileRole.MIGRATION}
    assert not [m for m in folder.migrations if re.search(r"rollback\.sql$", m.up.file, re.IGNORECASE)]
    attached = [m.down.file for m in folder.migrations if m.down]
    assert len(attached) == len(set(attached))


def test_the_traps_of_a_grown_folder_are_all_found():
    folder = case("traps")
    assert [m.label for m in folder.migrations if "duplicate_version" in {p.code for p in m.errors()}] == [
        "006_add_databases",
        "006_enable_rls",
        "006_enable_rls_IMPROVED",
        "006_register_databases",
        "007_restrict_policies",
        "007_session_helpers",
    ]
    for file in ("006_rollback.sql", "rollback-006.sql", "007_rollback.sql"):
        assert roles(folder)[file] is FileRole.ROLLBACK
        assert "ambiguous_rollback" in codes(folder, file)
    for file in ("007_rollback.sql", "006_enable_rls_IMPROVED.sql"):
        refused = problem(folder, file, "syntax_error")
        assert (refused.line, refused.column) == (3, 1)
        assert "3 | RAISE NOTICE" in refused.excerpt
        assert "  | ^" in refused.excerpt
    assert roles(folder)["test_people.sql"] is FileRole.VERIFY
    assert "own_transaction" in codes(folder, "008_add_active_team.sql")
    assert folder.find(MigrationId("008", "add_active_team")).down.file == "008_rollback.sql"


# Duplicates


def test_each_file_of_a_shared_number_is_told_of_the_others_and_of_a_free_number():
    folder = case("duplicate")
    city = problem(folder, "002_add_city.sql", "duplicate_version")
    phone = problem(folder, "002_add_phone.sql", "duplicate_version")
    assert "002_add_phone.sql" in city.sentence
    assert "If that is 002_add_phone.sql, rename this one to 003_add_city.sql" in city.advice
    assert "If that is 002_add_city.sql, rename this one to 003_add_phone.sql" in phone.advice
    assert "skip it" in city.advice
    assert blocked(folder) == {"002_add_city", "002_add_phone"}
    assert folder.find(MigrationId("002", "add_city")).down.file == "002_add_city_rollback.sql"


@pytest.mark.parametrize("way", ["down", "undo", "revert", "DOWN"])
def test_what_undoes_the_file_beside_it_is_its_rollback_and_no_second_migration(read_files, way: str):
    folder = read_files({"021_a_up.sql": "CREATE TABLE a (id int);", f"021_a_{way}.sql": "DROP TABLE a;"})
    (migration,) = folder.migrations
    assert (migration.label, migration.down.file) == ("021_a_up", f"021_a_{way}.sql")
    assert not folder.problems


def test_a_name_that_ends_in_down_alone_is_a_migration(read_files):
    folder = read_files({"021_scale_down.sql": "SELECT 1;", "022_scale_up.sql": "SELECT 1;"})
    assert [m.label for m in folder.migrations] == ["021_scale_down", "022_scale_up"]


@pytest.mark.parametrize("name", ["a_down", "a.undo", "a-revert"])
def test_what_may_undo_the_other_file_of_its_number_is_not_sent_behind_it(read_files, name: str):
    folder = read_files({"021_a.sql": "CREATE TABLE a (id int);", f"021_{name}.sql": "DROP TABLE a;"})
    advice = [p.advice for p in folder.problems if p.code == "duplicate_version"]
    if advice:  # in some spellings it is the rollback
        assert all(f"021_{name}.sql undoes 021_a.sql, rename it to 021_a_rollback.sql" in each for each in advice)
        assert not any("022" in each for each in advice)
    else:
        assert [m.label for m in folder.migrations] == ["021_a"]


def test_one_number_in_two_spellings_is_a_warning(read_files):
    folder = read_files({"8_a.sql": "SELECT 1;", "008_b.sql": "SELECT 1;"})
    assert [problem(folder, f, "same_number").severity for f in ("8_a.sql", "008_b.sql")] == [Severity.WARNING] * 2
    assert blocked(folder) == set()


def test_no_file_is_sent_behind_what_may_need_it(read_files):
    folder = read_files({"001_a.sql": "SELECT 1;", "001_b.sql": "SELECT 1;", "002_c.sql": "SELECT 1;"})
    for file in ("001_a.sql", "001_b.sql"):
        advice = problem(folder, file, "duplicate_version").advice
        assert "no number right behind is free" in advice
        assert "ename" not in advice


# Rollbacks


def test_every_spelling_of_a_rollback_finds_its_migration():
    folder = case("rollback_spellings")
    downs = {m.version: m.down and m.down.file for m in folder.migrations}
    assert downs == {
        "001": "001_rollback.sql",
        "002": "002_b_rollback.sql",
        "003": "003_c.rollback.sql",
        "004": "rollback-004.sql",
        "005": "rollback_005.sql",
        "006": None,
        "007": None,
    }


def test_two_rollbacks_for_one_migration_are_ambiguous_and_neither_is_taken():
    folder = case("rollback_spellings")
    for file, other in (("006_rollback.sql", "rollback-006.sql"), ("rollback-006.sql", "006_rollback.sql")):
        assert other in problem(folder, file, "ambiguous_rollback").sentence
    assert "006_rollback.sql and rollback-006.sql" in problem(folder, "006_f.sql", "no_rollback").sentence


def test_a_migration_about_a_rollback_is_a_migration():
    assert case("rollback_spellings").find(MigrationId("007", "fix_rollback_bug"))


def test_a_rollback_without_its_migration_is_a_problem_and_never_a_migration():
    folder = case("rollback_spellings")
    assert codes(folder, "008_rollback.sql") == ["orphan_rollback"]
    assert codes(folder, "009_i_rollback.sql") == ["orphan_rollback"]
    assert {m.version for m in folder.migrations}.isdisjoint({"008", "009"})


def test_an_orphan_rollback_is_told_which_file_it_may_mean(read_files):
    folder = read_files({"010_add.sql": "SELECT 1;", "10_rollback.sql": "SELECT 2;"})
    assert "010_add_rollback.sql" in problem(folder, "10_rollback.sql", "orphan_rollback").advice


@pytest.mark.parametrize("name", ["001_ROLLBACK.sql", "001_a_Rollback.sql", "001_a-rollback.sql", "001__rollback.sql"])
def test_a_rollback_in_capitals_or_with_a_hyphen_is_not_taken_for_a_migration(read_files, name):
    folder = read_files({"001_a.sql": "SELECT 1;", name: "SELECT 2;"})
    assert [m.label for m in folder.migrations] == ["001_a"]
    assert folder.migrations[0].down.file == name


def test_problems_of_a_rollback_leave_the_way_up_open():
    folder = case("unparsable_rollback")
    users = folder.find(MigrationId("001", "create_users"))
    assert users.errors(Direction.UP) == ()
    assert [p.code for p in users.errors(Direction.DOWN)] == ["syntax_error"]
    assert (users.errors(Direction.DOWN)[0].line, users.down.statements) == (3, ())


def test_an_empty_rollback_is_no_rollback():
    folder = case("unparsable_rollback")
    phone = folder.find(MigrationId("002", "add_phone"))
    assert phone.down is None
    assert problem(folder, "002_rollback.sql", "empty_rollback").severity is Severity.ERROR
    assert phone.errors() == ()


def test_a_migration_without_rollback_is_a_warning_unless_it_says_why(read_files):
    folder = read_files({"001_a.sql": "SELECT 1;", "002_b.sql": "-- signalbox: irreversible=data is gone\nSELECT 1;"})
    assert problem(folder, "001_a.sql", "no_rollback").severity is Severity.WARNING
    assert codes(folder, "002_b.sql") == []


# Tests and checks


def test_test_files_are_never_migrations_and_only_noted():
    folder = case("verify_files")
    assert {f for f, role in roles(folder).items() if role is FileRole.VERIFY} == {
        "test_users.sql",
        "verify_email.sql",
        "001_create_users_verify.sql",
    }
    assert [m.label for m in folder.migrations] == ["001_create_users", "002_email_verify"]
    assert {p.severity for p in folder.problems if p.file == "test_users.sql"} == {Severity.NOTE}
    assert "\\set (and 3 more" in problem(folder, "test_users.sql", "psql_command").sentence


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", b"SELECT 'open", b"\\i other.sql", b"\xe9"])
def test_whatever_a_test_file_holds_is_a_note(read_files, content):
    assert {p.severity for p in read_files({"test_x.sql": content}).problems if p.file} == {Severity.NOTE}


# Names


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("12-add_users.sql", "12_add_users.sql"),
        ("12add_users.sql", "12_add_users.sql"),
        ("012.sql", "012_<what it does>.sql"),
        ("012_.sql", "012_<what it does>.sql"),
        ("add_users.sql", "<version>_add_users.sql"),
        ("012_add_users.SQL", "012_add_users.sql"),
        ("012_add_users.sql.bak", "012_add_users.sql"),
        ("012_add_users.sql~", "012_add_users.sql"),
        (".012_add_users.sql", "012_add_users.sql"),
        ("012.rollback.sql", "012_rollback.sql"),
        ("012-rollback.sql", "012_rollback.sql"),
        ("012-add-rollback.sql", "012_add_rollback.sql"),
        ("rollback_012_add.sql", "012_add_rollback.sql"),
        ("٠١٢_add.sql", "<version>_"),
    ],
)
def test_a_wrong_name_is_an_error_that_says_the_right_one(read_files, name, advice):
    folder = read_files({name: "SELECT 1;"})
    assert roles(folder) == {name: FileRole.PROBLEM}
    refused = problem(folder, name, "wrong_name")
    assert refused.severity is Severity.ERROR
    assert advice in refused.advice


def test_a_copy_beside_the_original_is_not_advised_to_take_its_place(read_files):
    folder = read_files({"001_a.sql": "SELECT 1;", "001_a.sql.orig": "SELECT 2;"})
    assert "Remove this copy" in problem(folder, "001_a.sql.orig", "wrong_name").advice


@pytest.mark.parametrize("name", ["README", "README.md", ".gitkeep", ".gitattributes", "notes.txt", "run.sh"])
def test_files_that_are_no_sql_are_noted(read_files, name):
    assert problem(read_files({name: ""}), name, "not_sql").severity is Severity.NOTE


def test_subfolders_links_and_pipes_are_shown_and_not_followed(tmp_path):
    (tmp_path / "001_a.sql").write_text("SELECT 1;")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "000_z.sql").write_text("SELECT 0;")
    (tmp_path / "docs").mkdir()
    (tmp_path / "002_link.sql").symlink_to(tmp_path / "001_a.sql")
    os.mkfifo(tmp_path / "003_pipe.sql")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "004.sock"))
        folder = discovery.read(tmp_path)
    assert [m.label for m in folder.migrations] == ["001_a"]
    severities = {p.file: (p.code, p.severity) for p in folder.problems if p.file != "001_a.sql"}
    assert severities == {
        "old": ("subfolder", Severity.ERROR),
        "docs": ("subfolder", Severity.NOTE),
        "002_link.sql": ("symlink", Severity.ERROR),
        "003_pipe.sql": ("not_a_file", Severity.ERROR),
        "004.sock": ("not_a_file", Severity.ERROR),
    }


@pytest.mark.parametrize(
    "name", [b"001_a\xff.sql", b"001_a\n.sql", "001_a\u202eb.sql".encode(), "001_cafe\u0301.sql".encode()]
)
def test_a_name_that_cannot_be_shown_as_it_is_is_escaped_and_refused(tmp_path, name):
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_text("SELECT 1;")
    folder = discovery.read(tmp_path)
    (entry,) = folder.files
    assert entry.role is FileRole.PROBLEM
    assert entry.file.isprintable()
    assert "wrong_name" in codes(folder, entry.file)
    entry.file.encode()


def test_a_file_that_cannot_be_read_is_a_problem_of_that_file(read_files, monkeypatch):
    def refuse(entry, limit):
        if entry.name == "002_b.sql":
            raise PermissionError(13, "Permission denied")
        return b"SELECT 1;"

    monkeypatch.setattr(Entry, "content", refuse)
    folder = read_files({"001_a.sql": "", "002_b.sql": "", "003_c.sql": ""})
    assert "Permission denied" in problem(folder, "002_b.sql", "unreadable").sentence
    assert blocked(folder) == {"002_b"}


# Bytes


def test_utf8_is_read_as_it_is():
    folder = case("encoding")
    utf8 = folder.find(MigrationId("001", "utf8"))
    assert len(utf8.up.statements) == 2
    assert utf8.errors() == ()


def test_a_byte_order_mark_is_read_past_but_belongs_to_the_checksum():
    folder = case("encoding")
    script = folder.find(MigrationId("003", "byte_order_mark")).up
    assert not script.sql.startswith("\ufeff")
    assert len(script.statements) == 1
    assert script.checksum == checksum("\ufeff" + script.sql)
    assert problem(folder, script.file, "byte_order_mark").severity is Severity.NOTE


def test_windows_line_ends_are_noted_and_change_no_checksum():
    folder = case("encoding")
    script = folder.find(MigrationId("004", "windows")).up
    assert "\r" not in script.sql
    assert script.checksum == checksum(script.sql)
    assert problem(folder, script.file, "crlf").severity is Severity.NOTE


@pytest.mark.parametrize(
    ("file", "code", "line", "words"),
    [
        ("002_latin1.sql", "not_utf8", 2, "0xfc at offset 52"),
        ("005_lone_cr.sql", "lone_cr", 2, "ends a comment"),
        ("006_nul.sql", "nul_byte", 2, "offset 24"),
        ("007_utf16.sql", "utf16", None, "UTF-16"),
        ("008_bidi.sql", "hidden_character", 1, "U+202E"),
        ("009_zero_width.sql", "hidden_character", 1, "U+200B"),
    ],
)
def test_bytes_that_deceive_are_errors_with_their_place(file, code, line, words):
    refused = problem(case("encoding"), file, code)
    assert (refused.severity, refused.line) == (Severity.ERROR, line)
    assert words in refused.sentence
    assert refused.advice


@pytest.mark.parametrize(
    ("sql", "severity"),
    [
        ("SELECT 1; -- a \u202e b", Severity.ERROR),
        ("SELECT 1; -- a\u2028SELECT 2;", Severity.ERROR),
        ("SELECT 1; -- a\x0cSET x = 1;", Severity.ERROR),
        ("SELECT 1; -- a\x1b[2K", Severity.ERROR),
        ("SELECT 1\u00a0AS a", Severity.ERROR),
        ('SELECT 1 AS "a\u200bb"', Severity.ERROR),
        ("SELECT 'a\u202eb'", Severity.WARNING),
        ("SELECT 'a\u200bb'", None),
        ("SELECT 1; -- 👩\u200d💻 wrote this, in Zürich; 東京", None),
        ("SELECT 'é', 'Ω'", None),
    ],
)
def test_hidden_characters_are_judged_by_where_they_stand(read_files, sql, severity):
    folder = read_files({"001_a.sql": sql})
    assert [p.severity for p in folder.problems if p.code == "hidden_character"] == ([severity] if severity else [])


def test_a_file_full_of_hidden_characters_has_one_problem(read_files):
    folder = read_files({"001_a.sql": "SELECT\u00a01,\u00a02,\u00a03"})
    assert "2 more times" in problem(folder, "001_a.sql", "hidden_character").sentence


@pytest.mark.parametrize("sql", ["", "\n\n", "-- only a note", "/* a */ ;;;", ";"])
def test_a_file_without_a_statement_is_a_migration_that_does_nothing(read_files, sql):
    folder = read_files({"001_a.sql": sql})
    assert problem(folder, "001_a.sql", "no_statement").severity is Severity.WARNING
    assert not blocked(folder)


def test_a_file_over_the_cap_is_not_read(tmp_path):
    (tmp_path / "001_a.sql").write_text("SELECT 1; -- " + "x" * 100)
    folder = discovery.read(tmp_path, Limits(file_bytes=100))
    assert "too_large" in codes(folder, "001_a.sql")
    assert folder.migrations[0].up.sql == ""


def test_a_file_of_too_many_statements_is_an_error_at_the_first_too_many(tmp_path):
    (tmp_path / "001_a.sql").write_text("SELECT 1;\n" * 6)
    folder = discovery.read(tmp_path, Limits(statements=5))
    assert problem(folder, "001_a.sql", "too_many_statements").line == 6


def test_a_file_changed_on_disk_is_read_again(tmp_path):
    path = tmp_path / "001_a.sql"
    path.write_text("SELECT 1;")
    before = path.stat()
    first = discovery.read(tmp_path).migrations[0].up.sql
    path.write_text("SELECT 2;")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (first, discovery.read(tmp_path).migrations[0].up.sql) == ("SELECT 1;", "SELECT 2;")


# What is not PostgreSQL's SQL


@pytest.mark.parametrize(
    ("file", "code", "line", "column", "words"),
    [
        ("001_psql.sql", "psql_command", 1, 1, "\\set (and 1 more"),
        ("002_copy.sql", "client_copy", 2, 1, "COPY b FROM STDIN"),
        ("003_variable.sql", "placeholder", 1, 36, ":'owner'"),
        ("004_template.sql", "placeholder", 1, 15, "{{ schema }}"),
        ("005_shell.sql", "placeholder", 1, 16, "${SUFFIX}"),
        ("007_in_name.sql", "placeholder", 1, 15, "${SCHEMA}"),
    ],
)
def test_syntax_of_other_programs_is_named(file, code, line, column, words):
    folder = case("foreign_syntax")
    refused = problem(folder, file, code)
    assert (refused.severity, refused.line, refused.column) == (Severity.ERROR, line, column)
    assert words in refused.sentence
    assert "syntax_error" not in codes(folder, file)


def test_a_placeholder_in_a_string_may_be_meant():
    folder = case("foreign_syntax")
    assert problem(folder, "006_in_string.sql", "placeholder").severity is Severity.WARNING
    assert "placeholder" not in codes(folder, "008_innocent.sql")


def test_a_syntax_error_behind_psql_commands_is_found_too(read_files):
    folder = read_files({"001_a.sql": "\\echo it's on\nSELECT 1 \\gset\nSELECT FROM FROM;\n"})
    assert "\\echo (and 1 more" in problem(folder, "001_a.sql", "psql_command").sentence
    assert problem(folder, "001_a.sql", "syntax_error").line == 3


@pytest.mark.parametrize("sql", ["COPY t FROM STDIN", "COPY t TO STDOUT", "COPY (SELECT 1) TO STDOUT (FORMAT csv)"])
def test_copy_over_the_connection_is_refused_without_data_too(read_files, sql):
    assert "client_copy" in codes(read_files({"001_a.sql": f"SELECT 1;\n{sql};"}), "001_a.sql")


def test_copy_on_the_server_is_left_to_the_server(read_files):
    assert "client_copy" not in codes(read_files({"001_a.sql": "COPY t FROM '/data.csv';"}), "001_a.sql")


# Transactions


def test_the_shape_of_each_file_is_told():
    folder = case("own_transaction")
    assert "own_transaction" in codes(folder, "001_wrapped.sql")
    assert "own_transaction" in codes(folder, "001_rollback.sql")
    assert "own_transaction" in codes(folder, "004_savepoint.sql")
    assert blocked(folder) == {"002_two_commits", "003_rolls_back", "005_isolation", "006_never_closed"}
    assert problem(folder, "002_two_commits.sql", "mixed_transaction_control").line == 5


def test_files_that_need_to_run_outside_a_transaction_are_told_apart():
    folder = case("non_transactional")
    assert problem(folder, "002_only.sql", "non_transactional").severity is Severity.WARNING
    assert problem(folder, "003_mixed.sql", "non_transactional_mixed").line == 2
    assert problem(folder, "004_mixed_knowingly.sql", "non_transactional").severity is Severity.WARNING
    assert blocked(folder) == {"003_mixed", "005_wrapped"}


# Directives


def test_directives_are_read_from_comments(read_files):
    folder = read_files(
        {
            "001_a.sql": "-- signalbox: lock_timeout=5s\n--SIGNALBOX:statement_timeout = 10min\n"
            "-- signalbox: depends=003, 005\nSELECT 1; -- signalbox: irreversible=the data is gone\n"
            "-- signalbox: repeatable\n-- signalbox:allow drop-column nobody reads it\n"
            "SELECT '\n-- signalbox: transaction=none\n';"
        }
    )
    assert folder.migrations[0].directives == {
        "lock_timeout": "5s",
        "statement_timeout": "10min",
        "depends": "003, 005",
        "irreversible": "the data is gone",
        "repeatable": "",
    }
    assert blocked(folder) == set()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("-- signalbox: transactions=none", "unknown_directive"),
        ("-- signalbox:", "unknown_directive"),
        ("-- signalbox transaction=none", "unknown_directive"),
        ("-- signalbox: transaction=maybe", "bad_directive"),
        ("-- signalbox: lock_timeout=5", "bad_directive"),
        ("-- signalbox: lock_timeout", "bad_directive"),
        ("-- signalbox: depends=users", "bad_directive"),
        ("-- signalbox: irreversible=", "bad_directive"),
        ("-- signalbox: repeatable=yes", "bad_directive"),
        ("-- signalbox: lock_timeout=1s\n-- signalbox: lock_timeout=2s", "bad_directive"),
    ],
)
def test_a_directive_that_cannot_be_obeyed_is_an_error_with_its_line(read_files, line, code):
    folder = read_files({"001_a.sql": f"SELECT 1;\n{line}"})
    refused = problem(folder, "001_a.sql", code)
    assert (refused.severity, refused.line) == (Severity.ERROR, 2 + line.count("\n"))


def test_prose_about_signalbox_is_no_directive(read_files):
    folder = read_files({"001_a.sql": "-- signalbox runs this file\n-- see signalbox: the manual\nSELECT 1;"})
    assert blocked(folder) == set()


def test_a_rollback_has_directives_of_its_own(read_files):
    down = "-- signalbox: transaction=none\nSELECT 1;\nDROP INDEX CONCURRENTLY i;"
    (migration,) = read_files({"001_a.sql": "SELECT 1;", "001_rollback.sql": down}).migrations
    assert migration.directives == {}
    assert migration.down.directives == {"transaction": "none"}
    assert migration.errors(Direction.DOWN) == ()
    assert directives.values_in(down) == {"transaction": "none"}
    with pytest.raises(SqlSyntaxError):
        directives.values_in("SELECT 'open")


# Documentation


def test_every_problem_code_is_documented():
    package = Path(discovery.__file__).parent
    sql = package.with_name("sql")
    source = "\n".join(path.read_text() for path in [*package.rglob("*.py"), *sql.glob("*.py")])
    used = set(re.findall(r"(?:_error|_note|_problem)\(\s*(?:[\w.]+,\s*)?\"([a-z_0-9]+)\"", source))
    used |= set(re.findall(r"code=\"([a-z_0-9]+)\"", source)) | {
        "bad_directive",
        "unknown_directive",
        "syntax_error",
        "operator_run",
    }
    used |= {DUPLICATE_VERSION, NO_ROLLBACK, cuts.BAD_MARKS, cuts.OTHER_HASH, cuts.TEMPLATE, pairs.SAME_NUMBER}
    used |= {scoping.BAD_SCOPE, scoping.NARROWER, scoping.UNKNOWN_ENVIRONMENT}
    assert len(used) > 25
    documented = set(re.findall(r"^\| `([a-z_0-9]+)` \|", FORMATS.read_text(encoding="utf-8"), re.MULTILINE))
    assert used == documented, "docs/FORMATS.md must list exactly the problem codes that the engine reports"


def test_what_cannot_be_seen_is_said_before_what_the_parser_makes_of_it(read_files):
    (migration,) = read_files({"001_a.sql": "CREATE\u00a0TABLE a (id int);"}).migrations
    assert [p.code for p in migration.errors()] == ["hidden_character", "syntax_error"]
    assert "NO-BREAK SPACE" in migration.errors()[0].sentence


def test_a_refusal_says_whose_grammar_it_is(read_files):
    refused = problem(read_files({"001_a.sql": "CREATE TABLE a (system_user text);"}), "001_a.sql", "syntax_error")
    assert refused.sentence.startswith("The parser of PostgreSQL 18 refuses the file: ")
    assert "double quotes" in refused.advice


def test_the_lines_that_pg_dump_writes_for_psql_may_go(read_files):
    folder = read_files({"001_a.sql": "\\restrict abc\n\nCREATE TABLE a (id int);\n\\unrestrict abc\n"})
    assert "Remove both lines" in problem(folder, "001_a.sql", "psql_command").advice


@pytest.mark.parametrize("text", ['{{ index .Options "Namespace" }}', "${schema}", "{% if a %}"])
def test_a_template_is_named_where_the_parser_stumbles_over_it(read_files, text):
    folder = read_files({"001_a.sql": f"CREATE TABLE {text}.a (id int);"})
    assert text in problem(folder, "001_a.sql", "placeholder").sentence
