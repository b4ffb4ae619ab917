"""A copy of the control database becomes an installation of its own, and leaves its original's work to the original."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from dashboard.engine.run import executor
from dashboard.models import AuditEvent, ChangeRequest, Installation, Mail, Run, RunStep
from dashboard.models.installations import Home
from dashboard.selectors import control
from dashboard.services import audit_chain, execution, installations, mails, runs, schedules, targets
from dashboard.services.audit import Event
from dashboard.services.errors import AlreadyDecided, CopyNotConfirmed, PermissionRefused, ReasonMissing
from tests.at_once import at_once
from tests.fix_project import Project
from tests.services.workflow import (
    approved_request,
    claim,
    run_on_staging,
    start_on_production,
    start_on_staging,
    tables,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.engine.localserver import LocalServer
    from dashboard.services.actors import Actor

pytestmark = pytest.mark.django_db(transaction=True)

WHY = "The server of the original burnt down"


def come_from(**elsewhere: Any) -> str:
    """As if the row had been written at another place; the identity of the original."""
    installations.current()
    original = Installation.objects.get()
    Installation.objects.update(home={**(original.home or {}), **elsewhere})
    return original.identity.hex


def be_copied() -> str:
    return come_from(database_oid=1)


def log_of(project: Project) -> list[tuple[Any, ...]]:
    if project.query(project.staging, "SELECT to_regclass('platform.migration_audit_log')") == [(None,)]:
        return []
    return project.query(project.staging, "SELECT * FROM platform.migration_audit_log ORDER BY id")


def lose(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def failure_of(run: Run) -> dict[str, Any]:
    run.refresh_from_db()
    return run.failure or {}


# Which place it is


def test_where_an_installation_of_before_lives_is_recorded_and_makes_no_copy() -> None:
    before = Installation.objects.create()
    after = installations.current()
    assert (after.identity, after.copy_of) == (before.identity, None)
    assert after.home == control.home().to_dict()
    assert not AuditEvent.objects.filter(kind=Event.INSTALLATION_COPIED).exists()


@pytest.mark.parametrize(
    "elsewhere",
    [{"database_oid": 1}, {"table_oid": 1}, {"system_identifier": "1"}],
    ids=["another database", "restored into the same database", "another server"],
)
def test_a_row_from_elsewhere_makes_a_copy(elsewhere: dict[str, Any]) -> None:
    original = come_from(**elsewhere)
    copy = installations.current()
    assert copy.copy_of == uuid.UUID(original)
    assert copy.identity.hex != original
    assert copy.home == control.home().to_dict()
    assert installations.current().identity == copy.identity
    event = AuditEvent.objects.get(kind=Event.INSTALLATION_COPIED)
    assert (event.data["copy_of"], event.data["identity"]) == (original, copy.identity.hex)
    assert not audit_chain.verify().fault


def test_the_manual_makes_a_copy_of_the_files_another_database(postgres_server: LocalServer) -> None:
    """A copy of the files has the numbers of its original; what DEPLOY.md says to run gives it one of its own."""
    commands = re.findall(r"-c '(.*signalbox_files.*)'", (Path(__file__).parents[2] / "docs" / "DEPLOY.md").read_text())
    number = "SELECT oid FROM pg_database WHERE datname = 'signalbox_by_files'"
    postgres_server.create_database("signalbox_by_files")
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as opened:
        before = opened.execute(number).fetchone()
        for command in commands:
            named = re.sub(r"\bsignalbox\b", "signalbox_by_files", command)
            opened.execute(named.replace("signalbox_owner", "postgres"))
        assert len(commands) == 2
        assert opened.execute(number).fetchone() not in {before, None}
    for name in ("signalbox_by_files", "signalbox_files"):
        postgres_server.drop_database(name)


def test_the_copy_of_a_copy_is_another_one_again() -> None:
    be_copied()
    first = installations.current()
    be_copied()
    second = installations.current()
    assert second.copy_of == first.identity
    assert second.identity != first.identity


def test_what_the_role_may_not_ask_tells_nothing_and_is_filled_in_later() -> None:
    original = come_from(system_identifier="")
    same = installations.current()
    assert (same.identity.hex, same.copy_of) == (original, None)
    assert same.home == control.home().to_dict()


def test_what_another_role_could_ask_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    before, here = installations.current(), control.home()
    blind = Home(system_identifier="", database_oid=here.database_oid, table_oid=here.table_oid)
    monkeypatch.setattr(control, "home", lambda: blind)
    after = installations.current()
    assert (after.identity, after.home) == (before.identity, here.to_dict())


def test_another_deployment_on_the_same_files_is_a_copy(settings: SettingsWrapper) -> None:
    settings.DEPLOYMENT = "production"
    original = installations.current()
    settings.DEPLOYMENT = ""  # somebody looks from their own machine
    assert installations.current().identity == original.identity
    settings.DEPLOYMENT = "look"
    assert installations.current().copy_of == original.identity


def test_the_name_of_a_shell_makes_no_copy_and_is_not_kept(settings: SettingsWrapper) -> None:
    settings.DEPLOYMENT = "mistyped"
    with installations.in_a_shell():
        original = installations.current()
    settings.DEPLOYMENT = "production"
    assert installations.current().identity == original.identity
    settings.DEPLOYMENT = "mistyped"
    with installations.in_a_shell():
        assert installations.current().identity == original.identity
    assert installations.current().copy_of == original.identity, "a page or worker of that name"


def test_two_deployments_on_one_database_do_not_copy_each_other_for_ever(
    settings: SettingsWrapper,
) -> None:
    identities = set()
    installations.current()
    for deployment in ("one", "two", "one", "two"):
        settings.DEPLOYMENT = deployment
        identities.add(installations.current().identity)
    assert len(identities) == 2  # the original's, and one
    assert AuditEvent.objects.filter(kind=Event.INSTALLATION_COPIED).count() == 1
    be_copied()
    assert installations.current().identity not in identities


def test_processes_that_notice_it_at_once_make_one_identity() -> None:
    original = be_copied()
    at_once(*[installations.current] * 4)
    assert Installation.objects.get().copy_of == uuid.UUID(original)
    assert AuditEvent.objects.filter(kind=Event.INSTALLATION_COPIED).count() == 1


# What it leaves to its original


def test_nothing_that_waits_in_a_copy_begins_by_itself(
    two_files: Project, alice: Actor, bob: Actor, settings: SettingsWrapper
) -> None:
    queued = start_on_staging(two_files, alice)
    request = approved_request(two_files, alice, bob)
    schedules.schedule(request.pk, by=alice, at=timezone.now() + timedelta(hours=1), typed_name="production")
    ChangeRequest.objects.filter(pk=request.pk).update(start_at=timezone.now() - timedelta(seconds=1))
    original = be_copied()
    execution.execute(queued.pk)
    assert schedules.start_due() == 0
    execution.find_lost()
    queued.refresh_from_db()
    request.refresh_from_db()
    assert (queued.status, failure_of(queued)["code"]) == (Run.Status.CANCELLED, "left_to_original")
    assert (request.status, request.start_at) == (ChangeRequest.Status.APPROVED, None)
    assert original[:8] in request.not_started_because
    assert tables(two_files, two_files.staging) == tables(two_files, two_files.production) == []
    event = AuditEvent.objects.get(kind=Event.INSTALLATION_COPIED)
    assert (event.data["cancelled"], event.data["unscheduled"]) == ([queued.pk], [request.pk])


def test_an_approval_is_not_spent_by_the_run_that_waited(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    start_on_production(request, alice)
    be_copied()
    installations.current()
    request.refresh_from_db()
    assert request.status == ChangeRequest.Status.APPROVED


def test_mails_that_wait_are_the_originals(viewer: User, settings: SettingsWrapper) -> None:
    now = timezone.now()
    mail = Mail.objects.create(
        kind=Mail.Kind.ACCOUNT, person=viewer, address="vera@example.org", queued_at=now, next_try_at=now
    )
    settings.SENDS_MAIL = True
    be_copied()
    assert mails.send_due(lambda *given: pytest.fail("a copy writes no mail")) == 0
    mail.refresh_from_db()
    assert mail.status == Mail.Status.NEEDLESS
    Mail.objects.update(status=Mail.Status.WAITING, ended_at=None)
    assert mails.send_due(lambda *given: pytest.fail("a copy writes no mail")) == 0


def test_a_run_under_way_is_neither_ended_nor_settled_nor_noted(two_files: Project, alice: Actor) -> None:
    run = claim(start_on_staging(two_files, alice))
    assert runs.begin(run)
    name = execution._attempt(run).session_name
    be_copied()
    with psycopg.connect(two_files.staging.url, application_name=name, autocommit=True) as session:
        lose(run)
        execution.find_lost()
        before = log_of(two_files)
        execution.recover(run.pk)
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert failure_of(run)["code"] == "left_to_original"
    assert run.status == Run.Status.INTERRUPTED
    execution.recover(run.pk)  # its session is gone, and that proves nothing: the original may begin another one
    assert failure_of(run)["unresolved"]["code"] in {"run_of_other", "witness_gone"}
    assert run.status == Run.Status.INTERRUPTED
    assert log_of(two_files) == before


def test_a_run_that_was_interrupted_before_is_the_originals_too(two_files: Project, alice: Actor) -> None:
    run_on_staging(two_files, alice, upto="001")
    run = claim(start_on_staging(two_files, alice))
    assert runs.begin(run)
    runs.interrupt(run, {"code": "worker_lost", "sentence": "Its worker is gone."})
    be_copied()
    before = log_of(two_files)
    execution.recover(run.pk)
    assert failure_of(run)["unresolved"]["code"] == "run_of_other"
    assert (run.status, log_of(two_files)) == (Run.Status.INTERRUPTED, before)


def test_how_the_original_ended_it_is_read_from_the_target(two_files: Project, alice: Actor) -> None:
    run = claim(start_on_staging(two_files, alice))
    executor.execute(
        run.plan,
        access=targets.access(two_files.staging),
        attempt=execution._attempt(run),
        approval=None,
        observer=lambda event: None,
    )
    be_copied()
    before = log_of(two_files)
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    assert {step.status for step in run.steps.all()} == {RunStep.Status.COMMITTED}
    assert log_of(two_files) == before


def test_a_step_that_the_original_saw_fail_is_read_as_failed(project: Project, alice: Actor) -> None:
    project.write(_001_fine="SELECT 1;", _002_fails="SELECT 1/0;", _003_never="SELECT 1;")
    run = claim(start_on_staging(project, alice))
    assert runs.begin(run)
    with pytest.raises(Exception, match="division by zero"):
        executor.execute(
            run.plan,
            access=targets.access(project.staging),
            attempt=execution._attempt(run),
            approval=None,
            observer=lambda event: None,
        )
    RunStep.objects.filter(run=run, version="002").update(started_at=timezone.now())
    be_copied()
    execution.recover(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.RESOLVED
    assert [step.status for step in run.steps.all()] == [
        RunStep.Status.COMMITTED,
        RunStep.Status.FAILED,
        RunStep.Status.NOT_RUN,
    ]


def test_a_worker_whose_control_database_was_replaced_sends_nothing(two_files: Project, alice: Actor) -> None:
    run = claim(start_on_staging(two_files, alice))
    be_copied()
    assert runs.begin(run) is False
    run.refresh_from_db()
    assert run.status == Run.Status.INTERRUPTED
    assert tables(two_files, two_files.staging) == []


# Until an administrator confirms it


def test_nobody_starts_anything_in_a_copy_that_nobody_confirmed(two_files: Project, alice: Actor, bob: Actor) -> None:
    request = approved_request(two_files, alice, bob)
    be_copied()
    with pytest.raises(CopyNotConfirmed):
        start_on_staging(two_files, alice)
    with pytest.raises(CopyNotConfirmed):
        start_on_production(request, alice)
    with pytest.raises(CopyNotConfirmed):
        schedules.schedule(request.pk, by=alice, at=timezone.now() + timedelta(hours=1), typed_name="production")
    assert not Run.objects.exists()


def test_a_run_put_into_a_held_copy_by_hand_is_not_taken(two_files: Project, alice: Actor) -> None:
    run = start_on_staging(two_files, alice)
    be_copied()
    installations.current()
    Run.objects.update(status=Run.Status.QUEUED, finished_at=None, failure=None)
    execution.execute(run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.QUEUED


def test_an_administrator_confirms_it_with_a_reason(two_files: Project, alice: Actor, carol: Actor) -> None:
    be_copied()
    copy = installations.current()
    with pytest.raises(PermissionRefused):
        installations.confirm(copy.identity.hex, by=alice, reason=WHY)
    with pytest.raises(ReasonMissing):
        installations.confirm(copy.identity.hex, by=carol, reason=" ")
    with pytest.raises(AlreadyDecided):
        installations.confirm(uuid.uuid4().hex, by=carol, reason=WHY)
    installations.confirm(copy.identity.hex, by=carol, reason=WHY)
    with pytest.raises(AlreadyDecided):
        installations.confirm(copy.identity.hex, by=carol, reason=WHY)
    event = AuditEvent.objects.get(kind=Event.INSTALLATION_CONFIRMED)
    assert (event.actor, event.data["reason"]) == ("carol", WHY)
    assert run_on_staging(two_files, alice).status == Run.Status.SUCCEEDED


def test_of_confirmations_at_one_moment_one_is_made(carol: Actor) -> None:
    be_copied()
    identity = installations.identity()
    deeds = [lambda: installations.confirm(identity, by=carol, reason=WHY)] * 4
    assert at_once(*deeds, too_late=(AlreadyDecided,)) == 1
    assert AuditEvent.objects.filter(kind=Event.INSTALLATION_CONFIRMED).count() == 1


def test_a_copy_of_a_confirmed_copy_is_held_again(carol: Actor) -> None:
    be_copied()
    installations.confirm(installations.identity(), by=carol, reason=WHY)
    be_copied()
    assert installations.current().is_held


# The whole of it, with two databases


def test_original_and_copy_name_each_other_on_their_target(
    two_files: Project, alice: Actor, carol: Actor, postgres_server: LocalServer
) -> None:
    run_on_staging(two_files, alice, upto="001")
    original = installations.identity()
    name = str(connection.settings_dict["NAME"])
    connection.close()
    postgres_server.create_database("signalbox_copy", name)
    connection.settings_dict["NAME"] = "signalbox_copy"
    try:
        assert original[:8] in named(two_files)
        copy = installations.identity()
        installations.confirm(copy, by=carol, reason=WHY)
        assert run_on_staging(two_files, alice).status == Run.Status.SUCCEEDED
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
        postgres_server.drop_database("signalbox_copy")
    assert installations.identity() == original != copy
    assert copy[:8] in named(two_files)


def named(project: Project) -> str:
    checks = targets.checkup(project.staging, installation=installations.identity())
    return next(check.finding for check in checks if check.code == "installations")
