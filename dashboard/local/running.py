"""Runs of the command line, which has no control database: the engine, its guards and its log as the worker has them.

Where people have to approve, nothing runs here, because nobody could have approved. Whoever breaks the glass says why,
and the log of the target keeps it.
"""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from config.environments import Environment
from dashboard.engine.database.connection import Access
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.errors import NotAcknowledged, NotApproved
from dashboard.engine.forecast import counting, reading
from dashboard.engine.forecast.values import Forecast
from dashboard.engine.migration import InstallationSeen
from dashboard.engine.plan import Plan, Target
from dashboard.engine.run import executor
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.run.events import Observer
from dashboard.engine.run.executor import Approval
from dashboard.local import targets

#: What stopped a run that was ended from the keyboard or by the system.
STOPPED = "the command line"


@dataclass(frozen=True, kw_only=True)
class LocalRun:
    """Who runs a plan here, and why without the approvals that it needs, if so."""

    by: str
    glass: str = ""
    run_id: str = field(default_factory=lambda: f"local-{uuid.uuid4().hex[:8]}")


def protection(environment: Environment, target: Target) -> str:
    """Why people have to approve before anything runs there, as a clause; empty where nobody has to."""
    if environment.protected:
        return "it is declared so"
    for installation in target.history.installations:
        if installation.protects:
            return f"the Signalbox {installation.named}, protects it"
    return ""


def check_may_run(environment: Environment, target: Target, run: LocalRun) -> None:
    """Raises NotApproved."""
    reason = protection(environment, target)
    if run.glass and environment.protected and not environment.break_glass:
        remedy = "Ask for it in Signalbox. Its policy can allow that: break_glass = true in config/environments.toml."
        raise NotApproved(environment=environment.name, reason="its policy lets nobody break the glass", remedy=remedy)
    if reason and not run.glass:
        remedy = (
            "Ask for it in Signalbox: on its page, or with SIGNALBOX_URL and SIGNALBOX_TOKEN set. In an emergency "
            "--break-glass REASON runs it all the same, and the log of that database keeps who did it and why."
        )
        raise NotApproved(environment=environment.name, reason=f"{reason}, and here nobody approves", remedy=remedy)


def check_unprotected(environment: Environment, elsewhere: Sequence[tuple[str, InstallationSeen]]) -> None:
    """Raises NotApproved where a Signalbox protects that database and keeps its log in one of these schemas."""
    for schema, installation in elsewhere:
        remedy = f"Its history is in the schema {schema}: set SIGNALBOX_TRACKING_SCHEMA={schema}, and ask there."
        reason = f"the Signalbox {installation.named}, protects that database, and here nobody approves"
        raise NotApproved(environment=environment.name, reason=reason, remedy=remedy)


def check_accepted(plan: Plan, accepted: Sequence[str]) -> None:
    """Raises NotAcknowledged for the first warning that needs acceptance and has none."""
    for warning in plan.warnings:
        if warning.needs_acceptance and warning.key not in accepted:
            raise NotAcknowledged(warning=warning.sentence)


def forecast(plan: Plan, to: Access) -> Forecast:
    """What it would destroy, counted there now, by its text alone."""
    return counting.take(to.address, reading.read(plan, {}), then={}) if plan.action.runs_migrations else Forecast()


def execute(plan: Plan, environment: Environment, to: Access, run: LocalRun, observer: Observer) -> None:
    """Raises what the executor does. Whether people have to approve there is asked once more under the lock, because an
    installation may have begun to protect it since it was looked at."""
    approval = _opening(plan, environment, run) if run.glass else None
    attempt = Attempt(run_id=run.run_id, by=run.by, attempt_id=uuid.uuid4().hex)
    with _stopped_by_signals() as cancellation:
        executor.execute(
            plan,
            access=to,
            attempt=attempt,
            approval=approval,
            observer=observer,
            cancellation=cancellation,
            lock_wait=5.0,
            confirm=lambda _: check_may_run(environment, targets.read(environment, to), run),
        )


def _opening(plan: Plan, environment: Environment, run: LocalRun) -> Approval:
    return Approval(
        digest=plan.digest,
        requested_by=run.by,
        approved_by=(),
        expires_at=datetime.now(UTC) + timedelta(minutes=environment.break_glass_minutes),
        broken_glass_by=run.by,
        reason=run.glass,
    )


@contextmanager
def _stopped_by_signals() -> Iterator[Cancellation]:
    """SIGINT and SIGTERM end the run cleanly. A thread of its own cancels: the signal may come while the run holds the
    lock of its cancellation."""
    cancellation, wish, is_over = Cancellation(), threading.Event(), threading.Event()

    def watch() -> None:
        wish.wait()
        if not is_over.is_set():
            cancellation.cancel(STOPPED)

    before = {number: signal.signal(number, lambda *_: wish.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield cancellation
    finally:
        is_over.set()
        wish.set()
        watcher.join()
        for number, handler in before.items():
            signal.signal(number, handler)
