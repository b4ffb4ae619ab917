"""The platform takes the container away in the middle of a run, and starts another."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import demo as demos
from tests.browser.axe import violations
from tests.browser.conftest import SLOW, Enter

#: The lease of the killed worker has to run out first, and someone has to look.
UNTIL_FOUND_OUT_MS = 90_000


def test_what_a_killed_worker_left_is_said_on_the_page_of_its_run(
    demo_home: Path, tmp_path: Path, enter: Enter
) -> None:
    home, source = demos.copy_of(demo_home), demos.source(tmp_path, _012_slow_work=SLOW)
    with demos.running(home, source) as demo:
        alice = enter(demo, "alice")
        alice.goto("/environments/development/")
        alice.get_by_role("link", name="Apply 2 migrations to Development").click()
        alice.get_by_role("button", name="Apply 2 migrations to Development").click()
        expect(alice.locator("#step-2 tbody tr").nth(1)).to_contain_text(re.compile("pg_sleep.*Running", re.DOTALL))
        run = alice.url.removeprefix(demo.url)
        alice.goto("about:blank")
        demos.crash(demo)
    with demos.running(home, source) as demo:
        alice = enter(demo, "alice")
        alice.goto(run)
        box = alice.locator(".error-box")
        expect(box).to_contain_text(
            "010 is applied. Nothing of this attempt at 012 remains", timeout=UNTIL_FOUND_OUT_MS
        )
        assert violations(alice) == []
        expect(alice.locator(".run-state")).to_contain_text("1 of 2 migrations committed")
        expect(box).to_contain_text("Its worker has sent no sign of life.")
        alice.goto("/environments/development/")
        expect(alice.get_by_role("link", name="Apply 1 migration to Development")).to_be_visible()
    shutil.rmtree(home)
