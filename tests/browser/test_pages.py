"""Who gets to which page, and that no page is forgotten."""

from __future__ import annotations

import re
import urllib.request

from django.urls import reverse
from playwright.sync_api import expect

from tests.browser import demo as demos
from tests.browser.conftest import Enter, sign_in
from tests.browser.demo import Demo
from tests.browser.pages import JSON_ONLY, POST_ONLY, VIEWS, own_patterns

#: The others are for whoever signs in, or joins.
BEHIND_THE_DOOR = [view for view in VIEWS if view.who]


def test_every_page_is_looked_at() -> None:
    names = {pattern.name for pattern in own_patterns()}
    known = POST_ONLY | JSON_ONLY | {view.url_name for view in VIEWS if not view.url_name.startswith("admin:")}
    assert names - known == set(), "list these in VIEWS, POST_ONLY or JSON_ONLY of tests/browser/pages.py"
    assert known - names == set(), "these are listed in tests/browser/pages.py, and no URL has such a name"


def test_what_changes_something_answers_nothing_to_a_get(demo: Demo, enter: Enter) -> None:
    bob = enter(demo, "bob")
    for pattern in own_patterns():
        if pattern.name in POST_ONLY:
            arguments = dict.fromkeys(pattern.pattern.converters, 1)
            answer = bob.request.get(reverse(pattern.name, kwargs=arguments))
            assert (pattern.name, answer.status) == (pattern.name, 405)


def test_nobody_sees_anything_but_the_sign_in(demo: Demo, enter: Enter) -> None:
    stranger = enter(demo)
    for view in BEHIND_THE_DOOR:
        answer = stranger.request.get(view.address, max_redirects=0)
        assert (view.name, answer.status) == (view.name, 302)
        assert re.match(r"/(admin/login|sign-in)/\?next=", answer.headers["location"])
    stranger.goto("/audit/")
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_without_a_role_there_is_only_whom_to_ask(demo: Demo, enter: Enter) -> None:
    oscar = enter(demo, "oscar")
    for view in BEHIND_THE_DOOR:
        answer = oscar.request.get(view.address)
        assert (view.name, answer.status) == (view.name, 403)
        assert "You have no role here yet" in answer.text()
    oscar.goto("/audit/")
    expect(oscar.locator("main")).to_contain_text("Ask one of these administrators to give you a role: bob")
    expect(oscar.get_by_role("navigation")).to_have_count(0)


def test_a_wrong_password_opens_nothing(demo: Demo, enter: Enter) -> None:
    page = enter(demo)
    sign_in(page, "alice", "something else")
    expect(page.get_by_role("alert")).to_contain_text("This name and password do not belong together")
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/sign-in/\?next=/$"))


def test_health_answers_without_a_database() -> None:
    with demos.web_without_database() as url, urllib.request.urlopen(f"{url}/health") as answer:
        assert (answer.status, answer.read()) == (200, b"OK")
