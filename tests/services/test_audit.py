"""The audit log: append-only, one event a deed, each sealed with a key that is not in the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import procrastinate.contrib.django
import pytest
from django.db import DatabaseError, connection, transaction

from config import keys
from config.errors import Misconfigured
from dashboard import tasks
from dashboard.models import AuditEvent, Run
from dashboard.services import audit, audit_chain, audit_heads, audit_keys
from dashboard.services.actors import SIGNALBOX
from dashboard.services.audit import Event
from dashboard.services.audit_chain import ChainCheck, ChainFault
from dashboard.services.errors import AuditKeyMissing
from tests.at_once import at_once

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture
def log() -> list[AuditEvent]:
    """Five events, in their order."""
    return record(5)


@pytest.fixture
def without_key(settings: SettingsWrapper) -> SettingsWrapper:
    """A process of before there were keys, or one that was given none."""
    settings.AUDIT_KEYS = ()
    settings.SECRET_KEY_IS_EPHEMERAL = True
    return settings


def record(count: int = 1) -> list[AuditEvent]:
    return [
        audit.record(Event.RUN_STARTED, by=SIGNALBOX, environment="staging", number=number, text="naïve ☃")
        for number in range(count)
    ]


@contextmanager
def trigger_off() -> Iterator[None]:
    """Who owns the table goes round the trigger."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dashboard_auditevent DISABLE TRIGGER append_only")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dashboard_auditevent ENABLE TRIGGER append_only")


def by_owner(sql: str, *values: Any) -> None:
    with trigger_off(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def broken(check: ChainCheck) -> tuple[ChainFault | None, int | None, int]:
    return check.fault, check.event_id, check.count


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


def test_the_chain_holds_over_what_was_written(log: list[AuditEvent]) -> None:
    check = audit_chain.verify()
    assert broken(check) == (None, None, 5)
    assert (check.keyed, [event.position for event in log]) == (5, [1, 2, 3, 4, 5])


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
        "position = 77",
    ],
)
def test_an_edit_round_the_trigger_shows(change: str, log: list[AuditEvent]) -> None:
    by_owner(f"UPDATE dashboard_auditevent SET {change} WHERE id = %s", log[2].pk)
    assert broken(audit_chain.verify()) == (ChainFault.CONTENT, log[2].pk, 2)


def test_a_number_is_no_more_free_to_change_than_the_rest(log: list[AuditEvent]) -> None:
    by_owner("UPDATE dashboard_auditevent SET id = id + 1000 WHERE id = %s", log[4].pk)
    assert broken(audit_chain.verify()) == (ChainFault.CONTENT, log[4].pk + 1000, 4)


def test_a_removed_event_shows(log: list[AuditEvent]) -> None:
    by_owner("DELETE FROM dashboard_auditevent WHERE id = %s", log[2].pk)
    assert broken(audit_chain.verify()) == (ChainFault.LINK, log[3].pk, 2)


def test_two_events_in_each_others_place_show(log: list[AuditEvent]) -> None:
    by_owner(
        "UPDATE dashboard_auditevent SET id = CASE id WHEN %s THEN -1 ELSE id END; "
        "UPDATE dashboard_auditevent SET id = %s WHERE id = %s; UPDATE dashboard_auditevent SET id = %s WHERE id = -1",
        *(log[1].pk, log[1].pk, log[2].pk, log[2].pk),
    )
    assert broken(audit_chain.verify()) == (ChainFault.LINK, log[1].pk, 1)


def test_an_event_slipped_in_shows(log: list[AuditEvent]) -> None:
    slipped_in = AuditEvent(kind=Event.REQUEST_APPROVED.value, actor="bob", position=6, key_id=log[4].key_id)
    slipped_in.pk, slipped_in.at = log[4].pk + 1, log[4].at
    slipped_in.previous_hash = log[4].hash
    slipped_in.hash = hashlib.sha256(b"whoever has no key").hexdigest()
    slipped_in.save(force_insert=True)
    assert broken(audit_chain.verify()) == (ChainFault.CONTENT, slipped_in.pk, 5)


def _forged(events: list[AuditEvent], *, key_id: str) -> None:
    """Another name in every event, and every hash made anew as anyone can who reads the source: without the key."""
    previous = audit_chain.GENESIS
    for event in events:
        event.actor, event.previous_hash, event.key_id = "vie", previous, key_id
        facts = [previous, event.at.isoformat(timespec="microseconds"), event.kind, event.actor, event.actor_id]
        facts += [event.environment, event.request_id, event.run_id, event.source_ip, event.data]
        if key_id:
            facts = [event.pk, event.position, key_id, *facts]
        event.hash = hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
        event.save()
        previous = event.hash


def test_a_log_written_anew_with_every_hash_shows(log: list[AuditEvent]) -> None:
    with trigger_off():
        _forged(log, key_id=log[0].key_id)
    assert broken(audit_chain.verify()) == (ChainFault.CONTENT, log[0].pk, 0)


def test_a_log_written_anew_as_one_of_before_the_key_shows(log: list[AuditEvent]) -> None:
    with trigger_off():
        _forged(log, key_id="")
    assert broken(audit_chain.verify()) == (ChainFault.NEVER_KEYED, None, 5)


def test_events_without_a_key_after_keyed_ones_show(log: list[AuditEvent]) -> None:
    with trigger_off():
        _forged(log[3:], key_id="")
        AuditEvent.objects.filter(pk=log[3].pk).update(previous_hash=log[2].hash)
    assert broken(audit_chain.verify()) == (ChainFault.KEY_DROPPED, log[3].pk, 3)


def test_an_empty_log_beside_runs_shows(log: list[AuditEvent], viewer: Any) -> None:
    assert broken(audit_chain.verify()) == (None, None, 5)
    by_owner("TRUNCATE dashboard_auditevent")
    assert audit_chain.verify().fault is None  # nothing was ever asked for here
    Run.objects.create(
        environment="staging", action="apply", frozen_plan={}, digest="x", started_by=viewer, queued_at=log[0].at
    )
    assert broken(audit_chain.verify()) == (ChainFault.EMPTY, None, 0)


# Against a head that was kept elsewhere


def heads(*events: AuditEvent) -> dict[int, str]:
    return {event.pk: event.hash for event in events}


def test_heads_that_were_kept_are_found_again(log: list[AuditEvent]) -> None:
    check = audit_chain.verify(heads(log[1], log[4]))
    assert (broken(check), check.heads) == ((None, None, 5), 2)


def test_a_cut_end_shows_against_a_head(log: list[AuditEvent]) -> None:
    by_owner("DELETE FROM dashboard_auditevent WHERE id >= %s", log[3].pk)
    assert audit_chain.verify().fault is None  # from inside it cannot be seen
    assert broken(audit_chain.verify(heads(log[4]))) == (ChainFault.HEAD_GONE, log[4].pk, 3)


def test_an_empty_table_in_place_of_the_log_shows_against_a_head(log: list[AuditEvent]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE dashboard_auditevent RENAME TO aside")
        cursor.execute("CREATE TABLE dashboard_auditevent (LIKE aside INCLUDING ALL)")
    try:
        assert broken(audit_chain.verify(heads(log[4]))) == (ChainFault.HEAD_GONE, log[4].pk, 0)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE dashboard_auditevent; ALTER TABLE aside RENAME TO dashboard_auditevent")


def test_a_middle_rewritten_with_the_key_shows_against_a_head(log: list[AuditEvent]) -> None:
    """Whoever has the key as well can forge the whole chain, and not what was sent out before."""
    kept, key = heads(log[1], log[3]), audit_keys.signing()
    with trigger_off():
        previous = log[1].hash
        for event in log[2:]:
            event.actor, event.previous_hash = "vie", previous
            audit_chain.seal(event, key)
            event.save()
            previous = event.hash
    assert audit_chain.verify().fault is None
    assert broken(audit_chain.verify(kept)) == (ChainFault.OTHER_THAN_HEAD, log[3].pk, 3)


# Keys


def test_events_of_before_the_key_stay_verifiable(without_key: SettingsWrapper) -> None:
    old = record(3)
    assert [(event.key_id, event.position) for event in old] == [("", None)] * 3
    without_key.AUDIT_KEYS = (NEW,)
    assert audit_chain.verify().fault is ChainFault.NEVER_KEYED
    (event,) = record()
    switch = AuditEvent.objects.get(kind=Event.KEYED)
    assert (switch.previous_hash, switch.data["events"], switch.position) == (old[2].hash, 3, 4)
    assert (event.previous_hash, event.position) == (switch.hash, 5)
    check = audit_chain.verify()
    assert (broken(check), check.keyed) == ((None, None, 5), 2)
    by_owner("UPDATE dashboard_auditevent SET actor = 'mallory' WHERE id = %s", old[1].pk)
    assert broken(audit_chain.verify()) == (ChainFault.CONTENT, old[1].pk, 1)


def test_a_removed_beginning_of_before_the_key_shows(without_key: SettingsWrapper) -> None:
    old = record(3)
    without_key.AUDIT_KEYS = (NEW,)
    record()
    by_owner("DELETE FROM dashboard_auditevent WHERE id <= %s", old[2].pk)
    assert audit_chain.verify().fault is ChainFault.LINK


def test_a_key_is_rotated_and_the_former_one_still_verifies(settings: SettingsWrapper) -> None:
    settings.AUDIT_KEYS = (OLD,)
    record(2)
    settings.AUDIT_KEYS = (NEW, OLD)
    record(2)
    kinds = list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["run.started", "run.started", "audit.keyed", "run.started", "run.started"]
    assert len(set(AuditEvent.objects.values_list("key_id", flat=True))) == 2
    assert broken(audit_chain.verify()) == (None, None, 5)
    settings.AUDIT_KEYS = (NEW,)
    assert broken(audit_chain.verify())[::2] == (ChainFault.KEY_MISSING, 0)


def test_without_a_key_of_its_own_the_secret_key_stands_in_and_is_said(settings: SettingsWrapper) -> None:
    settings.AUDIT_KEYS = ()
    record()
    key = audit_chain.verify().key
    assert key is not None
    assert (key.is_fallback, key.variable) == (True, "SIGNALBOX_SECRET_KEY")
    settings.AUDIT_KEYS = (NEW,)
    record()
    assert broken(audit_chain.verify()) == (None, None, 3)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another one"
    assert broken(audit_chain.verify()) == (None, None, 3)


def test_a_process_without_a_key_writes_nothing_into_a_keyed_log(
    log: list[AuditEvent], without_key: SettingsWrapper
) -> None:
    with pytest.raises(AuditKeyMissing):
        record()
    assert AuditEvent.objects.count() == len(log)


def test_no_key_is_in_the_database(settings: SettingsWrapper) -> None:
    settings.AUDIT_KEYS = (NEW,)
    record()
    key = audit_keys.signing()
    assert key is not None
    row = str(AuditEvent.objects.values().get())
    assert NEW not in row
    assert key.secret.hex() not in row
    assert key.id in row


def test_a_short_key_is_refused() -> None:
    assert keys.load([f" {NEW} ", "", OLD]) == (NEW, OLD)
    with pytest.raises(Misconfigured, match="shorter than 32 characters"):
        keys.load(["short"])


# One chain


def test_events_written_at_once_still_form_one_chain() -> None:
    at_once(*[lambda: record(10)] * 4)
    assert broken(audit_chain.verify()) == (None, None, 40)


def test_an_event_goes_with_the_deed_that_is_undone() -> None:
    with transaction.atomic():
        record()
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == 0
    record(2)
    assert broken(audit_chain.verify()) == (None, None, 2)


# Heads go out


def test_the_head_goes_into_the_log_and_into_its_file(
    log: list[AuditEvent], settings: SettingsWrapper, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads")
    caplog.set_level("INFO", logger="dashboard.services.audit_heads")
    audit_heads.publish()
    record()
    audit_heads.publish()
    said = [message for message in caplog.messages if message.startswith("audit head id=")]
    lines = (tmp_path / "heads").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == said
    kept = audit_heads.in_lines(lines)
    assert [head.id for head in kept] == [log[4].pk, log[4].pk + 1]
    assert audit_chain.verify({head.id: head.hash for head in kept}).heads == 2


def test_the_head_goes_out_by_itself_after_so_many_events(
    settings: SettingsWrapper, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_heads, "EVERY", 4)
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads")
    events = record(9)
    heads_out = audit_heads.in_lines((tmp_path / "heads").read_text().splitlines())
    assert [head.id for head in heads_out] == [events[3].pk, events[7].pk]


def test_the_worker_sends_the_head_every_few_minutes(
    log: list[AuditEvent], settings: SettingsWrapper, tmp_path: Any
) -> None:
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads")
    (periodic,) = (
        task
        for (name, _), task in procrastinate.contrib.django.app.periodic_registry.periodic_tasks.items()
        if name == tasks.send_audit_head.name
    )
    assert periodic.cron == "*/5 * * * *"
    periodic.task(0)
    heads_out = audit_heads.in_lines((tmp_path / "heads").read_text().splitlines())
    assert [(head.id, head.hash) for head in heads_out] == [(log[4].pk, log[4].hash)]


def test_a_file_that_cannot_be_written_undoes_no_deed(
    settings: SettingsWrapper, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    record()
    settings.AUDIT_HEAD_FILE = str(tmp_path / "nowhere" / "heads")
    audit_heads.publish()
    assert "could not be written to" in caplog.text


def test_an_empty_log_has_no_head(settings: SettingsWrapper, tmp_path: Any) -> None:
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads")
    audit_heads.publish()
    assert audit_heads.current() is None
    assert not (tmp_path / "heads").exists()


@pytest.mark.parametrize("text", ["", "7", "7:", f"x:{'a' * 64}", f"7:{'a' * 63}", f"7:{'g' * 64}", f"-7:{'a' * 64}"])
def test_what_is_no_head_is_not_taken_for_one(text: str) -> None:
    assert audit_heads.parse(text) is None


def test_a_head_is_read_as_it_is_printed() -> None:
    head = audit_heads.parse(f" 7:{'a' * 64}\n")
    assert head == audit_heads.Head(id=7, hash="a" * 64)
    assert audit_heads.in_lines(["something else", f"2026-01-01T00:00:00Z {head.line}", "audit head id=8 hash=x"]) == [
        head
    ]
