"""What would be lost, saving it first, and bringing it back: as people meet it on the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from config.environments import Environment
from dashboard.engine.forecast.values import Fate
from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.presenters.forecasts import BECOMES
from dashboard.presenters.saved import BACK, BLOCKED, OVER, THERE
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, controls, digest_on, error_code, hidden, is_empty, links, text
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)

USERS = "/environments/{}/rollback/001/users/"
UNPROVEN, UNPROVEN_ORDERS = ["unproven_rollback:002,001"], ["unproven_rollback:002"]


@pytest.fixture
def shop_project(project: Project) -> Project:
    project.write(
        _001_users="CREATE TABLE users (id int PRIMARY KEY, name text);",
        _001_rollback="DROP TABLE users;",
        _002_plan="ALTER TABLE users ADD COLUMN plan text DEFAULT 'free';",
        _002_rollback="ALTER TABLE users DROP COLUMN plan;",
    )
    return project


@pytest.fixture
def two_files(shop_project: Project) -> Project:
    """What `open_request` and `run_on_production` run."""
    return shop_project


def fill(project: Project, environment: Any, count: int = 3) -> None:
    project.query(environment, f"INSERT INTO users SELECT n, 'n', 'pro' FROM generate_series(1, {count}) n")


def test_the_rollback_page_says_what_would_be_lost_and_on_what_that_rests(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    page = client_of(requester).get(USERS.format("staging"))
    forecast = page.context["forecast"]
    assert (forecast.tone, says(forecast.headline, "3 rows")) == ("danger", True)
    assert [(loss.what, loss.columns, loss.count) for loss in forecast.losses] == [
        ("public.users", ("plan",), "3 rows"),
        ("public.users", (), "3 rows"),
    ]
    assert says(forecast.basis, "live database")
    assert_shown(page, forecast)
    assert re.search(r'<input[^>]*name="save_rows"[^>]*checked', page.content.decode()), (
        "they are saved unless not wanted"
    )
    assert "typed_rows" in controls(page)


def test_rows_go_from_no_environment_without_a_word(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    client = client_of(requester)
    page = client.get(USERS.format("staging"))
    sent = {"digest": digest_on(page), "accepted": UNPROVEN, "shown_rows": hidden(page, "shown_rows")}
    for wrong in ({}, {"typed_rows": "2"}):
        answer = client.post(USERS.format("staging"), {**sent, **wrong})
        assert (answer.status_code, Run.objects.count()) == (422, 1)
        assert_shown(answer, answer.context["form"].errors["typed_rows"][0])
    assert client.post(USERS.format("staging"), {**sent, "typed_rows": "3"}).status_code == 302
    assert execute_newest().status == Run.Status.SUCCEEDED


def test_an_apply_that_overwrites_values_wants_a_word_too(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    shop_project.write(_003_all_free="UPDATE users SET plan = 'free';")
    client = client_of(requester)
    page = client.get("/environments/staging/apply/")
    sent = {"digest": digest_on(page), "shown_rows": hidden(page, "shown_rows")}
    assert client.post("/environments/staging/apply/", sent).status_code == 422
    assert client.post("/environments/staging/apply/", {**sent, "save_rows": "on"}).status_code == 302
    assert execute_newest().status == Run.Status.SUCCEEDED


def test_a_rollback_that_loses_nothing_says_so(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    page = client_of(requester).get(USERS.format("staging"))
    assert page.context["forecast"].tone == "ok"
    assert_shown(page, page.context["forecast"])


def test_a_script_that_cannot_be_read_is_not_called_harmless(
    project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    project.write(
        _001_users="CREATE TABLE users (id int);",
        _001_rollback="DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'users'; END $$;",
    )
    run_on_staging(requester)
    page = client_of(requester).get(USERS.format("staging"))
    forecast = page.context["forecast"]
    assert (forecast.tone, forecast.losses) == ("warn", ())
    (unseen,) = forecast.unseen
    assert says(unseen, "001_users, line 1")
    assert_shown(page, forecast)


def test_an_apply_that_destroys_nothing_says_so(shop_project: Project, requester: User, client_of: ClientOf) -> None:
    page = client_of(requester).get("/environments/staging/apply/")
    assert page.context["forecast"].tone == "ok"
    assert_shown(page, page.context["forecast"])


def test_an_apply_that_cannot_be_judged_is_not_called_harmless(
    project: Project, requester: User, client_of: ClientOf
) -> None:
    project.write(_001_users="DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 'users ()'; END $$;")
    page = client_of(requester).get("/environments/staging/apply/")
    assert page.context["forecast"].tone == "warn"
    assert_shown(page, page.context["forecast"])


def test_a_request_that_is_closed_says_nothing_of_rows(
    shop_project: Project, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    request = run_on_production().request
    assert request is not None
    page = client_of(requester).get(f"/requests/{request.pk}/")
    assert request.title in text(page)
    assert page.context["forecast"] is None
    assert 'id="forecast-title"' not in page.content.decode()


def test_a_destructive_migration_is_forecast_and_can_save_too(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    shop_project.write(_003_tidy="TRUNCATE users;", _003_rollback="SELECT 1;")
    client = client_of(requester)
    page = client.get("/environments/staging/apply/")
    (loss,) = page.context["forecast"].losses
    assert (loss.what, loss.columns, loss.count, loss.becomes) == (
        "public.users",
        (),
        "3 rows",
        BECOMES[Fate.EMPTIED][0],
    )
    assert_shown(page, loss)
    client.post("/environments/staging/apply/", {"digest": digest_on(page), "save_rows": "on"})
    assert execute_newest().steps.get().copied[0]["rows"] == 3


def saved_in(run: Run, *, slug: str = "staging", version: str = "001", name: str = "users") -> str:
    """Where what this attempt saved is brought back."""
    assert run.attempt_id is not None
    return f"/environments/{slug}/saved/{run.attempt_id.hex}/{version}/{name}/"


def roll_back_staging_saving_rows(client: Client) -> Run:
    page = client.get(USERS.format("staging"))
    client.post(USERS.format("staging"), {"digest": digest_on(page), "accepted": UNPROVEN, "save_rows": "on"})
    return execute_newest()


def test_rows_are_saved_with_the_rollback_and_come_back_after_the_next_apply(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    client = client_of(requester)
    run = roll_back_staging_saving_rows(client)
    assert run.status == Run.Status.SUCCEEDED
    page = client.get(f"/runs/{run.pk}/")
    copied = [sentence for step in page.context["steps"] for sentence in step.copied]
    assert any(says(sentence, "3 rows of public.users") for sentence in copied)
    assert_shown(page, copied)
    page = client.get("/environments/staging/saved/")
    group = next(group for group in page.context["groups"] if "001_users" in group.title)
    (kept,) = group.kept
    assert (kept.pill, "public.users" in kept.sentence, group.bring_back.show) == (BLOCKED, True, False)
    assert_shown(page, group)
    run_on_staging(requester)
    address = saved_in(run)
    page = client.get(address)
    client.post(address, {"digest": digest_on(page)})
    back = execute_newest()
    assert (back.action, back.status) == ("bring_back", "succeeded")
    page = client.get(f"/runs/{back.pk}/")
    (sentence,) = page.context["steps"][0].copied
    assert says(sentence, "3 rows of public.users")
    assert_shown(page, sentence)
    assert shop_project.query(shop_project.staging, "SELECT count(*) FROM users") == [(3,)]
    page = client.get("/environments/staging/saved/")
    (kept,) = next(group for group in page.context["groups"] if "001_users" in group.title).kept
    assert (kept.pill, says(kept.sentence, f"run {back.pk}")) == (BACK, True)
    assert_shown(page, kept)


def test_the_digest_of_the_run_is_on_the_page_of_the_plan(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    client = client_of(requester)
    shown = [value for name, value in client.get(USERS.format("staging")).context["plan"].facts if "Digest" in name]
    run = roll_back_staging_saving_rows(client)
    page = client.get(f"/runs/{run.pk}/")
    digests = [digest for _, digest in page.context["digests"]]
    assert digests[0] == run.digest
    assert [f"sha256 {digest[:12]}…" for digest in reversed(digests)] == shown
    assert_shown(page, digests)


def test_what_would_bring_nothing_says_why_and_has_no_button(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    """Every row is there again, by other hands: first as it was, then with something else in it."""
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    client = client_of(requester)
    run = roll_back_staging_saving_rows(client)
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    for changed in (False, True):
        if changed:
            shop_project.query(shop_project.staging, "UPDATE users SET name = 'm'")
        group = next(g for g in client.get("/environments/staging/saved/").context["groups"] if "001_users" in g.title)
        assert group.bring_back.show is changed
        assert group.kept[0].pill == (OVER if changed else THERE)
        page = client.get(saved_in(run))
        assert page.context["nothing"]
        assert_shown(page, page.context["nothing"])
        assert 'name="digest"' not in page.content.decode()
        assert ("?overwrite=on" in links(page)) is changed
        assert client.post(saved_in(run), {"digest": page.context["plan"].digest}).status_code == 422
    over = client.get(f"{saved_in(run)}?overwrite=on")
    assert not over.context["nothing"]
    sent = {"digest": digest_on(over), "shown_rows": hidden(over, "shown_rows")}
    for wrong in ("", "2"):
        answer = client.post(f"{saved_in(run)}?overwrite=on", {**sent, "typed_rows": wrong})
        assert answer.status_code == 422
        assert_shown(answer, answer.context["form"].errors["typed_rows"][0])
    client.post(f"{saved_in(run)}?overwrite=on", {**sent, "typed_rows": "3"})
    assert execute_newest().status == Run.Status.SUCCEEDED
    assert shop_project.query(shop_project.staging, "SELECT DISTINCT name FROM users") == [("n",)]


def test_what_does_not_fit_is_not_offered_and_says_where_it_is(
    shop_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    fill(shop_project, shop_project.staging)
    client = client_of(requester)
    run = roll_back_staging_saving_rows(client)
    answer = client.get(saved_in(run))
    assert (answer.status_code, error_code(answer)) == (422, "nothing_to_do")
    assert "public.users" in text(answer)
    assert client.get(saved_in(run, version="009", name="none")).status_code == 404


def test_where_nothing_was_saved_the_page_teaches(shop_project: Project, viewer: User, client_of: ClientOf) -> None:
    assert is_empty(client_of(viewer).get("/environments/staging/saved/"))


# On a protected environment


def roll_back_production(client: Client, **sent: Any) -> Any:
    page = client.get(USERS.format("production"))
    known = {"digest": digest_on(page), "accepted": UNPROVEN, "shown_rows": hidden(page, "shown_rows")}
    return client.post(USERS.format("production"), {**known, "typed_name": "production", **sent})


def test_the_number_of_rows_is_typed_beside_the_name(
    shop_project: Project, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop_project, shop_project.production)
    client = client_of(requester)
    page = client.get(USERS.format("production"))
    assert "typed_rows" in controls(page)
    assert says(page.context["form"]["typed_rows"].label, "3")
    assert_shown(page, page.context["form"]["typed_rows"].label)
    for wrong in ({}, {"typed_rows": ""}, {"typed_rows": "2"}):
        answer = roll_back_production(client, **wrong)
        assert (answer.status_code, Run.objects.count()) == (422, 1)
    assert roll_back_production(client, typed_rows="3").status_code == 302
    assert AuditEvent.objects.filter(kind="run.queued").latest("id").data["rows_to_lose"] == "3"
    assert execute_newest().status == Run.Status.SUCCEEDED


def test_the_number_on_the_page_is_enough_however_many_rows_there_are_by_then(
    shop_project: Project, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop_project, shop_project.production)
    client = client_of(requester)
    page = client.get(USERS.format("production"))
    sent = {"digest": digest_on(page), "accepted": UNPROVEN, "typed_name": "production", "shown_rows": "3"}
    shop_project.query(shop_project.production, "INSERT INTO users VALUES (9, 'late')")
    answer = client.post(USERS.format("production"), {**sent, "typed_rows": "2"})
    assert answer.status_code == 422
    (error,) = answer.context["form"].errors["typed_rows"]
    assert says(error, "4 rows")
    assert_shown(answer, error)
    assert hidden(answer, "shown_rows") == "4"
    assert client.post(USERS.format("production"), {**sent, "typed_rows": "3"}).status_code == 302
    queued = AuditEvent.objects.filter(kind="run.queued").latest("id").data
    assert (queued["rows_shown"], queued["rows_to_lose"]) == ("3", "4")


def test_the_approval_of_the_apply_covers_its_rollback_with_the_rows_saved(
    shop_project: Project, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop_project, shop_project.production)
    assert roll_back_production(client_of(requester), save_rows="on").status_code == 302, "no number: all is saved"
    run = execute_newest()
    assert run.status == Run.Status.SUCCEEDED, run.failure
    assert run.request == ChangeRequest.objects.get()
    assert AuditEvent.objects.filter(kind="run.queued").latest("id").data["saves"] == [
        "public.users (plan)",
        "public.users",
    ]
    assert shop_project.query(shop_project.production, "SELECT count(*) FROM signalbox_saved.saves") == [(2,)]


def test_that_approval_is_used_up_by_either_way_of_rolling_back(
    shop_project: Project, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop_project, shop_project.production)
    client = client_of(requester)
    roll_back_production(client, typed_rows="3", save_rows="on")
    page = client.get(USERS.format("production"))
    assert page.context["asks"]
    assert "typed_name" not in controls(page)
    assert_shown(page, page.context["label"])


def test_bringing_back_on_a_protected_environment_needs_approval(
    shop_project: Project, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    fill(shop_project, shop_project.production)
    client = client_of(requester)
    roll_back_production(client, typed_rows="3", save_rows="on")
    run = execute_newest()
    shop_project.query(shop_project.production, "CREATE TABLE users (id int PRIMARY KEY, name text, plan text)")
    address = saved_in(run, slug="production")
    client.post(address, {"digest": digest_on(client.get(address)), "reason": "The customers want them back"})
    request = ChangeRequest.objects.latest("id")
    assert (request.action, request.status) == ("bring_back", "open")
    page = client.get(f"/requests/{request.pk}/")
    (note,) = page.context["plan"].steps[0].notes
    assert "public.users" in note
    assert_shown(page, note)


def ask_to_roll_back(client: Client, **sent: Any) -> ChangeRequest:
    """A request to drop the column alone."""
    address = "/environments/production/rollback/002/plan/"
    known = {"digest": digest_on(client.get(address)), "accepted": UNPROVEN_ORDERS, "reason": "Wrong"}
    assert client.post(address, {**known, **sent}).status_code == 302
    return ChangeRequest.objects.latest("id")


def test_the_person_who_approves_and_runs_a_rollback_types_the_number_too(
    shop_project: Project, requester: User, approver: User, run_long_ago: Callable[[], Run], client_of: ClientOf
) -> None:
    run_long_ago()
    fill(shop_project, shop_project.production)
    request, decides = ask_to_roll_back(client_of(requester)), client_of(approver)
    assert "typed_rows" in controls(decides.get(f"/requests/{request.pk}/"))
    decision = {"digest": request.digest, "then": "run", "typed_name": "production", "shown_rows": "3"}
    assert decides.post(f"/requests/{request.pk}/approve/", decision).status_code == 422
    assert decides.post(f"/requests/{request.pk}/approve/", {**decision, "typed_rows": "3"}).status_code == 302
    assert execute_newest().status == Run.Status.SUCCEEDED


def test_nobody_types_a_number_where_the_request_saves_all_rows(
    shop_project: Project, requester: User, approver: User, run_long_ago: Callable[[], Run], client_of: ClientOf
) -> None:
    run_long_ago()
    fill(shop_project, shop_project.production)
    request, decides = ask_to_roll_back(client_of(requester), save_rows="on"), client_of(approver)
    page = decides.get(f"/requests/{request.pk}/")
    forecast = page.context["forecast"]
    assert (forecast.tone, says(forecast.headline, "3 rows")) == ("danger", True)
    assert forecast.saves == ("public.users (plan)",)
    assert_shown(page, forecast)
    assert "typed_rows" not in controls(page)
    decision = {"digest": request.digest, "then": "run"}
    assert decides.post(f"/requests/{request.pk}/approve/", decision).status_code == 422, (
        "the name is typed all the same"
    )
    named = {**decision, "typed_name": "production"}
    assert decides.post(f"/requests/{request.pk}/approve/", named).status_code == 302
    assert execute_newest().steps.get().copied[0]["rows"] == 3


def test_approving_alone_takes_no_number_and_running_it_does(
    shop_project: Project, requester: User, approver: User, run_long_ago: Callable[[], Run], client_of: ClientOf
) -> None:
    run_long_ago()
    fill(shop_project, shop_project.production)
    asks, decides = client_of(requester), client_of(approver)
    request = ask_to_roll_back(asks)
    assert decides.post(f"/requests/{request.pk}/approve/", {"digest": request.digest}).status_code == 302
    page = asks.get(f"/requests/{request.pk}/")
    assert "typed_rows" in controls(page)
    go = {"typed_name": "production", "shown_rows": hidden(page, "shown_rows")}
    assert asks.post(f"/requests/{request.pk}/run/", go).status_code == 422
    assert asks.post(f"/requests/{request.pk}/run/", {**go, "typed_rows": "3"}).status_code == 302


def test_everything_that_is_sent_can_be_read_before_it_is(
    shop_project: Project,
    requester: User,
    run_on_staging: Callable[..., Run],
    open_request: Callable[[User], ChangeRequest],
    client_of: ClientOf,
) -> None:
    client = client_of(requester)
    apply = client.get("/environments/staging/apply/", {"upto": "001", "format": "sql"}).content.decode()
    assert "CREATE TABLE users (id int PRIMARY KEY, name text);" in apply
    assert "ADD COLUMN plan" not in apply
    run_on_staging(requester)
    assert b"\nDROP TABLE users;\n" in client.get(f"{USERS.format('staging')}?format=sql").content
    assert b"\nCOMMIT;\n" in client.get(f"/requests/{open_request(requester).pk}/?format=sql").content


def test_a_request_can_be_read_while_its_target_does_not_answer(
    shop_project: Project,
    requester: User,
    run_long_ago: Callable[[], Run],
    unreachable: Callable[[Environment], Environment],
    client_of: ClientOf,
) -> None:
    run_long_ago()
    client = client_of(requester)
    request = ask_to_roll_back(client)
    unreachable(shop_project.production)
    answer = client.get(f"/requests/{request.pk}/")
    forecast = answer.context["forecast"]
    assert (answer.status_code, forecast.tone) == (200, "warn")
    assert "Production" in forecast.sentence
    assert_shown(answer, forecast)
    assert "s3cret" not in answer.content.decode()
