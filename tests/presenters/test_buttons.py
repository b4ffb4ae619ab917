"""A button that cannot be used says why, with the very sentence of the check that forbids it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.template.loader import render_to_string

from dashboard.engine.errors import EngineError
from dashboard.models.roles import Role
from dashboard.presenters import buttons
from dashboard.presenters.buttons import ActionButton
from dashboard.services import permissions
from tests.presenters import values


class Forbidden(EngineError):
    sentence = "{who} may not."
    advice = "Ask {whom}."


class Curt(EngineError):
    sentence = "No."


def forbids(who: str) -> Callable[[], None]:
    def check() -> None:
        raise Forbidden(who=who, whom="Carol")

    return check


def lets_pass() -> None:
    return None


def must_not_be_asked() -> None:
    pytest.fail("a later check was asked although an earlier one refused")


# Refusals


def test_where_every_check_lets_it_pass_there_is_no_reason():
    assert buttons.refusal(lets_pass, lets_pass) == ""
    assert buttons.refusal() == ""


def test_the_reason_is_the_sentence_of_the_check_and_what_to_do():
    assert buttons.refusal(forbids("Alice")) == "Alice may not. Ask Carol."


def test_without_advice_nothing_dangles():
    def curt() -> None:
        raise Curt

    assert buttons.refusal(curt) == "No."


def test_the_first_that_refuses_speaks_and_no_later_one_is_asked():
    assert buttons.refusal(lets_pass, forbids("Alice"), must_not_be_asked).startswith("Alice")


def test_a_fault_of_ours_is_no_refusal():
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        buttons.refusal(broken)


def test_what_a_check_gives_back_does_not_matter():
    assert buttons.refusal(lambda: False, lambda: "no") == ""


@pytest.mark.parametrize(
    ("role", "allowed"),
    [(None, False), (Role.VIEWER, False), (Role.REQUESTER, True), (Role.APPROVER, True), (Role.ADMIN, True)],
    ids=["nobody", "viewer", "requester", "approver", "admin"],
)
def test_it_asks_the_checks_of_the_services(role: Role | None, allowed: bool):
    reason = buttons.refusal(partial(permissions.check_can_request, values.actor(role=role)))
    assert (reason == "") == allowed
    assert allowed or Role.REQUESTER.value in reason


# Buttons


@pytest.mark.parametrize(("reason", "disabled"), [("", False), ("Not now.", True)], ids=["open", "refused"])
def test_it_is_disabled_where_there_is_a_reason_and_only_there(reason: str, disabled: bool):
    assert ActionButton(label="Apply", reason=reason).disabled is disabled


def test_it_is_shown_and_harmless_unless_somebody_says_otherwise():
    button = ActionButton(label="See")
    assert (button.show, button.method, button.tone, button.fields) == (True, "get", "plain", ())


def test_on_the_page_a_disabled_button_cannot_be_pressed_and_says_why():
    button = ActionButton(label="Apply", url="/runs/", method="post", reason="Run 7 is under way.")
    html = render_to_string("_components/button.html", {"button": button})
    assert "disabled" in html
    assert "Run 7 is under way." in html
    assert 'action="/runs/"' not in html


def test_on_the_page_an_open_button_leads_where_it_says():
    html = render_to_string("_components/button.html", {"button": ActionButton(label="See", url="/runs/")})
    assert 'href="/runs/"' in html
    assert "disabled" not in html


def test_a_button_that_is_not_shown_leaves_nothing():
    html = render_to_string("_components/button.html", {"button": ActionButton(label="Apply", url="/x", show=False)})
    assert "Apply" not in html


def test_what_it_sends_stands_in_its_form():
    button = ActionButton(label="Rehearse", url="/runs/", method="post", fields=(("upto", "009"),))
    html = render_to_string("_components/button.html", {"button": button})
    assert 'name="upto"' in html
    assert 'value="009"' in html


@pytest.mark.parametrize("part", ["label", "reason"])
def test_its_words_are_text_on_the_page(part: str):
    button = ActionButton(**{"label": "Apply", "url": "/runs/", part: values.HOSTILE})
    assert values.HOSTILE not in render_to_string("_components/button.html", {"button": button})


def test_an_error_is_told_with_what_to_do_next_and_none_with_nothing():
    error = Forbidden(who="alice", whom="bob")
    assert buttons.sentence_of(error) == "alice may not. Ask bob."
    assert buttons.sentence_of(None) == ""
