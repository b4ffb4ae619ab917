"""`signalbox new` in every format that a folder can have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.cli.exits import Exit
from dashboard.engine.files import catalogue, discovery, writing
from tests.program.conftest import Place

FORMATS = sorted({row.name for row in catalogue.FORMATS})
WRITTEN = [name for name in FORMATS if name not in writing.BY_THEIR_TOOL]
FORWARD_ONLY = {"sqlx", "supabase"}


def declared(place: Place, format_name: str) -> Place:
    (place.path / "config").mkdir(exist_ok=True)
    (place.path / "config" / "environments.toml").write_text(
        f'[sources.default]\nformat = "{format_name}"\n[environments.staging]\nurl = "DATABASE_URL_STAGING"\n'
    )
    place.folder.mkdir(exist_ok=True)
    return place


@pytest.mark.parametrize("format_name", WRITTEN)
def test_two_migrations_are_written_and_read_back_in_order(empty_place: Place, format_name: str) -> None:
    place = declared(empty_place, format_name)
    first, second = (place("new", name, "--json") for name in ("Add city", "add-street"))
    assert (first.code, second.code) == (Exit.OK, Exit.OK), first.err + second.err
    for path in filter(Path.is_file, place.folder.rglob("*")):
        path.write_text(path.read_text().replace(writing.UP, "SELECT 1;").replace(writing.DOWN, "SELECT 2;"))
    folder = discovery.read(place.folder, folder_format=format_name)
    prefix = "signalbox-" if format_name == "liquibase" else ""
    assert [migration.name for migration in folder.migrations] == [f"{prefix}add_city", f"{prefix}add_street"]
    for migration in folder.migrations:
        assert (migration.down is None) == (format_name in FORWARD_ONLY)
    assert first.json["format"] == format_name
    assert first.json["version"] == folder.migrations[0].version
    assert {problem.code for problem in folder.problems} <= ({"no_rollback"} if format_name in FORWARD_ONLY else set())


@pytest.mark.parametrize("format_name", writing.BY_THEIR_TOOL)
def test_where_a_tool_keeps_more_than_the_files_it_is_named(empty_place: Place, format_name: str) -> None:
    place = declared(empty_place, format_name)
    refused = place("new", "add_city")
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert writing.BY_THEIR_TOOL[format_name] in refused.err
    assert not list(place.folder.iterdir())


def test_every_format_is_one_or_the_other() -> None:
    assert set(WRITTEN) == {*writing._WRITTEN, "flyway"}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ("0099_users.sql", "0100_city.sql"),
        ("7_users.sql", "8_city.sql"),
        ("20240101120000_users.sql", r"20\d{12}_city.sql"),
        ("29990101120000_users.sql", "29990101120001_city.sql"),
    ],
)
def test_a_number_follows_those_that_are_there(empty_place: Place, there: str, expected: str) -> None:
    empty_place.folder.mkdir()
    (empty_place.folder / there).write_text("SELECT 1;")
    written = empty_place("new", "city", "--json").json["files"][0].rpartition("/")[2]
    assert re.fullmatch(expected, written), written


def test_names_that_a_team_chose_for_flyway_are_kept(empty_place: Place) -> None:
    place = declared(empty_place, "flyway")
    (place.folder / "flyway.conf").write_text("flyway.sqlMigrationPrefix=M\nflyway.undoSqlMigrationPrefix=W\n")
    (place.folder / "M1.9__users.sql").write_text("SELECT 1;")
    files = [path.rpartition("/")[2] for path in place("new", "city", "--json").json["files"]]
    assert files == ["M1.10__city.sql", "W1.10__city.sql"]


def test_nothing_is_written_where_it_is_only_asked(empty_place: Place) -> None:
    empty_place.folder.mkdir()
    asked = empty_place("new", "city", "--dry-run", "--json")
    assert (asked.code, asked.json["written"], asked.json["version"]) == (Exit.OK, False, None)
    assert not list(empty_place.folder.iterdir())


def test_a_name_without_a_letter_is_refused(empty_place: Place) -> None:
    assert empty_place("new", "---").code == Exit.USAGE


def test_a_name_that_no_file_can_have_is_refused(empty_place: Place) -> None:
    empty_place.folder.mkdir()
    refused = empty_place("new", "a" * 300)
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert refused.err == "signalbox: a name has at most 200 characters, and this one 300. Nothing was written.\n"
    assert not list(empty_place.folder.iterdir())


@pytest.mark.parametrize("format_name", WRITTEN)
def test_the_longest_name_is_written_in_every_format(empty_place: Place, format_name: str) -> None:
    written = declared(empty_place, format_name)("new", "a" * 200)
    assert written.code == Exit.OK, written.err
