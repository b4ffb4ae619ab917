"""The verbs that only read, on this machine: without Django, without a control database."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from dashboard.cli.exits import Exit
from tests.program.conftest import WITHOUT_DJANGO, Place


def test_status(place: Place) -> None:
    answer = place("status", "--json", "--exit-code")
    assert (answer.code, answer.err) == (Exit.PENDING, "")
    counts = {each["environment"]: (each["applied"], each["pending"]) for each in answer.json["environments"]}
    assert counts == {"staging": (0, 2), "production": (0, 2)}
    assert "002 orders: pending" in place("status", "staging").out


@pytest.mark.parametrize(
    ("variables", "coloured"), [({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_terminals_that_want_it(place: Place, variables: dict[str, str], coloured: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_DJANGO, "status", "staging"],
        cwd=place.path,
        env=place.variables | variables,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
    )
    process.wait(timeout=120)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "orders" in shown
    assert ("\x1b[" in shown) == coloured
    assert "\x1b[" not in place("status", "staging", **variables).out


def test_status_where_nothing_is_there(empty_place: Place) -> None:
    missing = empty_place("status", "--json")
    assert (missing.code, missing.json["source_error"]["code"]) == (Exit.USAGE, "source_missing")
    empty_place.folder.mkdir()
    answer = empty_place("status", "--json")
    assert (answer.code, answer.json["environments"], answer.json["files"]) == (Exit.ATTENTION, [], [])


def test_the_database_of_the_source_document_needs_no_file(place: Place) -> None:
    (place.path / "config" / "environments.toml").unlink()
    (production,) = place("status", "production", "--json").json["environments"]
    assert (production["protected"], production["pending"]) == (True, 2)
    assert place("status", "staging", "--json").json["environments"][0]["pending"] == 2


def test_plan(place: Place) -> None:
    (plan,) = place("plan", "--env", "staging", "--json").json
    assert [step["version"] for step in plan["steps"]] == ["001", "002"]
    assert plan["source_commit"] is None
    sql = place("plan", "staging", "--sql", "--to", "001")
    assert sql.code == Exit.OK
    assert "CREATE TABLE users (id int);" in sql.out
    assert "CREATE TABLE orders" not in sql.out
    assert place.query("staging", "SELECT to_regclass('public.users'), to_regclass('platform.schema_migrations')") == [
        (None, None)
    ]


def test_lint(place: Place) -> None:
    place.write(_003_gone="DROP TABLE users;")
    answer = place("lint", "--json")
    assert answer.code in {Exit.OK, Exit.ATTENTION}
    assert '"destructive"' in answer.out
    assert place("lint", "--env", "staging").out.splitlines()[-1].startswith("3 migrations:")


def test_doctor(place: Place) -> None:
    answer = place("doctor", "staging", "--json")
    assert (answer.code, answer.json["fit"]) == (Exit.OK, True)
    named = place("doctor", "production", DATABASE_URL="")
    assert (named.code, named.out) == (Exit.UNREACHABLE, "")
    assert "DATABASE_URL" in named.err


def test_an_environment_that_is_not_declared(place: Place) -> None:
    for verb in ("status", "plan", "verify", "doctor"):
        refused = place(verb, "moon")
        assert (refused.code, refused.out) == (Exit.USAGE, ""), verb
        assert "Known: staging, production." in refused.err


def test_a_source_in_a_repository_is_read_by_the_server(place: Place) -> None:
    file = place.path / "config" / "environments.toml"
    file.write_text('[sources.default]\ngit = "https://git.example/app.git"\n' + file.read_text())
    refused = place("status")
    assert refused.code == Exit.UNREACHABLE
    assert "--source" in refused.out
    assert place("status", "--source", "migrations_sql", "staging").code == Exit.OK


# verify


def test_files_that_are_not_applied_yet_are_no_disagreement(place: Place) -> None:
    answer = place("verify", "staging", "--json")
    assert (answer.code, answer.json["environments"][0]["agrees"]) == (Exit.OK, True)
    expected = place("verify", "staging", "--expect", "--json")
    assert expected.code == Exit.ATTENTION
    states = [(each["version"], each["state"]) for each in expected.json["environments"][0]["disagreements"]]
    assert states == [("001", "pending"), ("002", "pending")]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_file_that_nobody_can_read_is_not_expected(place: Place, arguments: list[str]) -> None:
    (place.folder / "notes_without_number.sql").write_text("SELECT 1;")
    answer = place("verify", "staging", "--expect", *arguments)
    assert answer.code == Exit.ATTENTION
    assert "notes_without_number.sql" in answer.out


def test_no_file_and_no_history_is_not_expected(place: Place) -> None:
    (place.path / "empty").mkdir()
    assert place("verify", "staging", "--source", "empty").code == Exit.OK
    answer = place("verify", "staging", "--source", "empty", "--expect")
    assert (answer.code, answer.out.splitlines()[0]) == (Exit.ATTENTION, "Staging: files and history do not agree")
    assert "\n  There is no migration in the files" in answer.out
    (report,) = place("verify", "staging", "--source", "empty", "--expect", "--json").json["environments"]
    assert [each["state"] for each in report["disagreements"]] == ["no_migration"]
