from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.engine import rehearsal as engine
from dashboard.engine.localserver import isolation, network
from dashboard.engine.rehearsal.report import Origin, Proof, Report, ScriptRun
from tests.cli.conftest import Answer, Signalbox
from tests.cli.targets import fingerprint
from tests.fix_postgres import Database
from tests.fix_project import ChangeProduction, Project

MANAGE = Path(__file__).parents[2] / "manage.py"
KEYS = [
    "version",
    "name",
    "verdict",
    "because",
    "up",
    "down",
    "again",
    "verification",
    "reversible",
    "order_only",
    "repeatable",
    "effect",
    "effect_because",
    "differences",
    "locks",
    "ms",
    "environments",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "001_users.sql").write_text("CREATE TABLE users (id bigint, name text);")
    (tmp_path / "001_rollback.sql").write_text("DROP TABLE users;")
    return tmp_path


@pytest.fixture
def server_url(target_db: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """The variable with the URL of a server for rehearsals."""
    monkeypatch.setenv("REHEARSAL_URL", target_db.url)
    return "REHEARSAL_URL"


def _rows(answer: Answer) -> list[dict[str, object]]:
    return [json.loads(line) for line in answer.out.splitlines()]


def test_each_migration_is_one_line(signalbox: Signalbox, folder: Path, server_url: str):
    (folder / "002_widen.sql").write_text("ALTER TABLE users ALTER id TYPE text;\n")
    (folder / "002_rollback.sql").write_text("\nALTER TABLE users ADD extra int;")
    answer = signalbox("rehearse", "--source", str(folder), "--server-env", server_url, "--json")
    assert (answer.code, answer.err) == (0, "")
    first, second = _rows(answer)
    assert list(first) == KEYS
    fine = {"ok": True, "error": None, "line": None}
    assert {**first, "ms": 0} == {
        "version": "001",
        "name": "users",
        "verdict": "proven",
        "because": None,
        "up": fine,
        "down": fine,
        "again": fine,
        "verification": [],
        "reversible": True,
        "order_only": False,
        "repeatable": True,
        "effect": "changes something",
        "effect_because": None,
        "differences": [],
        "locks": [],
        "ms": 0,
        "environments": None,
    }
    assert isinstance(first["ms"], int)
    assert first["ms"] > 0
    assert second["reversible"] is False
    assert second["differences"] == [
        "column public.users.extra: added (type integer)",
        "column public.users.id: type bigint -> text",
    ]
    assert second["locks"] == ["ACCESS EXCLUSIVE on public.users, rewritten"]


def test_files_of_one_number_are_rehearsed_as_each_environment_has_them(
    signalbox: Signalbox, project: Project, folder: Path, server_url: str
):
    """Both make the same table: on one copy the second of them would fail."""
    for name in ("staging", "production"):
        (folder / f"002_{name}.sql").write_text(f"-- signalbox: environments={name}\nCREATE TABLE plans (id int);")
        (folder / f"002_{name}_rollback.sql").write_text("DROP TABLE plans;")
    (folder / "003_more.sql").write_text("ALTER TABLE plans ADD name text;")
    (folder / "003_rollback.sql").write_text("ALTER TABLE plans DROP name;")
    where = ("--source", str(folder), "--server-env", server_url, "--on-target-server")
    answer = signalbox("rehearse", *where)
    assert answer.code == 0, answer.err
    said = [line.partition(":")[0] for line in answer.out.splitlines() if not line.startswith(" ")]
    assert said[:5] == ["As staging has it", "001_users", "002_staging", "003_more", said[4]]
    assert said[5:9] == ["As production has it", "001_users", "002_production", "003_more"]
    rows = _rows(signalbox("rehearse", *where, "--json"))
    assert [(row["name"], row["environments"]) for row in rows] == [
        *((name, ["staging"]) for name in ("users", "staging", "more")),
        *((name, ["production"]) for name in ("users", "production", "more")),
    ]
    (folder / "002_production.sql").write_text("-- signalbox: environments=production\nCREATE TABLE other (id int);")
    answer = signalbox("rehearse", *where)
    assert (answer.code, answer.out.count("003_more: proven"), answer.out.count("003_more: failed")) == (8, 1, 1)


def test_a_failure_stops_it_unless_it_is_told_to_go_on(signalbox: Signalbox, folder: Path, server_url: str):
    (folder / "002_bad.sql").write_text("SELECT 1;\nSELECT nope;")
    (folder / "003_down.sql").write_text("ALTER TABLE users ADD a int;")
    (folder / "003_rollback.sql").write_text("DROP TABLE nope;")
    command = ["rehearse", "--source", str(folder), "--server-env", server_url, "--from-scratch", "--json"]
    stopped = signalbox(*command)
    assert stopped.code == 8
    assert [row["verdict"] for row in _rows(stopped)] == ["proven", "failed", "not reached"]
    assert [list(row) for row in _rows(stopped)] == [KEYS] * 3
    assert stopped.err == "003_down was not reached, because 002_bad failed before it.\n"
    answer = signalbox(*command, "--keep-going")
    _, bad, down = _rows(answer)
    assert answer.code == 8
    assert (bad["up"], bad["down"], bad["reversible"], bad["repeatable"]) == (
        {"ok": False, "error": 'column "nope" does not exist', "line": 2},
        None,
        None,
        None,
    )
    assert down["up"] == {"ok": True, "error": None, "line": None}
    assert down["down"] == {"ok": False, "error": 'table "nope" does not exist', "line": 1}


def test_people_read_sentences(signalbox: Signalbox, folder: Path, server_url: str):
    (folder / "002_widen.sql").write_text("ALTER TABLE users ALTER id TYPE text; INSERT INTO users VALUES ('1');")
    (folder / "002_rollback.sql").write_text("SELECT 1;")
    (folder / "003_order.sql").write_text("ALTER TABLE users DROP id;")
    (folder / "003_rollback.sql").write_text("ALTER TABLE users ADD id text;")
    (folder / "004_again.sql").write_text("CREATE TABLE more ();")
    (folder / "004_rollback.sql").write_text("SELECT 1;")
    (folder / "005_alone.sql").write_text("SELECT 1;")
    (folder / "006_stuck.sql").write_text("SELECT 1;")
    (folder / "006_rollback.sql").write_text("SELECT nope;")
    (folder / "007_role.sql").write_text("CREATE ROLE rehearsed;")
    (folder / "008_bad.sql").write_text("SELECT nope;")
    (folder / "verify_users.sql").write_text("SELECT 1/0;")
    answer = signalbox("rehearse", "--source", str(folder), "--server-env", server_url, "--keep-going")
    said = [line.partition(" (")[0] if line[0] == "0" else line for line in answer.out.splitlines()]
    assert said[:-1] == [
        "001_users: proven: reversible",
        "002_widen: proven: rollback leaves another schema",
        "    ACCESS EXCLUSIVE on public.users, rewritten",
        "    left behind: column public.users.id: type bigint -> text",
        "003_order: proven: reversible but for the order of columns",
        "    ACCESS EXCLUSIVE on public.users",
        "    left behind: table public.users: columns in another order (id, name -> name, id)",
        "004_again: failed: rollback leaves another schema; applying it again failed at line 1: "
        'relation "more" already exists',
        "    left behind: table public.more: added",
        "005_alone: proven: it runs, and has no rollback; changes nothing",
        '006_stuck: failed: it runs, rollback failed at line 1: column "nope" does not exist',
        "007_role: not proven, because CREATE ROLE rehearsed changes the whole server, which others use too",
        "008_bad: not proven, because 007_role did not run before it, and it may need that: "
        'up failed at line 1: column "nope" does not exist',
    ]
    assert said[-1].startswith("8 rehearsed on PostgreSQL 17 in ")
    assert said[-1].endswith(": 4 proven, 2 failed, 2 not proven, 2 reversible")
    assert answer.code == 8


def test_a_second_up_that_fails_is_a_failure_with_its_error(signalbox: Signalbox, folder: Path, server_url: str):
    (folder / "001_rollback.sql").write_text("SELECT 1;")
    (folder / "002_more.sql").write_text("ALTER TABLE users ADD a int;")
    answer = signalbox("rehearse", "--source", str(folder), "--server-env", server_url, "--json")
    first, second = _rows(answer)
    assert answer.code == 8
    assert (first["verdict"], second["verdict"]) == ("failed", "proven")
    assert first["again"] == {"ok": False, "error": 'relation "users" already exists', "line": 1}


UNREAD = {
    "another tool's name": ("V2__more.sql", "V2__more.sql was not rehearsed"),
    "a hyphen": ("002-more.sql", "002-more.sql was not rehearsed"),
    "a number twice": ("001_more.sql", "001_more is in no plan"),
}


@pytest.mark.parametrize("case", UNREAD)
@pytest.mark.parametrize("environment", [(), ("--env", "staging")], ids=["from the first file", "a plan"])
def test_what_is_not_read_is_named_and_no_success(
    signalbox: Signalbox, project: Project, folder: Path, case: str, environment: tuple[str, ...]
):
    name, sentence = UNREAD[case]
    (folder / name).write_text("CREATE TABLE more ();")
    answer = signalbox("rehearse", "--source", str(folder), *environment)
    assert answer.code == 8
    assert sentence in answer.err or "001_more was not reached, because the plan stops before it" in answer.err


def test_a_folder_of_which_nothing_is_read_is_no_success(signalbox: Signalbox, project: Project, tmp_path: Path):
    (tmp_path / "users.sql").write_text("CREATE TABLE users ();")
    for environment in ((), ("--env", "staging")):
        answer = signalbox("rehearse", "--source", str(tmp_path), *environment)
        assert answer.code == 8
        assert "users.sql was not rehearsed" in answer.err


def test_of_a_plan_that_cannot_begin_all_that_is_pending_is_named(signalbox: Signalbox, project: Project, folder: Path):
    (folder / "001_users.sql").write_text("BEGIN; CREATE TABLE users ();")
    (folder / "002_more.sql").write_text("CREATE TABLE more ();")
    answer = signalbox("rehearse", "--source", str(folder), "--env", "staging")
    assert answer.code == 8
    for label in ("001_users", "002_more"):
        assert f"{label} was not reached, because the plan stops before it: " in answer.err


def test_a_folder_without_a_migration_is_no_success(signalbox: Signalbox, tmp_path: Path):
    answer = signalbox("rehearse", "--source", str(tmp_path))
    assert answer.code == 8
    assert "Nothing was rehearsed" in answer.err


@pytest.mark.parametrize("more", [(), ("--keep-going",)], ids=["", "told to go on"])
def test_what_the_plan_leaves_out_is_named_and_no_success(
    signalbox: Signalbox, project: Project, folder: Path, more: tuple[str, ...]
):
    (folder / "002_half.sql").write_text("BEGIN; CREATE TABLE half ();")
    (folder / "003_more.sql").write_text("CREATE TABLE more ();")
    answer = signalbox("rehearse", "--source", str(folder), "--env", "staging", "--json", *more)
    assert answer.code == 8
    assert [(row["version"], row["verdict"]) for row in _rows(answer)] == [
        ("001", "proven"),
        ("002", "not reached"),
        ("003", "not reached"),
    ]
    assert "002_half was not reached, because the plan stops before it: " in answer.err


def test_a_verification_file_that_raises_is_a_failure(signalbox: Signalbox, folder: Path, server_url: str):
    (folder / "verify_users.sql").write_text("SELECT 1/0;")
    answer = signalbox("rehearse", "--source", str(folder), "--server-env", server_url)
    assert answer.code == 8
    assert "    verify_users.sql: at line 1: division by zero" in answer.out


def test_a_variable_that_is_not_set_is_wrong_usage(signalbox: Signalbox, folder: Path):
    answer = signalbox("rehearse", "--source", str(folder), "--server-env", "NOT_SET_AT_ALL")
    assert (answer.code, answer.out, answer.err) == (2, "", "signalbox: the variable NOT_SET_AT_ALL is not set.\n")


def test_a_missing_folder_is_wrong_usage(signalbox: Signalbox, tmp_path: Path):
    assert signalbox("rehearse", "--source", str(tmp_path / "gone")).code == 2


def test_a_server_that_does_not_answer_is_named(signalbox: Signalbox, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REHEARSAL_URL", "postgresql://me:s3cret@127.0.0.1:1/x")
    answer = signalbox("rehearse", "--source", str(folder), "--server-env", "REHEARSAL_URL")
    assert answer.code == 7
    assert "the URL in REHEARSAL_URL is right" in answer.err
    assert "s3cret" not in answer.said


def test_the_server_of_an_environment_is_refused_unless_that_is_allowed(
    signalbox: Signalbox, project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REHEARSAL_URL", project.staging.url)
    command = ["rehearse", "--source", str(folder), "--server-env", "REHEARSAL_URL"]
    answer = signalbox(*command)
    assert answer.code == 1
    assert "REHEARSAL_URL leads to the server of Staging" in answer.err
    assert signalbox(*command, "--on-target-server").code == 0
    assert signalbox(*command, "--on-target-server", "--env", "staging").code == 1


def test_what_is_pending_somewhere_runs_on_a_copy(signalbox: Signalbox, project: Project, folder: Path):
    (folder / "002_more.sql").write_text("CREATE TABLE more ();")
    project.query(project.staging, "CREATE TABLE more ()")
    before = fingerprint(project, project.staging)
    answer = signalbox("rehearse", "--source", str(folder), "--env", "staging", "--json")
    assert answer.code == 8
    assert [(row["version"], row["up"]) for row in _rows(answer)] == [
        ("001", {"ok": True, "error": None, "line": None}),
        ("002", {"ok": False, "error": 'relation "more" already exists', "line": 1}),
    ]
    assert "It ran on a copy of the schema of Staging" in answer.err
    assert fingerprint(project, project.staging) == before


def test_scratch_and_a_copy_exclude_each_other(signalbox: Signalbox):
    with pytest.raises(Exception, match="not allowed with"):
        signalbox("rehearse", "--from-scratch", "--env", "staging")


def test_it_needs_no_control_database_and_no_server(folder: Path):
    given = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_URL")}
    environment = given | {"SIGNALBOX_DATABASE_URL": "postgresql://nobody:s3cret@127.0.0.1:1/gone"}
    command = [sys.executable, MANAGE, "signalbox", "rehearse", "--source", folder, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["reversible"] is True


# Beside keys, and with a network


@pytest.fixture
def without_isolation(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Somebody's shell shows the keys, and the platform gives no network; the declaration of production allows the
    latter."""
    monkeypatch.setattr(isolation, "exposed", lambda variables: ("sh (process 7)",))
    monkeypatch.setattr(network, "can_be_left", lambda: False)
    monkeypatch.setattr(engine, "of_plan", _reported)
    monkeypatch.setattr(engine, "of_folder", _reported)
    project.write(_001_users="CREATE TABLE users (id int);")
    return project


def _reported(_: object, **__: object) -> Report:
    proof = Proof(version="001", name="users", up=ScriptRun(ok=True, ms=1.0))
    return Report(origin=Origin.COPY, server_version=170010, ms=1.0, proofs=(proof,), remarks=("No rows.",))


WAYS = [("--env", "production"), ("--from-scratch",), ()]
COULD_READ = "a private server for rehearsals could read the keys of sh (process 7)."


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_beside_keys_nothing_is_rehearsed_for_a_protected_environment(
    signalbox: Signalbox, without_isolation: Project, way: tuple[str, ...]
):
    answer = signalbox("rehearse", *way)
    assert (answer.code, answer.out) == (7, "")
    first, second = answer.err.splitlines()
    assert first == f"signalbox: It could not be rehearsed: {COULD_READ}"
    assert second.endswith("Or allow it for Production: unisolated_rehearsals = true in its declaration.")
    assert COULD_READ in signalbox("doctor", "--env", "production").out


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_nor_with_a_network(
    signalbox: Signalbox, without_isolation: Project, change_production: ChangeProduction, way: tuple[str, ...]
):
    change_production(unisolated_rehearsals=True, rehearsals_with_network=False)
    answer = signalbox("rehearse", *way)
    assert (answer.code, answer.out) == (7, "")
    assert "a private server for rehearsals has the network of this machine" in answer.err
    assert "rehearsals_with_network = true in its declaration." in answer.err


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_where_a_person_allowed_it_by_name_it_is_said(
    signalbox: Signalbox, without_isolation: Project, change_production: ChangeProduction, way: tuple[str, ...]
):
    change_production(unisolated_rehearsals=True)
    answer = signalbox("rehearse", *way)
    assert answer.code == 0
    assert answer.err.splitlines() == [
        "No rows.",
        f"The declaration of Production allows by name (unisolated_rehearsals) that {COULD_READ}",
        "The declaration of Production allows by name (rehearsals_with_network) that a private server for rehearsals "
        "has the network of this machine: the platform allows no other.",
    ]


@pytest.mark.parametrize("elsewhere", [["--env", "staging"], ["--env", "production", "--server-env", "ELSEWHERE"]])
def test_an_unprotected_one_and_a_server_elsewhere_need_nobody_to_allow_it(
    signalbox: Signalbox, without_isolation: Project, monkeypatch: pytest.MonkeyPatch, elsewhere: list[str]
):
    monkeypatch.setenv("ELSEWHERE", "postgresql://rehearser@elsewhere/postgres")
    answer = signalbox("rehearse", *elsewhere)
    assert (answer.code, answer.err) == (0, "No rows.\n")


def test_without_a_protected_database_at_hand_there_is_nothing_to_keep_it_from(
    signalbox: Signalbox, without_isolation: Project, change_production: ChangeProduction
):
    change_production(url="")
    assert signalbox("rehearse", "--from-scratch").code == 0
