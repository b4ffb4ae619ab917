"""What a server said quotes rows: none of it goes into the audit log, and a run's own can be erased."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from dashboard.models import AuditEvent, Run
from dashboard.models.failures import without_values
from dashboard.services import audit_chain, server_messages
from dashboard.services.actors import Actor
from dashboard.services.errors import PermissionRefused, ReasonMissing, RunNotEnded
from tests.fix_people import ClientOf
from tests.fix_project import Project
from tests.services.workflow import run_on_staging, start_on_staging
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

JANE = "jane.doe@customer.example"


@pytest.fixture
def failed_run(project: Project, alice: Actor) -> Run:
    """A unique index over addresses that are there twice: the server quotes the address."""
    project.query(
        project.staging, f"CREATE TABLE people (email text); INSERT INTO people VALUES ('{JANE}'), ('{JANE}')"
    )
    project.write(
        _001_key=(
            "DO $$ DECLARE address text; BEGIN SELECT email INTO address FROM people LIMIT 1; "
            "RAISE NOTICE 'first is %', address; END $$;\n"
            "CREATE UNIQUE INDEX people_email_key ON people (email);"
        )
    )
    run = run_on_staging(project, alice)
    assert JANE in json.dumps(run.failure)
    return run


def rows_of(run: Run) -> str:
    """Everything the control database keeps, whatever the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT query_to_xml('SELECT * FROM dashboard_run', true, true, '')::text")
        kept = cursor.fetchone()[0]
        for table in ("dashboard_runstep", "dashboard_runstatement", "dashboard_auditevent", "procrastinate_jobs"):
            cursor.execute(f"SELECT query_to_xml('SELECT * FROM {table}', true, true, '')::text")
            kept += cursor.fetchone()[0]
    return str(kept)


def test_the_event_names_the_error_and_no_value(failed_run: Run) -> None:
    event = AuditEvent.objects.get(kind="run.failed")
    assert JANE not in json.dumps(event.data)
    assert event.data["failure"] == {
        "code": "statement_failed",
        "version": "001_key",
        "server": {
            "sqlstate": "23505",
            "constraint": "people_email_key",
            "table": "public.people",
            "statement": 2,
            "line": 2,
            "column": 1,
        },
    }


def test_neither_the_page_of_the_log_nor_its_export_shows_a_value(
    failed_run: Run, viewer: User, client_of: ClientOf
) -> None:
    client = client_of(viewer)
    page = client.get("/audit/")
    assert JANE not in page.content.decode()
    words = "failed: the server refused 001_key (SQLSTATE 23505, table public.people, constraint people_email_key"
    assert words in text(page)
    answer = client.get("/audit/?format=csv")
    exported = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert JANE not in exported
    assert "people_email_key" in exported


def test_events_of_before_show_no_value_either(viewer: User, client_of: ClientOf) -> None:
    """They cannot be changed; what pages and exports make of them can."""
    from dashboard.services import audit
    from dashboard.services.actors import SIGNALBOX

    server = {"sqlstate": "23505", "message": "duplicate", "detail": f"Key (email)=({JANE}) already exists."}
    failure = {"code": "statement_failed", "sentence": f"001 failed: {JANE}", "server": server, "version": "001"}
    audit.record(audit.Event.RUN_FAILED, by=SIGNALBOX, failure=failure)
    client = client_of(viewer)
    assert JANE not in client.get("/audit/").content.decode()
    exported = b"".join(client.get("/audit/?format=csv").streaming_content).decode()  # type: ignore[attr-defined]
    (row,) = [row for row in csv.DictReader(io.StringIO(exported)) if row["kind"] == "run.failed"]
    assert JANE not in row["data"]
    assert json.loads(row["data"])["failure"]["server"] == {"sqlstate": "23505"}


def test_an_administrator_erases_what_the_server_said(failed_run: Run, carol: Actor) -> None:
    assert JANE in rows_of(failed_run)
    before = AuditEvent.objects.count()
    server_messages.erase(failed_run.pk, by=carol, reason="Jane asked for it")
    assert JANE not in rows_of(failed_run)
    run = Run.objects.get(pk=failed_run.pk)
    assert (run.status, run.failure["server"]["sqlstate"]) == (Run.Status.FAILED, "23505")
    assert run.failure["sentence"] == server_messages.ERASED
    event = AuditEvent.objects.get(kind="run.messages_erased")
    assert (event.actor, event.run_id, event.data) == ("carol", run.pk, {"reason": "Jane asked for it"})
    assert AuditEvent.objects.count() == before + 1
    assert audit_chain.verify().fault is None


def test_what_is_old_is_erased_by_itself_once_and_only_where_that_is_wanted(
    failed_run: Run, settings: SettingsWrapper
) -> None:
    Run.objects.update(finished_at=timezone.now() - timedelta(days=31))
    assert server_messages.erase_old() == 0, "0 days are for ever"
    settings.SERVER_MESSAGES_DAYS = 32
    assert server_messages.erase_old() == 0
    settings.SERVER_MESSAGES_DAYS = 30
    assert server_messages.erase_old() == 1
    assert server_messages.erase_old() == 0
    event = AuditEvent.objects.get(kind="run.messages_erased")
    assert (event.actor, event.data["reason"]) == ("signalbox", "It ended more than 30 days ago.")
    assert JANE not in json.dumps(Run.objects.get(pk=failed_run.pk).failure)


def test_the_pages_of_the_run_say_so_afterwards(
    failed_run: Run, carol: Actor, viewer: User, client_of: ClientOf
) -> None:
    client, address = client_of(viewer), f"/runs/{failed_run.pk}/"
    assert JANE in text(client.get(address))
    server_messages.erase(failed_run.pk, by=carol, reason="Jane asked for it")
    page = client.get(address)
    log = b"".join(client.get(f"{address}?format=text").streaming_content).decode()  # type: ignore[attr-defined]
    for shown in (
        text(page),
        log,
        text(client.get("/environments/staging/")),
        text(client.get("/migrations/001/key/")),
    ):
        assert JANE not in shown
    assert server_messages.ERASED in text(page)
    assert "23505" in text(page)


def test_only_an_administrator_erases_and_says_why(failed_run: Run, carol: Actor, alice: Actor, bob: Actor) -> None:
    for by in (alice, bob):
        with pytest.raises(PermissionRefused):
            server_messages.erase(failed_run.pk, by=by, reason="x")
    with pytest.raises(ReasonMissing):
        server_messages.erase(failed_run.pk, by=carol, reason=" ")
    assert JANE in rows_of(failed_run)


def test_a_run_that_goes_on_is_left_alone(project: Project, alice: Actor, carol: Actor) -> None:
    project.write(_001_users="CREATE TABLE users (id int);")
    run = start_on_staging(project, alice)
    with pytest.raises(RunNotEnded):
        server_messages.erase(run.pk, by=carol, reason="x")


def test_the_page_asks_for_a_reason_and_leads_back(
    failed_run: Run, admin: User, viewer: User, client_of: ClientOf
) -> None:
    client, address = client_of(admin), f"/runs/{failed_run.pk}/erase/"
    assert address in client.get(f"/runs/{failed_run.pk}/").content.decode()
    assert address not in client_of(viewer).get(f"/runs/{failed_run.pk}/").content.decode()
    assert "What goes and what stays" in text(client.get(address))
    assert client.post(address, {"reason": ""}).status_code == 422
    assert JANE in rows_of(failed_run)
    assert client.post(address, {"reason": "Jane asked for it"}).headers["Location"] == f"/runs/{failed_run.pk}/"
    assert JANE not in rows_of(failed_run)
    assert "carol erased what the server had said of run" in text(client.get("/audit/"))


@pytest.mark.parametrize(
    ("kept", "bare"),
    [
        ({}, {"code": ""}),
        ({"code": "unreachable", "sentence": f"gone: {JANE}"}, {"code": "unreachable"}),
        ({"code": "cancelled", "sentence": "By bob."}, {"code": "cancelled", "sentence": "By bob."}),
        ({"code": "partial", "server": {"hint": JANE, "line": None}}, {"code": "partial", "server": {}}),
        ({"code": "partial", "left": JANE, "correction": JANE, "remedy": JANE}, {"code": "partial"}),
    ],
)
def test_a_bare_failure_holds_names_and_no_words_of_a_server(kept: dict[str, Any], bare: dict[str, Any]) -> None:
    assert without_values(kept) == bare
    assert without_values(bare) == bare
