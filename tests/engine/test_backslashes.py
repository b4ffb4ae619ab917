"""A string with a backslash is never stored otherwise than psql would store it."""

from __future__ import annotations

import pytest

from dashboard.engine import planner
from dashboard.engine.database import connection, strings
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.migration import Folder
from dashboard.engine.sql import backslashes
from dashboard.engine.sql.tokens import tokens
from tests.engine.folders import Bench

TABLE = "CREATE TABLE paths (path text);\n"
PATH = TABLE + "INSERT INTO paths VALUES ('c:\\temp');"
ESCAPED = TABLE + "INSERT INTO paths VALUES (E'c:\\\\temp');"


def judged(bench: Bench) -> Folder:
    folder = bench.read()
    with connection.as_given(bench.address) as opened:
        return strings.judged(opened, folder, {m.identity for m in folder.migrations}, name="Test")


@pytest.fixture
def bench_of_old_strings(bench: Bench) -> Bench:
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET standard_conforming_strings = off")
    return bench


def test_where_the_database_makes_it_an_escape_no_plan_takes_it(bench_of_old_strings: Bench) -> None:
    bench_of_old_strings.write("001_paths.sql", PATH)
    with pytest.raises(PlanBlocked, match="standard_conforming_strings = off") as caught:
        planner.apply(bench_of_old_strings.look(), judged(bench_of_old_strings))
    assert "E'...'" in caught.value.remedy
    (problem,) = (p for p in judged(bench_of_old_strings).problems if p.code == "backslash")
    assert (problem.line, problem.column) == (2, 27)


def test_written_so_that_it_means_one_thing_it_is_stored_as_it_is_meant(bench_of_old_strings: Bench) -> None:
    bench_of_old_strings.write("001_paths.sql", ESCAPED)
    assert planner.apply(bench_of_old_strings.look(), judged(bench_of_old_strings)).steps
    bench_of_old_strings.apply()
    assert bench_of_old_strings.database.query("SELECT path FROM paths") == [("c:\\temp",)]


def test_a_rollback_with_such_a_string_is_no_usable_one(bench_of_old_strings: Bench) -> None:
    bench_of_old_strings.write("001_paths.sql", TABLE)
    bench_of_old_strings.write("001_rollback.sql", "DELETE FROM paths WHERE path = 'c:\\temp'; DROP TABLE paths;")
    (migration,) = judged(bench_of_old_strings).migrations
    assert migration.usable_down is None


def test_where_it_is_a_plain_character_nothing_is_said(bench: Bench) -> None:
    bench.write("001_paths.sql", PATH)
    assert not [p for p in judged(bench).problems if p.code == "backslash"]
    bench.apply()
    assert bench.database.query("SELECT path FROM paths") == [("c:\\temp",)]


OFF, ON = "SET standard_conforming_strings = off;\n", "SET standard_conforming_strings = on;\n"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (OFF + PATH, True),
        (OFF.replace("=", "TO") + PATH, True),
        ("SELECT set_config('standard_conforming_strings', 'off', false);" + PATH, True),
        (OFF + ESCAPED, False),
        (OFF + TABLE, False),
        (ON + PATH, False),
        (PATH, False),
    ],
)
def test_a_file_that_switches_the_rule_and_needs_it_is_refused(bench: Bench, text: str, refused: bool) -> None:
    bench.write("001_paths.sql", text)
    assert any(p.code == "backslash" for p in bench.read().problems) == refused


@pytest.mark.parametrize(
    ("text", "is_ambiguous"),
    [
        (r"SELECT 'a\b'", True),
        (r"SELECT N'a\b', B'1', X'1F'", True),
        (r"DO $$ BEGIN PERFORM 'a\b'; END $$", True),
        (r"DO $x$ BEGIN PERFORM E'a\\b'; END $x$", False),
        (r"SELECT E'a\\b', e'a', U&'\0041', $$plain$$", False),
        (r'SELECT "a\b" -- \ ', False),
    ],
)
def test_which_strings_can_be_read_in_two_ways(text: str, is_ambiguous: bool) -> None:
    assert (backslashes.ambiguous(tokens(text)) is not None) == is_ambiguous
