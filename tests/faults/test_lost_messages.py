"""The line to the target breaks at each message of a run: before it, after it, or in silence. The verdict must be
the truth, found without a person, and the migration must be done exactly once in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from dashboard.engine.localserver import LocalServer
from dashboard.models import Run
from tests.faults import proxy as proxies
from tests.faults.conftest import MakeTrial
from tests.faults.proxy import Break, Proxy
from tests.faults.trial import MODES, TX, Mode, Outcome, Trial, end
from tests.faults.worker import WITHOUT_LOOKS
from tests.fix_faults import Size, Tally, size, sized

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("without_looks")]

PART = "lost messages"

#: Quick, so that the silence of a line is not waited for as long as in earnest.
PATIENCE = {
    "dashboard.engine.run.monitor.HEAD_START": 0.3,
    "dashboard.engine.run.monitor.POLL": 0.05,
    "dashboard.engine.run.monitor.CANCEL_PATIENCE": 0.1,
    "dashboard.engine.run.monitor.TERMINATE_PATIENCE": 0.1,
    "dashboard.engine.run.recovery.GRACE": 0.3,
}
REPEATS = sized(small=1, ci=1, full=5)
HOLES = {Break.HOLE, Break.HOLE_AFTER}

#: Each so-manieth message is broken, and every COMMIT; with the full size every one.
CASES = [
    pytest.param(mode, how, id=f"{mode.name} {how}".replace(" ", "-"))
    for mode in MODES
    for how in Break
    if size() is not Size.SMALL or (mode is TX and how is not Break.HOLE)
]


def _step(mode: Mode, how: Break) -> int:
    if how in HOLES:
        return sized(small=1000, ci=24, full=1)
    return sized(small=20, ci=3 if mode is TX else 8, full=1)


@pytest.fixture
def proxy(postgres_server: LocalServer) -> Iterator[Proxy]:
    parts = urlsplit(postgres_server.url())
    with proxies.running(str(parts.hostname), int(parts.port or 0)) as running:
        yield running


@pytest.mark.parametrize(("mode", "how"), CASES)
def test_a_line_that_breaks_at_any_message_loses_and_doubles_nothing(
    mode: Mode, how: Break, make_trial: MakeTrial, proxy: Proxy, tally: Tally
) -> None:
    trial = make_trial(mode, through=proxy, **PATIENCE, **WITHOUT_LOOKS)
    messages = _messages(trial, proxy)
    if how in HOLES:
        trial.shorten_deadline()
    tally.part = PART
    for _ in range(REPEATS):
        for at in _where(messages, _step(mode, how)):
            outcome = _break(trial, proxy, at, how, tally)
            if not proxy.broke.is_set():  # it needed one message less: the lock was free at once
                continue
            tally.add(breaks=1, **{o.value.replace(" ", "_"): o is outcome for o in Outcome})
            assert outcome is Outcome.EXACTLY_ONCE, f"{outcome}: {how} message {at}: {_said(proxy, at)!r}"


def _where(messages: list[bytes], step: int) -> list[int]:
    commits = {n for n, message in enumerate(messages, start=1) if b"COMMIT\0" in message}
    return sorted(commits | set(range(step // 2 + 1, len(messages) + 1, step)))


def _messages(trial: Trial, proxy: Proxy) -> list[bytes]:
    """What a whole run sends; the first also makes the tracking tables."""
    for _ in range(2):
        run = trial.next()
        proxy.fail(0, Break.BEFORE)
        assert end(trial.work(run)) == 0
        assert trial.judge(run) is Outcome.EXACTLY_ONCE
    return list(proxy.sent)


def _break(trial: Trial, proxy: Proxy, at: int, how: Break, tally: Tally) -> Outcome:
    run = trial.next()
    proxy.fail(at, how)
    assert end(trial.work(run)) == 0
    assert proxy.broke.is_set() or at > len(proxy.sent)
    run.refresh_from_db()
    assert run.status != Run.Status.RUNNING, "the worker lives, so it must say how its run ended"
    if run.status == Run.Status.INTERRUPTED:
        tally.add(unknown_at_first=1)
        tally.took(trial.recover(run))
    judged = trial.judge(run)
    proxy.at = 0
    if judged is not Outcome.EXACTLY_ONCE:
        return judged
    trial.check_quiet(run)
    return trial.finish(run)


def _said(proxy: Proxy, at: int) -> bytes:
    return proxy.sent[at - 1][:120] if len(proxy.sent) >= at else b""
