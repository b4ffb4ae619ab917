"""The verbs that ask a server: a real one, a real token, and the program in a process of its own without Django."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.tokens import Scope
from dashboard.cli import program
from dashboard.cli.exits import Exit
from dashboard.cli.server import words
from dashboard.models import ChangeRequest, DriftCheck, Rehearsal, Run
from dashboard.services import execution, rehearsals
from tests.fix_rehearsals import RehearsalsFind, passing
from tests.program.answering import answering
from tests.program.conftest import Place, Said
from tests.services import workflow

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

    from dashboard.services.actors import Actor
    from tests.fix_project import Project
    from tests.fix_tokens import Caller, MakeToken

pytestmark = pytest.mark.django_db(transaction=True)

type Asks = Callable[..., Said]


@pytest.fixture
def at_server(empty_place: Place, live_server: LiveServer, ci: Caller, two_files: Project) -> Place:
    """A place without files and databases, and with a server and a token."""
    of_server = {"SIGNALBOX_URL": live_server.url, "SIGNALBOX_TOKEN": ci.text}
    return Place(path=empty_place.path, variables=empty_place.variables | of_server)


def done_by_a_worker(process: subprocess.Popen[str], meanwhile: Callable[[], None] = lambda: None) -> Said:
    """Its end, while a worker does what is queued."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        for run in Run.objects.filter(status=Run.Status.QUEUED):
            execution.execute(run.pk)
        if Rehearsal.objects.filter(status=Rehearsal.Status.QUEUED).exists():
            rehearsals.work()
        meanwhile()
        time.sleep(0.2)
    out, err = process.communicate(timeout=5)
    return Said(code=process.returncode, out=out, err=err)


def approving(bob: Actor) -> Callable[[], None]:
    def approve() -> None:
        for request in ChangeRequest.objects.filter(status=ChangeRequest.Status.OPEN):
            workflow.approve(request, bob)

    return approve


def test_the_words_of_the_api_are_those_of_the_server() -> None:
    pairs = [
        (words.RequestStanding, ChangeRequest.Status),
        (words.RunStanding, Run.Status),
        (words.SchemaStanding, DriftCheck.Outcome),
    ]
    for known, kept in pairs:
        assert {each.value for each in known} == set(kept.values)
    assert {each for each in words.RunStanding if not words.is_over(each)} == Run.ACTIVE - {Run.Status.INTERRUPTED}


def test_status_and_plan(at_server: Place) -> None:
    answer = at_server("status", "--json", "--exit-code")
    assert (answer.code, answer.err) == (Exit.PENDING, "")
    assert [(each["environment"], each["pending"]) for each in answer.json["environments"]] == [
        ("staging", 2),
        ("production", 2),
    ]
    assert "002 orders: pending" in at_server("status", "staging").out
    (plan,) = at_server("plan", "production", "--to", "001", "--json").json
    assert ([step["version"] for step in plan["steps"]], plan["needs_approval"]) == (["001"], True)
    gone = at_server("status", "moon")
    assert (gone.code, "moon" in gone.err) == (Exit.USAGE, True)


def test_what_is_free_is_applied_and_watched(at_server: Place, two_files: Project) -> None:
    done = done_by_a_worker(at_server.started("apply", "staging", "--json"))
    assert (done.code, done.json["run"]["status"], done.json["request"]) == (Exit.OK, "succeeded", None), done.err
    assert two_files.query(two_files.staging, "SELECT count(*) FROM platform.schema_migrations") == [(2,)]
    again = at_server("apply", "staging", "--json")
    assert (again.code, again.json) == (Exit.OK, {"plan": None, "request": None, "run": None, "error": None})
    number = str(done.json["run"]["id"])
    assert at_server("runs", number, "--json").json["status"] == "succeeded"
    assert [run["id"] for run in at_server("runs", "--env", "staging", "--json").json["runs"]] == [int(number)]
    log = at_server("logs", number)
    assert (log.code, log.out.count("CREATE TABLE")) == (Exit.OK, 2)
    refused = at_server("rollback", "staging", "001", "--accept")
    assert (refused.code, "--including-later" in refused.err) == (Exit.USAGE, True)
    back = done_by_a_worker(at_server.started("rollback", "staging", "002", "--accept"))
    assert (back.code, "succeeded" in back.out) == (Exit.OK, True), back.err


def test_a_run_that_failed_is_told(at_server: Place, two_files: Project) -> None:
    two_files.write(_002_orders="SELECT 1/0;")
    done = done_by_a_worker(at_server.started("apply", "staging", "--accept"))
    assert (done.code, "division by zero" in done.out) == (Exit.FAILED, True), done.err


def test_it_stops_before_a_file_that_cannot_run(at_server: Place, two_files: Project) -> None:
    two_files.write(_003_broken="CREATE TABEL more (id int);")
    planned = at_server("plan", "staging")
    assert (planned.code, "stops there: 003" in planned.out) == (Exit.ATTENTION, True), planned
    assert at_server("apply", "staging", "--dry-run").code == Exit.ATTENTION
    done = done_by_a_worker(at_server.started("apply", "staging", "--json"))
    assert (done.code, done.json["run"]["status"]) == (Exit.ATTENTION, "succeeded"), done.err
    assert "003" in done.json["plan"]["stops_before"]
    assert "It stopped there: 003" in done.err


def test_where_people_have_to_approve_a_request_is_opened_once(at_server: Place, bob: Actor) -> None:
    asked = at_server("apply", "production", "--reason", "Release 12", "--json")
    assert (asked.code, asked.json["request"]["status"], asked.json["run"]) == (Exit.APPROVAL_NEEDED, "open", None)
    again = at_server("apply", "production")
    assert (again.code, "can be approved by bob" in again.out) == (Exit.APPROVAL_NEEDED, True)
    assert ChangeRequest.objects.count() == 1
    number = str(asked.json["request"]["id"])
    assert [row["id"] for row in at_server("requests", "--open", "--json").json["requests"]] == [int(number)]
    refused = at_server("approve", number)
    assert (refused.code, refused.out) == (Exit.PERMISSION, "")
    assert asked.json["request"]["url"] in refused.err
    workflow.approve(ChangeRequest.objects.get(), bob)
    done = done_by_a_worker(at_server.started("apply", "production", "--json"))
    assert (done.code, done.json["run"]["status"]) == (Exit.OK, "succeeded"), done.err


def test_it_waits_for_people(at_server: Place, bob: Actor) -> None:
    started = at_server.started("apply", "production", "--reason", "Release 12", "--wait", "--json")
    done = done_by_a_worker(started, approving(bob))
    assert (done.code, done.json["run"]["status"]) == (Exit.OK, "succeeded"), done.err
    assert "waits for approval by bob" in done.err


def test_it_waits_no_longer_than_it_is_told(at_server: Place) -> None:
    assert at_server("apply", "production", "--reason", "x", "--wait", "0.02").code == Exit.APPROVAL_NEEDED


def test_what_people_rejected_is_not_run(at_server: Place, bob: Actor) -> None:
    from dashboard.services import approvals

    def reject() -> None:
        for request in ChangeRequest.objects.filter(status=ChangeRequest.Status.OPEN):
            approvals.reject(request.pk, by=bob, digest=request.digest, reason="not today")

    done = done_by_a_worker(at_server.started("apply", "production", "--reason", "x", "--wait"), reject)
    assert (done.code, "not today" in done.out, Run.objects.count()) == (Exit.APPROVAL_NEEDED, True, 0)


def test_request_asks_and_runs_nothing(at_server: Place) -> None:
    asked = at_server("request", "production", "--to", "001", "--reason", "Release 12", "--json")
    assert (asked.code, asked.json["status"], asked.json["reason"]) == (Exit.OK, "open", "Release 12")
    assert at_server("requests", str(asked.json["id"])).out.startswith(f"Request {asked.json['id']}, open: ")


def test_a_queued_run_is_cancelled(at_server: Place, two_files: Project, ci: Caller) -> None:
    number = ci.post("/api/v1/runs", {"environment": "staging"}).json()["id"]
    cancelled = at_server("cancel", str(number), "--json")
    assert (cancelled.code, cancelled.json["status"]) == (Exit.OK, "cancelled")
    assert at_server("logs", str(number), "--follow").code == Exit.FAILED


def test_rehearse_waits_for_the_worker(at_server: Place, rehearsals_find: RehearsalsFind) -> None:
    rehearsals_find(passing)
    done = done_by_a_worker(at_server.started("rehearse", "--env", "production", "--json"))
    assert (done.code, done.json["passed"]) == (Exit.OK, True), done.err


def test_lint_drift_audit_doctor_and_version(at_server: Place, two_files: Project) -> None:
    two_files.write(_003_broken="CREATE TABEL x (id int);")
    lint = at_server("lint", "--json")
    assert (lint.code, '"suppressed"' in lint.out) == (Exit.ATTENTION, True)
    drift = at_server("drift", "--json")
    assert (drift.code, [each["outcome"] for each in drift.json["environments"]]) == (Exit.OK, [None, None])
    audit = at_server("audit", "--limit", "1", "--json")
    assert (audit.code, len(audit.json["events"])) == (Exit.OK, 1)
    doctor = at_server("doctor", "--json")
    assert doctor.json["environments"] == ["staging", "production"]
    assert (doctor.code == Exit.OK) == doctor.json["ready"]
    assert at_server("version", "--json").json["server"] == at_server("version", "--json", "--local").json["version"]


def test_empty_lists_are_lists(at_server: Place) -> None:
    assert at_server("requests", "--json").json == {"requests": []}
    assert at_server("runs", "--json").json == {"runs": []}
    assert at_server("requests").out == "There is no request.\n"


# No


def test_a_token_that_may_not_is_told(at_server: Place, make_token: MakeToken) -> None:
    reader = make_token(name="reader", scopes=[Scope.READ]).text
    refused = at_server("apply", "staging", "--json", SIGNALBOX_TOKEN=reader)
    assert (refused.code, "runs:start" in refused.err) == (Exit.PERMISSION, True)
    assert (refused.json["run"], "runs:start" in refused.json["error"]["detail"]) == (None, True)
    assert refused.json["plan"]["environment"] == "staging"
    wrong = at_server("apply", "staging", "--json", "--confirm", "production")
    assert (wrong.code, wrong.json["error"]["code"]) == (Exit.USAGE, "not_confirmed")
    stranger = at_server("status", SIGNALBOX_TOKEN="sbx_nonsense")
    assert (stranger.code, stranger.out) == (Exit.PERMISSION, "")
    assert "nonsense" not in stranger.err


def test_what_is_no_server_is_told(at_server: Place) -> None:
    silent = at_server("status", SIGNALBOX_URL="http://127.0.0.1:9")
    assert (silent.code, silent.out, "does not answer" in silent.err) == (Exit.UNREACHABLE, "", True)
    for wrong in ("signalbox.example", "http://signalbox.example", "ftp://signalbox.example"):
        assert at_server("status", SIGNALBOX_URL=wrong).code == Exit.USAGE


@pytest.mark.parametrize("verb", [verb for verb in program.BY_SERVER if verb not in program.HERE])
def test_a_verb_of_a_server_says_that_none_is_named(empty_place: Place, verb: str) -> None:
    arguments = {"request": ["staging"], "push": ["app"], "logs": ["1"], "cancel": ["1"], "approve": ["1"]}
    refused = empty_place(verb, *arguments.get(verb, []))
    assert (refused.code, refused.out, "SIGNALBOX_URL is not set" in refused.err) == (Exit.USAGE, "", True)


def test_a_proxy_gets_no_token(at_server: Place) -> None:
    with answering(b"{}") as proxy:
        answer = at_server("status", http_proxy=proxy.address, HTTP_PROXY=proxy.address)
    assert (answer.code, proxy.asked) == (Exit.OK, []), answer.err


@pytest.mark.parametrize("wrong", ["http://[::1", "https://signalbox.example:port", "https://me:pw@signalbox.example"])
def test_an_address_that_is_none_is_told(at_server: Place, wrong: str) -> None:
    refused = at_server("status", SIGNALBOX_URL=wrong)
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert refused.err.startswith("signalbox: SIGNALBOX_URL must be the address of a server")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"{}",
        b"[[]]",
        b'"x"',
        b"NaN",
        b'[{"slug": NaN}]',
        b"[{}]",
        b"[" * 100_000,
        b"\xff",
        b" " * 33 * 2**20,
    ],
    ids=["empty", "null", "object", "lists", "text", "nan", "nan inside", "empty object", "deep", "bytes", "large"],
)
def test_an_answer_that_is_not_of_the_api_is_told(at_server: Place, content: bytes) -> None:
    with answering(content) as other:
        refused = at_server("status", SIGNALBOX_URL=other.address)
    assert (refused.code, refused.out) == (Exit.UNREACHABLE, "")
    assert re.match(r"signalbox: (What|The server's answer) ", refused.err), refused.err


@pytest.mark.parametrize("content", [b"null", b"{}", b"[]", b'{"items": null}', b'{"items": [1]}'])
def test_neither_is_a_page_of_a_list(at_server: Place, content: bytes) -> None:
    with answering(content) as other:
        refused = at_server("runs", SIGNALBOX_URL=other.address)
    assert (refused.code, refused.out, "Traceback" in refused.err) == (Exit.UNREACHABLE, "", False)


@pytest.mark.parametrize("errors", [b'"abc"', b"null", b"[1]", b"[{}]"])
def test_a_problem_with_odd_errors_is_told(at_server: Place, errors: bytes) -> None:
    with answering(b'{"detail": "No.", "state": 1, "errors": %b}' % errors, status=422) as other:
        refused = at_server("status", SIGNALBOX_URL=other.address)
    assert (refused.code, refused.out) == (Exit.FAILED, "")
    assert refused.err.startswith("signalbox: No.\n")


@pytest.mark.parametrize("verb", ["runs", "requests", "audit"])
def test_less_than_nothing_is_no_limit(at_server: Place, verb: str) -> None:
    refused = at_server(verb, "--limit", "-1")
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "--limit" in refused.err


def test_no_answer_leads_elsewhere(at_server: Place) -> None:
    """What follows it would take the token along."""
    with answering(b"", status=302, Location="/elsewhere") as other:
        refused = at_server("status", SIGNALBOX_URL=other.address)
    assert (refused.code, refused.out, other.asked) == (Exit.UNREACHABLE, "", ["/api/v1/environments"])
    assert "302" in refused.err
