"""Runs: the list, one of them while it runs and when it has failed, and stopping it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from dashboard.engine.run.recovery import StepVerdict
from dashboard.models import Run, RunStatement, RunStep
from dashboard.selectors import runs as selector
from dashboard.services import execution, runs
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failing(line: Line) -> Line:
    """001 works, 002 breaks a constraint in its second statement, 003 is never begun."""
    line.write(
        _001_users="CREATE TABLE users (id int PRIMARY KEY);",
        _001_rollback="DROP TABLE users;",
        _002_members="CREATE TABLE members (\n  user_id int REFERENCES users\n);\nINSERT INTO members VALUES (7);",
        _003_city="ALTER TABLE users ADD city text;",
    )
    return line


def test_the_list_names_each_run(
    two_files: Line, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    client = client_of(viewer)
    assert "Nothing has run yet" in text(client.get("/runs/"))
    run_on_staging(requester)
    assert "Apply 001 and 002 to Staging Succeeded" in text(client.get("/runs/"))
    assert "No run matches" in text(client.get("/runs/?environment=production"))
    assert "No run matches" in text(client.get("/runs/?status=failed"))
    assert client.get("/runs/?status=nonsense&page=99").status_code == 200


def test_a_run_that_succeeded_shows_its_statements(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    shown = text(client_of(requester).get(f"/runs/{run.pk}/"))
    assert "Succeeded 2 of 2 migrations committed" in shown
    assert "001_users Committed" in shown
    assert "CREATE TABLE orders" in shown
    assert "Roll back to before 001" in shown


def test_a_failure_says_what_happened_what_is_and_what_to_do(
    failing: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    page = client_of(requester).get(f"/runs/{run.pk}/")
    shown = text(page)
    assert "002_members failed at statement 2" in shown
    assert "001 is applied. Nothing of this attempt at 002 remains: PostgreSQL undid it. 003 was not begun." in shown
    assert "23503" in shown
    assert "members_user_id_fkey" in shown
    assert "Key (user_id)=(7) is not present" in shown
    assert "Show line 4 in its file" in shown
    assert "^" in shown
    assert "/migrations/002/members/#L4" in page.content.decode()
    assert "CREATE TABLE members ( user_id int REFERENCES users ) Undone" in shown
    assert re.search(r"002_members Failed, nothing changed \d+ ms", shown)
    assert re.search(r"INSERT INTO members .* Failed \d+ ms", shown)


@pytest.fixture
def lock_released(line: Line) -> Line:
    """002 commits its first statement, and its second one gives the target lock away."""
    line.write(
        _001_users="CREATE TABLE users (id int PRIMARY KEY);",
        _002_steps="-- signalbox: transaction=none\nCREATE TABLE one (id int);\nSELECT pg_advisory_unlock_all();",
    )
    return line


REMEDY = "What to do next Take pg_advisory_unlock_all or DISCARD ALL out of the file."


def test_the_remedy_is_shown_wherever_a_failure_is_that_left_something(
    lock_released: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester), client_of(requester)
    shown = text(client.get(f"/runs/{run.pk}/"))
    assert f"{REMEDY} Continue from statement 2 once the cause is gone" in shown
    assert f"{REMEDY} Settle it" in text(client.get("/environments/staging/"))
    assert REMEDY in text(client.get("/environments/staging/settle/002/steps/"))
    log = b"".join(client.get(f"/runs/{run.pk}/?format=text").streaming_content).decode()  # type: ignore[attr-defined]
    assert "Take pg_advisory_unlock_all or DISCARD ALL out of the file." in log


def test_an_invalid_index_is_part_of_what_the_database_is_now(
    line: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    line.write(
        _001_people="CREATE TABLE people (name text); INSERT INTO people VALUES ('Ada'), ('Ada');",
        _002_key="CREATE UNIQUE INDEX CONCURRENTLY people_name_key ON people (name);",
    )
    run = run_on_staging(requester)
    shown = text(client_of(requester).get(f"/runs/{run.pk}/"))
    assert "until that is settled. The index public.people_name_key is invalid: it serves no read" in shown
    way_on = "The way on from there: DROP INDEX CONCURRENTLY public.people_name_key. Continue from statement 1"
    assert f"What to do next {way_on}" in shown


def test_a_run_that_failed_before_the_two_were_kept_apart_is_still_shown(
    failing: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    kept = run.failure or {}
    old = {key: kept[key] for key in ("code", "sentence", "server", "version")}
    Run.objects.filter(pk=run.pk).update(failure={**old, "next_step": "Nothing of it remains. Correct the file."})
    assert "What to do next Nothing of it remains. Correct the file." in text(
        client_of(requester).get(f"/runs/{run.pk}/")
    )


def test_only_an_administrator_is_offered_to_skip(
    failing: Line, requester: User, admin: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    assert "Skip 002 with a reason" in text(client_of(admin).get(f"/runs/{run.pk}/"))
    assert "Skip 002" not in text(client_of(requester).get(f"/runs/{run.pk}/"))


def test_a_queued_run_without_a_worker_says_so(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester, execute=False)
    shown = text(client_of(requester).get(f"/runs/{run.pk}/"))
    assert "No worker is running, so this run waits." in shown
    assert "Nothing was sent to Staging yet" in shown


def test_a_run_whose_worker_is_not_heard_of_says_so_without_another_worker(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    assert runs.claim(run.pk) is not None
    assert "has not been heard of" not in text(client.get(f"/runs/{run.pk}/"))
    Run.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    shown = text(client.get(f"/runs/{run.pk}/"))
    assert "The worker of this run has not been heard of since" in shown
    assert "No other worker is up. Start one with SIGNALBOX_ROLE=worker bin/start" in shown
    assert f"the worker of run {run.pk} is not heard of any more" in text(client.get("/"))


def test_htmx_gets_the_progress_alone_until_the_run_has_ended(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    moving = client.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"})
    assert moving.status_code == 200
    assert 'hx-trigger="every 2s"' in moving.content.decode()
    assert "<html" not in moving.content.decode()
    client.post(f"/runs/{run.pk}/cancel/")
    ended = client.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"})
    assert (ended.status_code, "hx-trigger" in ended.content.decode()) == (286, False)


def test_the_page_says_that_it_varies(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    assert "HX-Request" in client_of(requester).get(f"/runs/{run.pk}/").headers["Vary"]


def test_a_queued_run_is_cancelled_at_once(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    client.post(f"/runs/{run.pk}/cancel/")
    shown = text(client.get(f"/runs/{run.pk}/"))
    assert "This run was cancelled" in shown
    assert 'class="error-box" role="alert" data-tone="muted"' in client.get(f"/runs/{run.pk}/").content.decode()
    assert "Nothing was sent to Staging: it is as it was before." in shown
    assert client.post(f"/runs/{run.pk}/cancel/").status_code == 409


def test_a_viewer_cannot_cancel_and_reads_why(
    two_files: Line, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(viewer)
    assert "It needs the role approver" in text(client.get(f"/runs/{run.pk}/"))
    assert client.post(f"/runs/{run.pk}/cancel/").status_code == 403


def test_a_cancel_on_its_way_is_shown_and_not_offered_twice(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    runs.claim(run.pk)
    client.post(f"/runs/{run.pk}/cancel/")
    assert "alice asked for it; the worker is stopping the statement." in text(client.get(f"/runs/{run.pk}/"))


def test_an_interrupted_run_freezes_the_environment_and_says_so(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    run.steps.filter(position=0).update(status=RunStep.Status.RUNNING, started_at=timezone.now())
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has not been heard of.", "next_step": ""})
    shown = text(client_of(requester).get(f"/runs/{run.pk}/"))
    assert "What this run did is not known yet" in shown
    assert "Whether 001 and what comes after it committed is not known; Staging is frozen until it is" in shown


def test_a_run_that_cannot_be_found_out_about_says_why_and_what_to_do(
    two_files: Line,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    unreachable: Callable[..., object],
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has not been heard of.", "next_step": ""})
    page, client = f"/runs/{run.pk}/", client_of(requester)
    assert "Nothing, but to wait." in text(client.get(page))
    unreachable(two_files.staging)
    execution.recover(run.pk)
    shown = text(client.get(page))
    assert "Signalbox could not find out yet what was committed: Staging cannot be reached" in shown
    assert "What to do next Check that the database is up" in shown
    assert "Signalbox asks again every minute, and says here what it found." in shown
    assert "See Staging" in shown


def test_a_resolved_run_says_what_was_found_out(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    run.steps.update(started_at=timezone.now())
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has not been heard of.", "next_step": ""})
    runs.settle(run, [StepVerdict.COMMITTED, StepVerdict.UNDONE])
    shown = text(client_of(requester).get(f"/runs/{run.pk}/"))
    assert "001 is applied. Nothing of this attempt at 002 remains" in shown
    assert "1 of 2 steps of this run are committed, as found out after a crash" in shown


@pytest.mark.parametrize(
    ("found", "pill", "said", "tone"),
    [
        (StepVerdict.COMMITTED, "Succeeded, found out after a crash", "All of this run is committed", "ok"),
        (StepVerdict.UNDONE, "Failed, nothing changed", "This run failed, and nothing of it remains", "danger"),
        (StepVerdict.PARTIAL, "Failed, partly applied", "Part of this run is there", "danger"),
    ],
)
def test_each_verdict_after_a_crash_has_its_words(
    two_files: Line,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    found: StepVerdict,
    pill: str,
    said: str,
    tone: str,
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has not been heard of.", "next_step": ""})
    runs.settle(run, [found, found])
    page = client_of(requester).get(f"/runs/{run.pk}/")
    assert pill in text(page)
    assert pill in text(client_of(requester).get("/runs/"))
    assert f"{said}, as found out after a crash" in text(page)
    assert "Its worker has not been heard of. Signalbox asked the database what was committed." in text(page)
    assert f'class="error-box" role="alert" data-tone="{tone}"' in page.content.decode()


def test_a_long_step_lists_its_last_statements_and_counts_the_rest(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    step = run.steps.get(position=0)
    RunStatement.objects.bulk_create(
        RunStatement(step=step, number=n, line=n, summary=f"SELECT {n}", status="ok") for n in range(1, 601)
    )
    shown = text(client_of(requester).get(f"/runs/{run.pk}/"))
    assert f"{600 - selector.SHOWN_LIVE} earlier statements not listed here" in shown
    assert "SELECT 600" in shown
    assert "SELECT 400" not in shown


def test_a_step_says_whom_it_waits_for_and_how_often_it_began(
    two_files: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    run.steps.filter(position=0).update(
        status=RunStep.Status.RUNNING,
        retries=2,
        retry_reason="lock timeout",
        blockers=["psql (backend 17, idle in transaction, in a transaction for 42 s)"],
    )
    shown = text(client_of(requester).get(f"/runs/{run.pk}/"))
    assert "Waits for psql (backend 17, idle in transaction, in a transaction for 42 s)" in shown
    assert "It was undone and begun again twice: lock timeout" in shown


def test_a_run_page_asks_the_database_no_more_for_more_steps(
    two_files: Line,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:
    run, client = run_on_staging(requester), client_of(requester)
    with django_assert_max_num_queries(10):  # type: ignore[attr-defined]
        client.get(f"/runs/{run.pk}/")


def test_the_log_is_plain_text_with_everything_in_it(
    failing: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    answer = client_of(requester).get(f"/runs/{run.pk}/?format=text")
    log = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "[2/3] apply 002_members: failed" in log
    assert "sqlstate: 23503" in log
    assert "Started by:  alice" in log
    assert failing.staging.url not in log


def test_what_runs_outside_a_transaction_can_stay_half_applied_and_the_page_says_so(
    line: Line, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    line.write(
        _001_users="CREATE TABLE users (id int);\nINSERT INTO users VALUES (1), (1);",
        _002_indexes="CREATE INDEX CONCURRENTLY a ON users (id);\nCREATE UNIQUE INDEX CONCURRENTLY b ON users (id);",
    )
    run = run_on_staging(requester)
    page = client_of(requester).get(f"/runs/{run.pk}/")
    shown = text(page)
    assert "001 is applied. Part of 002 remains: it runs outside a transaction" in shown
    assert "Failed, partly applied" in shown
    assert "/environments/staging/settle/002/indexes/" in page.content.decode()
