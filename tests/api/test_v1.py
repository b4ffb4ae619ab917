"""The API at /api/v1: what its operations answer, and that none of them is a way round anything."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.tokens import Scope
from dashboard.api import problems
from dashboard.api.v1 import runs as run_api
from dashboard.api.v1 import service
from dashboard.api.v1.schemas import FieldFault
from dashboard.models import ChangeRequest, Decision, IdempotentCall, Rehearsal, Run
from dashboard.models.roles import Role
from dashboard.services import actors, idempotency, links, standings
from dashboard.services.errors import ApproverTouched, CallUnderWay
from tests.fix_tokens import Caller, MakeToken
from tests.services import workflow
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User

    from dashboard.services.actors import Actor
    from tests.fix_people import ClientOf
    from tests.fix_project import Project

pytestmark = pytest.mark.django_db

BASE = "/api/v1"
GOAL = {"environment": "staging"}


def body(answer: Any) -> Any:
    return json.loads(answer.content)


def is_problem(answer: Any, status: int, code: str) -> bool:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    content = body(answer)
    assert {"type", "title", "status", "code", "detail"} <= set(content)
    assert content["type"].endswith(f"/api/#{content['code']}")
    return bool(content["status"] == status and content["code"] == code)


def operations() -> list[tuple[str, str, str]]:
    """Verb, path and scope of each, as the document has them."""
    return [
        (verb.upper(), path, operation["x-signalbox-scope"])
        for path, each in service.document()["paths"].items()
        for verb, operation in each.items()
    ]


def address(path: str) -> str:
    return path.replace("{slug}", "staging").replace("{name}", "default").replace("{number}", "1")


SENT = {**GOAL, "reason": "December release"}


# Who may


@pytest.mark.parametrize(("verb", "path", "scope"), operations())
def test_every_operation_wants_a_token_with_its_scope(
    verb: str, path: str, scope: str, make_token: MakeToken, two_files: Project
) -> None:
    without = make_token(name="without", scopes=[each for each in Scope if each != scope])
    stranger = Client().generic(verb, address(path), json.dumps(SENT), "application/json")
    assert is_problem(stranger, 401, "token_refused")
    assert stranger.headers["WWW-Authenticate"].startswith("Bearer")
    refused = without.get(address(path)) if verb == "GET" else without.post(address(path), SENT)
    assert is_problem(refused, 403, "scope_missing")
    assert not Run.objects.exists()
    assert not ChangeRequest.objects.exists()
    assert not Rehearsal.objects.exists()


@pytest.mark.parametrize(
    "path", [path for verb, path, _ in operations() if verb == "GET" and ("{slug}" in path or "{name}" in path)]
)
def test_a_token_for_other_environments_sees_nothing_of_this_one(
    path: str, make_token: MakeToken, two_files: Project
) -> None:
    elsewhere = make_token(name="elsewhere", slugs=["moon"])
    assert is_problem(elsewhere.get(address(path)), 403, "scope_missing")


def test_lists_hold_what_the_token_is_for(make_token: MakeToken, ci: Caller, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice)
    workflow.open_request(two_files, alice)
    only = make_token(name="production-only", slugs=["production"])
    assert [each["slug"] for each in body(only.get(f"{BASE}/environments"))] == ["production"]
    assert body(only.get(f"{BASE}/runs"))["items"] == []
    assert len(body(only.get(f"{BASE}/change-requests"))["items"]) == 1
    for caller, seen_by_it in ((only, {"production", None}), (ci, {"production", "staging", None})):
        assert {each["environment"] for each in body(caller.get(f"{BASE}/audit"))["items"]} == seen_by_it
    assert is_problem(only.get(f"{BASE}/runs/{Run.objects.get().pk}"), 403, "scope_missing")


def test_a_session_opens_nothing_and_a_form_token_is_not_asked_for(
    admin: User, client_of: ClientOf, ci: Caller, two_files: Project
) -> None:
    assert is_problem(client_of(admin).get(f"{BASE}/environments"), 401, "token_refused")
    caller = Caller(client=Client(enforce_csrf_checks=True), text=ci.text)
    assert caller.post(f"{BASE}/runs", GOAL).status_code == 202


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_deciding_is_for_people(
    decision: str, make_token: MakeToken, two_files: Project, alice: Actor, approver: User
) -> None:
    change_request = workflow.open_request(two_files, alice)
    of_approver = make_token(name="of-approver", account=approver)
    answer = of_approver.post(f"{BASE}/change-requests/{change_request.pk}/{decision}")
    assert is_problem(answer, 403, "not_for_tokens")
    assert f"http://testserver/requests/{change_request.pk}/" in body(answer)["remedy"]
    assert not Decision.objects.exists()


def test_only_those_are_named_whose_approval_counts_now(
    ci: Caller, two_files: Project, bob: Actor, carol: Actor
) -> None:
    """Carol, who made the token, had the account of nora in hand an hour ago."""
    newcomer, link = links.invite(by=carol, username="nora", role=Role.APPROVER)
    links.use(link, password="nightfall under a canvas")
    opened = body(ci.post(f"{BASE}/change-requests", {"environment": "production"}))
    assert opened["can_be_approved_by"] == ["bob"]
    told = body(ci.post("/migrate"))
    assert told["request"]["can_be_approved_by"] == ["bob"]
    assert "waits for approval by bob, nora (from " in told["message"]
    with pytest.raises(ApproverTouched):
        workflow.approve(ChangeRequest.objects.get(), actors.person(newcomer))


# Looking


def test_the_status_is_live_and_says_whether_it_changed(ci: Caller, two_files: Project, alice: Actor) -> None:
    where = f"{BASE}/environments/staging/status"
    first = ci.get(where)
    assert (body(first)["applied"], body(first)["pending"], body(first)["latest"]) == (0, 2, None)
    assert ci.get(where, If_None_Match=first.headers["ETag"]).status_code == 304
    workflow.run_on_staging(two_files, alice, upto="001")
    second = ci.get(where, If_None_Match=first.headers["ETag"])
    assert second.status_code == 200
    assert second.headers["ETag"] != first.headers["ETag"]
    assert [(each["version"], each["state"]) for each in body(second)["migrations"]] == [
        ("001", "applied"),
        ("002", "pending"),
    ]


def test_files_problems_and_lint_of_a_source(ci: Caller, project: Project) -> None:
    project.write(_001_users="CREATE TABLE users (id int);", _001_rollback="DROP TABLE users;", _002_wrong="SELEC 1;")
    project.write(_003_goes="DROP TABLE users;")
    sources = body(ci.get(f"{BASE}/sources"))
    assert [(each["name"], each["kind"], each["environments"]) for each in sources] == [
        ("default", "on-disk", ["staging", "production"])
    ]
    files = body(ci.get(f"{BASE}/sources/default/migrations"))
    assert [(each["version"], each["rollback_file"]) for each in files] == [
        ("001", "001_rollback.sql"),
        ("002", None),
        ("003", None),
    ]
    assert [each["problems"] > 0 for each in files[:2]] == [False, True]
    problems = body(ci.get(f"{BASE}/sources/default/problems"))
    assert ("002_wrong.sql", "error") in [(each["file"], each["severity"]) for each in problems]
    findings = [(each["rule"], each["file"], each["line"]) for each in body(ci.get(f"{BASE}/sources/default/lint"))]
    assert ("no-rollback", "003_goes.sql", 1) in findings, findings
    assert is_problem(ci.get(f"{BASE}/sources/moon/lint"), 404, "not_found")


def test_drift_before_anybody_looked(ci: Caller, two_files: Project) -> None:
    assert body(ci.get(f"{BASE}/environments/staging/drift"))["outcome"] is None


def test_pages_follow_a_cursor_to_the_end(ci: Caller, two_files: Project, alice: Actor) -> None:
    for upto in ("001", "002"):
        workflow.run_on_staging(two_files, alice, upto)
    two_files.write(_003_more="CREATE TABLE more (id int);")
    workflow.run_on_staging(two_files, alice)
    numbers, cursor = [], ""
    for _ in range(3):
        content = body(ci.get(f"{BASE}/runs?limit=1{cursor}"))
        numbers += [each["id"] for each in content["items"]]
        cursor = f"&cursor={content['next']}"
    assert content["next"] is None
    assert numbers == sorted(Run.objects.values_list("pk", flat=True), reverse=True)
    assert is_problem(ci.get(f"{BASE}/runs?cursor=%F0%9F%9A%82"), 400, "not_understood")
    assert is_problem(ci.get(f"{BASE}/runs?limit=0"), 422, "not_valid")


# From the plan to the run


def test_a_plan_has_the_digest_that_is_approved_and_runs(ci: Caller, two_files: Project, bob: Actor) -> None:
    goal = {"environment": "production"}
    plan = body(ci.post(f"{BASE}/plans", goal))
    assert (plan["needs_approval"], plan["stops_before"]) == (True, None)
    assert [(step["version"], step["reversible"]) for step in plan["steps"]] == [("001", True), ("002", True)]
    assert is_problem(ci.post(f"{BASE}/runs", goal), 409, "approval_needed")
    opened = ci.post(f"{BASE}/change-requests", {**goal, "digest": plan["digest"], "reason": "Release 12"})
    content = body(opened)
    assert (opened.status_code, content["digest"], content["can_be_approved_by"]) == (201, plan["digest"], ["bob"])
    assert ci.post(f"{BASE}/change-requests", goal).status_code == 200, "it waits already"
    workflow.approve(ChangeRequest.objects.get(), bob)
    started = ci.post(f"{BASE}/runs", {**goal, "digest": plan["digest"]})
    assert (started.status_code, body(started)["change_request"]) == (202, content["id"])
    execute_newest()
    read = body(ci.get(f"{BASE}/runs/{body(started)['id']}"))
    assert (read["status"], [step["status"] for step in read["steps"]]) == ("succeeded", ["committed", "committed"])


def test_a_plan_that_changed_since_it_was_looked_at_is_not_run(ci: Caller, two_files: Project) -> None:
    plan = body(ci.post(f"{BASE}/plans", GOAL))
    two_files.write(_003_more="CREATE TABLE more (id int);")
    for what in ("runs", "change-requests"):
        assert is_problem(ci.post(f"{BASE}/{what}", {**GOAL, "digest": plan["digest"]}), 409, "page_outdated")
    assert not Run.objects.exists()


def test_what_cannot_be_judged_runs_once_the_caller_says_so(ci: Caller, two_files: Project) -> None:
    two_files.write(_003_hidden="DO $$ BEGIN EXECUTE 'DELETE FROM ' || 'orders'; END $$;")
    answer = ci.post(f"{BASE}/runs", GOAL)
    assert is_problem(answer, 422, "rows_not_typed")
    assert '"rows_to_lose": "unknown"' in body(answer)["remedy"]
    assert ci.post(f"{BASE}/runs", {**GOAL, "rows_to_lose": "unknown"}).status_code == 202


def test_a_rollback_goes_down_to_a_version(ci: Caller, two_files: Project, alice: Actor) -> None:
    workflow.run_on_staging(two_files, alice)
    goal = {**GOAL, "action": "rollback"}
    plan = body(ci.post(f"{BASE}/plans", {**goal, "version": "001"}))
    assert [step["version"] for step in plan["steps"]] == ["002", "001"]
    assert is_problem(ci.post(f"{BASE}/runs", {**goal, "version": "001"}), 422, "not_acknowledged")
    accept = [each["key"] for each in plan["warnings"] if each["needs_acceptance"]]
    assert ci.post(f"{BASE}/runs", {**goal, "version": "001", "accept": accept}).status_code == 202
    assert is_problem(ci.post(f"{BASE}/plans", goal), 400, "not_understood")
    assert is_problem(ci.post(f"{BASE}/plans", {**goal, "version": "009"}), 404, "not_found")


def test_a_rehearsal_is_asked_for_once_and_read(ci: Caller, two_files: Project) -> None:
    first, second = ci.post(f"{BASE}/rehearsals", GOAL), ci.post(f"{BASE}/rehearsals", GOAL)
    assert (first.status_code, body(first)["status"]) == (202, "queued")
    assert body(second)["id"] == body(first)["id"]
    assert body(ci.get(f"{BASE}/rehearsals/{body(first)['id']}"))["digest"] == body(first)["digest"]


def test_it_withdraws_what_it_asked_for_and_nothing_else(ci: Caller, two_files: Project, alice: Actor) -> None:
    own = body(ci.post(f"{BASE}/change-requests", {"environment": "production"}))["id"]
    other = workflow.open_request(two_files, alice).pk
    assert body(ci.post(f"{BASE}/change-requests/{own}/withdraw"))["status"] == "withdrawn"
    assert is_problem(ci.post(f"{BASE}/change-requests/{own}/withdraw"), 409, "already_decided")
    assert is_problem(ci.post(f"{BASE}/change-requests/{other}/withdraw"), 403, "not_for_tokens")


def test_it_cancels_what_it_started_and_nothing_else(ci: Caller, two_files: Project, alice: Actor) -> None:
    own = body(ci.post(f"{BASE}/runs", GOAL))["id"]
    assert body(ci.post(f"{BASE}/runs/{own}/cancel"))["status"] == "cancelled"
    other = workflow.start_on_staging(two_files, alice).pk
    assert is_problem(ci.post(f"{BASE}/runs/{other}/cancel"), 403, "not_for_tokens")


# The log


@pytest.mark.django_db(transaction=True)  # the thread that writes it has a connection of its own
def test_the_log_follows_a_cursor(ci: Caller, two_files: Project, alice: Actor) -> None:
    run = workflow.run_on_staging(two_files, alice)
    whole = body(ci.get(f"{BASE}/runs/{run.pk}/log"))
    assert [(each["version"], each["statement"], each["status"]) for each in whole["lines"]] == [
        ("001", 1, "ok"),
        ("002", 1, "ok"),
    ]
    assert whole["ended"] is True
    rest = body(ci.get(f"{BASE}/runs/{run.pk}/log?after={whole['lines'][0]['id']}"))
    assert rest["lines"] == whole["lines"][1:]


@pytest.mark.django_db(transaction=True)  # the thread that writes it has a connection of its own
def test_the_log_says_what_was_undone(ci: Caller, project: Project, alice: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int); SELECT 1/0;")
    run = workflow.run_on_staging(project, alice)
    lines = body(ci.get(f"{BASE}/runs/{run.pk}/log"))["lines"]
    assert [each["status"] for each in lines] == ["undone", "failed"]


def test_a_start_names_the_request_that_waits_for_exactly_this_plan(
    ci: Caller, two_files: Project, alice: Actor
) -> None:
    goal = {"environment": "production"}
    assert "Make a request" in body(ci.post(f"{BASE}/runs", goal))["remedy"]
    waits = workflow.open_request(two_files, alice)
    refused = ci.post(f"{BASE}/runs", goal)
    assert is_problem(refused, 409, "approval_needed")
    assert body(refused)["remedy"].startswith(f"Request {waits.pk} asks for exactly this plan")


def test_a_fault_is_placed_in_what_the_caller_sent(ci: Caller, two_files: Project) -> None:
    sent = {"environment": "staging", "accept": ["x", 2]}
    (fault,) = body(ci.post(f"{BASE}/change-requests", sent))["errors"]
    assert fault["where"] == "body/accept/1"


@pytest.mark.django_db(transaction=True)  # the thread that writes it has a connection of its own
def test_events_tell_what_happened_and_end_with_the_run(ci: Caller, two_files: Project, alice: Actor) -> None:
    run = workflow.run_on_staging(two_files, alice)
    answer = ci.get(f"{BASE}/runs/{run.pk}/events")
    assert answer.headers["Content-Type"] == "text/event-stream"
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert kinds == ["status", "statement", "statement", "end"]
    first = next(line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: "))
    again = ci.get(f"{BASE}/runs/{run.pk}/events", Last_Event_ID=first)
    assert b"".join(again.streaming_content).count(b"event: statement") == 1  # type: ignore[attr-defined]


def test_a_stream_is_no_way_to_hold_every_thread(
    ci: Caller, two_files: Project, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_api, "STREAM", 0.0)
    run = workflow.start_on_staging(two_files, alice)
    held = [run_api._free.acquire(blocking=False) for _ in range(run_api.STREAMS)]
    assert all(held)
    try:
        assert is_problem(ci.get(f"{BASE}/runs/{run.pk}/events"), 503, "too_many_streams")
    finally:
        for _ in held:
            run_api._free.release()
    for _ in range(run_api.STREAMS + 1):
        b"".join(ci.get(f"{BASE}/runs/{run.pk}/events").streaming_content)  # type: ignore[attr-defined]


# Keys that repeat


def test_the_same_call_under_the_same_key_does_its_deed_once(ci: Caller, two_files: Project) -> None:
    first = ci.post(f"{BASE}/runs", GOAL, Idempotency_Key="k1")
    again = ci.post(f"{BASE}/runs", GOAL, Idempotency_Key="k1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Run.objects.count() == 1


def test_another_call_under_the_same_key_is_refused(ci: Caller, two_files: Project) -> None:
    ci.post(f"{BASE}/runs", GOAL, Idempotency_Key="k1")
    other = ci.post(f"{BASE}/runs", {**GOAL, "version": "001"}, Idempotency_Key="k1")
    assert is_problem(other, 422, "key_used_again")
    elsewhere = ci.post(f"{BASE}/plans", GOAL, Idempotency_Key="k1")
    assert is_problem(elsewhere, 422, "key_used_again")


def test_a_key_is_of_one_token(ci: Caller, make_token: MakeToken, two_files: Project) -> None:
    second = make_token(name="second")
    first, other = (each.post(f"{BASE}/plans", GOAL, Idempotency_Key="k1") for each in (ci, second))
    assert "Idempotency-Replayed" not in other.headers
    assert first.content == other.content


def test_a_call_that_is_being_answered_is_not_answered_twice(ci: Caller, two_files: Project) -> None:
    ci.post(f"{BASE}/plans", GOAL, Idempotency_Key="k1")
    IdempotentCall.objects.update(status=None)
    assert is_problem(ci.post(f"{BASE}/plans", GOAL, Idempotency_Key="k1"), 409, "call_under_way")


def test_what_was_answered_with_not_now_may_be_sent_again(ci: Caller, two_files: Project) -> None:
    ci.post(f"{BASE}/runs", {**GOAL, "version": "001"})
    assert ci.post(f"{BASE}/runs", GOAL, Idempotency_Key="k2").status_code == 409
    execute_newest()
    assert ci.post(f"{BASE}/runs", GOAL, Idempotency_Key="k2").status_code == 202


def test_what_broke_off_may_be_sent_again(ci: Caller, two_files: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(standings, "applied", _raises(RuntimeError("c4n4ry")))
        goal = {**GOAL, "action": "rollback", "version": "001"}
        assert is_problem(ci.post(f"{BASE}/plans", goal, Idempotency_Key="k3"), 500, "fault")
    assert is_problem(ci.post(f"{BASE}/plans", goal, Idempotency_Key="k3"), 404, "not_found")


def test_a_call_that_was_given_up_leaves_the_next_one_under_its_key_alone(ci: Caller) -> None:
    assert ci.token
    given_up = idempotency.begin(ci.token, "k4", "mark")
    IdempotentCall.objects.update(begun_at=timezone.now() - idempotency.LOST * 2)
    idempotency.begin(ci.token, "k4", "mark")
    idempotency.keep(given_up, status=200, content="of the first", headers={})
    idempotency.forget(given_up)
    with pytest.raises(CallUnderWay):
        idempotency.begin(ci.token, "k4", "mark")


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(ci: Caller, two_files: Project, key: str) -> None:
    assert is_problem(ci.post(f"{BASE}/plans", GOAL, Idempotency_Key=key), 400, "not_understood")


# What goes wrong


@pytest.mark.parametrize(
    ("verb", "where", "status", "code"),
    [
        ("GET", "/moon", 404, "not_found"),
        ("GET", "/runs/4711", 404, "not_found"),
        ("GET", "/runs/99999999999999999999999", 404, "not_found"),
        ("GET", "/runs/one", 404, "not_found"),
        ("GET", "/environments/moon/status", 404, "not_found"),
        ("DELETE", "/runs", 405, "method_not_allowed"),
        ("GET", "/plans", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    ci: Caller, two_files: Project, verb: str, where: str, status: int, code: str
) -> None:
    answer = ci.client.generic(verb, f"{BASE}{where}", headers=ci._headers({}))
    assert is_problem(answer, status, code)


@pytest.mark.parametrize(
    "sent",
    [
        '{"c4n4ry',
        '["c4n4ry"]',
        '{"environment": ["c4n4ry"]}',
        '{"environment": "staging", "reason": {"a": "c4n4ry"}}',
        '{"environment": "staging", "version": "c4n4ry\\u0000"}',
        '{"environment": "staging", "action": "c4n4ry"}',
        '{"reason": "c4n4ry"}',
    ],
)
def test_what_is_not_taken_says_where_and_does_not_repeat_it(ci: Caller, two_files: Project, sent: str) -> None:
    answer = ci.client.generic("POST", f"{BASE}/runs", sent, "application/json", headers=ci._headers({}))
    assert (answer.status_code, body(answer)["code"]) in {(422, "not_valid"), (400, "not_understood")}
    assert b"c4n4ry" not in answer.content
    for each in body(answer).get("errors", []):
        FieldFault.model_validate(each)
    assert answer.status_code == 400 or body(answer)["errors"], "where it is wrong"
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [(OperationalError("c4n4ry"), 503, "control_database_away"), (RuntimeError("c4n4ry"), 500, "fault")],
)
def test_what_breaks_tells_nothing_of_the_inside(
    ci: Caller, two_files: Project, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int, code: str
) -> None:
    monkeypatch.setattr(standings, "now", _raises(raised))
    answer = ci.get(f"{BASE}/environments/staging/status")
    assert is_problem(answer, status, code)
    assert b"c4n4ry" not in answer.content


def test_too_often_says_when_to_come_back(ci: Caller, two_files: Project, settings: Any) -> None:
    settings.TOKEN_DEEDS_AN_HOUR = 1
    ci.post(f"{BASE}/runs", {**GOAL, "version": "001"})
    execute_newest()
    answer = ci.post(f"{BASE}/runs", GOAL)
    assert is_problem(answer, 429, "too_many")
    assert int(answer.headers["Retry-After"]) > 0


# For people


def test_the_document_is_openapi_and_open_to_programs_without_a_token(client: Client) -> None:
    answer = client.get(f"{BASE}/openapi.json")
    document = body(answer)
    assert document["openapi"] == "3.1.0"
    assert len(operations()) > 20
    for each in document["paths"].values():
        for operation in each.values():
            assert operation["summary"]
            assert operation["security"]
            assert "application/problem+json" in operation["responses"]["422"]["content"]


def test_people_read_the_api_on_a_page_without_a_script_of_others(viewer: User, client_of: ClientOf) -> None:
    answer = client_of(viewer).get("/api/")
    page = answer.content.decode().replace("<wbr>", "")
    scripts = re.findall(r"<script[^>]*>", page)
    assert scripts
    assert all('src="/static/' in script for script in scripts), scripts
    assert all(f"{verb} {path}</span>" in page for verb, path, _ in operations())
    listed = set(re.findall(r'<tr id="(\w+)">', page))
    assert {"approval_needed", *(each.code for each in problems.OF_CALLS)} <= listed
    assert "`" not in page


def test_the_guide_names_every_problem_of_a_call() -> None:
    guide = Path("docs/API.md").read_text()
    assert [each.code for each in problems.OF_CALLS if f"| {each.status} | `{each.code}` |" not in guide] == []


def ready(client: Client) -> tuple[int, bool, list[str]]:
    answer = client.get("/ready")
    return answer.status_code, body(answer)["ready"], body(answer)["missing"]


def test_readiness_names_what_is_missing(client: Client, two_files: Project, settings: Any, tmp_path: Any) -> None:
    assert ready(client) == (503, False, ["worker"])
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert ready(client) == (200, True, [])
    settings.SOURCE = tmp_path / "nowhere"
    assert ready(client) == (503, False, ["source"])
    last = MigrationRecorder.Migration.objects.filter(app="dashboard").latest("name")
    last.delete()
    assert ready(client) == (503, False, ["django_migrations"])
    with connection.execute_wrapper(_raises(OperationalError("c4n4ry"))):
        assert ready(client) == (503, False, ["database"])


# Lists

LISTS = {"runs": "dashboard_run", "change-requests": "dashboard_changerequest"}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_asks_as_often_for_many_rows_as_for_one_and_reads_no_plan(
    name: str, ci: Caller, two_files: Project, alice: Actor, bob: Actor
) -> None:
    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            count = len(body(ci.get(f"{BASE}/{name}"))["items"])
        assert count == Run.objects.count() if name == "runs" else ChangeRequest.objects.count()
        return [each["sql"] for each in queries.captured_queries]

    workflow.run_on_staging(two_files, alice, upto="001")
    workflow.approve(workflow.open_request(two_files, alice), bob)
    ci.get(f"{BASE}/{name}")
    first = asked()
    for _ in range(3):
        workflow.open_request(two_files, alice)
    workflow.run_on_staging(two_files, alice)
    workflow.execute(workflow.start_on_production(ChangeRequest.objects.earliest("pk"), alice))
    two_files.write(_003_more="CREATE TABLE more (id int);")
    workflow.run_on_staging(two_files, alice)
    second = asked()
    assert len(second) == len(first), "\n".join(second)
    assert not [sql for sql in second if '"plan"' in sql]


def _raises(error: Exception) -> Callable[..., None]:
    def broken(*arguments: object) -> None:
        raise error

    return broken
