from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import conninfo

from config.environments import Environment
from dashboard.cli.exits import Exit
from dashboard.engine.errors import PartlyApplied
from dashboard.engine.status import State
from dashboard.presenters.statuses import MIGRATION
from tests.cli.conftest import Signalbox
from tests.cli.targets import apply, fingerprint
from tests.fix_project import Project

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

MANAGE = Path(__file__).parents[2] / "manage.py"
ROLLBACKS = {"_001_rollback": "DROP TABLE users;", "_002_rollback": "DROP TABLE orders;"}

#: The doctor and the plan of a protected environment ask which database the control database is.
pytestmark = pytest.mark.django_db


def states(environment: dict[str, Any]) -> dict[str, str]:
    return {f"{m['version']}_{m['name']}": m["state"] for m in environment["migrations"]}


# What it says


def test_it_says_in_json_what_is_where(signalbox: Signalbox, two_files: Project):
    apply(two_files, two_files.staging, upto="001")
    report = signalbox("status", "--json").json
    assert (report["source"], report["format"], report["problems"]) == (str(two_files.folder), "seed", [])
    roles = {file["file"]: file["role"] for file in report["files"]}
    assert roles == {
        "001_users.sql": "migration",
        "001_rollback.sql": "rollback",
        "002_orders.sql": "migration",
        "002_rollback.sql": "rollback",
    }
    staging, production = report["environments"]
    assert [staging["environment"], staging["protected"], staging["reachable"]] == ["staging", False, True]
    assert [staging["applied"], staging["pending"], staging["attention"]] == [1, 1, 0]
    assert states(staging) == {"001_users": "applied", "002_orders": "pending"}
    assert [production["environment"], production["protected"]] == ["production", True]
    assert states(production) == {"001_users": "pending", "002_orders": "pending"}


def test_it_says_who_applied_a_migration_and_when(signalbox: Signalbox, two_files: Project):
    apply(two_files, two_files.staging, upto="001")
    (staging,) = signalbox("status", "--json", "--env", "staging").json["environments"]
    applied, pending = staging["migrations"]
    assert (applied["applied_by"], applied["file"], applied["error"]) == ("alice", "001_users.sql", None)
    assert applied["applied_at"].startswith("20")
    assert (pending["applied_by"], pending["applied_at"]) == (None, None)


def test_a_file_for_other_environments_is_settled_where_it_is_not_for(signalbox: Signalbox, two_files: Project):
    two_files.write(_003_seeds="-- signalbox: except=production\nINSERT INTO users VALUES (1);")
    staging, production = signalbox("status", "--json").json["environments"]
    assert (states(staging)["003_seeds"], staging["pending"]) == ("pending", 3)
    assert (states(production)["003_seeds"], production["pending"], production["attention"]) == ("elsewhere", 2, 0)
    seeds = production["migrations"][-1]
    assert (seeds["environments"], seeds["except"]) == (None, ["production"])
    words = signalbox("status", "--env", "production")
    assert "003 seeds: not for this environment. " in words.out
    (plan,) = signalbox("plan", "--json", "--env", "production").json
    assert [step["version"] for step in plan["steps"]] == ["001", "002"]


def test_it_says_it_in_words(signalbox: Signalbox, two_files: Project):
    apply(two_files, two_files.staging, upto="001")
    answer = signalbox("status", "--env", "staging")
    assert answer.code == 0
    assert answer.err == ""
    database = two_files.databases["staging"].name
    first, _, head, *lines = answer.out.splitlines()
    assert first == f"{two_files.folder}: 4 files"
    assert head.startswith("Staging (127.0.0.1:")
    assert f"/{database} as " in head
    assert head.endswith("): 1 applied, 1 pending")
    assert lines == ["  001 users: applied", "  002 orders: pending"]


def test_it_says_what_broke_off_and_freezes_an_environment(signalbox: Signalbox, project: Project):
    project.write(
        _001_users="CREATE TABLE users (id int);\nINSERT INTO users VALUES (1), (1);",
        _002_indexes="CREATE INDEX CONCURRENTLY a ON users (id);\nCREATE UNIQUE INDEX CONCURRENTLY b ON users (id);",
    )
    apply(project, project.staging, upto="001")
    with pytest.raises(PartlyApplied):
        apply(project, project.staging)
    answer = signalbox("status", "--env", "staging")
    assert answer.code == Exit.ATTENTION
    assert "002_indexes broke off outside a transaction: part of it is there, and nothing else runs" in answer.out
    (staging,) = signalbox("status", "--json", "--env", "staging").json["environments"]
    assert staging["unfinished"] == ["002_indexes"]


def test_it_reads_the_folder_that_is_named(signalbox: Signalbox, project: Project, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "009_other.sql").write_text("SELECT 1;")
    report = signalbox("status", "--json", "--source", str(other)).json
    assert report["source"] == str(other)
    assert [file["file"] for file in report["files"]] == ["009_other.sql"]


def test_it_changes_nothing(signalbox: Signalbox, two_files: Project):
    before = fingerprint(two_files, two_files.staging)
    assert signalbox("status").code == 0
    assert fingerprint(two_files, two_files.staging) == before


def test_it_says_when_no_environment_is_configured(signalbox: Signalbox, two_files: Project, settings: SettingsWrapper):
    settings.ENVIRONMENTS = tuple(replace(e, url="") for e in settings.ENVIRONMENTS)
    answer = signalbox("status")
    assert answer.code == 0
    assert "No environment is configured: set DATABASE_URL" in answer.out


def test_it_needs_no_control_database(two_files: Project):
    environment = os.environ | {
        "SIGNALBOX_DATABASE_URL": "postgresql://nobody:s3cret@127.0.0.1:1/gone",
        "SIGNALBOX_SOURCE": str(two_files.folder),
        "DATABASE_URL_STAGING": two_files.staging.url,
    }
    command = [sys.executable, MANAGE, "signalbox", "status"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Staging (127.0.0.1:" in done.stdout
    assert "0 applied, 2 pending" in done.stdout
    assert "s3cret" not in done.stdout


# Exit codes


def test_pending_counts_only_where_it_is_asked_for(signalbox: Signalbox, two_files: Project):
    assert signalbox("status", "--env", "staging").code == 0
    assert signalbox("status", "--env", "staging", "--exit-code").code == 3
    apply(two_files, two_files.staging)
    assert signalbox("status", "--env", "staging", "--exit-code").code == 0


def test_an_unknown_environment_is_wrong_usage(signalbox: Signalbox, two_files: Project):
    answer = signalbox("status", "--env", "nowhere")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "signalbox: there is no environment nowhere. Known: staging, production.\n"


def test_attention_weighs_more_than_pending(signalbox: Signalbox, two_files: Project):
    two_files.write(_003_bad="CREATE TABEL typo (id int);")
    assert signalbox("status", "--env", "staging", "--exit-code").code == 8


def test_an_error_counts_where_its_file_is_for(signalbox: Signalbox, two_files: Project):
    two_files.write(_003_bad="-- signalbox: environments=staging\nCREATE TABEL typo (id int);")
    production = signalbox("status", "--env", "production")
    assert production.code == 0, production.out
    assert "003_bad.sql" in production.out, "it is listed all the same"
    assert signalbox("status", "--env", "production", "--exit-code").code == 3
    assert signalbox("status", "--env", "staging").code == 8
    assert signalbox("status", "--env", "staging", "production").code == 8
    assert signalbox("status").code == 8


def test_two_files_of_one_number_that_no_environment_has_together_need_no_attention(
    signalbox: Signalbox, two_files: Project
):
    two_files.write(_003_a="-- signalbox: environments=staging\nCREATE TABLE a (id int);")
    two_files.write(_003_b="-- signalbox: environments=production\nCREATE TABLE b (id int);")
    assert [signalbox("status", name).code for name in ("staging", "production")] == [0, 0]


# A target that does not answer


def test_one_target_that_does_not_answer_spoils_no_other(
    signalbox: Signalbox, two_files: Project, unreachable: Callable[[Environment], Environment]
):
    unreachable(two_files.production)
    answer = signalbox("status", "--json")
    assert answer.code == 7
    staging, production = answer.json["environments"]
    assert staging["reachable"]
    assert states(staging) == {"001_users": "pending", "002_orders": "pending"}
    assert not production["reachable"]
    assert production["address"] == "127.0.0.1:1/gone as nobody"
    assert production["error"]["code"] == "unreachable"
    assert "URL_OF_PRODUCTION" in production["error"]["next"]


def test_a_variable_that_is_not_set_is_named(signalbox: Signalbox, two_files: Project, settings: SettingsWrapper):
    settings.ENVIRONMENTS = (replace(two_files.staging, url=""),)
    answer = signalbox("status", "--env", "staging")
    assert answer.code == 7
    assert "Staging has no database: the variable URL_OF_STAGING is not set." in answer.out
    assert "Set URL_OF_STAGING to the PostgreSQL URL" in answer.out


#: A URL, and what is said of the place and the reason.
WRONG_URLS = [
    pytest.param(
        "postgresql://nobody:s3cret@127.0.0.1:1/gone",
        "127.0.0.1:1/gone as nobody: Connection refused",
        id="nobody listens",
    ),
    pytest.param(
        "postgresql://nobody:s3%63ret@127.0.0.1:1/gone",
        "127.0.0.1:1/gone as nobody: Connection refused",
        id="escaped password",
    ),
    pytest.param(
        "postgresql://nobody:s3cret@127.0.0.1:port/gone",
        "(a URL that cannot be used): its URL has a port that is no number",
        id="no number",
    ),
    pytest.param(
        "127.0.0.1:1/gone?password=s3cret",
        "(a URL that cannot be used): its URL is not a URL of PostgreSQL",
        id="no scheme",
    ),
    pytest.param(
        "mysql://nobody:s3cret@127.0.0.1:1/gone",
        "(a URL that cannot be used): its URL is not a URL of PostgreSQL",
        id="another kind of server",
    ),
]


@pytest.mark.parametrize("verb", ["status", "doctor", "plan"])
@pytest.mark.parametrize(("url", "said"), WRONG_URLS)
def test_a_wrong_url_is_explained_without_its_password(
    signalbox: Signalbox, two_files: Project, settings: SettingsWrapper, url: str, said: str, verb: str
):
    settings.ENVIRONMENTS = (replace(two_files.staging, url=url),)
    answer = signalbox(verb)
    assert answer.code == 7
    assert f"Staging cannot be reached at {said}" in answer.said
    assert "the URL in URL_OF_STAGING is right" in answer.said
    assert "s3cret" not in answer.said
    assert "s3%63ret" not in answer.said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dbname": "not_there"}, 'database "not_there" does not exist'),
        ({"password": "s3cret"}, "password authentication failed"),
    ],
    ids=["wrong database", "wrong password"],
)
def test_what_the_server_refuses_is_told_in_its_words(
    signalbox: Signalbox, two_files: Project, settings: SettingsWrapper, change: dict[str, str], reason: str
):
    url = _changed(two_files.staging.url, **change)
    settings.ENVIRONMENTS = (replace(two_files.staging, url=url),)
    answer = signalbox("status")
    assert answer.code == 7
    assert reason in answer.out
    assert "s3cret" not in answer.said


@pytest.mark.parametrize("words", ["status", "status --json", "plan", "plan --json", "doctor"])
def test_no_password_is_in_what_it_says(signalbox: Signalbox, two_files: Project, words: str):
    password = _password(two_files.staging.url)
    assert len(password) > 8
    assert password not in signalbox(*words.split()).said


def _changed(url: str, **parts: str) -> str:
    return conninfo.make_conninfo(url, **parts)


def _password(url: str) -> str:
    return str(conninfo.conninfo_to_dict(url)["password"])


# Folders that are wrong


def test_a_missing_folder_is_wrong_usage(signalbox: Signalbox, project: Project):
    answer = signalbox("status", "--source", str(project.folder / "gone"))
    assert (answer.code, answer.out) == (2, "")
    assert f"There is no migrations folder at {project.folder / 'gone'}." in answer.err
    assert "with --source" in answer.err


def test_a_file_in_place_of_the_folder_is_wrong_usage(signalbox: Signalbox, two_files: Project):
    answer = signalbox("status", "--source", str(two_files.folder / "001_users.sql"))
    assert (answer.code, answer.out) == (2, "")
    assert "it is a file, not a folder" in answer.err


def test_an_empty_folder_says_what_belongs_there(signalbox: Signalbox, project: Project):
    answer = signalbox("status", "--env", "staging")
    assert answer.code == 8
    assert "holds no migration" in answer.out
    assert "001_create_users.sql" in answer.out


BAD_FILES = [
    pytest.param(b"SELECT 'caf\xe9';\n", "not_utf8", "UTF-8", id="not UTF-8"),
    pytest.param(b"SELECT 1;\0SELECT 2;\n", "nul_byte", "NUL", id="NUL"),
    pytest.param(b"-- drop it\rDROP TABLE users;\n", "lone_cr", "carriage return", id="lone CR"),
    pytest.param(b"CREATE TABEL users (id int);\n", "syntax_error", "TABEL", id="typo"),
]


@pytest.mark.parametrize(("content", "code", "words"), BAD_FILES)
def test_a_file_that_cannot_run_is_an_error_with_advice(
    signalbox: Signalbox, two_files: Project, content: bytes, code: str, words: str
):
    (two_files.folder / "003_bad.sql").write_bytes(content)
    before = fingerprint(two_files, two_files.staging)
    answer = signalbox("status", "--env", "staging", "--json")
    assert answer.code == 8
    (problem,) = [p for p in answer.json["problems"] if p["severity"] == "error"]
    assert (problem["code"], problem["file"]) == (code, "003_bad.sql")
    assert words in problem["sentence"]
    assert problem["advice"]
    (staging,) = answer.json["environments"]
    assert states(staging) == {"001_users": "pending", "002_orders": "pending", "003_bad": "pending"}
    assert staging["attention"] == 1
    listing = signalbox("status", "--env", "staging")
    assert listing.code == 8
    (line,) = [said for said in listing.out.splitlines() if said.startswith("  error: ")]
    assert line.startswith("  error: 003_bad.sql")
    assert problem["advice"] in line
    assert "0 applied, 3 pending, 1 need attention" in listing.out
    assert fingerprint(two_files, two_files.staging) == before


def test_two_files_with_one_version_are_both_conflicts(signalbox: Signalbox, two_files: Project):
    two_files.write(_002_invoices="CREATE TABLE invoices (id int);")
    answer = signalbox("status", "--env", "staging", "--json")
    assert answer.code == 8
    (staging,) = answer.json["environments"]
    assert states(staging) == {"001_users": "pending", "002_invoices": "conflict", "002_orders": "conflict"}
    sentence = next(m["sentence"] for m in staging["migrations"] if m["name"] == "orders")
    assert sentence.startswith("002_orders shares its number with 002_invoices")


# Histories that are wrong


def test_an_unknown_version_in_the_tracking_table_is_missing(signalbox: Signalbox, two_files: Project):
    apply(two_files, two_files.staging)
    (two_files.folder / "002_orders.sql").unlink()
    (two_files.folder / "002_rollback.sql").unlink()
    before = fingerprint(two_files, two_files.staging)
    answer = signalbox("status", "--env", "staging")
    assert answer.code == 8
    assert "002 orders: missing file." in answer.out
    assert "Restore it from version control." in answer.out
    assert fingerprint(two_files, two_files.staging) == before


def test_a_record_that_is_gone_is_called_what_the_pages_call_it(signalbox: Signalbox, two_files: Project):
    apply(two_files, two_files.staging)
    two_files.query(two_files.staging, "DELETE FROM platform.schema_migrations WHERE version = '001'")
    answer = signalbox("status", "staging")
    assert answer.code == 8
    assert f"001 users: {MIGRATION[State.UNRECORDED].label.lower()}." in answer.out
    assert State.UNRECORDED in [m["state"] for m in signalbox("status", "--json").json["environments"][0]["migrations"]]


def test_an_environment_is_named_with_or_without_its_option(signalbox: Signalbox, two_files: Project):
    for choice in (["staging"], ["--env", "staging"], ["--env", "staging", "production"]):
        environments = signalbox("status", "--json", *choice).json["environments"]
        assert [e["environment"] for e in environments] == [name for name in choice if name != "--env"]


def test_an_edited_file_is_modified(signalbox: Signalbox, two_files: Project):
    apply(two_files, two_files.staging)
    two_files.write(_001_users="CREATE TABLE users (id bigint);")
    before = fingerprint(two_files, two_files.staging)
    answer = signalbox("status", "--env", "staging")
    assert answer.code == 8
    assert "001 users: modified. 001_users was edited after it was applied here" in answer.out
    assert fingerprint(two_files, two_files.staging) == before


def test_a_table_that_is_no_history_is_left_alone(signalbox: Signalbox, two_files: Project):
    two_files.query(
        two_files.staging, "CREATE SCHEMA platform CREATE TABLE schema_migrations (version bigint, dirty bool)"
    )
    before = fingerprint(two_files, two_files.staging)
    answer = signalbox("status", "--env", "staging")
    assert answer.code == 8
    assert "platform.schema_migrations exists but is not a migration history that Signalbox can use" in answer.out
    assert "it has no column applied_at, checksum, name, success" in answer.out
    assert fingerprint(two_files, two_files.staging) == before


def test_the_history_of_the_seed_is_read_as_it_is(signalbox: Signalbox, two_files: Project):
    two_files.query(
        two_files.staging,
        """
        CREATE SCHEMA platform
        CREATE TABLE schema_migrations (
            version text PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
            execution_time_ms integer, checksum text NOT NULL, success boolean NOT NULL DEFAULT true,
            error_message text, rollback_script text
        );
        """,
    )
    two_files.query(
        two_files.staging,
        "INSERT INTO platform.schema_migrations (version, name, checksum) VALUES ('001', 'users', 'manual')",
    )
    answer = signalbox("status", "--env", "staging")
    assert answer.code == 0
    assert "001 users: applied" in answer.out
    assert "002 orders: pending" in answer.out


def test_one_target_that_cannot_be_read_spoils_no_other(signalbox: Signalbox, two_files: Project):
    for statement in (
        "CREATE SCHEMA platform",
        "CREATE TABLE platform.schema_migrations (version integer PRIMARY KEY, name text, checksum text, "
        "success boolean, applied_at date)",
    ):
        two_files.query(two_files.staging, statement)
    answer = signalbox("status", "--json")
    assert answer.code == Exit.ATTENTION
    staging, production = answer.json["environments"]
    assert staging["error"]["code"] == "tracking_unusable"
    assert "ALTER COLUMN version TYPE text" in staging["error"]["remedy"]
    assert states(production) == {"001_users": "pending", "002_orders": "pending"}


def test_errors_come_first_and_what_only_should_be_known_last(signalbox: Signalbox, two_files: Project):
    apply(two_files, two_files.staging)
    two_files.write(_003_broken="CREATE TABLE (", _004_empty="-- Nothing\n")
    out = signalbox("status", "staging").out
    warning, error = out.index("  warning: "), out.index("  error: ")
    assert error < out.index("001 users: ") < out.index("003 broken: ") < warning
