from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection

from dashboard.models import AuditEvent
from dashboard.services import audit, audit_heads
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


def test_a_whole_chain_is_intact_and_it_is_said_how_far_that_goes(signalbox: Signalbox, three_events: list[AuditEvent]):
    answer = signalbox("audit", "verify")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("3 events, the chain is intact.")
    assert "Its key is derived from SIGNALBOX_SECRET_KEY, because SIGNALBOX_AUDIT_KEY is not set" in answer.out
    assert "Whether its end was cut off shows only against a head kept elsewhere" in answer.out
    assert "The database role postgres is a superuser, so whoever has its password could switch" in answer.out


def test_an_empty_log_is_intact(signalbox: Signalbox, db: None):
    assert signalbox("audit", "verify").out.startswith("0 events, the chain is intact.")


def test_an_edit_is_found_and_placed(signalbox: Signalbox, three_events: list[AuditEvent]):
    edit(f"UPDATE dashboard_auditevent SET actor = 'mallory' WHERE id = {three_events[1].pk}")
    answer = signalbox("audit", "verify")
    assert (answer.code, answer.out) == (8, "")
    assert answer.err == (
        f"The chain breaks at event {three_events[1].pk}: it was changed outside Signalbox. "
        "The 1 event before it holds.\n"
    )


def test_a_removed_event_is_found(signalbox: Signalbox, three_events: list[AuditEvent]):
    edit(f"DELETE FROM dashboard_auditevent WHERE id = {three_events[1].pk}")
    answer = signalbox("audit", "verify")
    assert answer.code == 8
    assert f"The chain breaks at event {three_events[2].pk}" in answer.err


def test_a_cut_end_is_found_against_the_head(signalbox: Signalbox, three_events: list[AuditEvent]):
    head = signalbox("audit", "head").out.strip()
    assert head == f"{three_events[2].pk}:{three_events[2].hash}"
    assert "It holds the head kept elsewhere." in signalbox("audit", "verify", "--head", head).out
    edit(f"DELETE FROM dashboard_auditevent WHERE id = {three_events[2].pk}")
    assert signalbox("audit", "verify").code == 0
    answer = signalbox("audit", "verify", "--head", head)
    assert (answer.code, answer.out) == (8, "")
    assert f"Event {three_events[2].pk} is gone: a head kept elsewhere names it." in answer.err


def test_heads_are_read_from_a_file(signalbox: Signalbox, three_events: list[AuditEvent], tmp_path: Path):
    kept = tmp_path / "heads"
    head = audit_heads.current()
    assert head is not None
    other = audit_heads.Head(id=three_events[0].pk, hash=three_events[0].hash)
    kept.write_text(f"Nov 28 worker: {other.line}\nanother line\n2026-11-28T00:00:00Z {head.line}\n")
    assert "It holds the 2 heads kept elsewhere." in signalbox("audit", "verify", "--head-file", str(kept)).out
    edit("TRUNCATE dashboard_auditevent")
    assert signalbox("audit", "verify", "--head-file", str(kept)).code == 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--head", "latest"), "A head is ID:HASH"),
        (("--head-file", "/nonexistent"), "cannot be read from /nonexistent"),
        (("--head-file", os.devnull), "There is no line “audit head id=… hash=…” in"),
    ],
)
def test_a_head_that_is_none_is_wrong_usage(
    arguments: tuple[str, str], said: str, signalbox: Signalbox, three_events: list[AuditEvent]
):
    answer = signalbox("audit", "verify", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_an_empty_log_has_no_head(signalbox: Signalbox, db: None):
    answer = signalbox("audit", "head")
    assert (answer.code, answer.out) == (8, "")
    assert "has no event yet" in answer.err


def test_a_role_that_owns_the_log_is_given_nothing(signalbox: Signalbox, db: None):
    answer = signalbox("audit", "writer", "postgres")
    assert answer.code == 8
    assert "postgres is a superuser" in answer.out


def test_a_role_that_does_not_exist_is_wrong_usage(signalbox: Signalbox, db: None):
    answer = signalbox("audit", "writer", "nobody_of_that_name")
    assert (answer.code, answer.out) == (2, "")
    assert "There is no role nobody_of_that_name." in answer.err


def test_any_other_word_is_wrong_usage(signalbox: Signalbox):
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
