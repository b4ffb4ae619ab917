"""Settling in the browser what broke off outside a transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from dashboard.models import ChangeRequest, Run, RunStep
from dashboard.services import approvals, execution, observations, plans, runs
from tests.fix_line import Line
from tests.fix_people import ClientOf
from tests.views.pages import hidden, text
from tests.views.worker import execute_newest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/environments/staging/settle/002/emails/"


@pytest.fixture
def broken(line: Line, requester: User, run_on_staging: Callable[..., Run]) -> Run:
    """Of 002, statement 1 is committed; 2 met duplicates and left an invalid index; 3 was not run."""
    line.write(
        _001_users="CREATE TABLE users (email text);\nINSERT INTO users VALUES ('a'), ('a');",
        _002_emails="CREATE INDEX CONCURRENTLY users_email ON users (email);\n"
        "CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email);\n"
        "CREATE INDEX CONCURRENTLY users_lower ON users (lower(email));",
    )
    return run_on_staging(requester)


@pytest.fixture
def doubtful(line: Line, requester: User, run_on_staging: Callable[..., Run]) -> Run:
    """Of 002, statement 1 is committed; 2 can commit by itself and failed, so what it did is not known."""
    line.write(
        _001_users="CREATE TABLE users (id int);",
        _002_emails="-- signalbox: transaction=none\nINSERT INTO users VALUES (1);\n"
        "DO $$ BEGIN INSERT INTO users VALUES (2); COMMIT; RAISE EXCEPTION 'no more'; END $$;\n"
        "INSERT INTO users VALUES (3);",
    )
    return run_on_staging(requester)


def test_the_page_tells_each_statement_and_the_invalid_index(broken: Run, requester: User, client_of: ClientOf) -> None:
    shown = text(client_of(requester).get(PAGE))
    assert "002_emails broke off on Staging" in shown
    assert "Statement 1 is committed. Statement 2 broke off half done. Statement 3 was not run." in shown
    assert "Nothing else runs on Staging until this is settled." in shown
    assert "The index public.users_email_key is invalid" in shown
    assert "Key (email)=(a) is duplicated." in shown
    assert "3 CREATE INDEX CONCURRENTLY users_lower" in shown
    assert "It left something half done. Repair that first." in shown


def test_an_administrator_repairs_then_continues(broken: Run, line: Line, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    run = _sent(client, "repair", **{"repair-digest": hidden(client.get(PAGE), "repair-digest")})
    assert (run.action, run.status) == ("repair", "succeeded")
    assert PAGE in client.get(f"/runs/{run.pk}/").content.decode(), "the way on"
    line.query(line.staging, "DELETE FROM users")
    page = client.get(PAGE)
    assert "is not as statement 2 would leave it, so that did not happen." in text(page)
    assert "Statements 2 and 3 are sent" in text(page)
    run = _sent(client, "again", **{"again-digest": hidden(page, "again-digest")})
    assert (run.title, run.status) == ("Continue 002 on Staging", "succeeded")
    assert "Nothing is left to settle" in text(client.get(PAGE))


def test_a_person_says_whether_the_statement_in_doubt_happened(
    doubtful: Run, line: Line, requester: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    page = client.get(PAGE)
    assert "Find out whether statement 2 happened" in text(page)
    assert "Statement 2 did not happen: run it again Statements 2 and 3 are sent" in text(page)
    assert "Statement 2 did happen: go on after it Statement 3 is sent" in text(page)
    run = _sent(client, "after", **{"after-digest": hidden(page, "after-digest")})
    assert run.status == "succeeded"
    assert line.query(line.staging, "SELECT id FROM users ORDER BY id") == [(1,), (2,), (3,)]


def test_starting_over_wants_a_reason_and_the_page_of_now(doubtful: Run, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    mark = hidden(client.get(PAGE), "reset-mark")
    empty = client.post(PAGE, {"way": "reset", "reset-mark": mark, "reset-reason": " "})
    assert (empty.status_code, "kept with the record" in text(empty)) == (422, True)
    old = client.post(PAGE, {"way": "reset", "reset-mark": "another", "reset-reason": "Emptied users."})
    assert old.status_code == 409
    run = _sent(client, "reset", **{"reset-mark": mark, "reset-reason": "Emptied users."})
    assert (run.action, run.status) == ("reset", "succeeded")
    assert "Apply 1 migration to Staging" in text(client.get("/environments/staging/"))


def test_only_an_administrator_may_repair_or_start_over(
    broken: Run, requester: User, admin: User, client_of: ClientOf
) -> None:
    client = client_of(requester)
    page = client.get(PAGE)
    assert text(page).count("It needs the role admin.") == 2
    assert 'value="repair"' not in page.content.decode()
    sent = {"way": "reset", "reset-mark": hidden(client_of(admin).get(PAGE), "reset-mark"), "reset-reason": "x"}
    assert client.post(PAGE, sent).status_code == 403
    assert Run.objects.count() == 1


def test_on_a_protected_environment_it_is_asked_for(
    doubtful: Run,
    line: Line,
    requester: User,
    approver: User,
    acting: Callable[[User], Actor],
    client_of: ClientOf,
) -> None:
    plan = plans.apply(line.production)
    asked = approvals.open_request(plan, environment=line.production, by=acting(requester))
    approved = approvals.approve(asked.pk, by=acting(approver), digest=asked.digest)
    execution.execute(runs.start_approved(approved, by=acting(requester), typed_name="production").pk)
    client, url = client_of(requester), "/environments/production/settle/002/emails/"
    sent = {"way": "after", "after-digest": hidden(client.get(url), "after-digest"), "after-reason": "It is there."}
    answer = client.post(url, sent)
    request = ChangeRequest.objects.latest("id")
    assert answer.headers["Location"] == f"/requests/{request.pk}/"
    shown = text(client_of(approver).get(f"/requests/{request.pk}/"))
    assert "Continue 002 on Production" in shown
    assert "Statements 1 to 2 are committed already and not sent again." in shown
    assert "1 statement, each committed by itself" in shown
    assert "Approve and continue now" in shown


def test_every_page_leads_to_it(broken: Run, requester: User, client_of: ClientOf, line: Line) -> None:
    observations.refresh(line.staging)
    client = client_of(requester)
    for url in ("/", "/environments/staging/", f"/runs/{broken.pk}/"):
        assert PAGE in client.get(url).content.decode(), url
    overview = text(client.get("/"))
    assert "002_emails broke off halfway. What it did is still there" in overview
    assert "Unfinished 1" in overview
    assert "1 unfinished 0 pending" in text(client.get("/environments/staging/"))
    assert "Settle 002" in text(client.get("/environments/staging/"))


def test_while_a_run_is_under_way_nothing_can_be_settled(broken: Run, requester: User, client_of: ClientOf) -> None:
    Run.objects.filter(pk=broken.pk).update(status="interrupted", finished_at=None)
    shown = text(client_of(requester).get(PAGE))
    assert f"Run {broken.pk} of Staging is interrupted; one run at a time." in shown


def test_where_nothing_broke_off_the_page_says_so(line: Line, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    assert "Nothing is left to settle" in text(client.get(PAGE))
    assert client.post(PAGE, {"way": "again"}).status_code == 409
    assert client.get("/environments/nowhere/settle/002/emails/").status_code == 404


def test_a_changed_or_lost_file_closes_the_way_on_and_says_why(
    broken: Run, line: Line, admin: User, client_of: ClientOf
) -> None:
    line.query(line.staging, "DROP INDEX users_email_key")
    line.write(_002_emails="CREATE INDEX CONCURRENTLY other ON users (email);\nSELECT 1;\nSELECT 2;")
    shown = text(client_of(admin).get(PAGE))
    assert "Statement 1 of the file is not what ran before it broke off. Restore that statement" in shown
    assert "Ran, edited since" in shown
    (line.folder / "002_emails.sql").unlink()
    shown = text(client_of(admin).get(PAGE))
    assert "Its file is gone. Restore it from version control." in shown
    assert "I have undone it by hand: start over" in shown


def test_a_viewer_reads_no_reason_on_the_overview(broken: Run, viewer: User, client_of: ClientOf) -> None:
    assert "It needs the role requester" not in text(client_of(viewer).get("/"))


def _sent(client: Client, way: str, **fields: str) -> Run:
    """The run it started, executed as a worker does."""
    answer = client.post(PAGE, {"way": way, **fields})
    assert answer.status_code == 302, text(answer)
    run = execute_newest()
    assert not run.steps.exclude(status=RunStep.Status.COMMITTED).exists(), run.failure
    return run
