"""The audit log: append-only, chained, one event a deed."""

from __future__ import annotations

import threading

import pytest
from django.db import DatabaseError, connection, transaction

from dashboard.models import AuditEvent
from dashboard.services import audit
from dashboard.services.actors import SIGNALBOX
from dashboard.services.audit import Event

pytestmark = pytest.mark.django_db(transaction=True)


def record(count: int = 1) -> None:
    for number in range(count):
        audit.record(Event.RUN_STARTED, by=SIGNALBOX, environment="staging", number=number, text="naïve ☃")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE dashboard_auditevent SET actor = 'mallory'",
        "DELETE FROM dashboard_auditevent",
        "TRUNCATE dashboard_auditevent",
    ],
)
def test_the_table_refuses(sql: str) -> None:
    record()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEvent.objects.count() == 1


def test_the_chain_holds_over_what_was_written() -> None:
    record(5)
    assert audit.verify() == (5, None)


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 second'",
        "kind = 'run.failed'",
        "actor = 'mallory'",
        "actor_id = 7",
        "environment = 'production'",
        "request_id = 7",
        "run_id = 7",
        "source_ip = '10.0.0.1'",
        "data = '{}'",
    ],
)
def test_an_edit_round_the_trigger_shows(change: str) -> None:
    record(5)
    third = AuditEvent.objects.order_by("id")[2]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dashboard_auditevent DISABLE TRIGGER append_only")
        cursor.execute(f"UPDATE dashboard_auditevent SET {change} WHERE id = %s", [third.pk])
        cursor.execute("ALTER TABLE dashboard_auditevent ENABLE TRIGGER append_only")
    count, broken = audit.verify()
    assert (count, broken and broken.pk) == (2, third.pk)


def test_a_removed_event_shows() -> None:
    record(5)
    third = AuditEvent.objects.order_by("id")[2]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dashboard_auditevent DISABLE TRIGGER append_only")
        cursor.execute("DELETE FROM dashboard_auditevent WHERE id = %s", [third.pk])
        cursor.execute("ALTER TABLE dashboard_auditevent ENABLE TRIGGER append_only")
    assert audit.verify()[0] == 2


def test_events_written_at_once_still_form_one_chain() -> None:
    def write() -> None:
        try:
            record(10)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify() == (40, None)


def test_an_event_goes_with_the_deed_that_is_undone() -> None:
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == 0
