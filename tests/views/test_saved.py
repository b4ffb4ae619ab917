"""What would be lost, saving it first, and bringing it back: as people meet it on the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from config.environments import Environment
from dashboard.models import AuditEvent, ChangeRequest, Run
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import digest_on, hidden, text
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)

USERS = "/environments/{}/rollback/001/users/"
UNPROVEN = ["unproven_rollback:001", "unproven_rollback:002"]


@pytest.fixture
def shop(line: Line) -> Line:
    line.write(
        _001_users="CREATE TABLE users (id int PRIMARY KEY, name text);",
        _001_rollback="DROP TABLE users;",
        _002_plan="ALTER TABLE users ADD COLUMN plan text DEFAULT 'free';",
        _002_rollback="ALTER TABLE users DROP COLUMN plan;",
    )
    return line


@pytest.fixture
def two_files(shop: Line) -> Line:
    """What `ask` and `run_on_production` run."""
    return shop


def fill(line: Line, environment: Any, count: int = 3) -> None:
    line.query(environment, f"INSERT INTO users SELECT n, 'n', 'pro' FROM generate_series(1, {count}) n")


def test_the_rollback_page_says_what_would_be_lost_and_on_what_that_rests(
    shop: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop, shop.staging)
    page = client_of(requester).get(USERS.format("staging"))
    shown = text(page)
    assert "3 rows would lose data." in shown
    assert "public.users column plan 3 rows" in shown
    assert "public.users 3 rows The table is dropped with all its rows." in shown
    assert "Read statement by statement from the scripts" in shown
    assert "Counted on the live database just now." in shown
    assert re.search(r'<input[^>]*name="save_rows"[^>]*checked', page.content.decode()), (
        "they are saved unless not wanted"
    )
    assert "Type 3" not in shown  # nobody types a number where nothing is protected


def test_a_rollback_that_loses_nothing_says_so(
    shop: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    assert "No row would be lost." in text(client_of(requester).get(USERS.format("staging")))


def test_a_script_that_cannot_be_read_is_not_called_harmless(
    line: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    line.write(
        _001_users="CREATE TABLE users (id int);",
        _001_rollback="DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'users'; END $$;",
    )
    run_on_staging(requester)
    shown = text(client_of(requester).get(USERS.format("staging")))
    assert "What would be lost cannot be judged." in shown
    assert "001_users, line 1: the block puts SQL together while it runs" in shown
    assert "No row would be lost" not in shown


def test_an_apply_that_destroys_nothing_says_so(shop: Line, requester: User, client_of: ClientOf) -> None:
    shown = text(client_of(requester).get("/environments/staging/apply/"))
    assert "What would be lost No row would be lost. Each statement is proven to take no row" in shown


def test_an_apply_that_cannot_be_judged_is_not_called_harmless(
    line: Line, requester: User, client_of: ClientOf
) -> None:
    line.write(_001_users="DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 'users ()'; END $$;")
    shown = text(client_of(requester).get("/environments/staging/apply/"))
    assert "What would be lost cannot be judged." in shown
    assert "No row would be lost" not in shown


def test_a_request_that_is_closed_says_nothing_of_rows(
    shop: Line, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    request = run_on_production().request
    assert request is not None
    shown = text(client_of(requester).get(f"/requests/{request.pk}/"))
    assert "Apply 001 and 002 to Production" in shown
    assert "What would be lost" not in shown


def test_a_destructive_migration_is_forecast_and_can_save_too(
    shop: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop, shop.staging)
    shop.write(_003_tidy="TRUNCATE users;", _003_rollback="SELECT 1;")
    client = client_of(requester)
    page = client.get("/environments/staging/apply/")
    assert "public.users 3 rows Every row is deleted; the table stays." in text(page)
    client.post("/environments/staging/apply/", {"digest": digest_on(page), "save_rows": "on"})
    assert execute_newest().steps.get().copied[0]["rows"] == 3


def saved_in(run: Run, *, slug: str = "staging", version: str = "001", name: str = "users") -> str:
    """Where what this attempt saved is brought back."""
    assert run.attempt_id is not None
    return f"/environments/{slug}/saved/{run.attempt_id.hex}/{version}/{name}/"


def test_rows_are_saved_with_the_rollback_and_come_back_after_the_next_apply(
    shop: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop, shop.staging)
    client = client_of(requester)
    page = client.get(USERS.format("staging"))
    client.post(USERS.format("staging"), {"digest": digest_on(page), "accepted": UNPROVEN, "save_rows": "on"})
    run = execute_newest()
    assert run.status == Run.Status.SUCCEEDED
    assert "Saved first: 3 rows of public.users, in signalbox_saved." in text(client.get(f"/runs/{run.pk}/"))
    saved = text(client.get("/environments/staging/saved/"))
    assert "Before the rollback of 001_users" in saved
    assert "there is no table public.users now" in saved
    run_on_staging(requester)
    address = saved_in(run)
    page = client.get(address)
    client.post(address, {"digest": digest_on(page)})
    back = execute_newest()
    assert (back.action, back.status) == ("bring_back", "succeeded")
    assert "Brought back 3 rows of public.users" in text(client.get(f"/runs/{back.pk}/"))
    assert shop.query(shop.staging, "SELECT count(*) FROM users") == [(3,)]
    assert "brought it back in run" in text(client.get("/environments/staging/saved/"))


def test_what_does_not_fit_is_not_offered_and_says_where_it_is(
    shop: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop, shop.staging)
    client = client_of(requester)
    page = client.get(USERS.format("staging"))
    client.post(USERS.format("staging"), {"digest": digest_on(page), "accepted": UNPROVEN, "save_rows": "on"})
    run = execute_newest()
    answer = client.get(saved_in(run))
    assert answer.status_code == 422
    assert "none of it can be brought back (public.users: there is no table" in text(answer)
    assert client.get(saved_in(run, version="009", name="none")).status_code == 404


def test_where_nothing_was_saved_the_page_teaches(shop: Line, viewer: User, client_of: ClientOf) -> None:
    assert "Nothing was saved here" in text(client_of(viewer).get("/environments/staging/saved/"))


# On a protected environment


def roll_back_production(client: Client, **sent: Any) -> Any:
    page = client.get(USERS.format("production"))
    known = {"digest": digest_on(page), "accepted": UNPROVEN, "shown_rows": hidden(page, "shown_rows")}
    return client.post(USERS.format("production"), {**known, "typed_name": "production", **sent})


def test_the_number_of_rows_is_typed_beside_the_name(
    shop: Line, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop, shop.production)
    client = client_of(requester)
    assert "Type 3, the number of rows that would be lost" in text(client.get(USERS.format("production")))
    for wrong in ({}, {"typed_rows": ""}, {"typed_rows": "2"}):
        answer = roll_back_production(client, **wrong)
        assert (answer.status_code, Run.objects.count()) == (422, 1)
    assert roll_back_production(client, typed_rows="3").status_code == 302
    assert AuditEvent.objects.filter(kind="run.queued").latest("id").data["rows_to_lose"] == "3"
    assert execute_newest().status == Run.Status.SUCCEEDED


def test_the_number_on_the_page_is_enough_however_many_rows_there_are_by_then(
    shop: Line, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop, shop.production)
    client = client_of(requester)
    page = client.get(USERS.format("production"))
    sent = {"digest": digest_on(page), "accepted": UNPROVEN, "typed_name": "production", "shown_rows": "3"}
    shop.query(shop.production, "INSERT INTO users VALUES (9, 'late')")
    answer = client.post(USERS.format("production"), {**sent, "typed_rows": "2"})
    assert answer.status_code == 422
    assert "4 rows would be lost, and what you typed does not say so." in text(answer)
    assert hidden(answer, "shown_rows") == "4"
    assert client.post(USERS.format("production"), {**sent, "typed_rows": "3"}).status_code == 302
    queued = AuditEvent.objects.filter(kind="run.queued").latest("id").data
    assert (queued["rows_shown"], queued["rows_to_lose"]) == ("3", "4")


def test_the_approval_of_the_apply_covers_its_rollback_with_the_rows_saved(
    shop: Line, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop, shop.production)
    assert roll_back_production(client_of(requester), save_rows="on").status_code == 302, "no number: all is saved"
    run = execute_newest()
    assert run.status == Run.Status.SUCCEEDED, run.failure
    assert run.request == ChangeRequest.objects.get()
    assert AuditEvent.objects.filter(kind="run.queued").latest("id").data["saves"] == [
        "public.users (plan)",
        "public.users",
    ]
    assert shop.query(shop.production, "SELECT count(*) FROM signalbox_saved.saves") == [(2,)]


def test_that_approval_is_used_up_by_either_way_of_rolling_back(
    shop: Line, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop, shop.production)
    client = client_of(requester)
    roll_back_production(client, typed_rows="3", save_rows="on")
    assert "Request approval of this rollback" in text(client.get(USERS.format("production")))


def test_bringing_back_on_a_protected_environment_needs_approval(
    shop: Line, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop, shop.production)
    client = client_of(requester)
    roll_back_production(client, typed_rows="3", save_rows="on")
    run = execute_newest()
    shop.query(shop.production, "CREATE TABLE users (id int PRIMARY KEY, name text, plan text)")
    address = saved_in(run, slug="production")
    client.post(address, {"digest": digest_on(client.get(address)), "reason": "The customers want them back"})
    request = ChangeRequest.objects.latest("id")
    assert (request.action, request.status) == ("bring_back", "open")
    assert "Brings back public.users." in text(client.get(f"/requests/{request.pk}/"))


def ask_to_roll_back(client: Client, **sent: Any) -> ChangeRequest:
    """A request to drop the column alone."""
    address = "/environments/production/rollback/002/plan/"
    known = {"digest": digest_on(client.get(address)), "accepted": UNPROVEN[1:], "reason": "Wrong"}
    assert client.post(address, {**known, **sent}).status_code == 302
    return ChangeRequest.objects.latest("id")


def test_the_person_who_approves_and_runs_a_rollback_types_the_number_too(
    shop: Line, requester: User, approver: User, run_long_ago: Callable[[], Run], client_of: ClientOf
) -> None:
    run_long_ago()
    fill(shop, shop.production)
    request, decides = ask_to_roll_back(client_of(requester)), client_of(approver)
    assert "Type 3, the number of rows that would be lost" in text(decides.get(f"/requests/{request.pk}/"))
    decision = {"digest": request.digest, "then": "run", "typed_name": "production", "shown_rows": "3"}
    assert decides.post(f"/requests/{request.pk}/approve/", decision).status_code == 422
    assert decides.post(f"/requests/{request.pk}/approve/", {**decision, "typed_rows": "3"}).status_code == 302
    assert execute_newest().status == Run.Status.SUCCEEDED


def test_nobody_types_a_number_where_the_request_saves_all_rows(
    shop: Line, requester: User, approver: User, run_long_ago: Callable[[], Run], client_of: ClientOf
) -> None:
    run_long_ago()
    fill(shop, shop.production)
    request, decides = ask_to_roll_back(client_of(requester), save_rows="on"), client_of(approver)
    shown = text(decides.get(f"/requests/{request.pk}/"))
    assert "3 rows would lose data." in shown
    assert "Saved first, in the schema signalbox_saved: public.users (plan)" in shown
    assert "Type 3" not in shown
    decision = {"digest": request.digest, "then": "run"}
    assert decides.post(f"/requests/{request.pk}/approve/", decision).status_code == 422, (
        "the name is typed all the same"
    )
    named = {**decision, "typed_name": "production"}
    assert decides.post(f"/requests/{request.pk}/approve/", named).status_code == 302
    assert execute_newest().steps.get().copied[0]["rows"] == 3


def test_approving_alone_takes_no_number_and_running_it_does(
    shop: Line, requester: User, approver: User, run_long_ago: Callable[[], Run], client_of: ClientOf
) -> None:
    run_long_ago()
    fill(shop, shop.production)
    asks, decides = client_of(requester), client_of(approver)
    request = ask_to_roll_back(asks)
    assert decides.post(f"/requests/{request.pk}/approve/", {"digest": request.digest}).status_code == 302
    page = asks.get(f"/requests/{request.pk}/")
    assert "Type 3, the number of rows that would be lost" in text(page)
    go = {"typed_name": "production", "shown_rows": hidden(page, "shown_rows")}
    assert asks.post(f"/requests/{request.pk}/run/", go).status_code == 422
    assert asks.post(f"/requests/{request.pk}/run/", {**go, "typed_rows": "3"}).status_code == 302


def test_everything_that_is_sent_can_be_read_before_it_is(
    shop: Line,
    requester: User,
    run_on_staging: Callable[..., Run],
    ask: Callable[[User], ChangeRequest],
    client_of: ClientOf,
) -> None:
    client = client_of(requester)
    apply = client.get("/environments/staging/apply/", {"upto": "001", "format": "sql"}).content.decode()
    assert "CREATE TABLE users (id int PRIMARY KEY, name text);" in apply
    assert "ADD COLUMN plan" not in apply
    run_on_staging(requester)
    assert b"\nDROP TABLE users;\n" in client.get(f"{USERS.format('staging')}?format=sql").content
    assert b"\nCOMMIT;\n" in client.get(f"/requests/{ask(requester).pk}/?format=sql").content


def test_a_request_can_be_read_while_its_target_does_not_answer(
    shop: Line,
    requester: User,
    run_long_ago: Callable[[], Run],
    unreachable: Callable[[Environment], Environment],
    client_of: ClientOf,
) -> None:
    run_long_ago()
    client = client_of(requester)
    request = ask_to_roll_back(client)
    unreachable(shop.production)
    answer = client.get(f"/requests/{request.pk}/")
    assert answer.status_code == 200
    assert "How much would be lost is not known. Production cannot be reached" in text(answer)
    assert "s3cret" not in answer.content.decode()
