"""A refusal is a page: what was refused, what to do next, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError

from dashboard.engine.errors import NothingToDo, PlanBlocked
from dashboard.views.errors import HEADINGS, NOT_DONE, WITHOUT_CONTROL_DATABASE
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import alerts, assert_shown, error_code, links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db

ADDRESS = "/environments/staging/skip/001/"


def test_it_says_what_why_and_what_next(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(ADDRESS)
    assert (page.status_code, error_code(page), alerts(page)) == (403, "permission_refused", ["warn"])
    assert says(page.context["remedy"], "admin")
    assert_shown(page, page.context["sentence"], page.context["remedy"])


def test_a_page_that_only_looks_does_not_say_that_something_was_not_done(
    two_files: Project, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    two_files.write(_001_users="CREATE TABLE (")
    blocked = client.get("/environments/staging/apply/")
    assert (error_code(blocked), blocked.context["heading"]) == ("plan_blocked", dict(HEADINGS)[PlanBlocked])
    assert (alerts(blocked), "/environments/staging/" in links(blocked)) == (["warn"], True)
    nothing = client.get("/environments/staging/records/")
    assert (alerts(nothing), nothing.context["heading"]) == (["info"], dict(HEADINGS)[NothingToDo])
    assert_shown(nothing, nothing.context["heading"])
    sent = client.post("/environments/staging/apply/", {"digest": "x"})
    assert sent.context["heading"] == NOT_DONE


def test_the_way_back_is_where_the_person_came_from(two_files: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    own = client.get(ADDRESS, headers={"referer": "http://testserver/runs/"})
    foreign = client.get(ADDRESS, headers={"referer": "https://evil.example/"})
    assert "http://testserver/runs/" in links(own)
    assert "evil.example" not in foreign.content.decode()


def test_a_missing_folder_is_explained(
    two_files: Project, admin: User, client_of: ClientOf, settings: SettingsWrapper
) -> None:
    settings.SOURCE = two_files.folder / "gone"
    answer = client_of(admin).get("/environments/staging/apply/")
    assert (answer.status_code, error_code(answer)) == (503, "source_missing")


# Without the control database


@pytest.mark.parametrize("error", [OperationalError("connection refused"), InterfaceError("closed")], ids=str)
def test_a_control_database_that_does_not_answer_is_not_called_a_fault_of_signalbox(
    two_files: Project, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    client = client_of(viewer)
    client.raise_request_exception = False

    def refuse(*args: object, **filters: object) -> None:
        raise error

    monkeypatch.setattr("dashboard.selectors.runs.recent", refuse)
    answer = client.get("/runs/?status=failed")
    assert answer.status_code == 503
    assert answer.headers[WITHOUT_CONTROL_DATABASE] == "1"
    assert "control database" in text(answer)
    assert "/runs/?status=failed" in links(answer)


def test_any_other_fault_is_ours(
    two_files: Project, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(viewer)
    client.raise_request_exception = False
    monkeypatch.setattr("dashboard.selectors.runs.recent", lambda **filters: 1 / 0)
    answer = client.get("/runs/")
    assert answer.status_code == 500
    assert WITHOUT_CONTROL_DATABASE not in answer.headers


def test_the_notice_of_a_page_that_asks_for_itself_tells_the_two_apart(viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get("/runs/").content.decode()
    assert page.count('data-lost="') == 2
    assert WITHOUT_CONTROL_DATABASE in (settings.BASE_DIR / "dashboard/static/dashboard/js/lost.js").read_text()
