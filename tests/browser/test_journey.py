"""What Signalbox is for, as people do it: ask, refuse, approve, watch, read a failure, roll back, read the audit."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import Enter
from tests.browser.demo import Demo

expect.set_options(timeout=20_000)


@pytest.mark.parametrize("javascript", [True, False], ids=["with_javascript", "without_javascript"])
def test_from_the_request_to_the_audit(javascript: bool, own_demo: Demo, enter: Enter) -> None:
    alice, bob = (enter(own_demo, name, javascript=javascript) for name in ("alice", "bob"))
    _bob_may_not_approve_what_he_asked_for(bob)
    _it_is_rehearsed_by_itself(bob)
    _bob_withdraws_it(bob)
    assert _runs_scripts(bob) is javascript
    request = _alice_asks(alice)
    _bob_approves_and_applies(bob, request)
    run = _run_ends(bob, "Succeeded")
    _matrix_shows(bob, "009", "Production", "Applied")
    _applies_two_migrations(alice)
    _run_ends(alice, "Failed")
    _failure_says_everything(alice)
    _alice_rolls_back_what_bob_applied(alice, run)
    _run_ends(alice, "Succeeded")
    _matrix_shows(alice, "009", "Production", "Rolled back")
    _audit_tells_all_of_it(bob)
    _alice_signs_out(alice)


def test_a_run_is_followed_paused_and_cancelled_while_a_statement_sleeps(slow_demo: Demo, enter: Enter) -> None:
    alice = enter(slow_demo, "alice")
    _applies_two_migrations(alice)
    statements = alice.locator("#step-2 tbody tr")
    expect(statements.nth(0)).to_contain_text("Done")
    expect(statements.nth(1)).to_contain_text(re.compile("pg_sleep.*Running", re.DOTALL))
    _following_can_be_paused(alice)
    assert violations(alice) == []
    alice.get_by_role("button", name="Cancel this run").click()
    _run_ends(alice, "Cancelled")
    box = alice.locator(".error-box")
    expect(box).to_contain_text("alice")
    expect(box).to_contain_text("010 is applied. Nothing of this attempt at 012 remains")
    _matrix_shows(alice, "012", "Development", "Pending")


def test_what_broke_off_outside_a_transaction_is_settled(fragile_demo: Demo, enter: Enter) -> None:
    bob = enter(fragile_demo, "bob")
    _applies_two_migrations(bob)
    _run_ends(bob, "Failed")
    expect(bob.locator(".error-box")).to_contain_text("010 is applied.")
    bob.get_by_role("link", name="Settle 012").click()
    expect(bob.get_by_role("row", name="databases_kind_idx")).to_contain_text("Committed")
    expect(bob.get_by_role("row", name="databases_port_idx")).to_contain_text("Half done")
    assert violations(bob) == []
    bob.get_by_role("button", name="Repair 012 on Development").click()
    _run_ends(bob, "Succeeded")
    bob.get_by_role("link", name="Go on with 012").click()
    bob.get_by_label("What have you undone, and how?").fill("DROP INDEX platform.databases_kind_idx, in psql")
    bob.get_by_role("button", name="Start 012 over on Development").click()
    expect(bob.locator("#launch")).to_contain_text("Let it be written")
    bob.locator("#launch button").click()
    _run_ends(bob, "Succeeded")
    _matrix_shows(bob, "012", "Development", "Pending")


def _following_can_be_paused(person: Page) -> None:
    person.get_by_role("button", name="Stop following").click()
    shown = _state(person).inner_text()
    person.wait_for_timeout(4500)  # two polls of a page that follows
    assert _state(person).inner_text() == shown
    person.get_by_role("button", name="Follow again").click()
    expect(_state(person)).not_to_have_text(shown, use_inner_text=True)


def _bob_may_not_approve_what_he_asked_for(bob: Page) -> None:
    _ask_for_009(bob)
    decide = bob.locator(".decide")
    expect(decide.get_by_role("button", name="Approve")).to_be_disabled()
    expect(decide).to_contain_text("You asked for this, so someone else has to approve it.")


def _it_is_rehearsed_by_itself(person: Page) -> None:
    evidence = person.locator(".proof")
    expect(evidence).to_contain_text("missing")
    _comes_to_say(evidence, "It ran on a copy of the schema.")
    expect(evidence).to_contain_text("Each rollback restored the schema.")
    expect(evidence).to_contain_text("Nothing missing")


def _bob_withdraws_it(bob: Page) -> None:
    bob.get_by_role("button", name="Withdraw this request").click()
    expect(bob.get_by_role("status").first).to_contain_text("Withdrawn. Nothing was run.")


def _alice_asks(alice: Page) -> str:
    _ask_for_009(alice)
    expect(alice.locator("h1")).to_contain_text("Apply 009 to Production Open")
    decide = alice.locator(".decide")
    expect(decide.get_by_role("button", name="Approve")).to_be_disabled()
    expect(decide).to_contain_text("It needs the role approver.")
    return alice.url


def _ask_for_009(person: Page) -> None:
    person.goto("/environments/production/")
    person.get_by_role("link", name="Request approval for 3 migrations").click()
    person.get_by_role("link", name="009", exact=True).click()
    person.get_by_label("Why is this needed?").fill("Usage figures for December")
    person.get_by_role("button", name="Request approval for 1 migration on Production").click()


def _bob_approves_and_applies(bob: Page, request: str) -> None:
    bob.goto("/")
    bob.get_by_role("link", name="2 requests wait for your decision.").click()
    bob.get_by_role("link", name="Apply 009 to Production").click()
    assert bob.url == request
    approve = bob.get_by_role("button", name="Approve and apply now")
    typed = bob.get_by_label("To run it on Production, type production")
    typed.fill("staging")
    approve.click()
    expect(bob.get_by_text("The name you typed is not production.").first).to_be_visible()
    typed.fill("production")
    approve.click()


def _applies_two_migrations(person: Page) -> None:
    person.goto("/environments/development/")
    person.get_by_role("link", name="Apply 2 migrations to Development").click()
    person.get_by_role("button", name="Apply 2 migrations to Development").click()


def _failure_says_everything(alice: Page) -> None:
    box = alice.locator(".error-box")
    expect(box).to_contain_text("011_one_primary_database failed at statement 4")
    expect(box).to_contain_text("010 is applied. Nothing of this attempt at 011 remains: PostgreSQL undid it.")
    expect(box).to_contain_text("Correct the file, or the data it stumbled over, and apply again.")
    expect(box.locator(".excerpt")).to_contain_text(re.compile(r"14 \| CREATE UNIQUE INDEX .*\n +\| \^"))
    facts = dict(_pair(row) for row in box.locator(".kv > div").all())
    assert facts["SQLSTATE"] == "23505"
    assert facts["Message"] == 'could not create unique index "databases_one_primary_idx"'
    assert re.fullmatch(r"Key \(project_id\)=\(.+\) is duplicated\.", facts["Detail"])
    assert (facts["Constraint"], facts["Statement"]) == ("databases_one_primary_idx", "4")
    assert (facts["Line"], facts["Column"]) == ("14", "1")
    box.get_by_role("link", name="line 14").click()
    expect(alice.locator(":target")).to_contain_text("CREATE UNIQUE INDEX databases_one_primary_idx")
    alice.go_back()


def _pair(row: Locator) -> tuple[str, str]:
    return row.locator("dt").inner_text(), row.locator("dd").inner_text()


def _alice_rolls_back_what_bob_applied(alice: Page, run: str) -> None:
    alice.goto(run)
    alice.get_by_role("link", name="Roll back 009").click()
    expect(alice.locator(".launch")).to_contain_text("bob approved this rollback")
    expect(alice.locator(".proof")).to_contain_text("When the apply was rehearsed, it restored the schema.")
    expect(alice.locator(".launch")).not_to_contain_text("has not been proven")
    alice.get_by_label("Type production to run this on Production").fill("production")
    alice.get_by_role("button", name="Roll back 009 on Production").click()


def _audit_tells_all_of_it(bob: Page) -> None:
    """From the newest to the first thing the two did."""
    bob.goto("/audit/")
    events = [line.inner_text() for line in bob.locator(".events li p:first-child").all()]
    expected = [
        r"Run 10 \(Roll back 009 on Production\) succeeded\.",
        r"A worker took run 10 .*",
        r"alice started run 10 \(Roll back 009 on Production\).*",
        r"Run 9 \(Apply 010 and 011 to Development\) failed: the server refused 011_one_primary_database "
        r"\(SQLSTATE 23505, .*statement 4.*",
        r"A worker took run 9 .*",
        r"alice started run 9 \(Apply 010 and 011 to Development\)\..*",
        r"Request 4 \(Apply 009 to Production\) is done: run 8 .*",
        r"Run 8 \(Apply 009 to Production\) succeeded\.",
        r"A worker took run 8 .*",
        r"bob started run 8 \(Apply 009 to Production\) on request 4 .*",
        r"bob approved request 4 \(Apply 009 to Production\), and with it the rollback of the same migrations, "
        r"on rehearsal 3\.",
        r"alice opened request 4 \(Apply 009 to Production\): “Usage figures for December”.*",
        r"bob withdrew request 3 .*",
        r"Rehearsal 3 \(Apply 009 to Production\) passed, and each rollback restored the schema\.",
        r"bob asked for rehearsal 3 .*",
        r"bob opened request 3 .*",
        r"bob signed in, from a browser that was not known\.",
        r"alice signed in, from a browser that was not known\.",
    ]
    assert [line for line, pattern in zip(events, expected, strict=False) if not re.fullmatch(pattern, line)] == []
    bob.get_by_role("link", name="Check the chain").click()
    expect(bob.get_by_text("the chain is intact")).to_be_visible()


def _alice_signs_out(alice: Page) -> None:
    alice.locator("summary", has_text="alice").click()
    alice.get_by_role("button", name="Sign out").click()
    expect(alice.get_by_role("heading", name="Sign in")).to_be_visible()
    alice.goto("/audit/")
    expect(alice).to_have_url(re.compile(r"/sign-in/\?next=/audit/$"))


def _state(page: Page) -> Locator:
    return page.locator(".run-state")


def _run_ends(page: Page, state: str) -> str:
    """Returns where that is."""
    if _runs_scripts(page):
        page.evaluate("window.neverLeft = true")
        expect(_state(page)).to_contain_text(state)
        assert page.evaluate("window.neverLeft") is True
    _comes_to_say(_state(page), state)
    return page.url


def _comes_to_say(place: Locator, text: str) -> None:
    """The page shows it by itself; without JavaScript, its reader loads it again."""
    for _ in range(40):
        if _runs_scripts(place.page) or text in place.inner_text():
            break
        place.page.wait_for_timeout(500)
        place.page.reload()
    expect(place).to_contain_text(text)


def _runs_scripts(page: Page) -> bool:
    return page.locator("time[data-utc]").count() > 0


def _matrix_shows(page: Page, version: str, environment: str, state: str) -> None:
    page.goto("/")
    columns = [head.inner_text() for head in page.locator(".matrix thead th").all()]
    position = next(number for number, head in enumerate(columns) if environment in head)
    row = page.locator(".matrix tbody tr", has=page.get_by_role("rowheader", name=version))
    _comes_to_say(row.locator("td").nth(position - 1), state)
