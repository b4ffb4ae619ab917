from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from config.sources import Source
from tests.cli.conftest import Signalbox
from tests.cli.targets import apply, fingerprint
from tests.fix_project import Project
from tests.fix_sources import Repository

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

#: Of a protected environment it asks whether its database is the control database.
pytestmark = pytest.mark.django_db


@pytest.fixture
def three_files(two_files: Project) -> Project:
    """A third one beside them, without a rollback."""
    two_files.write(_003_invoices="CREATE TABLE invoices (id int);")
    return two_files


def test_it_says_in_json_exactly_what_would_run(signalbox: Signalbox, three_files: Project):
    answer = signalbox("plan", "--env", "staging", "--json")
    assert (answer.code, answer.err) == (0, "")
    (plan,) = answer.json
    assert (plan["environment"], plan["action"], plan["stops_before"]) == ("staging", "apply", "")
    assert [(s["version"], s["name"], s["sql"]) for s in plan["steps"]] == [
        ("001", "users", "CREATE TABLE users (id int);"),
        ("002", "orders", "CREATE TABLE orders (id int);"),
        ("003", "invoices", "CREATE TABLE invoices (id int);"),
    ]
    assert [s["down_sql"] for s in plan["steps"]] == ["DROP TABLE users;", "DROP TABLE orders;", None]
    assert plan["identity"]["database"] == three_files.databases["staging"].name
    assert re.fullmatch("[0-9a-f]{64}", plan["digest"])


def test_it_says_it_in_words(signalbox: Signalbox, three_files: Project):
    apply(three_files, three_files.staging, upto="001")
    answer = signalbox("plan", "--env", "staging")
    (head, *lines) = answer.out.splitlines()
    assert re.fullmatch("staging, digest [0-9a-f]{64}", head)
    assert lines == [
        "  apply 002_orders",
        "  apply 003_invoices",
        "  note: 003 has no usable rollback: once applied it can only be undone by a new migration.",
    ]


def test_the_digest_holds_until_something_changes(signalbox: Signalbox, three_files: Project):
    def digest() -> str:
        return str(signalbox("plan", "--env", "staging", "--json").json[0]["digest"])

    first = digest()
    assert digest() == first
    three_files.write(_002_rollback="DROP TABLE orders CASCADE;")
    assert digest() != first


def test_two_databases_never_share_a_digest(signalbox: Signalbox, three_files: Project):
    staging, production = signalbox("plan", "--json").json
    assert staging["digest"] != production["digest"]


def test_it_stops_at_the_version_that_is_named(signalbox: Signalbox, three_files: Project):
    (plan,) = signalbox("plan", "--env", "staging", "--to", "002", "--json").json
    assert [s["version"] for s in plan["steps"]] == ["001", "002"]


def test_it_changes_nothing(signalbox: Signalbox, three_files: Project):
    before = fingerprint(three_files, three_files.staging)
    signalbox("plan")
    assert fingerprint(three_files, three_files.staging) == before


def test_nothing_to_do_is_fine(signalbox: Signalbox, three_files: Project):
    apply(three_files, three_files.staging)
    answer = signalbox("plan", "--env", "staging")
    assert answer.code == 0
    assert "Staging has nothing to do: every migration in the folder is settled there." in answer.said


def test_an_unknown_version_is_named(signalbox: Signalbox, three_files: Project):
    answer = signalbox("plan", "--env", "staging", "--to", "042")
    assert answer.code == 2
    assert "There is no migration 042" in answer.said


def test_it_stops_before_a_file_that_cannot_run_and_says_so(signalbox: Signalbox, three_files: Project):
    three_files.write(_002_orders="CREATE TABEL orders (id int);")
    answer = signalbox("plan", "--env", "staging")
    assert answer.code == 8
    assert "  apply 001_users\n" in answer.out
    assert "apply 002_orders" not in answer.out
    assert "apply 003_invoices" not in answer.out
    assert "  stops there: 002_orders stands in the way: " in answer.out
    assert "(line 1)" in answer.out


@pytest.mark.parametrize("upto", ["001", "003"], ids=["nothing else to do", "something pending"])
@pytest.mark.parametrize(
    "change",
    ["DELETE FROM platform.schema_migrations", "UPDATE platform.schema_migrations SET checksum = 'x'"],
    ids=["gone", "altered"],
)
def test_a_history_that_was_changed_by_hand_is_no_success(
    signalbox: Signalbox, three_files: Project, change: str, upto: str
):
    apply(three_files, three_files.staging, upto=upto)
    three_files.query(three_files.staging, f"{change} WHERE version = '001'")
    answer = signalbox("plan", "--env", "staging")
    assert answer.code == 8
    assert "001_users" in answer.err


# What stands in the way


def test_the_first_file_in_the_way_blocks_the_plan(signalbox: Signalbox, three_files: Project):
    three_files.write(_001_users="CREATE TABEL users (id int);")
    answer = signalbox("plan", "--env", "staging")
    assert (answer.code, answer.out) == (8, "")
    assert answer.err.startswith("signalbox: 001_users stands in the way: ")
    assert "Correct the statement the caret points at." in answer.err


def test_a_file_edited_after_it_was_applied_blocks_the_plan(signalbox: Signalbox, three_files: Project):
    apply(three_files, three_files.staging, upto="001")
    three_files.write(_001_users="CREATE TABLE users (id bigint);")
    answer = signalbox("plan", "--env", "staging")
    assert (answer.code, answer.out) == (8, "")
    assert "001_users stands in the way: its file was edited after it was applied." in answer.err
    assert "Restore the file as it was, and put the change into a new migration." in answer.err


def test_two_files_with_one_version_block_the_plan(signalbox: Signalbox, three_files: Project):
    three_files.write(_001_accounts="SELECT 1;")
    answer = signalbox("plan", "--env", "staging")
    assert (answer.code, answer.out) == (8, "")
    assert "shares its number with" in answer.err
    assert "Rename it, or skip it with a reason." in answer.err


def test_a_version_that_only_the_target_knows_is_a_warning(signalbox: Signalbox, three_files: Project):
    apply(three_files, three_files.staging, upto="001")
    (three_files.folder / "001_users.sql").unlink()
    answer = signalbox("plan", "--env", "staging")
    assert answer.code == 0
    assert "to accept: 001_users is recorded as applied, but the folder has no such file" in answer.out


def test_a_missing_folder_is_wrong_usage(signalbox: Signalbox, three_files: Project):
    answer = signalbox("plan", "--source", str(three_files.folder / "gone"))
    assert (answer.code, answer.out) == (2, "")
    assert "There is no migrations folder at" in answer.err


def test_an_unknown_environment_is_wrong_usage(signalbox: Signalbox, three_files: Project):
    answer = signalbox("plan", "--env", "nowhere")
    assert (answer.code, answer.out) == (2, "")


def test_a_target_that_does_not_answer_is_told(
    signalbox: Signalbox, three_files: Project, unreachable: Callable[[Environment], Environment]
):
    unreachable(three_files.staging)
    answer = signalbox("plan", "--env", "staging")
    assert (answer.code, answer.out) == (7, "")
    assert "Staging cannot be reached at 127.0.0.1:1/gone as nobody" in answer.err
    assert "s3cret" not in answer.said


# Several environments


def test_an_environment_with_nothing_to_do_hides_no_other(signalbox: Signalbox, three_files: Project):
    apply(three_files, three_files.staging)
    answer = signalbox("plan")
    assert answer.code == 0
    assert "Staging has nothing to do" in answer.said
    assert "production, digest " in answer.out


def test_an_environment_with_nothing_to_do_is_still_json(signalbox: Signalbox, three_files: Project):
    apply(three_files, three_files.staging)
    assert signalbox("plan", "--env", "staging", "--json").json == []


def test_a_target_that_does_not_answer_hides_no_other(
    signalbox: Signalbox, three_files: Project, unreachable: Callable[[Environment], Environment]
):
    unreachable(three_files.staging)
    answer = signalbox("plan")
    assert answer.code == 7
    assert "production, digest " in answer.out


def test_no_environment_at_all_is_wrong_usage(signalbox: Signalbox, three_files: Project, settings: SettingsWrapper):
    settings.ENVIRONMENTS = ()
    answer = signalbox("plan")
    assert answer.code == 2
    assert "No environment is configured" in answer.err


def test_with_sql_it_prints_what_would_be_sent_and_sends_nothing(signalbox: Signalbox, three_files: Project):
    before = fingerprint(three_files, three_files.staging)
    answer = signalbox("plan", "--env", "staging", "--to", "002", "--sql")
    assert answer.code == 0
    lines = answer.out.splitlines()
    for statement in ("CREATE TABLE users (id int);", "CREATE TABLE orders (id int);"):
        (at,) = [number for number, line in enumerate(lines) if line == statement]
        ends = ("BEGIN;", "COMMIT;")
        assert next(line for line in reversed(lines[:at]) if line in ends) == "BEGIN;"
        assert next(line for line in lines[at:] if line in ends) == "COMMIT;"
    assert any("set_config('lock_timeout', '3000ms', false)" in line for line in lines)
    assert fingerprint(three_files, three_files.staging) == before


def test_sql_in_json_stands_beside_the_plan(signalbox: Signalbox, three_files: Project):
    (plan,) = signalbox("plan", "--env", "staging", "--sql", "--json").json
    assert plan["digest"] in plan["sql"]
    assert "sql" not in signalbox("plan", "--env", "staging", "--json").json[0]


def test_a_file_that_the_server_refuses_stops_the_plan_before_it(signalbox: Signalbox, three_files: Project):
    three_files.write(_003_invoices="CREATE TABLE invoices (a int, b int GENERATED ALWAYS AS (a) VIRTUAL);")
    answer = signalbox("plan", "--env", "staging", "--json")
    assert answer.code == 8
    (plan,) = answer.json
    assert [step["version"] for step in plan["steps"]] == ["001", "002"]
    assert "of Staging refuses the file" in plan["stops_before"]


def test_a_rollback_that_is_none_keeps_no_migration_back_and_the_folder_is_not_in_order(
    signalbox: Signalbox, project: Project
) -> None:
    project.write(_001_a="CREATE TABLE a (id int);", _001_a_rollback="-- nothing")
    answer = signalbox("plan", "--env", "staging")
    assert answer.code == 0
    assert "001 has no usable rollback: once applied it can only be undone by a new migration." in answer.out
    assert signalbox("status", "--env", "staging").code == 8
    assert signalbox("lint").code == 8


def test_it_names_the_commit_that_the_files_are_of(
    signalbox: Signalbox, from_git: Project, billing: Source, repository: Repository
):
    sha = repository.push({"001_users.sql": "CREATE TABLE users (id int);"}, "Add users")
    assert signalbox("plan", "--env", "staging").code == 7
    fetched = signalbox("fetch", "billing")
    assert (fetched.code, fetched.out) == (0, f"billing: now at {sha[:8]} Add users (by Ada), 1 migrations\n")
    (plan,) = signalbox("plan", "--env", "staging", "--json").json
    assert (plan["source"], plan["commit"], plan["source_commit"]["subject"]) == ("billing", sha, "Add users")
    assert plan["source_commit"]["url"] == f"https://github.com/acme/app/commit/{sha}"
    assert f"files of commit {sha[:8]} Add users (by Ada)" in signalbox("plan", "--env", "staging").out
    assert signalbox("status", "--env", "staging", "--json").json["source_commit"]["id"] == sha
    assert f"commit {sha[:8]} Add users (by Ada)" in signalbox("status", "--env", "staging").out
