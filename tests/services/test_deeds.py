"""A deed and its audit event are one transaction: where the event cannot be written, the deed did not happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from dashboard.engine.run.recovery import StepVerdict
from dashboard.models import AuditEvent, ChangeRequest, Decision, Run, RunStep
from dashboard.services import approvals, audit, plans, runs, server_messages
from dashboard.services.actors import Actor
from tests.fix_project import Project
from tests.services.workflow import (
    approve,
    approved_request,
    claim,
    expire,
    open_request,
    start_on_production,
    start_on_staging,
)

pytestmark = pytest.mark.django_db(transaction=True)

type Deed = Callable[[], object]


class NoRoom(Exception):
    """The control database could not take the event."""


@pytest.fixture
def deed(request: pytest.FixtureRequest, two_files: Project, alice: Actor, bob: Actor) -> Deed:
    """Everything up to the deed is done; what is returned does it."""
    return DEEDS[request.param](two_files, alice, bob)


def _open(project: Project, alice: Actor, bob: Actor) -> Deed:
    plan = plans.apply(project.production)
    return lambda: approvals.open_request(plan, environment=project.production, by=alice)


def _approve(project: Project, alice: Actor, bob: Actor) -> Deed:
    asked = open_request(project, alice)
    return lambda: approve(asked, bob)


def _reject(project: Project, alice: Actor, bob: Actor) -> Deed:
    asked = open_request(project, alice)
    return lambda: approvals.reject(asked.pk, by=bob, digest=asked.digest, reason="not now")


def _withdraw(project: Project, alice: Actor, bob: Actor) -> Deed:
    asked = open_request(project, alice)
    return lambda: approvals.withdraw(asked.pk, by=alice)


def _supersede(project: Project, alice: Actor, bob: Actor) -> Deed:
    asked = open_request(project, alice)
    return lambda: approvals.supersede(asked, "a file was edited")


def _expire(project: Project, alice: Actor, bob: Actor) -> Deed:
    expire(open_request(project, alice))
    return approvals.expire_due


def _start(project: Project, alice: Actor, bob: Actor) -> Deed:
    plan = plans.apply(project.staging)
    return lambda: runs.start(plan, environment=project.staging, by=alice)


def _cancel(project: Project, alice: Actor, bob: Actor) -> Deed:
    run = start_on_staging(project, alice)
    return lambda: runs.request_cancel(run.pk, by=alice)


def _claim(project: Project, alice: Actor, bob: Actor) -> Deed:
    run = start_on_staging(project, alice)
    return lambda: runs.claim(run.pk)


def _finish(project: Project, alice: Actor, bob: Actor) -> Deed:
    run = claim(start_on_staging(project, alice))
    return lambda: runs.finish(run, Run.Status.SUCCEEDED)


def _finish_and_spend(project: Project, alice: Actor, bob: Actor) -> Deed:
    """The run's end has its event; that its approval is spent has not."""
    approved = approved_request(project, alice, bob)
    run = claim(start_on_production(approved, alice))
    return lambda: runs.finish(run, Run.Status.SUCCEEDED)


def _interrupt(project: Project, alice: Actor, bob: Actor) -> Deed:
    run = claim(start_on_staging(project, alice))
    return lambda: runs.interrupt(run, {"code": "worker_lost"})


def _settle(project: Project, alice: Actor, bob: Actor) -> Deed:
    run = claim(start_on_staging(project, alice))
    runs.interrupt(run, {"code": "worker_lost"})
    return lambda: runs.settle(run, [StepVerdict.COMMITTED, StepVerdict.COMMITTED])


def _end_by_hand(project: Project, alice: Actor, bob: Actor) -> Deed:
    run = claim(start_on_staging(project, alice))
    runs.interrupt(run, {"code": "worker_lost"})
    runs.note_unresolved(Run.objects.get(pk=run.pk), {"code": "witness_gone"})
    bob.person.is_superuser = True
    return lambda: runs.end_by_hand(run.pk, by=bob, typed_name="staging", reason="Its schema was dropped")


def _erase(project: Project, alice: Actor, bob: Actor) -> Deed:
    run = claim(start_on_staging(project, alice))
    runs.finish(run, Run.Status.FAILED, {"code": "statement_failed", "sentence": "Key (email)=(jane) already exists."})
    bob.person.is_superuser = True
    return lambda: server_messages.erase(run.pk, by=bob, reason="Jane asked for it")


DEEDS: dict[str, Callable[[Project, Actor, Actor], Deed]] = {
    "request.opened": _open,
    "request.approved": _approve,
    "request.rejected": _reject,
    "request.withdrawn": _withdraw,
    "request.superseded": _supersede,
    "request.expired": _expire,
    "request.done": _finish_and_spend,
    "run.queued": _start,
    "run.cancel_requested": _cancel,
    "run.cancelled": _cancel,
    "run.started": _claim,
    "run.succeeded": _finish,
    "run.interrupted": _interrupt,
    "run.resolved": _settle,
    "run.ended_by_hand": _end_by_hand,
    "run.messages_erased": _erase,
}


@pytest.mark.parametrize(("deed", "event"), [(name, name) for name in DEEDS], ids=list(DEEDS), indirect=["deed"])
def test_a_deed_whose_event_cannot_be_written_did_not_happen(
    deed: Deed, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, record = _everything(), audit.record

    def no_room(kind: audit.Event, **facts: Any) -> AuditEvent:
        if kind == event:
            raise NoRoom
        return record(kind, **facts)

    monkeypatch.setattr(audit, "record", no_room)
    with pytest.raises(NoRoom):
        deed()
    assert _everything() == before


def _everything() -> list[list[Any]]:
    """Every row that a deed can change."""
    rows = (ChangeRequest.objects, Decision.objects, Run.objects, RunStep.objects, AuditEvent.objects)
    jobs = ProcrastinateJob.objects.filter(task_name__in=("execute_run", "recover_run"))
    return [list(model.order_by("pk").values()) for model in (*rows, jobs)]
