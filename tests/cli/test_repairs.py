"""The verbs that mend a history: a preview without --by, one run or one request with it."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from dashboard.cli.exits import Exit
from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.services import execution
from tests.fix_project import Project

pytestmark = pytest.mark.django_db(transaction=True)

SKIP = ("skip", "staging", "001_users", "002", "--reason", "Made by hand")


def signalbox(*arguments: str) -> int:
    try:
        call_command("signalbox", *arguments)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def recorded(project: Project) -> list[tuple[object, ...]]:
    return project.query(
        project.staging, "SELECT version, kind, error_message FROM platform.schema_migrations ORDER BY version"
    )


def execute_all() -> None:
    for run in Run.objects.filter(status=Run.Status.QUEUED):
        execution.execute(run.pk)


@pytest.mark.usefixtures("two_files")
def test_without_a_person_it_shows_the_rows_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert signalbox(*SKIP) == Exit.OK
    text = capsys.readouterr().out
    assert "  001_users: no row -> skipped, checksum " in text
    assert text.rstrip().endswith("Nothing was written. Say who asks for it with --by.")
    assert not Run.objects.exists()


def test_many_are_skipped_and_taken_back_by_one_run_each(two_files: Project, admin: object) -> None:
    assert signalbox(*SKIP, "--by", "carol") == Exit.OK
    execute_all()
    assert recorded(two_files) == [("001", "skipped", "Made by hand"), ("002", "skipped", "Made by hand")]
    event = AuditEvent.objects.get(kind="run.queued")
    assert event.actor == "carol (on the command line)"
    back = ("unskip", "staging", "001", "002_orders.sql", "--reason", "Needed", "--by", "carol")
    assert signalbox(*back) == Exit.OK
    execute_all()
    assert recorded(two_files) == []
    assert Run.objects.count() == 2


def test_what_ran_by_hand_is_marked(two_files: Project, admin: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        signalbox("mark-applied", "staging", "001", "--reason", "psql", "--by", "carol", "--accept", "--json")
        == Exit.OK
    )
    report = json.loads(capsys.readouterr().out)
    (row,) = report["rows"]
    assert (row["before"], row["after"]["kind"], row["captures_rollback"]) == (None, "applied", True)
    assert report["run"] == Run.objects.get().pk
    execute_all()
    assert recorded(two_files) == [("001", "applied", "psql")]


@pytest.mark.usefixtures("two_files", "admin")
def test_on_a_protected_environment_it_opens_one_request(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ("mark-applied", "production", "001", "002", "--reason", "psql", "--by", "carol", "--json", "--accept")
    assert signalbox(*ask) == Exit.APPROVAL_NEEDED
    request = ChangeRequest.objects.get()
    assert json.loads(capsys.readouterr().out)["request"] == request.pk
    assert [step.version for step in request.plan.steps] == ["001", "002"]
    assert request.reason == "psql"


def test_a_baseline_wants_its_warning_accepted(
    two_files: Project, admin: object, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ("baseline", "staging", "--to", "002", "--reason", "From a dump")
    two_files.query(two_files.staging, "CREATE TABLE users (id int)")
    assert signalbox(*ask) == Exit.OK
    text = capsys.readouterr().out
    assert "  002_orders: no row -> baseline, checksum " in text
    assert "orders (002_orders)" in text
    assert signalbox(*ask, "--by", "carol") == Exit.FAILED
    assert "--accept" in capsys.readouterr().err
    assert signalbox(*ask, "--by", "carol", "--accept") == Exit.OK
    execute_all()
    assert recorded(two_files) == [("001", "baseline", "From a dump"), ("002", "baseline", "From a dump")]


def test_edits_are_accepted_and_changes_only_by_their_own_word(
    two_files: Project, admin: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signalbox("mark-applied", "staging", "--all", "--reason", "psql", "--by", "carol", "--accept") == Exit.OK
    execute_all()
    two_files.write(_001_users="-- Users\nCREATE TABLE users (id int);", _002_orders="CREATE TABLE orders (id text);")
    assert signalbox("accept", "staging", "001", "002", "--by", "carol") == Exit.ATTENTION
    assert signalbox("accept", "staging", "001", "--by", "carol") == Exit.OK
    assert signalbox("accept", "staging", "002", "--changed-sql", "--by", "carol") == Exit.FAILED
    execute_all()
    assert signalbox("accept", "staging", "--all", "--changed-sql", "--reason", "It is so", "--by", "carol") == Exit.OK
    execute_all()
    assert {run.status for run in Run.objects.all()} == {Run.Status.SUCCEEDED}
    capsys.readouterr()
    assert signalbox("status", "staging", "--json") == Exit.OK
    states = {m["state"] for m in json.loads(capsys.readouterr().out)["environments"][0]["migrations"]}
    assert states == {"applied"}


@pytest.mark.usefixtures("two_files", "requester")
def test_whoever_may_not_is_refused() -> None:
    assert signalbox(*SKIP, "--by", "alice") == Exit.PERMISSION
    assert not Run.objects.exists()


@pytest.mark.usefixtures("two_files")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("skip", "nowhere", "001", "--reason", "x"), Exit.USAGE),
        (("skip", "staging", "777", "--reason", "x"), Exit.USAGE),
        (("skip", "staging", "001", "--reason", "x", "--by", "nobody"), Exit.USAGE),
        (("skip", "staging", "001", "--reason", " "), Exit.FAILED),
        (("skip", "staging", "--reason", "x"), Exit.USAGE),
        (("skip", "staging", "001", "--all", "--reason", "x"), Exit.USAGE),
        (("accept", "staging"), Exit.USAGE),
        (("unskip", "staging", "001", "--reason", "x"), Exit.OK),
    ],
)
def test_what_cannot_be_done_has_its_code(arguments: tuple[str, ...], code: Exit) -> None:
    assert signalbox(*arguments) == code
    assert not Run.objects.exists()


@pytest.mark.usefixtures("two_files")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("unskip", "staging", "--all", "--reason", "x"), "no migration is skipped there"),
        (("accept", "staging", "--all"), "no applied file has other comments than it had then"),
        (("accept", "staging", "--all", "--changed-sql"), "no applied file has other SQL than it had then"),
    ],
)
def test_where_all_are_meant_and_none_fits_it_says_why(
    arguments: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signalbox(*arguments) == Exit.OK
    assert f"Staging has nothing to do: {reason}." in capsys.readouterr().err
