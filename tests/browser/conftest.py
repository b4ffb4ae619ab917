"""People with a browser, in front of the demo.

Chromium is closed after each module: while Playwright is at work, Django refuses the database to other tests.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

from tests.browser import demo as demos
from tests.browser.demo import Demo
from tests.browser.pages import View

type Enter = Callable[..., Page]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 20_000
#: Seconds for which somebody who signed in is taken for fresh: pages that ask again do so after 300.
FRESH_S = 200

#: A refused form is a page with status 422, which Chromium calls an error. Who leaves a page that follows something
#: cuts its request off, and htmx tells.
NO_TROUBLE = ("Failed to load resource", "htmx:afterRequest", "htmx:sendError", "htmx:sendAbort")

SLOW = "CREATE TABLE platform.slow_work (id int);\nSELECT pg_sleep(300);\n"
FRAGILE = """\
CREATE INDEX CONCURRENTLY databases_kind_idx ON platform.databases (kind);
CREATE UNIQUE INDEX CONCURRENTLY databases_port_idx ON platform.databases (port);
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Pictures are taken when asked for by their marker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
    if "screenshots" not in config.option.markexpr:
        items[:] = [item for item in items if not item.get_closest_marker("screenshots")]


@pytest.fixture(scope="session")
def demo_home() -> Iterator[Path]:
    """The home of a demo whose story is told."""
    folder = Path(tempfile.mkdtemp(prefix="signalbox-browser-"))
    folder.chmod(0o755)
    demos.make_home(folder / "demo")
    yield folder / "demo"
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def demo(demo_home: Path) -> Iterator[Demo]:
    """For looking only: what it shows is the same whichever test comes first."""
    with demos.copied(demo_home) as running:
        yield running


@pytest.fixture
def own_demo(demo_home: Path) -> Iterator[Demo]:
    """For a journey that changes something."""
    with demos.copied(demo_home) as running:
        yield running


@pytest.fixture
def slow_demo(demo_home: Path, tmp_path: Path) -> Iterator[Demo]:
    """Development lacks 010, and a 012 that takes five minutes."""
    files = {"_012_slow_work": SLOW, "_012_rollback": "DROP TABLE platform.slow_work;"}
    with demos.copied(demo_home, demos.source(tmp_path, **files)) as running:
        yield running


@pytest.fixture
def fragile_demo(demo_home: Path, tmp_path: Path) -> Iterator[Demo]:
    """Development lacks 010, and a 012 that breaks off and leaves an invalid index."""
    with demos.copied(demo_home, demos.source(tmp_path, _012_index_ports=FRAGILE)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)


@pytest.fixture
def troubles() -> Iterator[list[str]]:
    """What a browser complains about while it is used: script errors, CSP violations, missing or foreign files."""
    complaints: list[str] = []
    yield complaints
    assert complaints == []


@pytest.fixture
def enter(chromium: Browser, troubles: list[str]) -> Iterator[Enter]:
    """`enter(demo, "alice")`: a browser of her own, signed in; without a name, nobody is."""
    contexts: list[BrowserContext] = []

    def entered(
        demo: Demo,
        who: str = "",
        *,
        javascript: bool = True,
        width: int = 1280,
        scheme: str = "light",
        scale: float = 1,
    ) -> Page:
        context = chromium.new_context(
            base_url=demo.url,
            viewport={"width": width, "height": 800},
            device_scale_factor=scale,
            java_script_enabled=javascript,
            color_scheme=scheme,
            reduced_motion="reduce",
            storage_state=_cookies(chromium, demo, who) if who else None,
        )
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        _watch(context, demo, troubles)
        return context.new_page()

    yield entered
    for context in contexts:
        context.close()


def sign_in(page: Page, username: str, password: str = "{} at the signalbox") -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password.format(username))
    page.get_by_role("button", name="Sign in", exact=True).click()


def look_at(page: Page, view: View) -> None:
    answer = page.goto(view.address)
    assert answer is not None
    assert answer.status == view.status


def _cookies(chromium: Browser, demo: Demo, who: str) -> dict:
    if time.monotonic() - demo.signed_in.get(who, (float("-inf"), {}))[0] > FRESH_S:
        context = chromium.new_context(base_url=demo.url)
        page = context.new_page()
        sign_in(page, who)
        page.wait_for_url("/")
        demo.signed_in[who] = (time.monotonic(), context.storage_state())
        context.close()
    return demo.signed_in[who][1]


def _watch(context: BrowserContext, demo: Demo, troubles: list[str]) -> None:
    def console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(NO_TROUBLE):
            troubles.append(f"console: {message.text}")

    def response(answer: Response) -> None:
        is_page = answer.request.resource_type == "document"
        if answer.status >= 500 or (answer.status >= 400 and not is_page):
            troubles.append(f"{answer.status} for {answer.url}")

    def request(asked: Request) -> None:
        if not asked.url.startswith(demo.url):
            troubles.append(f"asked another server: {asked.url}")

    context.on("console", console)
    context.on("response", response)
    context.on("request", request)
    context.on("weberror", lambda error: troubles.append(f"script error: {error.error}"))
