"""Which suites run: the quick ones always, those that need a browser or a whole journey when SIGNALBOX_TESTS=all.

With SIGNALBOX_TESTS=all a skipped test is a failure: nothing is left out without anyone noticing.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

SLOW_MARKERS = ("browser", "acceptance", "tools", "registry", "image")
CORPUS_VARIABLE = "SIGNALBOX_CORPUS"
BROWSER = "tests/browser/"


def everything_is_asked_for() -> bool:
    return os.environ.get("SIGNALBOX_TESTS") == "all"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    _leave_out(config, items, "corpus", unless=bool(os.environ.get(CORPUS_VARIABLE)))
    _leave_out(config, items, "root", unless=os.geteuid() == 0)
    _leave_out(config, items, "image", unless=bool(shutil.which("buildah")) and os.geteuid() == 0)
    if everything_is_asked_for():
        return
    for item in items:
        for marker in SLOW_MARKERS:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{marker} tests run with SIGNALBOX_TESTS=all"))


def _leave_out(config: pytest.Config, items: list[pytest.Item], marker: str, *, unless: bool) -> None:
    """What a machine cannot have is no reason to skip: such tests do not exist there."""
    left_out = [item for item in items if item.get_closest_marker(marker) and not unless]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more process than there are cores: a third of the time a test waits for a server, a line or a browser."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """One process for the tests with a browser, so that the story of the demo is told once. Marks do not reach that:
    pytest-xdist 3.8 writes them into a part of the test that pytest 9.2 no longer reads."""
    from xdist.scheduler import LoadScopeScheduling

    class TogetherInTheBrowser(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSER if nodeid.startswith(BROWSER) else nodeid

    return TogetherInTheBrowser(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_finish() -> None:
    """What is there now stays: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    if everything_is_asked_for() and session.exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if everything_is_asked_for() and skipped:
        terminalreporter.section("skipped, and SIGNALBOX_TESTS=all allows no skipping", red=True)
        for report in skipped:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr[2] if report.longrepr else ''}")


def _skipped(config: pytest.Config) -> list[object]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter else []
