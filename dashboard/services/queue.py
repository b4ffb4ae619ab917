"""Jobs, deferred by name, so that `tasks` may import the services.

A job deferred inside a transaction appears only if that commits. A duplicate is no error here: somebody has asked
already. The savepoint is needed, because the database's refusal would otherwise poison the caller's transaction.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Status

from dashboard.selectors.drift import CHECK_DRIFT

#: Seconds without a sign of life until the jobs of a worker are nobody's.
STALLED = 600
#: Hours that a job which failed can be looked at.
KEPT_HOURS = 24


class Job:
    EXECUTE_RUN = "execute_run"
    RECOVER_RUN = "recover_run"
    OBSERVE = "observe"
    CHECK_DRIFT = CHECK_DRIFT
    REHEARSE = "rehearse"
    FETCH = "fetch"
    SEND_MAILS = "send_mails"


def execute_run(run_id: int) -> None:
    _defer(Job.EXECUTE_RUN, f"run-{run_id}", run_id=run_id)


def recover_run(run_id: int) -> None:
    _defer(Job.RECOVER_RUN, f"recover-{run_id}", run_id=run_id)


def observe(environment: str) -> None:
    _defer(Job.OBSERVE, f"observe-{environment}", environment=environment)


def rehearse() -> None:
    _defer(Job.REHEARSE, "rehearse")


def send_mails() -> None:
    _defer(Job.SEND_MAILS, "send_mails")


def check_drift(environment: str, person_id: int | None = None) -> None:
    _defer(Job.CHECK_DRIFT, f"drift-{environment}", environment=environment, person_id=person_id)


def fetch(source: str) -> None:
    _defer(Job.FETCH, f"fetch-{source}", source=source)


async def forget_old_jobs() -> None:
    """Jobs are no record: a run is. Those that ended go after a day, and so does what a dead worker left behind; the
    run of a lost job is found by its lease."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
    await app.job_manager.delete_old_jobs(
        nb_hours=KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )


def _defer(name: str, queueing_lock: str, **arguments: Any) -> None:
    try:
        with transaction.atomic():
            app.configure_task(name=name, queueing_lock=queueing_lock).defer(**arguments)
    except AlreadyEnqueued:
        return
