"""The page that tests the connection to a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, error_code, links

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/staging/connection/"


def test_each_check_is_told_with_its_remedy(two_files: Project, requester: User, client_of: ClientOf) -> None:
    page = client_of(requester).get(PAGE)
    verdict, checks = page.context["verdict"], page.context["checks"]
    assert verdict.tone == "ok"
    assert_shown(page, verdict, checks)
    (superuser,) = [check for check in checks if says(check.finding, "superuser")]
    assert (superuser.pill.tone, bool(superuser.remedy)) == ("info", True)
    (primary,) = [check for check in checks if says(check.finding, "primary")]
    assert (primary.pill.tone, primary.remedy) == ("ok", "")


def test_what_stands_in_the_way_comes_first(two_files: Project, requester: User, client_of: ClientOf) -> None:
    name = two_files.databases["staging"].name
    two_files.query(two_files.staging, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    page = client_of(requester).get(PAGE)
    verdict, first = page.context["verdict"], page.context["checks"][0]
    assert (verdict.tone, first.pill.tone) == ("danger", "danger")
    assert says(first.remedy, "default_transaction_read_only")
    assert_shown(page, verdict, first)


def test_a_target_that_does_not_answer_has_a_sentence(
    two_files: Project, requester: User, client_of: ClientOf, unreachable: Callable[[Environment], Environment]
) -> None:
    unreachable(two_files.staging)
    answer = client_of(requester).get(PAGE)
    assert (answer.status_code, error_code(answer)) == (503, "unreachable")
    assert "s3cret" not in answer.content.decode()


def test_a_viewer_may_not_make_it_ask(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    assert client_of(viewer).get(PAGE).status_code == 403
    assert PAGE not in links(client_of(viewer).get("/environments/staging/"))


def test_the_page_of_the_environment_leads_to_it(two_files: Project, requester: User, client_of: ClientOf) -> None:
    assert PAGE in links(client_of(requester).get("/environments/staging/"))
