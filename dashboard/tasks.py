"""The worker's doors: each task calls one service. A task that is lost is found by `find_lost`."""

from __future__ import annotations

from procrastinate import JobContext
from procrastinate.contrib.django import app

from dashboard.models import environments
from dashboard.presenters import mails as mail_words
from dashboard.services import (
    actors,
    approvals,
    audit_heads,
    drift,
    execution,
    fetching,
    mails,
    notices,
    observations,
    queue,
    rehearsals,
    repeats,
    schedules,
    server_messages,
    sessions,
)
from dashboard.services.queue import Job


@app.task(name=Job.EXECUTE_RUN, queue="runs", pass_context=True)
def execute_run(context: JobContext, run_id: int) -> None:
    execution.execute(run_id, told_to_stop=context.should_abort)


@app.task(name=Job.RECOVER_RUN, queue="runs")
def recover_run(run_id: int) -> None:
    execution.recover(run_id)


@app.task(name=Job.OBSERVE, queue="looks")
def observe(environment: str) -> None:
    observations.refresh(environments.get(environment))


@app.task(name=Job.REHEARSE, queue="rehearsals", pass_context=True)
def rehearse(context: JobContext) -> None:
    rehearsals.work(told_to_stop=context.should_abort)


@app.periodic(cron="* * * * * */15")
@app.task(name="find_lost_rehearsals", queue="looks", queueing_lock="find_lost_rehearsals")
def find_lost_rehearsals(timestamp: int) -> None:
    rehearsals.find_lost()


@app.periodic(cron="* * * * * */15")
@app.task(name="find_lost_runs", queue="runs", queueing_lock="find_lost_runs", pass_context=False)
def find_lost_runs(timestamp: int) -> None:
    execution.find_lost()


@app.periodic(cron="* * * * * */30")
@app.task(name="observe_all", queue="looks", queueing_lock="observe_all")
def observe_all(timestamp: int) -> None:
    observations.refresh_all()


@app.task(name=Job.CHECK_DRIFT, queue="drift", lock="drift")
def check_drift(environment: str, person_id: int | None = None) -> None:
    """One at a time, so that runs keep the other places of a worker."""
    drift.check_if_free(environments.get(environment), by=actors.by_id(person_id))


@app.periodic(cron="* * * * *")
@app.task(name="ask_for_drift_checks", queue="looks", queueing_lock="ask_for_drift_checks")
def ask_for_drift_checks(timestamp: int) -> None:
    drift.ask_where_due()


@app.task(name=Job.FETCH, queue="fetches")
def fetch(source: str) -> None:
    fetching.fetch_if_free(source)


@app.periodic(cron="* * * * *")
@app.task(name="ask_for_fetches", queue="looks", queueing_lock="ask_for_fetches")
def ask_for_fetches(timestamp: int) -> None:
    fetching.ask_where_due()


@app.periodic(cron="17 * * * *")
@app.task(name="forget_old_jobs", queue="looks", queueing_lock="forget_old_jobs")
async def forget_old_jobs(timestamp: int) -> None:
    await queue.forget_old_jobs()


@app.periodic(cron="37 3 * * *")
@app.task(name="forget_expired_sessions", queue="looks", queueing_lock="forget_expired_sessions")
def forget_expired_sessions(timestamp: int) -> None:
    sessions.clear_ended()


@app.periodic(cron="* * * * *")
@app.task(name="expire_requests", queue="looks", queueing_lock="expire_requests")
def expire_requests(timestamp: int) -> None:
    approvals.expire_due()


@app.periodic(cron="*/5 * * * *")
@app.task(name="send_audit_head", queue="looks", queueing_lock="send_audit_head")
def send_audit_head(timestamp: int) -> None:
    audit_heads.publish()


@app.periodic(cron="* * * * *")
@app.task(name="sum_up_repeats", queue="looks", queueing_lock="sum_up_repeats")
def sum_up_repeats(timestamp: int) -> None:
    repeats.sum_up_due()


@app.periodic(cron="*/5 * * * *")
@app.task(name="reevaluate_requests", queue="looks", queueing_lock="reevaluate_requests")
def reevaluate_requests(timestamp: int) -> None:
    approvals.reevaluate()


@app.periodic(cron="* * * * * */10")
@app.task(name="start_scheduled", queue="runs", queueing_lock="start_scheduled")
def start_scheduled(timestamp: int) -> None:
    schedules.start_due()


@app.task(name=Job.SEND_MAILS, queue="mails")
def send_mails() -> None:
    mails.send_due(mail_words.text)


@app.periodic(cron="* * * * *")
@app.task(name="ask_for_mails", queue="looks", queueing_lock="ask_for_mails")
def ask_for_mails(timestamp: int) -> None:
    mails.ask_where_due()


@app.periodic(cron="23 6 * * *")
@app.task(name="mail_audit_head", queue="looks", queueing_lock="mail_audit_head")
def mail_audit_head(timestamp: int) -> None:
    notices.send_audit_head()


@app.periodic(cron="41 * * * *")
@app.task(name="remind_of_reviews", queue="looks", queueing_lock="remind_of_reviews")
def remind_of_reviews(timestamp: int) -> None:
    notices.remind_of_reviews()


@app.periodic(cron="47 3 * * *")
@app.task(name="forget_old_mails", queue="looks", queueing_lock="forget_old_mails")
def forget_old_mails(timestamp: int) -> None:
    mails.forget_old()


@app.periodic(cron="52 3 * * *")
@app.task(name="erase_old_messages", queue="looks", queueing_lock="erase_old_messages")
def erase_old_messages(timestamp: int) -> None:
    server_messages.erase_old()
