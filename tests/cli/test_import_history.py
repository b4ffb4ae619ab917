from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.models import ChangeRequest, Run, command_line
from dashboard.services import actors, approvals, execution, runs
from tests.cli.conftest import Signalbox
from tests.fix_project import Project

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat of a run looks from a session of its own

DBMATE = (
    "CREATE TABLE t1 (id int); CREATE TABLE t2 (id int);"
    "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('1'), ('2')"
)


@pytest.fixture
def migrated(project: Project) -> Project:
    """dbmate has applied two of three files, everywhere."""
    for n in "123":
        project.write(**{f"_{n}_t": f"-- migrate:up\nCREATE TABLE t{n} (id int);\n-- migrate:down\nDROP TABLE t{n};\n"})
    for database in project.databases.values():
        database.query(DBMATE)
    return project


def test_without_a_person_it_only_shows(signalbox: Signalbox, migrated: Project) -> None:
    answer = signalbox("import", "staging", "--json")
    assert (answer.code, answer.json["action"]) == (0, "import")
    assert [(change["version"], change["before"], change["after"]["kind"]) for change in answer.json["rows"]] == [
        ("1", None, "baseline"),
        ("2", None, "baseline"),
    ]
    assert answer.json["origin"]["table"] == "schema_migrations"
    shown = signalbox("import", "staging").out
    assert shown.count("Imported from dbmate") == 1, "what holds of both rows is said once"
    assert migrated.query(migrated.staging, "SELECT FROM pg_namespace WHERE nspname = 'platform'") == []


def test_the_status_says_that_it_waits(signalbox: Signalbox, migrated: Project) -> None:
    (environment,) = signalbox("status", "staging", "--json").json["environments"]
    assert environment["not_imported"] == ["dbmate (public.schema_migrations)"]
    assert f"`{command_line.of('import staging')}`." in signalbox("status", "staging").out


def test_one_run_takes_all_of_it(signalbox: Signalbox, migrated: Project, admin: User) -> None:
    answer = signalbox("import", "staging", "--by", admin.username, "--json")
    assert answer.code == 0, answer.err
    execution.execute(answer.json["run"])
    assert Run.objects.get(pk=answer.json["run"]).status == Run.Status.SUCCEEDED
    (environment,) = signalbox("status", "staging", "--json").json["environments"]
    states = {item["version"]: item["state"] for item in environment["migrations"]}
    assert states == {"1": "baselined", "2": "baselined", "3": "pending"}
    assert migrated.query(migrated.staging, "SELECT version, kind FROM platform.schema_migrations ORDER BY 1") == [
        ("1", "baseline"),
        ("2", "baseline"),
    ]


def test_on_a_protected_environment_one_request_is_for_all_files(
    signalbox: Signalbox, migrated: Project, admin: User, approver: User
) -> None:
    assert "A reason is needed" in signalbox("import", "production", "--by", admin.username).err
    assert not ChangeRequest.objects.exists()
    answer = signalbox("import", "production", "--by", admin.username, "--reason", "Moved over", "--json")
    assert answer.code == 4, answer.err
    request = ChangeRequest.objects.get()
    assert (answer.json["request"], request.action, len(request.plan.steps)) == (request.pk, "import", 2)
    approved = approvals.approve(request.pk, by=actors.person(approver), digest=request.digest)
    run = runs.start_approved(approved, by=actors.person(admin), typed_name="production")
    execution.execute(run.pk)
    assert Run.objects.get(pk=run.pk).status == Run.Status.SUCCEEDED
    assert migrated.query(migrated.production, "SELECT applied_by FROM platform.schema_migrations LIMIT 1") == [
        ("carol",)
    ]


def test_it_asks_for_the_role(signalbox: Signalbox, migrated: Project, requester: User) -> None:
    assert signalbox("import", "staging", "--by", "nobody").code == 2
    assert signalbox("import", "staging", "--by", requester.username).code == 6
    assert not Run.objects.exists()


def test_where_there_is_nothing_it_says_so(signalbox: Signalbox, two_files: Project) -> None:
    answer = signalbox("import", "staging")
    assert (answer.code, answer.out) == (0, "")
    assert "no table of a tool that is known" in answer.err
    assert signalbox("import", "staging", "--json").json["rows"] == []


def test_a_table_that_is_not_there_is_wrong_usage(signalbox: Signalbox, migrated: Project) -> None:
    answer = signalbox("import", "staging", "--table", "public.nope")
    assert (answer.code, answer.out) == (2, "")
    assert "no table public.nope of a tool that is known. Found: public.schema_migrations (dbmate)." in answer.err


def test_what_a_row_says_reaches_no_terminal_as_it_is(signalbox: Signalbox, migrated: Project) -> None:
    migrated.databases["staging"].query("INSERT INTO schema_migrations VALUES (E'9\\x1b[2J')")
    said = signalbox("import", "staging").out
    assert "U+001B" in said
    assert "\x1b" not in said
