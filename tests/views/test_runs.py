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
from dashboard.models.failures import Failure
from dashboard.presenters.statuses import RUN, STEP
from dashboard.selectors import runs as selector
from dashboard.services import execution, runs
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import alerts, assert_refused, assert_shown, error_box, is_empty, links, text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failing_project(project: Project) -> Project:
    """001 works, 002 breaks a constraint in its second statement, 003 is never begun."""
    project.write(
        _001_users="CREATE TABLE users (id int PRIMARY KEY);",
        _001_rollback="DROP TABLE users;",
        _002_members="CREATE TABLE members (\n  user_id int REFERENCES users\n);\nINSERT INTO members VALUES (7);",
        _003_city="ALTER TABLE users ADD city text;",
    )
    return project


def looks_of_steps(page: HttpResponse) -> list[tuple[str, str]]:
    return [(step.label, step.pill.tone) for step in page.context["steps"]]


def assert_steps_shown(page: HttpResponse) -> None:
    for step in page.context["steps"]:
        assert_shown(page, step.label, step.pill, step.statements)


def test_the_list_names_each_run(
    two_files: Project, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    client = client_of(viewer)
    before = client.get("/runs/")
    assert is_empty(before)
    run = run_on_staging(requester)
    page = client.get("/runs/")
    (row,) = page.context["rows"]
    assert (row.number, row.place.slug, row.by, row.pill) == (run.pk, "staging", "alice", RUN[Run.Status.SUCCEEDED])
    assert_shown(page, row)
    for query in ("environment=production", "status=failed"):
        nothing = client.get(f"/runs/?{query}")
        assert is_empty(nothing)
        assert nothing.context["form"].filtered
        assert text(nothing) != text(before), "nothing of that kind is not nothing at all"
    assert client.get("/runs/?status=nonsense&page=99").status_code == 200


def test_a_run_that_succeeded_shows_its_statements(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    page = client_of(requester).get(f"/runs/{run.pk}/")
    assert page.context["pill"] == RUN[Run.Status.SUCCEEDED]
    assert looks_of_steps(page) == [("001_users", "ok"), ("002_orders", "ok")]
    assert [s.summary for step in page.context["steps"] for s in step.statements] == [
        "CREATE TABLE users (id int)",
        "CREATE TABLE orders (id int)",
    ]
    assert_shown(page, page.context["pill"], page.context["progress"], page.context["onward"])
    assert_steps_shown(page)
    assert "/environments/staging/rollback/001/users/" in links(page)


def test_a_failure_says_what_happened_what_is_and_what_to_do(
    failing_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    page = client_of(requester).get(f"/runs/{run.pk}/")
    box = error_box(page)
    assert (box.tone, box.state_tone) == ("danger", "warn")
    assert "002_members" in box.happened
    assert "001 is" in box.state_now
    facts = dict(box.facts)
    assert (facts["SQLSTATE"], facts["Constraint"], facts["Statement"]) == ("23503", "members_user_id_fkey", 2)
    assert "(user_id)=(7)" in facts["Detail"]
    assert (box.url, "^" in box.excerpt) == ("/migrations/002/members/#L4", True)
    assert looks_of_steps(page) == [("001_users", "ok"), ("002_members", "danger"), ("003_city", "muted")]
    members = page.context["steps"][1]
    assert [statement.pill.tone for statement in members.statements] == ["muted", "danger"]
    assert members.duration_ms is not None
    assert_steps_shown(page)


def test_a_failure_that_a_later_run_settled_says_so_first_and_offers_nothing_to_run(
    failing_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester), client_of(requester)
    assert alerts(client.get(f"/runs/{run.pk}/")) == ["danger"]
    failing_project.write(_002_members="CREATE TABLE members (user_id int);")
    later = run_on_staging(requester)
    page = client.get(f"/runs/{run.pk}/")
    assert alerts(page) == []
    assert f"/runs/{later.pk}/" in links(page)
    assert text(page).index("Settled since") < text(page).index("What happened")
    assert "/environments/staging/apply/" not in links(page)
    assert not [s for s in client.get("/").context["page"].sentences if s.tone == "danger"]
    assert client.get("/environments/staging/").context["page"].mishaps == ()


@pytest.fixture
def project_that_unlocks(project: Project) -> Project:
    """002 commits its first statement, and its second one gives the target lock away."""
    project.write(
        _001_users="CREATE TABLE users (id int PRIMARY KEY);",
        _002_steps="-- signalbox: transaction=none\nCREATE TABLE one (id int);\nSELECT pg_advisory_unlock_all();",
    )
    return project


#: In the remedy alone.
REMEDY = "DISCARD ALL"


def test_the_remedy_is_shown_wherever_a_failure_is_that_left_something(
    project_that_unlocks: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester), client_of(requester)
    box = error_box(client.get(f"/runs/{run.pk}/"))
    assert REMEDY in box.next_step
    assert "statement 2" in box.next_step
    overview = client.get("/environments/staging/")
    (mishap,) = overview.context["page"].mishaps
    assert REMEDY in mishap.next_step
    assert_shown(overview, mishap)
    assert REMEDY in error_box(client.get("/environments/staging/settle/002/steps/")).next_step
    log = b"".join(client.get(f"/runs/{run.pk}/?format=text").streaming_content).decode()  # type: ignore[attr-defined]
    assert REMEDY in log


def test_an_invalid_index_is_part_of_what_the_database_is_now(
    project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    project.write(
        _001_people="CREATE TABLE people (name text); INSERT INTO people VALUES ('Ada'), ('Ada');",
        _002_key="CREATE UNIQUE INDEX CONCURRENTLY people_name_key ON people (name);",
    )
    run = run_on_staging(requester)
    box = error_box(client_of(requester).get(f"/runs/{run.pk}/"))
    assert box.state_tone == "danger"
    assert "Found when it failed: The index public.people_name_key is invalid" in box.state_now
    assert "while that is so: DROP INDEX CONCURRENTLY public.people_name_key" in box.next_step
    assert "statement 1" in box.next_step


def test_a_run_that_failed_before_the_two_were_kept_apart_is_still_shown(
    failing_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    kept, old_step = run.failure or {}, "Nothing of it remains. Correct the file."
    old = {key: kept[key] for key in ("code", "sentence", "server", "version")}
    Run.objects.filter(pk=run.pk).update(failure={**old, "next_step": old_step})
    assert error_box(client_of(requester).get(f"/runs/{run.pk}/")).next_step == old_step


def test_only_an_administrator_is_offered_to_skip(
    failing_project: Project, requester: User, admin: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    skip = "/environments/staging/skip/002/"
    assert skip in links(client_of(admin).get(f"/runs/{run.pk}/"))
    assert skip not in links(client_of(requester).get(f"/runs/{run.pk}/"))


def test_a_queued_run_without_a_worker_says_so(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester, execute=False)
    page = client_of(requester).get(f"/runs/{run.pk}/")
    assert page.context["waits_for_worker"]
    assert alerts(page) == ["danger"]
    assert "SIGNALBOX_ROLE=worker bin/start" in text(page)


def test_a_run_whose_worker_is_not_heard_of_says_so_without_another_worker(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    assert runs.claim(run.pk) is not None
    assert alerts(client.get(f"/runs/{run.pk}/")) == []
    Run.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    page = client.get(f"/runs/{run.pk}/")
    assert alerts(page) == ["danger"]
    assert "SIGNALBOX_ROLE=worker bin/start" in page.context["lost"]
    assert_shown(page, page.context["lost"])
    overview = client.get("/")
    (sentence,) = [s for s in overview.context["page"].sentences if f"run {run.pk}" in s.text]
    assert sentence.tone == "danger"
    assert_shown(overview, sentence)


def test_htmx_gets_the_progress_alone_until_the_run_has_ended(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    moving = client.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"})
    assert moving.status_code == 200
    assert 'hx-trigger="every 2s"' in moving.content.decode()
    assert "<html" not in moving.content.decode()
    assert '<p id="worker" data-tone="danger" hx-swap-oob="true">' in moving.content.decode(), "the foot tells the same"
    whole = client.get(f"/runs/{run.pk}/").content.decode()
    assert (whole.count('id="worker"'), "hx-swap-oob" in whole) == (1, False)
    client.post(f"/runs/{run.pk}/cancel/")
    ended = client.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"})
    assert (ended.status_code, "hx-trigger" in ended.content.decode()) == (286, False)


def test_the_page_says_that_it_varies(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    assert "HX-Request" in client_of(requester).get(f"/runs/{run.pk}/").headers["Vary"]


def test_a_queued_run_is_cancelled_at_once(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    client.post(f"/runs/{run.pk}/cancel/")
    page = client.get(f"/runs/{run.pk}/")
    box = error_box(page)
    assert (box.tone, box.icon, box.state_tone) == ("muted", "cancel", "ok")
    assert (page.context["pill"], alerts(page)) == (RUN[Run.Status.CANCELLED], ["muted"])
    assert client.post(f"/runs/{run.pk}/cancel/").status_code == 409


def test_a_viewer_cannot_cancel_and_reads_why(
    two_files: Project, requester: User, viewer: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(viewer)
    page = client.get(f"/runs/{run.pk}/")
    cancel = page.context["cancel"]
    assert_refused(page, cancel, "approver")
    assert client.post(f"/runs/{run.pk}/cancel/").status_code == 403


def test_a_cancel_on_its_way_is_shown_and_not_offered_twice(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run, client = run_on_staging(requester, execute=False), client_of(requester)
    runs.claim(run.pk)
    client.post(f"/runs/{run.pk}/cancel/")
    page = client.get(f"/runs/{run.pk}/")
    cancel = page.context["cancel"]
    assert_refused(page, cancel, "alice")


def test_an_interrupted_run_freezes_the_environment_and_says_so(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    run.steps.filter(position=0).update(status=RunStep.Status.RUNNING, started_at=timezone.now())
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has sent no sign of life.", "next_step": ""})
    page = client_of(requester).get(f"/runs/{run.pk}/")
    box = error_box(page)
    assert (box.tone, box.icon, box.state_tone) == ("warn", "unknown", "warn")
    assert page.context["pill"] == RUN[Run.Status.INTERRUPTED]
    assert {"001", "frozen"} <= set(re.findall(r"\w+", box.state_now))


def test_a_run_that_cannot_be_found_out_about_says_why_and_what_to_do(
    two_files: Project,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    unreachable: Callable[..., object],
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has sent no sign of life.", "next_step": ""})
    url, client = f"/runs/{run.pk}/", client_of(requester)
    waiting = error_box(client.get(url))
    assert waiting.actions == ()
    unreachable(two_files.staging)
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.failure["unresolved"]["code"] == "unreachable"
    why = Failure.from_dict(run.failure["unresolved"])
    box = error_box(client.get(url))
    assert box.happened.startswith(waiting.happened)
    assert why.sentence in box.happened
    assert box.next_step.startswith(why.remedy)
    there, end = box.actions
    assert (there.url, end.url) == ("/environments/staging/", f"{url}end/")
    assert not end.show, "only an administrator ends it without proof"


def test_a_resolved_run_says_what_was_found_out(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    run.steps.update(started_at=timezone.now())
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker has sent no sign of life.", "next_step": ""})
    runs.settle(run, [StepVerdict.COMMITTED, StepVerdict.UNDONE])
    page = client_of(requester).get(f"/runs/{run.pk}/")
    box = error_box(page)
    assert says(box.title, "1 of 2 steps")
    assert says(box.state_now, "001 is")
    assert looks_of_steps(page) == [("001_users", "ok"), ("002_orders", "danger")]


@pytest.mark.parametrize(
    ("verdict", "tone", "state_tone"),
    [
        (StepVerdict.COMMITTED, "ok", "warn"),
        (StepVerdict.UNDONE, "danger", "ok"),
        (StepVerdict.PARTIAL, "danger", "danger"),
    ],
)
def test_each_verdict_after_a_crash_is_told_apart(
    two_files: Project,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    verdict: StepVerdict,
    tone: str,
    state_tone: str,
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    runs.interrupt(run, {"code": "worker_lost", "sentence": "It is gone.", "next_step": ""})
    runs.settle(run, [verdict, verdict])
    client = client_of(requester)
    page, index = client.get(f"/runs/{run.pk}/"), client.get("/runs/")
    box = error_box(page)
    assert (box.tone, box.state_tone, page.context["pill"].tone) == (tone, state_tone, tone)
    assert "It is gone." in box.happened
    assert [row.pill for row in index.context["rows"]] == [page.context["pill"]]
    assert_shown(page, page.context["pill"])
    assert_shown(index, page.context["pill"])


def test_a_long_step_lists_its_last_statements_and_counts_the_rest(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    step = run.steps.get(position=0)
    RunStatement.objects.bulk_create(
        RunStatement(step=step, number=n, line=n, summary=f"SELECT {n}", status="ok") for n in range(1, 601)
    )
    page = client_of(requester).get(f"/runs/{run.pk}/")
    shown = page.context["steps"][0]
    assert shown.left_out == 600 - selector.SHOWN_LIVE
    assert [s.number for s in shown.statements] == list(range(601 - selector.SHOWN_LIVE, 601))
    assert says(text(page), f"{shown.left_out} earlier")
    assert "SELECT 600" in text(page)
    assert "SELECT 400" not in text(page)


def test_a_step_says_whom_it_waits_for_and_how_often_it_began(
    two_files: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = runs.claim(run_on_staging(requester, execute=False).pk)
    assert run
    run.steps.filter(position=0).update(
        status=RunStep.Status.RUNNING,
        retries=2,
        retry_reason="lock timeout",
        blockers=["psql (backend 17, idle in transaction, in a transaction for 42 s)"],
    )
    page = client_of(requester).get(f"/runs/{run.pk}/")
    shown = page.context["steps"][0]
    (blocker,) = shown.waiting
    assert "psql (backend 17, idle in transaction, in a transaction for 42 s)" in blocker
    assert says(shown.retried, "twice")
    assert says(shown.retried, "lock timeout")
    assert_shown(page, shown.waiting, shown.retried)


def test_a_run_page_asks_the_database_no_more_for_more_steps(
    two_files: Project,
    requester: User,
    run_on_staging: Callable[..., Run],
    client_of: ClientOf,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:
    run, client = run_on_staging(requester), client_of(requester)
    with django_assert_max_num_queries(11):  # type: ignore[attr-defined]
        client.get(f"/runs/{run.pk}/")


def test_the_log_is_plain_text_with_everything_in_it(
    failing_project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    run = run_on_staging(requester)
    answer = client_of(requester).get(f"/runs/{run.pk}/?format=text")
    log = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "[2/3] apply 002_members: failed" in log
    assert "sqlstate: 23503" in log
    assert "Started by:  alice" in log
    assert failing_project.staging.url not in log


def test_what_runs_outside_a_transaction_can_stay_half_applied_and_the_page_says_so(
    project: Project, requester: User, run_on_staging: Callable[..., Run], client_of: ClientOf
) -> None:
    project.write(
        _001_users="CREATE TABLE users (id int);\nINSERT INTO users VALUES (1), (1);",
        _002_indexes="CREATE INDEX CONCURRENTLY a ON users (id);\nCREATE UNIQUE INDEX CONCURRENTLY b ON users (id);",
    )
    run = run_on_staging(requester)
    page = client_of(requester).get(f"/runs/{run.pk}/")
    box = error_box(page)
    assert (box.tone, box.state_tone) == ("danger", "danger")
    assert says(box.state_now, "001 is")
    assert says(box.state_now, "Part of 002")
    assert page.context["pill"] == STEP[RunStep.Status.PARTIAL]
    assert_shown(page, page.context["pill"])
    assert "/environments/staging/settle/002/indexes/" in links(page)
