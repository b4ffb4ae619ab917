"""Canaries in every text that a person or a file can bring in, read back by a browser: none of them runs, none becomes
part of the page, and none hides or reorders what is read. Shown to fail where a page forgets to escape."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Route

from dashboard.presenters import hidden
from tests.browser import demo as demos
from tests.browser.conftest import Enter
from tests.browser.demo import ROOT, Demo, clean_environment

MARK = "data-canary"
ALIVE = f'<img {MARK} src=x onerror="window.canary=1"><script {MARK}>window.canary=2</script>'
QUOTES = f'"\' autofocus onfocus=window.canary=3 {MARK}="'
TEMPLATE = "{{7*7}}{% debug %}"
REORDERS = "Due dates \u202e.enod era snoitcejbo oN\u2066 \x1b[31mred"
CANARY = f"{ALIVE} {QUOTES} {TEMPLATE} {REORDERS}"
#: What a file may hold: hidden characters in it are refused, and told on a page of their own.
IN_FILES = f"{ALIVE} {QUOTES} {TEMPLATE}".replace("'", "''")
SPREADSHEET = "=HYPERLINK(0)"

FILES = {
    "_012_canaries": f"-- {IN_FILES}\nCREATE TABLE canaries (note text DEFAULT '{IN_FILES}');\n"
    f"DO $$ BEGIN RAISE NOTICE '%', '{IN_FILES}' || chr(27) || '[31m' || chr(8238) || 'x'; END $$;\n"
    f"DO $$ BEGIN RAISE EXCEPTION '%', '{IN_FILES}' || chr(8238) USING HINT = '{IN_FILES}'; END $$;\n",
    "_012_rollback": f"DROP TABLE canaries; -- {IN_FILES}\n",
    "_013_bidi": "SELECT 1; -- \u202e harmless\n",
}
#: What a page cannot be asked for by a form is put into the rows: names, titles, failures.
PLANTED = """
from django.contrib.auth.models import User
from dashboard.models import ChangeRequest, Decision, Run, RunStatement
canary = CANARY
User.objects.filter(username="sue").update(first_name=canary[:100], last_name=canary[:100])
ChangeRequest.objects.update(reason=canary, irreversible_because=canary, closed_because=canary)
Decision.objects.update(reason=canary)
for run in Run.objects.all():
    run.failure = {"code": "statement_failed", "sentence": canary, "state_now": canary, "remedy": canary,
                   "server": {"sqlstate": "P0001", "message": canary, "detail": canary, "hint": canary}}
    run.ended_because = canary
    run.save()
RunStatement.objects.update(notices=[canary, SPREADSHEET])
"""


@dataclass
class Reader:
    """Goes to pages, and keeps what went wrong on them."""

    page: Page
    found: list[str] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        self.page.on("dialog", self._dialog)

    def look(self, address: str) -> None:
        self.page.goto(address)
        self.read += 1
        if self.page.evaluate("window.canary") is not None:
            self.found.append(f"{address}: a canary ran")
        if self.page.locator(f"[{MARK}]").count():
            self.found.append(f"{address}: a canary became an element")
        if unseen := hidden.UNSEEN.search(self.page.content()):
            self.found.append(f"{address}: {hidden.code_point(unseen[0])} is hidden in it")

    def _dialog(self, dialog: Dialog) -> None:
        self.found.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def demo_with_canaries(demo_home: Path, tmp_path: Path) -> Iterator[Demo]:
    with demos.copied(demo_home, demos.source(tmp_path, **FILES)) as running:
        _plant(running)
        yield running


def _plant(demo: Demo) -> None:
    server = json.loads((demo.home / "postgres" / "server.json").read_text())
    url = f"postgresql://postgres:{server['password']}@127.0.0.1:{server['port']}/signalbox"
    code = f"CANARY = {CANARY!r}\nSPREADSHEET = {SPREADSHEET!r}\n{PLANTED}"
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "--command", code],
        env=clean_environment() | {"SIGNALBOX_DATABASE_URL": url},
        cwd=ROOT,
        check=True,
    )


def addresses(page: Page) -> list[str]:
    """All that a few crawled pages lead to, each once."""
    waiting, visited = ["/"], []
    while waiting and len(visited) < 80:
        address = waiting.pop(0)
        if address in visited:
            continue
        visited.append(address)
        if page.goto(address) is None or "format=" in address:
            continue
        links = page.eval_on_selector_all("a[href^='/'], a[href^='?']", "all => all.map(a => a.pathname + a.search)")
        waiting += [link for link in links if "format=" not in link and not link.startswith(("/static/", "/admin/"))]
    return visited


def test_no_canary_runs_or_hides_anything(demo_with_canaries: Demo, enter: Enter, troubles: list[str]) -> None:
    reader = Reader(enter(demo_with_canaries, "bob"))
    for address in addresses(reader.page):
        reader.look(address)
    assert reader.read > 30
    assert reader.found == []
    troubles.clear()  # pages of refused files and failed looks are errors to Chromium


def test_downloads_hold_none_either(demo_with_canaries: Demo, enter: Enter) -> None:
    page = enter(demo_with_canaries, "bob")
    for address in ("/runs/7/?format=text", "/audit/?format=csv"):
        text = page.request.get(address).text()
        assert not hidden.UNSEEN.search(text), address
        cells = [cell.lstrip('"') for line in text.splitlines() for cell in line.split(",")]
        assert address.startswith("/runs/") or not any(cell.startswith(("=", "@")) for cell in cells)


def test_a_page_that_forgets_to_escape_is_caught(demo_with_canaries: Demo, enter: Enter, troubles: list[str]) -> None:
    page = enter(demo_with_canaries, "bob")

    def forget(route: Route) -> None:
        answer = route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
        route.fulfill(response=answer, headers=headers, body=html.unescape(answer.text()) + "\u202e")

    page.route("**/requests/2/", forget)
    reader = Reader(page)
    reader.look("/requests/2/")
    page.wait_for_function("window.canary !== undefined")
    reader.look("/requests/2/")
    assert {trouble.partition(": ")[2] for trouble in reader.found} >= {
        "a canary became an element",
        "U+202E is hidden in it",
    }
    troubles.clear()
