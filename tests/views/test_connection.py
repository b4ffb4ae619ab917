"""The page that tests the connection to a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/staging/connection/"


def test_each_check_is_told_with_its_remedy(two_files: Line, requester: User, client_of: ClientOf) -> None:
    page = text(client_of(requester).get(PAGE))
    assert "Staging is fit to run migrations." in page
    assert "Good to know The role postgres is a superuser. A migration can then do anything to the server." in page
    assert "Fine It is a primary and takes writes." in page


def test_what_stands_in_the_way_comes_first(two_files: Line, requester: User, client_of: ClientOf) -> None:
    name = two_files.databases["staging"].name
    two_files.query(two_files.staging, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    page = text(client_of(requester).get(PAGE))
    assert "Staging answers, and no migration can run there: see the first line. In the way Its sessions are" in page
    assert "Reset default_transaction_read_only for this role or database." in page


def test_a_target_that_does_not_answer_has_a_sentence(
    two_files: Line, requester: User, client_of: ClientOf, unreachable: Callable[[Environment], Environment]
) -> None:
    unreachable(two_files.staging)
    answer = client_of(requester).get(PAGE)
    assert answer.status_code == 503
    assert "Staging cannot be reached" in text(answer)
    assert "s3cret" not in answer.content.decode()


def test_a_viewer_may_not_make_it_ask(two_files: Line, viewer: User, client_of: ClientOf) -> None:
    assert client_of(viewer).get(PAGE).status_code == 403
    assert "Test the connection" not in text(client_of(viewer).get("/environments/staging/"))


def test_the_page_of_the_environment_leads_to_it(two_files: Line, requester: User, client_of: ClientOf) -> None:
    assert f'href="{PAGE}"' in client_of(requester).get("/environments/staging/").content.decode()
