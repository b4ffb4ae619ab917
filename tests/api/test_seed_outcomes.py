"""The source document's own addresses: no outcome is told better or worse than it is, and nothing is guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from config.tokens import USUAL, Scope, VariableToken
from dashboard.api import waiting
from dashboard.engine.errors import TargetUnreachable
from dashboard.models import ChangeRequest, Run
from dashboard.services import approvals, execution, forecasts, runs, standings
from dashboard.services.errors import NotNow
from tests.fix_project import redeclare
from tests.fix_tokens import Caller
from tests.services import workflow
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor
    from tests.fix_project import Project
    from tests.fix_tokens import MakeToken

pytestmark = pytest.mark.django_db

STAGING = "?environment=staging"
USERS = "CREATE TABLE users (id int);"


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does its work while a call waits."""
    monkeypatch.setattr(waiting, "until_ended", lambda run, seconds: execute_newest())


def content(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.content)
    return body


# What was left out


def test_a_plan_that_stops_before_a_file_is_no_plain_success(ci: Caller, project: Project, worker: None) -> None:
    project.write(_001_users=USERS, _002_orders="CREATE TABLE orders (id int;")
    answer = ci.post(f"/migrate{STAGING}")
    body = content(answer)
    assert (answer.status_code, body["success"], body["run"]["status"]) == (422, False, "succeeded")
    assert "002_orders" in body["stops_before"]
    assert body["stops_before"] in body["error"]
    assert body["status"]["applied"] == 1


def test_files_in_conflict_are_named(ci: Caller, project: Project, worker: None) -> None:
    project.write(_001_users=USERS, _002_orders="CREATE TABLE orders (id int);", _002_items="SELECT 1;")
    answer = ci.post(f"/migrate{STAGING}")
    body = content(answer)
    assert (answer.status_code, body["success"]) == (422, False)
    assert {each["file"] for each in body["status"]["attention"]} == {"002_orders", "002_items"}


def test_a_file_that_nobody_reads_is_named(ci: Caller, project: Project, worker: None) -> None:
    project.write(_001_users=USERS)
    (project.folder / "orders 3.sql").write_text("CREATE TABLE x (id int);")
    body = content(ci.post(f"/migrate{STAGING}"))
    assert "orders 3.sql" in [each["file"] for each in body["status"]["attention"]]


@pytest.mark.parametrize("change", ["missing", "modified"])
def test_what_needs_a_person_is_never_settled(ci: Caller, two_files: Project, alice: Actor, change: str) -> None:
    workflow.run_on_staging(two_files, alice)
    if change == "missing":
        for name in ("002_orders", "002_rollback"):
            (two_files.folder / f"{name}.sql").unlink()
    else:
        two_files.write(_002_orders="CREATE TABLE orders (id bigint);")
    status = content(ci.get(f"/status{STAGING}"))
    assert [(each["file"], each["state"]) for each in status["attention"]] == [("002_orders", change)]
    answer = json.dumps(content(ci.post(f"/migrate{STAGING}")))
    assert "002_orders" in answer
    assert "every migration" not in answer


def test_a_version_of_other_environments_is_refused(ci: Caller, project: Project) -> None:
    project.write(_001_users=f"-- signalbox: environments=production\n{USERS}")
    answer = ci.post(f"/migrate{STAGING}&wait=0", {"version": "001"})
    assert (answer.status_code, content(answer)["success"]) == (422, False)
    assert "001_users is for production only" in content(answer)["error"]


def test_a_history_of_another_tool_needs_a_person(ci: Caller, two_files: Project) -> None:
    for statement in (
        "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)",
        "INSERT INTO schema_migrations VALUES ('001')",
    ):
        two_files.query(two_files.staging, statement)
    (waits,) = content(ci.get(f"/status{STAGING}"))["attention"]
    assert (waits["file"], waits["state"]) == ("dbmate (public.schema_migrations)", "not_imported")


# What became of a run


def test_a_success_is_told_without_the_status_where_the_target_is_away(
    ci: Caller, two_files: Project, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(environment: object) -> None:
        raise TargetUnreachable(environment="Staging", address="db:5432", reason="refused", fault="refused")

    monkeypatch.setattr(standings, "now", away)
    answer = ci.post(f"/migrate{STAGING}")
    assert (answer.status_code, content(answer)["success"], content(answer)["status"]) == (200, True, None)


def test_a_run_that_was_queued_is_named_where_the_control_database_is_away(
    ci: Caller, two_files: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(run: Run, seconds: float) -> Run:
        raise OperationalError("gone")

    monkeypatch.setattr(waiting, "until_ended", gone)
    answer = ci.post(f"/migrate{STAGING}")
    assert (answer.status_code, content(answer)["run"]["number"]) == (202, Run.objects.get().pk)


def test_a_run_that_was_found_to_be_committed_is_a_success(
    ci: Caller, two_files: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(run: Run, seconds: float) -> Run:
        done = execute_newest()
        Run.objects.filter(pk=done.pk).update(status=Run.Status.INTERRUPTED, finished_at=None)
        execution.recover(done.pk)
        return Run.objects.get(pk=done.pk)

    monkeypatch.setattr(waiting, "until_ended", end)
    answer = ci.post(f"/migrate{STAGING}")
    assert Run.objects.get().status == Run.Status.RESOLVED
    assert (answer.status_code, content(answer)["success"]) == (200, True)


def test_an_interrupted_run_does_not_go_on(ci: Caller, two_files: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(run: Run, seconds: float) -> Run:
        claimed = workflow.claim(run)
        runs.begin(claimed)
        runs.interrupt(claimed, {"code": "worker_lost", "sentence": "Its worker has sent no sign of life."})
        return Run.objects.get(pk=run.pk)

    monkeypatch.setattr(waiting, "until_ended", end)
    answer = ci.post(f"/migrate{STAGING}")
    body = content(answer)
    assert (answer.status_code, body["run"]["status"]) == (409, "interrupted")
    assert body["run"]["url"] in body["remedy"]


# What is not guessed


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/migrate?wait=0", {"environment": "staging"}),
        ("/migrate?wait=0&env=staging", {}),
        ("/migrate?wait=0", {"version": ""}),
        ("/migrate?wait=0", {"verison": "001"}),
        ("/migrate?wait=0", {"reason": "x" * 2001}),
        ("/migrate?wait=0", {"reason": "\ud800"}),
        ("/migrate?wait=0", {"accept": ["\0"]}),
        ("/migrate?wait=0", {"accept": ["\ud800"]}),
        ("/rollback?wait=0", {"version": "001", "dry_run": True}),
        ("/rollback?env=staging", {"version": "001"}),
        ("/status?env=staging", None),
    ],
)
def test_an_unknown_name_or_an_empty_version_runs_nothing(
    ci: Caller, two_files: Project, settings: SettingsWrapper, address: str, body: Any
) -> None:
    redeclare(settings, replace(two_files.production, protected=False))
    if body is None:
        answer = ci.get(address)
    else:
        answer = ci.client.generic("POST", address, json.dumps(body), "application/json", headers=ci._headers({}))
    assert answer.status_code == 400, answer.content
    assert not Run.objects.exists()


# What a token may know


def test_a_token_without_a_scope_reads_nothing(
    ci: Caller, make_token: MakeToken, two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ci.post("/migrate")
    workflow.run_on_staging(two_files, alice)
    asked: list[object] = []
    monkeypatch.setattr(forecasts, "of_plan", lambda *args: asked.append(args))
    pushes = make_token(name="pushes", scopes=[Scope.PUSH])
    answers = [
        pushes.post("/migrate"),
        pushes.post(f"/rollback{STAGING}", {"version": "001"}),
        pushes.post(f"/rollback{STAGING}", {"version": "009"}),
        pushes.post("/rollback", {"version": "002", "rows_to_lose": "1"}),
    ]
    assert [(answer.status_code, content(answer)["code"]) for answer in answers] == [(403, "scope_missing")] * 4
    assert not asked


def test_a_token_that_only_asks_is_told_of_the_approval(make_token: MakeToken, two_files: Project, bob: Actor) -> None:
    asks = make_token(name="asks", scopes=[Scope.REQUEST])
    assert asks.post("/migrate").status_code == 202
    workflow.approve(ChangeRequest.objects.get(), bob)
    answer = asks.post("/migrate?wait=0")
    assert (answer.status_code, content(answer)["request"]["status"]) == (202, "approved")
    assert not Run.objects.exists()


def test_an_unknown_environment_names_only_those_of_the_token(make_token: MakeToken, two_files: Project) -> None:
    error = content(make_token(slugs=["staging"]).get("/status?environment=x"))["error"]
    assert "staging" in error
    assert "production" not in error


def test_rollbacks_under_a_standing_approval_count_toward_the_hour(
    ci: Caller, two_files: Project, bob: Actor, settings: SettingsWrapper
) -> None:
    settings.TOKEN_DEEDS_AN_HOUR = 2
    ci.post("/migrate")
    workflow.approve(ChangeRequest.objects.get(), bob)
    assert ci.post("/migrate?wait=0").status_code == 202
    execute_newest()
    statuses = []
    for version in ("002", "001"):
        body = {"version": version, "accept": [f"unproven_rollback:{version}"], "rows_to_lose": "0"}
        statuses.append(ci.post("/rollback?wait=0", body).status_code)
        execute_newest()
    assert statuses == [202, 429]


def test_a_person_of_the_name_does_not_break_the_token_of_the_variable(
    settings: SettingsWrapper, two_files: Project, make_user: Callable[..., User]
) -> None:
    person = make_user("migration-secret", "requester")
    settings.MIGRATION_SECRET = VariableToken(secret="s" * 40, scopes=USUAL, environments=None)
    caller = Caller(client=Client(), text="s" * 40)
    assert caller.get(f"/status{STAGING}").status_code == 200
    assert caller.post(f"/migrate{STAGING}&wait=0").status_code == 202
    assert Run.objects.get().started_by != person


# What a caller hears that was told "later" and asks again


def test_a_plan_that_failed_is_run_again_only_by_a_word(ci: Caller, project: Project) -> None:
    """However often a pipeline that retries sends the same call."""
    project.write(_001_users="SELECT 1/0;")
    assert ci.post(f"/migrate{STAGING}&wait=0").status_code == 202
    failed = execute_newest()
    for _ in range(3):
        answer = ci.post(f"/migrate{STAGING}&wait=0")
        body = content(answer)
        assert (answer.status_code, body["run"]["number"]) == (422, failed.pk)
        assert "division by zero" in body["error"]
        assert "This call ran nothing." in body["state"]
        assert '"again": true' in body["remedy"]
    assert Run.objects.count() == 1
    project.write(_001_users="SELECT 1;")
    assert ci.post(f"/migrate{STAGING}&wait=0").status_code == 202
    assert Run.objects.count() == 2


def test_a_failure_is_told_also_where_a_person_had_started_it(ci: Caller, project: Project, alice: Actor) -> None:
    project.write(_001_users="SELECT 1/0;")
    failed = workflow.run_on_staging(project, alice)
    answer = ci.post(f"/migrate{STAGING}&wait=0")
    assert (answer.status_code, content(answer)["run"]["number"]) == (422, failed.pk)
    assert Run.objects.count() == 1


def test_what_the_clock_kept_back_needs_no_word(ci: Caller, two_files: Project) -> None:
    """Nothing ran: told once, it begins anew."""
    assert ci.post(f"/migrate{STAGING}&wait=0").status_code == 202
    Run.objects.update(status=Run.Status.FAILED, finished_at=timezone.now(), failure={"code": NotNow.code})
    statuses = [ci.post(f"/migrate{STAGING}&wait=0").status_code for _ in range(2)]
    assert statuses == [422, 202]


def test_whoever_says_again_runs_it_again(ci: Caller, project: Project) -> None:
    project.write(_001_users="SELECT 1/0;")
    ci.post(f"/migrate{STAGING}&wait=0")
    execute_newest()
    assert ci.post(f"/migrate{STAGING}&wait=0", {"again": True}).status_code == 202
    assert Run.objects.count() == 2


def test_a_rollback_that_succeeded_after_its_caller_left_is_a_success_once(ci: Caller, project: Project) -> None:
    project.write(_001_users=USERS, _001_rollback="DROP TABLE users;")
    ci.post(f"/migrate{STAGING}&wait=0")
    execute_newest()
    call = (f"/rollback{STAGING}&wait=0", {"version": "001", "accept": ["unproven_rollback:001"]})
    assert ci.post(*call).status_code == 202
    execute_newest()
    answer = ci.post(*call)
    assert (answer.status_code, content(answer)["success"]) == (200, True)
    assert ci.post(*call).status_code == 404


def test_what_people_rejected_is_asked_again_only_by_a_word(ci: Caller, two_files: Project, bob: Actor) -> None:
    number = content(ci.post("/migrate"))["request"]["number"]
    asked = ChangeRequest.objects.get(pk=number)
    approvals.reject(asked.pk, by=bob, digest=asked.digest, reason="It locks the table at noon")
    for _ in range(2):
        answer = ci.post("/migrate")
        assert (answer.status_code, content(answer)["request"]["number"]) == (422, number)
        assert "It locks the table at noon" in content(answer)["error"]
    assert ChangeRequest.objects.count() == 1
    assert ci.post("/migrate", {"again": True}).status_code == 202
    assert ChangeRequest.objects.count() == 2


# A key of the caller's


def keyed(caller: Caller, address: str, body: Any = None, key: str = "pipeline 12") -> Any:
    return caller.post(address, body, Idempotency_Key=key)


def test_a_key_does_its_deed_once(ci: Caller, two_files: Project, worker: None) -> None:
    first = keyed(ci, f"/migrate{STAGING}")
    rollback = {"version": "002", "accept": ["unproven_rollback:002"]}
    assert ci.post(f"/rollback{STAGING}", rollback).status_code == 200
    second = keyed(ci, f"/migrate{STAGING}")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Run.objects.count() == 2
    other = keyed(ci, f"/migrate{STAGING}", {"version": "001"})
    assert (other.status_code, content(other)["code"]) == (422, "key_used_again")


def test_a_key_that_was_told_later_asks_how_it_ended_and_never_begins_anew(ci: Caller, project: Project) -> None:
    project.write(_001_users="SELECT 1/0;")
    ci.post(f"/migrate{STAGING}&wait=0")
    execute_newest()
    call = (f"/migrate{STAGING}&wait=0", {"again": True})
    assert keyed(ci, *call).status_code == 202
    failed = execute_newest()
    for _ in range(2):
        answer = keyed(ci, *call)
        assert (answer.status_code, content(answer)["run"]["number"]) == (422, failed.pk)
    assert Run.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_cannot_be_kept_runs_nothing(ci: Caller, two_files: Project, key: str) -> None:
    answer = keyed(ci, f"/migrate{STAGING}&wait=0", key=key)
    assert (answer.status_code, content(answer)["success"]) == (400, False)
    assert not Run.objects.exists()


def test_a_version_that_is_named_is_named_where_nothing_is_left_up_to_it(
    ci: Caller, two_files: Project, worker: None
) -> None:
    """Later ones are pending."""
    ci.post(f"/migrate{STAGING}", {"version": "001"})
    (two_files.folder / "orders 3.sql").write_text("CREATE TABLE x (id int);")
    body = content(ci.post(f"/migrate{STAGING}", {"version": "001"}))
    assert body["status"]["pending"] == 1
    assert body["message"].startswith("Nothing up to 001 is pending on Staging, and nothing was run. But")
