"""Rehearsals on the pages: asked for, watched, read; and what an approver sees of them above the button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment, Requirement
from dashboard.engine.errors import LocalServerError
from dashboard.engine.plan import Plan
from dashboard.engine.rehearsal.report import ObservedLock, Report, ScriptError, ScriptRun, StatementTime
from dashboard.engine.schema.diff import Change, Difference
from dashboard.models import ChangeRequest, Rehearsal, Run
from dashboard.services import plans, rehearsals
from dashboard.services.actors import Actor
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.fix_rehearsals import Finds, passing
from tests.views.pages import digest_on, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db

#: A run's heartbeat has a connection of its own, which sees only what is committed: without that a slow run is stopped.
AS_A_WORKER = pytest.mark.django_db(transaction=True)

type Install = Callable[[Finds], None]
type Demanding = Callable[..., Environment]

LEFT = Difference(key="table public.orders_copy", change=Change.ADDED, before=None, after="columns: id integer")


def cannot(plan: Plan) -> Report:
    raise LocalServerError(what="There is no PostgreSQL.", remedy="Install one.")


def fails(plan: Plan) -> Report:
    error = ScriptError(
        sentence="relation users already exists", sqlstate="42P07", statement=1, line=1, column=14, excerpt="1 | CREATE"
    )
    return passing(plan, up=ScriptRun(ok=False, ms=2.0, error=error), down=None, again=None, repeatable=None)


def _holding(relation: str, ms: float) -> ScriptRun:
    return ScriptRun(ok=True, ms=ms, locks=(ObservedLock(relation=relation, mode="SHARE", statement=1, held_ms=ms),))


@pytest.fixture
def rehearsed(
    two_files: Line, requester: User, acting: Callable[[User], Actor], rehearsals_find: Install
) -> Callable[[Finds], Rehearsal]:
    """`rehearsed(passing)`: what is pending on production, rehearsed with that result."""

    def carried_out(finds: Finds) -> Rehearsal:
        rehearsals_find(finds)
        plan = plans.apply(two_files.production)
        found = rehearsals.ask(plan, environment=two_files.production, by=acting(requester))
        rehearsals.work()
        found.refresh_from_db()
        return found

    return carried_out


def page_of(client: Client, rehearsal: Rehearsal) -> str:
    return text(client.get(f"/rehearsals/{rehearsal.pk}/"))


# Asking


def test_the_page_of_an_environment_asks_for_one(two_files: Line, requester: User, client_of: ClientOf) -> None:
    answer = client_of(requester).post("/environments/production/apply/rehearse/")
    rehearsal = Rehearsal.objects.get()
    assert answer.headers["Location"] == f"/rehearsals/{rehearsal.pk}/"
    assert (rehearsal.status, rehearsal.asked_by, Run.objects.count()) == ("queued", requester, 0)


def test_the_page_of_a_plan_asks_for_just_that_plan(two_files: Line, requester: User, client_of: ClientOf) -> None:
    client = client_of(requester)
    digest = digest_on(client.get("/environments/production/apply/?upto=001"))
    client.post("/environments/production/apply/rehearse/", {"upto": "001"})
    assert Rehearsal.objects.get().digest == digest


@AS_A_WORKER
def test_a_rollback_can_be_rehearsed(
    two_files: Line, run_on_staging: Callable[..., Run], requester: User, client_of: ClientOf
) -> None:
    run_on_staging(requester)
    client = client_of(requester)
    client.post("/environments/staging/rollback/002/orders/rehearse/")
    assert Rehearsal.objects.get().action == "rollback"


def test_a_request_is_rehearsed_as_it_was_asked_for(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf
) -> None:
    request = ask(requester)
    answer = client_of(approver).post(f"/requests/{request.pk}/rehearse/")
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    assert Rehearsal.objects.get().digest == request.digest


@pytest.mark.parametrize(
    "address", ["/environments/production/apply/rehearse/", "/environments/nowhere/apply/rehearse/"]
)
def test_a_viewer_cannot_ask(two_files: Line, viewer: User, client_of: ClientOf, address: str) -> None:
    assert client_of(viewer).post(address).status_code in {403, 404}
    assert not Rehearsal.objects.exists()


# Reading


def test_it_says_that_all_came_back(rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf) -> None:
    shown = page_of(client_of(viewer), rehearsed(passing))
    assert "Everything ran, and each rollback restored the schema." in shown
    assert "001_users Reversible Repeatable" in shown
    assert "It expires in" in shown


def test_it_names_what_a_rollback_left_behind(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    found = rehearsed(lambda plan: passing(plan, reversible=False, differences=(LEFT,)))
    shown = page_of(client_of(viewer), found)
    assert "not every migration can be taken back" in shown
    assert "What its rollback leaves behind" in shown
    assert "orders_copy" in shown
    assert "Left behind" in shown


def test_it_shows_where_a_script_failed(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    shown = page_of(client_of(viewer), rehearsed(fails))
    assert "001_users did not pass. Nothing was changed" in shown
    assert "relation users already exists" in shown
    assert "SQLSTATE 42P07 · statement 1 · line 1, column 14" in shown


def test_it_shows_locks_and_times(rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf) -> None:
    run = ScriptRun(
        ok=True,
        ms=12.0,
        statements=(StatementTime(number=1, line=3, summary="ALTER TABLE people", ms=7.0),),
        locks=(ObservedLock(relation="public.people", mode="ACCESS EXCLUSIVE", statement=1, held_ms=9.0),),
        rewritten=("public.people",),
        notices=("NOTICE: slow",),
    )
    shown = page_of(client_of(viewer), rehearsed(lambda plan: passing(plan, up=run)))
    for words in ("public.people ACCESS EXCLUSIVE 1 9 ms", "1 ALTER TABLE people 3 7 ms", "NOTICE: slow"):
        assert words in shown
    assert "Written anew, from the first row to the last: public.people" in shown


def test_it_says_why_it_could_not_be_carried_out(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    shown = page_of(client_of(viewer), rehearsed(cannot))
    assert "It could not be carried out, so nothing is known of the plan. There is no PostgreSQL. Install one." in shown


def test_while_it_waits_the_page_asks_again_and_then_stops(
    two_files: Line, requester: User, client_of: ClientOf, rehearsals_find: Install
) -> None:
    client = client_of(requester)
    client.post("/environments/production/apply/rehearse/")
    address = f"/rehearsals/{Rehearsal.objects.get().pk}/"
    assert 'hx-trigger="every 2s"' in client.get(address).content.decode()
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 200
    assert "No worker is running" in text(client.get(address))
    rehearsals_find(passing)
    rehearsals.work()
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 286


def test_a_report_of_an_earlier_release_breaks_no_page_and_proves_nothing(
    rehearsed: Callable[[Finds], Rehearsal], requester: User, client_of: ClientOf, demanding: Demanding
) -> None:
    found = rehearsed(passing)
    Rehearsal.objects.update(report={"proofs": [{}]})
    demanding(Requirement.REHEARSAL)
    client = client_of(requester)
    assert client.get(f"/rehearsals/{found.pk}/").status_code == 200
    assert "Rehearsal. It ran" not in text(client.get("/environments/production/apply/"))


def test_the_page_of_a_migration_says_what_was_seen(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf
) -> None:
    rehearsed(passing)
    shown = text(client_of(viewer).get("/migrations/002/orders/"))
    assert "Rehearsed just now Reversible Repeatable" in shown


def test_the_page_of_an_environment_shows_the_last_one_of_what_is_next(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf, two_files: Line
) -> None:
    from dashboard.services import observations

    observations.refresh(two_files.production)
    found = rehearsed(passing)
    assert f"rehearsal {found.pk} just now Passed" in text(client_of(viewer).get("/environments/production/"))


# Above the button


def test_an_approver_sees_what_is_missing_and_cannot_approve(
    ask: Callable[[User], ChangeRequest], requester: User, approver: User, client_of: ClientOf, demanding: Demanding
) -> None:
    demanding(Requirement.REHEARSAL, Requirement.REVERSIBLE)
    request = ask(requester)
    client = client_of(approver)
    shown = text(client.get(f"/requests/{request.pk}/"))
    assert shown.index("Evidence 2 missing") < shown.index("It cannot be approved yet")
    assert "It cannot be approved yet: see what is missing above (2)." in shown
    assert "Approve only" not in shown
    sent = {"digest": request.digest, "comment": "", "then": ""}
    refused = client.post(f"/requests/{request.pk}/approve/", sent)
    assert (refused.status_code, request.decisions.count()) == (409, 0)
    assert "This cannot be approved yet. It has not been rehearsed." in text(refused)


def test_an_approver_sees_that_all_is_there(
    rehearsed: Callable[[Finds], Rehearsal],
    ask: Callable[[User], ChangeRequest],
    requester: User,
    approver: User,
    client_of: ClientOf,
    demanding: Demanding,
) -> None:
    demanding(Requirement.REHEARSAL, Requirement.REVERSIBLE, Requirement.LINT)
    rehearsed(passing)
    request = ask(requester)
    shown = text(client_of(approver).get(f"/requests/{request.pk}/"))
    assert "Evidence Nothing missing Rehearsal. It ran on a copy of the schema." in shown
    assert "Approve only" in shown


def test_the_page_of_a_request_follows_its_rehearsal(
    two_files: Line, requester: User, client_of: ClientOf, demanding: Demanding, rehearsals_find: Install
) -> None:
    """Nothing moves while nothing changes; at the end it asks no more."""
    demanding(Requirement.REHEARSAL)
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
    assert "It ran on a copy of the schema." in text(changed)
    assert "hx-trigger" not in changed.content.decode()


def test_whoever_asks_says_why_it_may_go_without_a_way_back(
    line: Line, requester: User, client_of: ClientOf, demanding: Demanding
) -> None:
    demanding(Requirement.REVERSIBLE)
    line.write(_001_users="CREATE TABLE users (id int);")
    client = client_of(requester)
    sent = {"digest": digest_on(client.get("/environments/production/apply/")), "reason": "December"}
    refused = client.post("/environments/production/apply/", sent)
    assert (refused.status_code, ChangeRequest.objects.count()) == (422, 0)
    assert "say why it may go without" in text(refused)
    client.post("/environments/production/apply/", {**sent, "irreversible_because": "It is the first."})
    request = ChangeRequest.objects.get()
    assert request.irreversible_because == "It is the first."
    shown = text(client.get(f"/requests/{request.pk}/"))
    assert "Way back, not proven. It may go without a proven rollback: “It is the first.”" in shown


def test_an_approver_sees_whom_it_would_hold_up(
    two_files: Line,
    rehearsed: Callable[[Finds], Rehearsal],
    ask: Callable[[User], ChangeRequest],
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
    request = ask(requester)
    shown = text(client_of(approver).get(f"/requests/{request.pk}/"))
    assert "Blocks for seconds: 001_users SHARE on public.people, 30 k rows" in shown
    assert "The others block for less than a second, by estimate 002_orders SHARE on public.people" in shown


def test_nobody_is_asked_where_nobody_wants_a_way_back(two_files: Line, requester: User, client_of: ClientOf) -> None:
    assert "without a way back" not in text(client_of(requester).get("/environments/production/apply/"))


@AS_A_WORKER
def test_a_proven_rollback_needs_no_acceptance(
    two_files: Line,
    run_on_staging: Callable[..., Run],
    requester: User,
    client_of: ClientOf,
    acting: Callable[[User], Actor],
    rehearsals_find: Install,
) -> None:
    rehearsals_find(passing)
    rehearsals.ask(plans.apply(two_files.staging), environment=two_files.staging, by=acting(requester))
    rehearsals.work()
    run_on_staging(requester)
    shown = text(client_of(requester).get("/environments/staging/rollback/002/orders/"))
    assert "When the apply was rehearsed, it restored the schema." in shown
    assert "has not been proven" not in shown


def test_a_rehearsal_outlives_the_declaration_of_its_environment(
    rehearsed: Callable[[Finds], Rehearsal], viewer: User, client_of: ClientOf, settings: object, two_files: Line
) -> None:
    found = rehearsed(passing)
    settings.ENVIRONMENTS = (replace(two_files.staging, position=0),)  # type: ignore[attr-defined]
    shown = page_of(client_of(viewer), found)
    assert "Everything ran" in shown
    assert "Rehearse again" not in shown


# Lint

ERROR = "CREATE TABLE users (id int);\nCOPY users FROM PROGRAM 'date';\n"


def test_findings_stand_under_their_line(line: Line, viewer: User, client_of: ClientOf) -> None:
    line.write(_001_users=ERROR)
    page = client_of(viewer).get("/migrations/001/users/").content.decode()
    second = page.split('id="L2"', 1)[1].split("</li>", 1)[0]
    assert "leaves-the-database" in second
    assert "Error" in second


def test_what_a_file_allows_is_shown_with_its_reason(line: Line, requester: User, client_of: ClientOf) -> None:
    line.write(_001_users=ERROR.replace("COPY", "-- signalbox:allow leaves-the-database It is ours.\nCOPY"))
    for address in ("/migrations/001/users/", "/environments/staging/apply/"):
        assert "Allowed." in text(client_of(requester).get(address))
        assert "The file says why: “It is ours.”" in text(client_of(requester).get(address))


def test_the_lists_count_findings(line: Line, requester: User, client_of: ClientOf) -> None:
    from dashboard.services import observations

    line.write(_001_users=ERROR)
    observations.refresh(line.staging)
    assert "001 users 1 error" in text(client_of(requester).get("/migrations/"))
    assert "lint 1 error" in text(client_of(requester).get("/environments/staging/"))
