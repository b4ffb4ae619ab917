"""Settling in the browser what broke off outside a transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dashboard.models import ChangeRequest, Run, RunStep
from dashboard.presenters.settling import TRACES, Way
from dashboard.services import approvals, execution, observations, plans, runs
from dashboard.services.unfinished import Trace
from tests.concurrently import DETACH, WAYS_ON, broken_off
from tests.fix_people import ClientOf, signed_in_at
from tests.fix_project import Project
from tests.presenters.values import says
from tests.views.pages import assert_shown, controls, error_box, hidden, links, posts, text
from tests.views.previews import again, rows_on
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/staging/settle/002/emails/"
#: The page where nothing is left to settle.
SETTLED = "settling/settled.html"


@pytest.fixture
def broken_run(project: Project, requester: User, run_on_staging: Callable[..., Run]) -> Run:
    """Of 002, statement 1 is committed; 2 met duplicates and left an invalid index; 3 was not run."""
    project.write(
        _001_users="CREATE TABLE users (email text);\nINSERT INTO users VALUES ('a'), ('a');",
        _002_emails="CREATE INDEX CONCURRENTLY users_email ON users (email);\n"
        "CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email);\n"
        "CREATE INDEX CONCURRENTLY users_lower ON users (lower(email));",
    )
    return run_on_staging(requester)


@pytest.fixture
def doubtful_run(project: Project, requester: User, run_on_staging: Callable[..., Run]) -> Run:
    """Of 002, statement 1 is committed; 2 can commit by itself and failed, so what it did is not known."""
    project.write(
        _001_users="CREATE TABLE users (id int);",
        _002_emails="-- signalbox: transaction=none\nINSERT INTO users VALUES (1);\n"
        "DO $$ BEGIN INSERT INTO users VALUES (2); COMMIT; RAISE EXCEPTION 'no more'; END $$;\n"
        "INSERT INTO users VALUES (3);",
    )
    return run_on_staging(requester)


def ways_on(page: HttpResponse) -> dict[str, Way]:
    return {way.key: way for way, _ in page.context["ways"]}


def test_the_page_tells_each_statement_and_the_invalid_index(
    broken_run: Run, requester: User, client_of: ClientOf
) -> None:
    page = client_of(requester).get(PAGE)
    box = error_box(page)
    assert ("002_emails" in box.title, box.state_tone) == (True, "danger")
    assert all(says(box.state_now, words) for words in ("Statement 1", "Statement 2", "Statement 3"))
    assert "(email)=(a)" in dict(box.facts)["Detail"]
    assert [line.pill.tone for line in page.context["lines"]] == ["ok", "danger", "muted"]
    assert_shown(page, page.context["lines"])
    again = ways_on(page)["again"]
    assert says(again.reason, "half done")
    repair = ways_on(page)["repair"]
    assert "public.users_email_key" in repair.sentence
    assert_shown(page, again, repair)


def test_an_administrator_repairs_then_continues(
    broken_run: Run, project: Project, admin: User, client_of: ClientOf
) -> None:
    client = client_of(admin)
    run = _sent(client, "repair", **{"repair-digest": hidden(client.get(PAGE), "repair-digest")})
    assert (run.action, run.status) == ("repair", "succeeded")
    assert PAGE in links(client.get(f"/runs/{run.pk}/")), "the way on"
    project.query(project.staging, "DELETE FROM users")
    page = client.get(PAGE)
    assert [line.pill.tone for line in page.context["lines"]] == ["ok", "muted", "muted"]
    again = ways_on(page)["again"]
    assert (again.reason, says(again.sentence, "Statements 2 and 3")) == ("", True)
    assert_shown(page, again.sentence)
    run = _sent(client, "again", **{"again-digest": hidden(page, "again-digest")})
    assert (run.title, run.status) == ("Continue 002 on Staging", "succeeded")
    assert client.get(PAGE).templates[0].name == SETTLED


def test_what_the_catalog_said_when_it_failed_is_never_said_of_now(
    broken_run: Run, project: Project, admin: User, client_of: ClientOf
) -> None:
    client, then = client_of(admin), "Found when it failed: The index public.users_email_key is invalid"
    assert then in text(client.get("/environments/staging/"))
    project.query(project.staging, "DROP INDEX users_email_key")
    page = text(client.get(PAGE))
    assert f"{then}: it serves no read and can cost on every write. That is not so any more." in page
    assert "DROP INDEX CONCURRENTLY" not in page
    project.query(project.staging, "DELETE FROM users; CREATE UNIQUE INDEX users_email_key ON users (email)")
    page = text(client.get(PAGE))
    assert "so that did happen" in page
    assert "DROP INDEX CONCURRENTLY" not in page + text(client.get("/environments/staging/"))


def test_a_person_says_whether_the_statement_in_doubt_happened(
    doubtful_run: Run, project: Project, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    page = client.get(PAGE)
    assert says(error_box(page).next_step, "statement 2")
    again, after = (ways_on(page)[key] for key in ("again", "after"))
    assert (says(again.title, "not"), says(again.sentence, "Statements 2 and 3")) == (True, True)
    assert (says(after.title, "not"), says(after.sentence, "Statement 3")) == (False, True)
    assert_shown(page, again, after)
    run = _sent(client, "after", **{"after-digest": hidden(page, "after-digest")})
    assert run.status == "succeeded"
    assert project.query(project.staging, "SELECT id FROM users ORDER BY id") == [(1,), (2,), (3,)]


def test_what_goes_on_and_may_lose_rows_wants_a_word(
    doubtful_run: Run, project: Project, requester: User, client_of: ClientOf
) -> None:
    path = project.folder / "002_emails.sql"
    path.write_text(path.read_text(encoding="utf-8").replace("INSERT INTO users VALUES (3);", "DELETE FROM users;"))
    client = client_of(requester)
    page = client.get(PAGE)
    assert {"again-typed_rows", "after-typed_rows"} <= set(controls(page))
    sent = {"way": "after", "after-digest": hidden(page, "after-digest"), "after-shown_rows": "2"}
    answer = client.post(PAGE, {**sent, "after-typed_rows": "1"})
    assert (answer.status_code, Run.objects.count()) == (422, 1)
    assert_shown(answer, answer.context["sent"].errors["typed_rows"][0])
    assert client.post(PAGE, {**sent, "after-typed_rows": "2"}).status_code == 302
    assert execute_newest().status == Run.Status.SUCCEEDED
    assert project.query(project.staging, "SELECT count(*) FROM users") == [(0,)]


def test_starting_over_wants_a_reason_and_the_page_of_now(doubtful_run: Run, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    mark = hidden(client.get(PAGE), "reset-mark")
    empty = client.post(PAGE, {"way": "reset", "reset-mark": mark, "reset-reason": " "})
    assert empty.status_code == 422
    assert_shown(empty, *empty.context["sent"].errors["reason"])
    old = client.post(PAGE, {"way": "reset", "reset-mark": "another", "reset-reason": "Emptied users."})
    assert old.status_code == 409
    preview = client.post(PAGE, {"way": "reset", "reset-mark": mark, "reset-reason": "Emptied users."})
    assert not Run.objects.filter(action="reset").exists(), "first it is shown"
    assert rows_on(preview) == [("002_emails", "broke off", "no row")]
    assert_shown(preview, *preview.context["plan"].rows)
    assert "Emptied users." in text(preview)
    assert client.post(PAGE, again(preview)).status_code == 302
    run = execute_newest()
    assert (run.action, run.status) == ("reset", "succeeded")
    assert says(client.get("/environments/staging/").context["page"].apply.label, "1 migration")


def test_on_a_protected_environment_whoever_starts_over_shows_again_who_they_are(
    doubtful_run: Run, admin: User, client_of: ClientOf, project: Project, settings: SettingsWrapper
) -> None:
    settings.ENVIRONMENTS = (replace(project.staging, protected=True), project.production)
    client = client_of(admin)
    fields = {"reset-mark": hidden(client.get(PAGE), "reset-mark"), "reset-reason": "Emptied users."}
    preview = client.post(PAGE, {"way": "reset", **fields})
    signed_in_at(client, admin, time.time() - 3600)
    assert client.post(PAGE, again(preview)).headers["Location"].startswith("/confirm/")
    assert not ChangeRequest.objects.exists()


def test_only_an_administrator_may_repair_or_start_over(
    broken_run: Run, requester: User, admin: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    page = client.get(PAGE)
    assert {key for key, way in ways_on(page).items() if says(way.reason, "admin")} == {"repair", "reset"}
    assert_shown(page, *ways_on(page).values())
    assert 'value="repair"' not in page.content.decode()
    sent = {"way": "reset", "reset-mark": hidden(client_of(admin).get(PAGE), "reset-mark"), "reset-reason": "x"}
    assert client.post(PAGE, sent).status_code == 403
    assert Run.objects.count() == 1


def test_on_a_protected_environment_it_is_asked_for(
    doubtful_run: Run,
    project: Project,
    requester: User,
    approver: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
) -> None:
    plan = plans.apply(project.production)
    asked = approvals.open_request(plan, environment=project.production, by=acting(requester))
    approved = approvals.approve(asked.pk, by=acting(approver), digest=asked.digest)
    execution.execute(runs.start_approved(approved, by=acting(requester), typed_name="production").pk)
    client, url = client_of(requester), "/environments/production/settle/002/emails/"
    sent = {"way": "after", "after-digest": hidden(client.get(url), "after-digest"), "after-reason": "It is there."}
    answer = client.post(url, sent)
    request = ChangeRequest.objects.latest("id")
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    page = client_of(approver).get(f"/requests/{request.pk}/")
    assert (request.action, request.plan.steps[0].first_statement) == ("apply", 3)
    (step,) = page.context["plan"].steps
    assert any(says(note, "Statements 1 to 2") for note in step.notes)
    assert says(step.summary, "1 statement")
    assert_shown(page, request.title, step.notes, step.summary)
    assert f"/requests/{request.pk}/approve/" in posts(page)
    assert says(text(page), "continue now")


def test_every_page_leads_to_it(broken_run: Run, requester: User, client_of: ClientOf, project: Project) -> None:
    observations.refresh(project.staging)
    client = client_of(requester)
    for url in ("/", "/environments/staging/", f"/runs/{broken_run.pk}/"):
        assert PAGE in links(client.get(url)), url
    overview = client.get("/")
    view = overview.context["page"]
    sentence = next(sentence for sentence in view.sentences if sentence.url == PAGE)
    assert ("002_emails" in sentence.text, sentence.tone, view.cards[0].unfinished) == (True, "danger", 1)
    assert_shown(overview, sentence)
    page = client.get("/environments/staging/")
    card = page.context["page"].card
    assert (card.unfinished, card.pending) == (1, 0)
    assert says(text(page), "1 unfinished")


def test_while_a_run_is_under_way_nothing_can_be_settled(broken_run: Run, requester: User, client_of: ClientOf) -> None:
    Run.objects.filter(pk=broken_run.pk).update(status="interrupted", finished_at=None)
    page = client_of(requester).get(PAGE)
    assert all(way.reason for way in ways_on(page).values())
    assert any(says(way.reason, f"Run {broken_run.pk}") for way in ways_on(page).values())
    assert_shown(page, *ways_on(page).values())


def test_where_nothing_broke_off_the_page_says_so(project: Project, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    assert client.get(PAGE).templates[0].name == SETTLED
    assert client.post(PAGE, {"way": "again"}).status_code == 409
    assert client.get("/environments/nowhere/settle/002/emails/").status_code == 404


def test_a_changed_or_lost_file_closes_the_way_on_and_says_why(
    broken_run: Run, project: Project, admin: User, client_of: ClientOf
) -> None:
    project.query(project.staging, "DROP INDEX users_email_key")
    project.write(_002_emails="CREATE INDEX CONCURRENTLY other ON users (email);\nSELECT 1;\nSELECT 2;")
    page = client_of(admin).get(PAGE)
    assert says(ways_on(page)["again"].reason, "Statement 1")
    assert page.context["lines"][0].pill == TRACES[Trace.CHANGED]
    assert_shown(page, ways_on(page)["again"], page.context["lines"][0].pill)
    (project.folder / "002_emails.sql").unlink()
    page = client_of(admin).get(PAGE)
    assert says(ways_on(page)["again"].reason, "gone")
    assert ways_on(page)["reset"].reason == ""
    assert_shown(page, *ways_on(page).values())


def test_a_viewer_reads_no_reason_on_the_overview(broken_run: Run, viewer: User, client_of: ClientOf) -> None:
    assert "requester" not in text(client_of(viewer).get("/"))


def _sent(client: Client, way: str, *, address: str = PAGE, **fields: str) -> Run:
    """The run it started, executed as a worker does."""
    answer = client.post(address, {"way": way, **fields})
    assert answer.status_code == 302, text(answer)
    run = execute_newest()
    assert not run.steps.exclude(status=RunStep.Status.COMMITTED).exists(), run.failure
    return run


def test_a_detaching_that_is_pending_is_finished_then_recorded(
    project: Project, admin: User, client_of: ClientOf, acting: Callable[[User], Actor]
) -> None:
    broken_off(project, acting(admin), DETACH)
    address, client = "/environments/staging/settle/002/next/", client_of(admin)
    project.query(project.staging, "INSERT INTO part VALUES (1)")
    assert project.query(project.staging, "SELECT count(*) FROM parted") == [(0,)], "its rows do not show any more"
    page = client.get(address)
    assert says(ways_on(page)["again"].reason, "half done")
    assert says(ways_on(page)["repair"].sentence, WAYS_ON[DETACH])
    assert_shown(page, ways_on(page)["repair"])
    digest = hidden(page, "repair-digest")
    assert _sent(client, "repair", address=address, **{"repair-digest": digest}).action == "repair"
    assert project.query(project.staging, "SELECT count(*) FROM pg_inherits") == [(0,)]
    page = client.get(address)
    assert [line.pill.tone for line in page.context["lines"]] == ["ok"]
    digest = hidden(page, "after-digest")
    assert _sent(client, "after", address=address, **{"after-digest": digest}).action == "apply"
    history = "SELECT success FROM platform.schema_migrations WHERE version = '002'"
    assert project.query(project.staging, history) == [(True,)]
    assert client.get(address).templates[0].name == SETTLED
    assert client.get("/environments/staging/drift/").context["page"].leftovers == ()
