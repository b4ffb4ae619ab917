"""A refusal is a page: what was refused, what to do next, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import alerts, assert_shown, error_code, links

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

ADDRESS = "/environments/staging/skip/001/"


def test_it_says_what_why_and_what_next(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(ADDRESS)
    assert (page.status_code, error_code(page), alerts(page)) == (403, "permission_refused", ["warn"])
    assert says(page.context["remedy"], "admin")
    assert_shown(page, page.context["sentence"], page.context["remedy"])


def test_the_way_back_is_where_the_person_came_from(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    own = client.get(ADDRESS, headers={"referer": "http://testserver/runs/"})
    foreign = client.get(ADDRESS, headers={"referer": "https://evil.example/"})
    assert "http://testserver/runs/" in links(own)
    assert "evil.example" not in foreign.content.decode()


def test_a_missing_folder_is_explained(two_files: Project, admin: User, client_of: ClientOf, settings: object) -> None:
    settings.SOURCE = two_files.folder / "gone"  # type: ignore[attr-defined]
    answer = client_of(admin).get("/environments/staging/apply/")
    assert (answer.status_code, error_code(answer)) == (503, "source_missing")
