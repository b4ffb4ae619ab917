from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection

from dashboard.models import AuditEvent
from dashboard.services import audit
from dashboard.services.actors import SIGNALBOX
from tests.cli.conftest import Signalbox

MANAGE = Path(__file__).parents[2] / "manage.py"


@pytest.fixture
def three_events(db: None) -> list[AuditEvent]:
    return [audit.record(audit.Event.REQUEST_EXPIRED, by=SIGNALBOX, environment=name) for name in ("a", "b", "c")]


def edit(sql: str) -> None:
    """Someone who owns the database goes round the trigger."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dashboard_auditevent DISABLE TRIGGER append_only")
        cursor.execute(sql)
        cursor.execute("ALTER TABLE dashboard_auditevent ENABLE TRIGGER append_only")


def test_a_whole_chain_is_intact(signalbox: Signalbox, three_events: list[AuditEvent]):
    answer = signalbox("audit", "verify")
    assert (answer.code, answer.out, answer.err) == (0, "3 events, the chain is intact.\n", "")


def test_an_empty_log_is_intact(signalbox: Signalbox, db: None):
    assert signalbox("audit", "verify").out == "0 events, the chain is intact.\n"


def test_an_edit_is_found_and_placed(signalbox: Signalbox, three_events: list[AuditEvent]):
    edit(f"UPDATE dashboard_auditevent SET actor = 'mallory' WHERE id = {three_events[1].pk}")
    answer = signalbox("audit", "verify")
    assert (answer.code, answer.out) == (8, "")
    assert answer.err.startswith(f"The chain breaks at event {three_events[1].pk} (")
    assert "mallory" in answer.err
    assert answer.err.endswith("after 1 events that hold.\n")


def test_a_removed_event_is_found(signalbox: Signalbox, three_events: list[AuditEvent]):
    edit(f"DELETE FROM dashboard_auditevent WHERE id = {three_events[1].pk}")
    answer = signalbox("audit", "verify")
    assert answer.code == 8
    assert f"The chain breaks at event {three_events[2].pk}" in answer.err


def test_anything_but_verify_is_wrong_usage(signalbox: Signalbox):
    with pytest.raises(CommandError, match="invalid choice: 'repair'"):
        signalbox("audit", "repair")


def test_a_control_database_that_does_not_answer_is_told_in_a_sentence():
    environment = os.environ | {"SIGNALBOX_DATABASE_URL": "postgresql://nobody:s3cret@127.0.0.1:1/gone"}
    command = [sys.executable, MANAGE, "signalbox", "audit", "verify"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 7
    assert "Traceback" not in done.stderr
    assert "SIGNALBOX_DATABASE_URL" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
