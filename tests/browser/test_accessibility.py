"""WCAG 2.2 A and AA on every page, and the whole way from the sign-in to the approval without a mouse."""

from __future__ import annotations

import re

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Page, expect

from tests.browser.axe import WIDTHS, violations
from tests.browser.conftest import Enter, look_at
from tests.browser.demo import Demo
from tests.browser.pages import VIEWS, View

SCHEMES = ("light", "dark")
#: 1280 px at 400 % zoom.
NARROWEST = 320

#: What stands out of the window to the right and can be seen.
OVERFLOWING = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll("body *")]
    .filter(element => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth)
    .map(element => element.outerHTML.slice(0, 160))"""

#: What has the focus, and whether a reader can tell: it is in the window, on top, and drawn another way than without.
FOCUS = """() => {
    const focused = document.activeElement, box = focused.getBoundingClientRect();
    const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
    const y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
    const top = document.elementFromPoint(x, y);
    const look = () => {
        const style = getComputedStyle(focused);
        return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow].join();
    };
    const shown = look();
    focused.blur();
    const plain = look();
    focused.focus();
    return {
        name: (focused.labels?.[0] ?? focused).innerText.replace(/\\s+/g, " ").trim(),
        inWindow: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
        onTop: top !== null && (focused.contains(top) || top.contains(focused)),
        drawn: shown !== plain,
    };
}"""


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_page_has_no_violation_and_no_overflow(view: View, demo: Demo, enter: Enter) -> None:
    page = enter(demo, view.who)
    look_at(page, view)
    assert violations(page) == []
    for width in (*WIDTHS, NARROWEST):
        page.set_viewport_size({"width": width, "height": 800})
        assert (width, page.evaluate(OVERFLOWING)) == (width, [])


@pytest.mark.parametrize(
    ("template", "heading"),
    [("500.html", "Signalbox failed to make this page"), ("503.html", "The control database does not answer")],
)
def test_the_page_of_a_failure_has_no_violation(demo: Demo, enter: Enter, template: str, heading: str) -> None:
    page, body = enter(demo), render_to_string(template, {"again": "/"})
    page.route("**/failed/", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto("/failed/")
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert violations(page) == []


@pytest.mark.parametrize("width", [375, NARROWEST])
def test_every_environment_of_the_diagram_is_in_sight_on_a_phone(demo: Demo, enter: Enter, width: int) -> None:
    page = enter(demo, "alice", width=width)
    page.goto("/")
    ends = page.locator(".matrix thead th").evaluate_all("cells => cells.map(c => c.getBoundingClientRect().right)")
    assert len(ends) == 4
    assert max(ends) <= width
    assert page.locator(".matrix").evaluate("diagram => diagram.scrollWidth - diagram.clientWidth") == 0


@pytest.mark.parametrize("menu", ["Menu", "bob"])
def test_an_open_menu_has_no_violation(menu: str, demo: Demo, enter: Enter) -> None:
    page = enter(demo, "bob", width=375)
    page.goto("/")
    page.locator("details.menu summary", has_text=menu).click()
    assert violations(page) == []


def test_a_refused_form_names_its_fields(demo: Demo, enter: Enter) -> None:
    page = enter(demo, "bob")
    page.goto("/requests/2/")
    page.get_by_role("button", name="Approve and apply now").click()
    typed = page.get_by_label("To run it on Production, type production")
    expect(typed).to_have_attribute("aria-invalid", "true")
    expect(typed).to_have_accessible_description(re.compile("The name you typed is not production."))
    assert violations(page) == []


def test_a_chosen_theme_looks_like_the_systems(demo: Demo, enter: Enter) -> None:
    page = enter(demo, "alice", scheme="light")
    by_system = {scheme: _colours(page, scheme) for scheme in SCHEMES}
    for scheme in SCHEMES:
        page.locator("details.menu summary", has_text="alice").click()
        page.get_by_role("button", name=scheme.capitalize()).click()
        page.wait_for_load_state()
        other = SCHEMES[1 - SCHEMES.index(scheme)]
        assert _colours(page, other) == by_system[scheme]


def test_from_the_sign_in_to_the_approval_by_keyboard(own_demo: Demo, enter: Enter) -> None:
    alice, bob = enter(own_demo), enter(own_demo)
    for person, name in ((alice, "alice"), (bob, "bob")):
        person.goto("/")
        _types(person, "Username", name)
        _types(person, "Password", f"{name} at the signalbox")
        _presses(person, "Sign in")
        expect(person.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    _presses(alice, "Production")
    _presses(alice, "Request approval for 3 migrations")
    _types(alice, "Why is this needed?", "By keyboard")
    _presses(alice, "Request approval for 3 migrations on Production")
    expect(alice.get_by_role("heading", level=1)).to_contain_text("Apply 009, 010 and 011 to Production")
    bob.reload()
    _presses(bob, "2 requests wait for your decision.")
    _presses(bob, "Apply 009, 010 and 011 to Production")
    expect(bob.get_by_role("button", name="Approve only")).to_be_visible()  # once it has been rehearsed
    _types(bob, "Comment (optional)", "Read and agreed")
    _presses(bob, "Approve only")
    expect(bob.get_by_role("status").first).to_contain_text("Approved. Nothing has run yet.")


def _colours(page: Page, scheme: str) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    return page.evaluate(
        """() => [...document.querySelectorAll("body, main, main *")].flatMap(element => {
            const style = getComputedStyle(element);
            return [style.color, style.backgroundColor, style.borderTopColor];
        })"""
    )


def _types(person: Page, label: str, text: str) -> None:
    if not person.get_by_label(label, exact=True).evaluate("element => element === document.activeElement"):
        _tab_to(person, label)
    person.keyboard.type(text)


def _presses(person: Page, name: str) -> None:
    _tab_to(person, name)
    with person.expect_navigation():
        person.keyboard.press("Enter")


def _tab_to(person: Page, name: str) -> None:
    """Forward only, as far as it takes; whatever is met on the way shows that it has the focus."""
    met: list[str] = []
    while len(met) < 150:
        person.keyboard.press("Tab")
        focus = person.evaluate(FOCUS)
        assert focus["inWindow"], f"{focus} lies outside the window"
        assert focus["onTop"], f"{focus} is covered by something else"
        assert focus["drawn"], f"{focus} looks the same with and without the focus"
        met.append(focus["name"])
        if met[-1] == name:
            return
    raise AssertionError(f"the Tab key never reached {name!r}, but {met}")
