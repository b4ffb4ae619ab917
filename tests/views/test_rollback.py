"""Rolling back: what goes with it is named, and nothing runs that was not on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from dashboard.models import ChangeRequest, Run
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, digest_on, error_code, text
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

USERS, ORDERS, BOTH = (f"unproven_rollback:{versions}" for versions in ("001", "002", "002,001"))


def test_the_page_names_the_later_migrations_that_go_with_it(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    page = client_of(requester).get("/environments/staging/rollback/001/users/")
    assert page.context["others"] == ("002_orders",)
    assert says(text(page), "1 later migration")
    assert [step.label for step in page.context["plan"].steps] == ["002_orders", "001_users"]
    assert text(page).index("002_orders Roll back") < text(page).index("001_users Roll back")
    warnings = page.context["plan"].to_accept
    assert [warning.key for warning in warnings] == [BOTH]
    assert_shown(page, *(warning.sentence for warning in warnings))


def test_unproven_rollbacks_have_to_be_accepted(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    client = client_of(requester)
    address = "/environments/staging/rollback/001/users/"
    sent = {"digest": digest_on(client.get(address))}
    refused = client.post(address, sent)
    assert (refused.status_code, Run.objects.count()) == (422, 1)
    assert_shown(refused, *refused.context["form"].errors["accepted"])
    some = client.post(address, {**sent, "accepted": [ORDERS]})
    assert (some.status_code, Run.objects.count()) == (422, 1)
    assert_shown(some, *some.context["form"].errors["accepted"])
    client.post(address, {**sent, "accepted": [BOTH]})
    assert Run.objects.latest("id").action == "rollback"


def test_it_rolls_back_from_what_was_captured_not_from_the_file(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run_on_staging(requester)
    two_files.write(_002_rollback="DROP TABLE users, orders;")
    client = client_of(requester)
    page = client.get("/environments/staging/rollback/002/orders/")
    assert "DROP TABLE users, orders" not in text(page)
    sent = {"digest": digest_on(page), "accepted": [ORDERS]}
    client.post("/environments/staging/rollback/002/orders/", sent)
    execute_newest()
    assert two_files.query(two_files.staging, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [
        ("users",)
    ]


def test_a_rollback_approved_with_its_apply_takes_one_click_and_the_name(
    two_files: Project, approver: User, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    client = client_of(requester)
    address = "/environments/production/rollback/001/users/"
    page = client.get(address)
    assert (page.context["asks"], says(page.context["consent"], "bob")) == (False, True)
    assert all(says(page.context["label"], version) for version in ("002", "001"))
    assert_shown(page, page.context["consent"], page.context["label"])
    sent = {"digest": digest_on(page), "accepted": [BOTH]}
    assert client.post(address, {**sent, "typed_name": "prod"}).status_code == 422
    client.post(address, {**sent, "typed_name": "production"})
    run = execute_newest()
    assert (run.action, run.status) == ("rollback", "succeeded")


def test_so_does_that_of_the_newest_of_its_migrations_alone_and_then_of_the_rest(
    two_files: Project, requester: User, run_on_production: Callable[[], Run], client_of: ClientOf
) -> None:
    run_on_production()
    client = client_of(requester)
    for name, accepted in (("002/orders", ORDERS), ("001/users", USERS)):
        address = f"/environments/production/rollback/{name}/"
        page = client.get(address)
        assert (page.context["asks"], says(page.context["consent"], "bob")) == (False, True)
        assert_shown(page, page.context["consent"])
        client.post(address, {"digest": digest_on(page), "accepted": [accepted], "typed_name": "production"})
        run = execute_newest()
        assert (run.action, run.status) == ("rollback", "succeeded")
    assert ChangeRequest.objects.count() == 1


def test_one_that_nobody_approved_opens_a_request(
    two_files: Project, requester: User, run_long_ago: Callable[[], Run], client_of: ClientOf
) -> None:
    run_long_ago()
    client = client_of(requester)
    address = "/environments/production/rollback/002/orders/"
    page = client.get(address)
    assert (page.context["asks"], page.context["consent"]) == (True, "")
    assert_shown(page, page.context["label"])
    client.post(address, {"digest": digest_on(page), "accepted": [ORDERS], "reason": "Orders are wrong"})
    assert ChangeRequest.objects.latest("id").action == "rollback"


def test_what_is_not_applied_cannot_be_rolled_back(two_files: Project, requester: User, client_of: ClientOf) -> None:
    answer = client_of(requester).get("/environments/staging/rollback/001/users/")
    assert (answer.status_code, error_code(answer)) == (422, "nothing_to_do")
    assert "001_users" in text(answer)


def test_what_has_no_rollback_says_what_to_do(
    project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run_on_staging(requester)
    answer = client_of(requester).get("/environments/staging/rollback/001/users/")
    assert (answer.status_code, error_code(answer)) == (422, "plan_blocked")
    assert_shown(answer, answer.context["remedy"])
