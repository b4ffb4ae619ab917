"""Rehearsals on the pages: asked for, watched, read; and what an approver sees of them above the button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from config.environments import Requirement
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal.report import ObservedLock, Report, ScriptError, ScriptRun, StatementTime
from dashboard.engine.schema.diff import Change, Difference
from dashboard.models import ChangeRequest, Rehearsal, Run
from dashboard.services import plans, rehearsals
from dashboard.services.actors import Actor
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.fix_rehearsals import Finds, RehearsalsFind, RequireOnProduction, passing, without_a_server
from tests.presenters.values import says
from tests.views.pages import alerts, assert_shown, controls, digest_on, error_code, posts, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from django.test import Client

pytestmark = pytest.mark.django_db

#: A run's heartbeat has a connection of its own, which sees only what is committed: without that a slow run is stopped.
AS_A_WORKER = pytest.mark.django_db(transaction=True)

LEFT = Difference(key="table public.orders_copy", change=Change.ADDED, before=None, after="columns: id integer")


def fails(plan: Plan) -> Report:
    error = ScriptError(
        sentence="relation users already exists", sqlstate="42P07", statement=1, line=1, column=14, excerpt="1 | CREATE"
    )
    return passing(plan, up=ScriptRun(ok=False, ms=2.0, error=error), down=None, again=None, repeatable=None)


def _holding(relation: str, ms: float) -> ScriptRun:
    return ScriptRun(ok=True, ms=ms, locks=(ObservedLock(relation=relation, mode="SHARE", statement=1, held_ms=ms),))


@pytest.fixture
def rehearsed(
    two_files: Project, requester: User, acting: Callable[[User], Actor], rehearsals_find: RehearsalsFind
) -> Callable[[Finds], Rehearsal]:
    """`rehearsed(passing)`: what is pending on production, rehearsed with that result."""

    def carried_out(finds: Finds) -> Rehearsal:
        rehearsals_find(finds)
        plan = plans.apply(two_files.production)
        rehearsal = rehearsals.ask(plan, environment=two_files.production, by=acting(requester))
        rehearsals.work()
        rehearsal.refresh_from_db()
        return rehearsal

    return carried_out


def page_of(client: Client, rehearsal: Rehearsal) -> HttpResponse:
    """Which shows its pill, its verdict, and the pills of every proof."""
    response = client.get(f"/rehearsals/{rehearsal.pk}/")
    page = response.context["page"]
    assert_shown(response, page.pill, page.verdict, *((proof.label, proof.pills) for proof in page.proofs))
    return response


# Asking


def test_the_page_of_an_environment_asks_for_one(two_files: Project, requester: User, client_of: ClientOf) -> None:
    answer = client_of(requester).post("/environments/production/apply/rehearse/")
    rehearsal = Rehearsal.objects.get()
    assert answer.headers["Location"] == f"/rehearsals/{rehearsal.pk}/"
    assert (rehearsal.status, rehearsal.asked_by, Run.objects.count()) == ("queued", requester, 0)


def test_the_page_of_a_plan_asks_for_just_that_plan(two_files: Project, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    digest = digest_on(client.get("/environments/production/apply/?upto=001"))
    client.post("/environments/production/apply/rehearse/", {"upto": "001"})
    assert Rehearsal.objects.get().digest == digest


def test_the_reason_that_was_typed_is_there_again_after_the_rehearsal(
    two_files: Project, requester: User, client_of: ClientOf
) -> None:
    client, address = client_of(requester), "/environments/production/apply/"
    assert f"{address}rehearse/" in posts(client.get(address))
    client.post(f"{address}rehearse/", {"upto": "002", "reason": "For the release of December"})
    assert "For the release of December" in text(client.get(address))
    assert "For the release of December" not in text(client.get(f"{address}?upto=001")), "that is another plan"
    assert "For the release of December" not in text(client_of(requester).get(address)), "and that another session"


@AS_A_WORKER
def test_a_rollback_can_be_rehearsed(
    two_files: Project, run_on_staging: Callable[..., Run], requester: User, client_of: ClientOf
) -> None:
    run_on_staging(requester)
    client = client_of(requester)
    client.post("/environments/staging/rollback/002/orders/rehearse/")
    assert Rehearsal.objects.get().action == "rollback"


def test_a_request_is_rehearsed_as_it_was_asked_for(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = open_request(requester)
    answer = client_of(approver).post(f"/requests/{request.pk}/rehearse/")
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    assert Rehearsal.objects.get().digest == request.digest


@pytest.mark.parametrize(
    "address", ["/environments/production/apply/rehearse/", "/environments/nowhere/apply/rehearse/"]
)
def test_a_viewer_cannot_ask(two_files: Project, viewer: User, client_of: ClientOf, address: str) -> None:
    assert client_of(viewer).post(address).status_code in {403, 404}
    assert not Rehearsal.objects.exists()


# Reading


def test_it_says_that_all_came_back(rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf) -> None:
    response = page_of(client_of(viewer), rehearsed(passing))
    page = response.context["page"]
    assert page.pill.tone == "ok"
    assert [(proof.label, [pill.tone for pill in proof.pills]) for proof in page.proofs] == [
        ("001_users", ["ok", "ok"]),
        ("002_orders", ["ok", "ok"]),
    ]
    assert page.counts_until is not None
    assert says(text(response), "expires")


def test_it_names_what_a_rollback_left_behind(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    rehearsal = rehearsed(lambda plan: passing(plan, reversible=False, differences=(LEFT,)))
    response = page_of(client_of(viewer), rehearsal)
    page = response.context["page"]
    assert says(page.verdict, "not every migration")
    assert page.proofs[0].pills[0].tone != "ok"
    left = page.proofs[0].left
    assert [thing.key for group in left.groups for thing in group.objects] == [LEFT.key]
    assert_shown(response, *(group.sentences for group in left.groups))
    assert "orders_copy" in text(response)


def test_it_shows_where_a_script_failed(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    response = page_of(client_of(viewer), rehearsed(fails))
    page = response.context["page"]
    assert (page.pill.tone, "001_users" in page.verdict) == ("danger", True)
    (script,) = page.proofs[0].scripts
    assert (script.pill.tone, script.error.sqlstate) == ("danger", "42P07")
    assert_shown(response, script.error.sentence, script.error.sqlstate)
    assert all(says(text(response), words) for words in ("statement 1", "line 1", "column 14"))


def test_it_shows_locks_and_times(rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf) -> None:
    run = ScriptRun(
        ok=True,
        ms=12.0,
        statements=(StatementTime(number=1, line=3, summary="ALTER TABLE people", ms=7.0),),
        locks=(ObservedLock(relation="public.people", mode="ACCESS EXCLUSIVE", statement=1, held_ms=9.0),),
        rewritten=("public.people",),
        notices=("NOTICE: slow",),
    )
    shown = text(page_of(client_of(viewer), rehearsed(lambda plan: passing(plan, up=run))))
    for words in ("public.people ACCESS EXCLUSIVE 1 9 ms", "1 ALTER TABLE people 3 7 ms", "NOTICE: slow"):
        assert words in shown
    assert "last: public.people" in shown, "the table that was written anew"


def test_it_says_why_it_could_not_be_carried_out(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    response = page_of(client_of(viewer), rehearsed(without_a_server))
    failure = response.context["page"].failure
    assert failure.sentence == "There is no PostgreSQL."
    assert_shown(response, failure.sentence, failure.next_step)
    assert alerts(response) == ["warn"]


def test_while_it_waits_the_page_asks_again_and_then_stops(
    two_files: Project, requester: User, client_of: ClientOf, rehearsals_find: RehearsalsFind
) -> None:
    client = client_of(requester)
    client.post("/environments/production/apply/rehearse/")
    address = f"/rehearsals/{Rehearsal.objects.get().pk}/"
    assert 'hx-trigger="every 2s"' in client.get(address).content.decode()
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 200
    waiting = client.get(address)
    assert (waiting.context["page"].waits_for_worker, alerts(waiting)) == (True, ["danger"])
    rehearsals_find(passing)
    rehearsals.work()
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 286


def test_a_report_of_an_earlier_release_breaks_no_page_and_proves_nothing(
    rehearsed: Callable[[Finds], Rehearsal],
    requester: User,
    client_of: ClientOf,
    require_on_production: RequireOnProduction,
) -> None:
    rehearsal = rehearsed(passing)
    Rehearsal.objects.update(report={"proofs": [{}]})
    require_on_production(Requirement.REHEARSAL)
    client = client_of(requester)
    assert client.get(f"/rehearsals/{rehearsal.pk}/").status_code == 200
    assert looks_of_evidence(client.get("/environments/production/apply/"))["Rehearsal"] != "ok"


def test_the_page_of_a_migration_says_what_was_seen(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    rehearsed(passing)
    page = client_of(viewer).get("/migrations/002/orders/")
    rows = [place.rehearsal for place in page.context["page"].places if place.rehearsal]
    assert [[pill.tone for pill in row.pills] for row in rows] == [["ok", "ok"]]
    assert_shown(page, *rows)


def test_the_page_of_an_environment_shows_the_last_one_of_what_is_next(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf, two_files: Project
) -> None:
    from dashboard.services import observations

    observations.refresh(two_files.production)
    rehearsal = rehearsed(passing)
    page = client_of(viewer).get("/environments/production/")
    row = page.context["page"].rehearsal
    assert (row.number, [pill.tone for pill in row.pills]) == (rehearsal.pk, ["ok"])
    assert_shown(page, row)


# Above the button


def looks_of_evidence(page: HttpResponse) -> dict[str, str]:
    """The tone of each line."""
    return {line.label: line.tone for line in page.context["evidence"].lines}


def test_an_approver_sees_what_is_missing_and_cannot_approve(
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
    require_on_production: RequireOnProduction,
) -> None:
    require_on_production(Requirement.REHEARSAL, Requirement.REVERSIBLE)
    request = open_request(requester)
    client = client_of(approver)
    page = client.get(f"/requests/{request.pk}/")
    pill, approve = page.context["evidence"].pill, page.context["actions"].approve
    assert (pill.tone, says(pill.label, "2"), says(approve.reason, "2")) == ("danger", True, True)
    assert_shown(page, pill, approve)
    assert text(page).index(pill.label) < text(page).index(approve.reason), "the evidence stands above the button"
    assert approve.url not in posts(page)
    sent = {"digest": request.digest, "comment": "", "then": ""}
    refused = client.post(f"/requests/{request.pk}/approve/", sent)
    assert (refused.status_code, request.decisions.count()) == (409, 0)
    assert error_code(refused) == "evidence_missing"


def test_an_approver_sees_that_all_is_there(
    rehearsed: Callable[[Finds], Rehearsal],
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
    require_on_production: RequireOnProduction,
) -> None:
    require_on_production(Requirement.REHEARSAL, Requirement.REVERSIBLE, Requirement.LINT)
    rehearsed(passing)
    request = open_request(requester)
    page = client_of(approver).get(f"/requests/{request.pk}/")
    evidence = page.context["evidence"]
    assert (evidence.pill.tone, looks_of_evidence(page)["Rehearsal"]) == ("ok", "ok")
    assert_shown(page, evidence.pill, evidence.lines)
    assert page.context["actions"].approve.url in posts(page)


def test_the_page_of_a_request_follows_its_rehearsal(
    two_files: Project,
    requester: User,
    client_of: ClientOf,
    require_on_production: RequireOnProduction,
    rehearsals_find: RehearsalsFind,
) -> None:
    """Nothing moves while nothing changes; at the end it asks no more."""
    require_on_production(Requirement.REHEARSAL)
    client = client_of(requester)
    digest = digest_on(client.get("/environments/production/apply/"))
    address = client.post("/environments/production/apply/", {"digest": digest, "reason": "December"}).headers[
        "Location"
    ]
    page = client.get(address).content.decode()
    poll = page.split(f'hx-get="{address}', 1)[1].split('"', 1)[0]
    unchanged = client.get(f"{address}{poll}", headers={"HX-Request": "true"})
    assert unchanged.headers["HX-Reswap"] == "none"
    rehearsals_find(passing)
    rehearsals.work()
    changed = client.get(f"{address}{poll}", headers={"HX-Request": "true"})
    assert looks_of_evidence(changed)["Rehearsal"] == "ok"
    assert_shown(changed, changed.context["evidence"].lines)
    assert "hx-trigger" not in changed.content.decode()


def test_whoever_asks_says_why_it_may_go_without_a_way_back(
    project: Project, requester: User, client_of: ClientOf, require_on_production: RequireOnProduction
) -> None:
    require_on_production(Requirement.REVERSIBLE)
    project.write(_001_users="CREATE TABLE users (id int);")
    client = client_of(requester)
    sent = {"digest": digest_on(client.get("/environments/production/apply/")), "reason": "December"}
    refused = client.post("/environments/production/apply/", sent)
    assert (refused.status_code, ChangeRequest.objects.count()) == (422, 0)
    assert_shown(refused, *refused.context["form"].errors["irreversible_because"])
    client.post("/environments/production/apply/", {**sent, "irreversible_because": "It is the first."})
    request = ChangeRequest.objects.get()
    assert request.irreversible_because == "It is the first."
    page = client.get(f"/requests/{request.pk}/")
    (reason,) = [each for each in page.context["evidence"].lines if "It is the first." in each.sentence]
    assert reason.tone == "warn"
    assert_shown(page, reason)


def test_an_approver_sees_whom_it_would_hold_up(
    two_files: Project,
    rehearsed: Callable[[Finds], Rehearsal],
    open_request: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
) -> None:
    two_files.query(two_files.production, "CREATE TABLE people AS SELECT generate_series(1, 30000) AS id")
    two_files.query(two_files.production, "ANALYZE people")
    held = {"001": 5000.0, "002": 1.0}

    def locking(plan: Plan) -> Report:
        report = passing(plan)
        proofs = (replace(p, up=_holding("public.people", held[p.version])) for p in report.proofs)
        return replace(report, proofs=tuple(proofs))

    rehearsed(locking)
    request = open_request(requester)
    page = client_of(approver).get(f"/requests/{request.pk}/")
    evidence = page.context["evidence"]
    assert ([risk.label for risk in evidence.risks], [risk.label for risk in evidence.moments]) == (
        ["001_users"],
        ["002_orders"],
    )
    assert "SHARE on public.people, 30 k rows" in evidence.risks[0].sentences[0]
    assert_shown(page, evidence.risks, *(risk.label for risk in evidence.moments))


def test_nobody_is_asked_where_nobody_wants_a_way_back(
    two_files: Project, requester: User, client_of: ClientOf
) -> None:
    assert "irreversible_because" not in controls(client_of(requester).get("/environments/production/apply/"))


@AS_A_WORKER
def test_a_proven_rollback_needs_no_acceptance(
    two_files: Project,
    run_on_staging: Callable[..., Run],
    requester: User,
    client_of: ClientOf,
    acting: Callable[[User], Actor],
    rehearsals_find: RehearsalsFind,
) -> None:
    rehearsals_find(passing)
    rehearsals.ask(plans.apply(two_files.staging), environment=two_files.staging, by=acting(requester))
    rehearsals.work()
    run_on_staging(requester)
    page = client_of(requester).get("/environments/staging/rollback/002/orders/")
    assert page.context["plan"].to_accept == ()
    assert "ok" in looks_of_evidence(page).values()
    assert_shown(page, page.context["evidence"].lines)


def test_a_rehearsal_outlives_the_declaration_of_its_environment(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf, settings: object, two_files: Project
) -> None:
    rehearsal = rehearsed(passing)
    settings.ENVIRONMENTS = (replace(two_files.staging, position=0),)  # type: ignore[attr-defined]
    page = page_of(client_of(viewer), rehearsal)
    assert page.context["page"].pill.tone == "ok"
    assert not [url for url in posts(page) if "rehearse" in url]


# Lint

ERROR = "CREATE TABLE users (id int);\nCOPY users FROM PROGRAM 'date';\n"


def test_findings_stand_under_their_line(project: Project, viewer: User, client_of: ClientOf) -> None:
    project.write(_001_users=ERROR)
    page = client_of(viewer).get("/migrations/001/users/").content.decode()
    second = page.split('id="L2"', 1)[1].split("</li>", 1)[0]
    assert "leaves-the-database" in second
    assert "Error" in second


def test_what_a_file_allows_is_shown_with_its_reason(project: Project, requester: User, client_of: ClientOf) -> None:
    project.write(_001_users=ERROR.replace("COPY", "-- signalbox:allow leaves-the-database It is ours.\nCOPY"))
    for address in ("/migrations/001/users/", "/environments/staging/apply/"):
        shown = text(client_of(requester).get(address))
        assert (says(shown, "Allowed"), "“It is ours.”" in shown) == (True, True)


def test_the_lists_count_findings(project: Project, requester: User, client_of: ClientOf) -> None:
    from dashboard.services import observations

    project.write(_001_users=ERROR)
    observations.refresh(project.staging)
    page = client_of(requester).get("/migrations/")
    pills = page.context["matrix"].rows[0].lint
    assert (pills[0].tone, pills[0].label) == ("danger", "1 error")
    assert_shown(page, pills)
    page = client_of(requester).get("/environments/staging/")
    (entry,) = page.context["page"].waiting
    assert entry.lint == pills
    assert_shown(page, entry.lint)
