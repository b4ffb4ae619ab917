"""Passkeys in a real browser, with Chromium's virtual authenticator."""

from __future__ import annotations

import re
from dataclasses import replace

from playwright.sync_api import Page, expect

from tests.browser.conftest import Enter, sign_in
from tests.browser.demo import Demo

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def _named(demo: Demo) -> Demo:
    """A passkey belongs to a name; an address made of numbers has none."""
    return replace(demo, url=demo.url.replace("127.0.0.1", "localhost"), signed_in={})


def _give_authenticator(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def _add(page: Page) -> None:
    page.goto("/account/passkeys/add/")
    page.get_by_label("What you call it").fill("Alice's laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page).to_have_url(re.compile("/account/codes/$"))


def test_a_passkey_signs_in_by_itself(own_demo: Demo, enter: Enter) -> None:
    page = enter(_named(own_demo))
    sign_in(page, "alice")
    page.wait_for_url("/")
    _give_authenticator(page)
    _add(page)
    page.goto("/account/")
    expect(page.get_by_text("Alice's laptop")).to_be_visible()
    page.context.clear_cookies()
    page.goto("/sign-in/?next=/runs/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(re.compile("/runs/$"))


def test_it_is_the_second_factor_too_and_can_be_removed(own_demo: Demo, enter: Enter) -> None:
    page = enter(_named(own_demo))
    sign_in(page, "alice")
    page.wait_for_url("/")
    _give_authenticator(page)
    _add(page)
    page.context.clear_cookies()
    sign_in(page, "alice")
    expect(page).to_have_url(re.compile("/sign-in/second-factor/$"))
    page.get_by_role("button", name="Use a passkey instead").click()
    page.wait_for_url("/")
    page.goto("/account/")
    page.get_by_role("link", name="Remove Alice's laptop").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page).to_have_url(re.compile("/account/$"))
    expect(page.get_by_text("Alice's laptop")).to_have_count(0)


def test_the_page_says_so_when_no_passkey_is_given(own_demo: Demo, enter: Enter) -> None:
    page = enter(_named(own_demo))
    page.goto("/sign-in/")
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new Error('cancelled')) }")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("No passkey was given.")).to_be_visible()
