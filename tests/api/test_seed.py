"""The source document's own addresses: its shapes, and what a caller reads where nothing was run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError
from django.test import Client

from config.tokens import Scope
from dashboard.api import waiting
from dashboard.models import ChangeRequest, Run, environments
from dashboard.services import plans, runs, standings
from tests.fix_tokens import Caller, MakeToken
from tests.services import workflow
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor
    from tests.fix_people import ClientOf
    from tests.fix_project import ChangeProduction, Project

pytestmark = pytest.mark.django_db

STAGING = "?environment=staging&wait=0"


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does its work while a call waits."""

    def end(run: Run, seconds: float) -> Run:
        return execute_newest() if seconds else run

    monkeypatch.setattr(waiting, "until_ended", end)


def told(answer: Any) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/json", answer.content
    body: dict[str, Any] = json.loads(answer.content)
    return body


# GET /status


def test_the_status_has_the_shape_of_the_source_document(ci: Caller, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice, upto="001")
    answer = told(ci.get("/status?environment=staging"))
    assert answer["latest"].pop("applied_at")
    assert isinstance(answer["latest"].pop("execution_time_ms"), int)
    assert answer == {
        "environment": "staging",
        "applied": 1,
        "pending": 1,
        "latest": {"version": "001", "name": "users", "success": True},
        "pendingMigrations": [{"version": "002", "name": "orders"}],
        "attention": [],
    }


def test_the_status_is_of_production_unless_another_is_named(ci: Caller, two_files: Project) -> None:
    answer = told(ci.get("/status"))
    assert (answer["environment"], answer["applied"], answer["pending"], answer["latest"]) == ("production", 0, 2, None)


# POST /migrate


def test_what_is_free_is_applied_and_the_answer_waits_for_it(ci: Caller, two_files: Project, worker: None) -> None:
    answer = ci.post("/migrate?environment=staging")
    body = told(answer)
    assert (answer.status_code, body["success"], body["message"]) == (200, True, "Migrations applied successfully")
    assert (body["status"]["applied"], body["status"]["pending"]) == (2, 0)
    assert workflow.tables(two_files, two_files.staging) == ["orders", "users"]


def test_a_caller_that_does_not_wait_is_told_where_the_run_is(ci: Caller, two_files: Project) -> None:
    answer = ci.post(f"/migrate{STAGING}")
    body, run = told(answer), Run.objects.get()
    assert (answer.status_code, body["success"], body["run"]["status"]) == (202, False, "queued")
    assert answer.headers["Location"] == body["run"]["url"] == f"http://testserver/runs/{run.pk}/"


def test_nothing_to_do_is_a_success(ci: Caller, project: Project) -> None:
    answer = ci.post(f"/migrate{STAGING}")
    assert (answer.status_code, told(answer)["success"]) == (200, True)
    assert not Run.objects.exists()


def test_a_run_that_failed_is_no_success_and_says_why(ci: Caller, project: Project, worker: None) -> None:
    project.write(_001_wrong="SELECT 1/0;")
    answer = ci.post("/migrate?environment=staging")
    body = told(answer)
    assert (answer.status_code, body["success"], body["run"]["status"]) == (422, False, "failed")
    assert "division by zero" in body["error"]
    assert body["state"]


def test_a_protected_environment_asks_people_first(
    ci: Caller, two_files: Project, approver: User, admin: User, requester: User
) -> None:
    answer = ci.post("/migrate", {"reason": "Release 12"})
    body, change_request = told(answer), ChangeRequest.objects.get()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"http://testserver/requests/{change_request.pk}/"
    assert body["success"] is False
    assert body["request"]["status"] == "open"
    assert body["request"]["can_be_approved_by"] == ["bob"], "carol made the token, alice is no approver"
    assert (change_request.reason, change_request.token) == ("Release 12", ci.token)
    assert not Run.objects.exists()


def test_asking_again_opens_no_second_request(ci: Caller, two_files: Project) -> None:
    first, second = told(ci.post("/migrate")), told(ci.post("/migrate"))
    assert first["request"]["number"] == second["request"]["number"]
    assert ChangeRequest.objects.count() == 1


def test_what_was_approved_runs_when_it_is_asked_for_again(
    ci: Caller, two_files: Project, bob: Actor, worker: None
) -> None:
    ci.post("/migrate")
    workflow.approve(ChangeRequest.objects.get(), bob)
    answer = ci.post("/migrate")
    assert (answer.status_code, told(answer)["success"]) == (200, True)
    assert workflow.tables(two_files, two_files.production) == ["orders", "users"]
    assert Run.objects.get().request == ChangeRequest.objects.get()


def test_an_approval_covers_exactly_the_plan_that_was_approved(ci: Caller, two_files: Project, bob: Actor) -> None:
    ci.post("/migrate")
    workflow.approve(ChangeRequest.objects.get(), bob)
    two_files.write(_003_more="CREATE TABLE more (id int);")
    answer = ci.post("/migrate?wait=0")
    assert answer.status_code == 202
    assert told(answer)["request"]["status"] == "open"
    assert ChangeRequest.objects.count() == 2
    assert not Run.objects.exists()


def test_a_caller_may_stop_at_a_version(ci: Caller, two_files: Project) -> None:
    ci.post(f"/migrate{STAGING}", {"version": "001"})
    assert [step.version for step in Run.objects.get().plan.steps] == ["001"]


def test_a_run_under_way_is_a_conflict(ci: Caller, two_files: Project) -> None:
    ci.post(f"/migrate{STAGING}")
    answer = ci.post(f"/migrate{STAGING}")
    assert (answer.status_code, told(answer)["code"]) == (409, "environment_occupied")


def test_a_warning_is_accepted_by_its_key(ci: Caller, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice)
    answer = ci.post(f"/rollback{STAGING}", {"version": "002"})
    body = told(answer)
    assert (answer.status_code, body["code"]) == (422, "not_acknowledged")
    accepted = ci.post(f"/rollback{STAGING}", {"version": "002", "accept": body["accept"]})
    assert accepted.status_code == 202


@pytest.mark.parametrize("slug", ["production", "staging"])
def test_rows_that_would_be_lost_are_named(ci: Caller, two_files: Project, alice: Actor, bob: Actor, slug: str) -> None:
    workflow.execute(workflow.start_on_production(workflow.approved_request(two_files, alice, bob), alice))
    workflow.run_on_staging(two_files, alice)
    two_files.query(environments.get(slug), "INSERT INTO orders VALUES (1), (2)")
    body = {"version": "002", "accept": ["unproven_rollback:002"]}
    address = f"/rollback?environment={slug}&wait=0"
    for wrong in ({}, {"rows_to_lose": "1"}, {"rows_to_lose": "unknown"}):
        answer = ci.post(address, body | wrong)
        assert (answer.status_code, told(answer)["code"]) == (422, "rows_not_typed")
        assert '"rows_to_lose": "2"' in told(answer)["remedy"]
    assert ci.post(address, body | {"rows_to_lose": "2"}).status_code == 202


# POST /rollback


def test_a_version_is_rolled_back(ci: Caller, two_files: Project, alice: Actor, worker: None) -> None:
    workflow.run_on_staging(two_files, alice)
    body = {"version": "002", "accept": ["unproven_rollback:002"]}
    answer = ci.post("/rollback?environment=staging", body)
    assert (answer.status_code, told(answer)["success"]) == (200, True)
    assert workflow.tables(two_files, two_files.staging) == ["users"]


def test_what_was_applied_later_is_not_taken_back_by_surprise(ci: Caller, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice)
    body: dict[str, Any] = {"version": "001"}
    answer = ci.post(f"/rollback{STAGING}", body)
    assert (answer.status_code, told(answer)["later"]) == (409, ["002_orders"])
    assert Run.objects.count() == 1
    body |= {"including_later": True}
    body |= {"accept": told(ci.post(f"/rollback{STAGING}", body))["accept"]}
    assert ci.post(f"/rollback{STAGING}", body).status_code == 202


def test_a_rollback_names_a_version_that_is_applied(ci: Caller, two_files: Project) -> None:
    without, unknown = ci.post("/rollback"), ci.post("/rollback", {"version": "002"})
    assert (without.status_code, told(without)["error"]) == (400, "Version required")
    assert unknown.status_code == 404
    assert told(unknown)["error"].startswith("002 is not applied on Production")


def test_a_version_that_was_recorded_without_being_run_is_applied_and_has_no_rollback(
    ci: Caller, two_files: Project, carol: Actor
) -> None:
    plan = plans.baseline(two_files.staging, upto="002", reason="It came from a dump")
    accepted = [warning.key for warning in plan.warnings]
    workflow.execute(runs.start(plan, environment=two_files.staging, by=carol, accepted=accepted))
    assert told(ci.get("/status?environment=staging"))["latest"]["version"] == "002"
    answer = ci.post(f"/rollback{STAGING}", {"version": "002"})
    assert (answer.status_code, told(answer)["code"]) == (422, "plan_blocked")
    assert "none was captured when it was recorded, as Signalbox did not run it" in told(answer)["error"]


# Who calls, and what


@pytest.mark.parametrize(("verb", "address"), [("GET", "/status"), ("POST", "/migrate"), ("POST", "/rollback")])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic YTpi"])
def test_without_a_token_nothing_is_said(verb: str, address: str, header: str | None, project: Project) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = Client().generic(verb, address, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert set(told(answer)) == {"success", "error", "code", "state", "remedy"}


def test_a_session_opens_nothing(admin: User, client_of: ClientOf, two_files: Project) -> None:
    client = client_of(admin)
    assert [client.get("/status").status_code, client.post("/migrate").status_code] == [401, 401]


def test_no_form_token_is_asked_for(make_token: MakeToken, two_files: Project) -> None:
    caller = Caller(client=Client(enforce_csrf_checks=True), text=make_token().text)
    assert caller.post(f"/migrate{STAGING}").status_code == 202


def test_what_curl_sends_by_itself_is_understood(ci: Caller, two_files: Project, alice: Actor) -> None:
    """`curl -d` calls JSON a form."""
    workflow.run_on_staging(two_files, alice)
    sent = '{"version": "002", "accept": ["unproven_rollback:002"]}'
    answer = Client().generic(
        "POST", f"/rollback{STAGING}", sent, "application/x-www-form-urlencoded", headers=ci._headers({})
    )
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("address", "body"),
    [
        (f"/migrate{STAGING}", "{"),
        (f"/migrate{STAGING}", "[]"),
        (f"/migrate{STAGING}", '{"version": 8}'),
        (f"/migrate{STAGING}", '{"version": "\\u0000"}'),
        (f"/migrate{STAGING}", '{"accept": "all"}'),
        (f"/migrate{STAGING}", "[" * 100_000),
        (f"/migrate{STAGING}", b"\xff\xfe"),
        ("/migrate?environment=staging&wait=-1", "{}"),
        ("/migrate?environment=staging&wait=soon", "{}"),
    ],
)
def test_what_is_not_understood_runs_nothing(ci: Caller, two_files: Project, address: str, body: str | bytes) -> None:
    answer = ci.client.generic("POST", address, body, "application/json", headers=ci._headers({}))
    assert answer.status_code == 400
    assert told(answer)["error"]
    assert not Run.objects.exists()


@pytest.mark.parametrize("address", ["/status", "/migrate"])
def test_an_unknown_environment_is_not_found(ci: Caller, address: str, two_files: Project) -> None:
    asks = ci.get if address == "/status" else ci.post
    answer = asks(f"{address}?environment=moon")
    assert answer.status_code == 404
    assert "staging, production" in told(answer)["error"]


@pytest.mark.parametrize(
    ("verb", "address"), [("POST", "/status"), ("GET", "/migrate"), ("GET", "/rollback"), ("DELETE", "/migrate")]
)
def test_another_verb_is_refused_with_those_that_are_taken(ci: Caller, verb: str, address: str) -> None:
    answer = ci.client.generic(verb, address, headers=ci._headers({}))
    assert answer.status_code == 405
    assert answer.headers["Allow"]
    assert told(answer)["error"]


def test_a_token_without_the_scope_reads_what_it_lacks(make_token: MakeToken, two_files: Project) -> None:
    reads = make_token(name="reads", scopes=[Scope.READ], slugs=["staging"])
    for answer in (reads.post(f"/migrate{STAGING}"), reads.get("/status")):
        assert (answer.status_code, told(answer)["code"]) == (403, "scope_missing")
    assert reads.get("/status?environment=staging").status_code == 200


def test_the_limit_of_the_source_document_says_when_to_come_back(
    ci: Caller, two_files: Project, settings: SettingsWrapper
) -> None:
    assert settings.TOKEN_DEEDS_AN_HOUR == 5
    settings.TOKEN_DEEDS_AN_HOUR = 1
    ci.post(f"/migrate{STAGING}", {"version": "001"})
    execute_newest()
    answer = ci.post(f"/migrate{STAGING}")
    assert answer.status_code == 429
    assert 3500 < int(answer.headers["Retry-After"]) <= 3601


def test_a_target_that_does_not_answer_is_no_fault_of_the_caller(
    ci: Caller, two_files: Project, unreachable: Callable[..., object]
) -> None:
    unreachable(two_files.staging)
    answer = ci.get("/status?environment=staging")
    assert answer.status_code == 503
    assert "s3cret" not in answer.content.decode()


@pytest.mark.parametrize(("raised", "status"), [(OperationalError("gone"), 503), (RuntimeError("secret-c4n4ry"), 500)])
def test_what_breaks_is_json_too_and_tells_nothing_of_the_inside(
    ci: Caller, two_files: Project, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int
) -> None:
    def broken(environment: object) -> None:
        raise raised

    monkeypatch.setattr(standings, "now", broken)
    answer = ci.get("/status?environment=staging")
    assert answer.status_code == status
    assert "c4n4ry" not in json.dumps(told(answer))


def test_the_policy_of_the_environment_holds_for_machines_too(
    ci: Caller, two_files: Project, change_production: ChangeProduction, bob: Actor
) -> None:
    change_production(approvals=2)
    ci.post("/migrate")
    workflow.approve(ChangeRequest.objects.get(), bob)
    answer = ci.post("/migrate?wait=0")
    assert answer.status_code == 202
    assert told(answer)["request"]["approvals_needed"] == 1
    assert not Run.objects.exists()


def test_waiting_ends_with_the_run_or_with_its_time(two_files: Project, alice: Actor, monkeypatch: Any) -> None:
    run = workflow.start_on_staging(two_files, alice)
    assert waiting.until_ended(run, 0).is_active
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: workflow.execute(Run.objects.get()))
    assert waiting.until_ended(run, 20).status == Run.Status.SUCCEEDED
