"""Which Signalbox this is: what it writes into its targets, and by what it knows the others there.

A copy of the control database holds the identity and the work of its original, which may go on elsewhere. It is told by
where it lives, and gets an identity of its own before anything is claimed, ended or sent: see decision 44.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from dashboard.engine.errors import EngineError
from dashboard.models import ChangeRequest, Installation, Mail, Run, RunStep
from dashboard.models.failures import Failure
from dashboard.models.installations import Home
from dashboard.selectors import control
from dashboard.services import audit, permissions, policies, queue
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import AlreadyDecided, CopyNotConfirmed

#: What a copy says of what its original had begun.
_UNDER_WAY = "This run was under way in the installation {original} when its control database was copied."
_WAITED = (
    "This run waited in the installation {original} when its control database was copied. It may have begun there; it "
    "was never begun here."
)
_SCHEDULED = (
    "This start was scheduled in the installation {original} when its control database was copied, and may have taken "
    "place there. A copy starts nothing by itself."
)

_goes_by_name: ContextVar[bool] = ContextVar("goes_by_name", default=True)


def identity() -> str:
    """By which targets know it. Made on first use; a copy of the control database gets another one."""
    return current().identity.hex


def current() -> Installation:
    """This installation, certainly of this control database: a copy has become one of its own when this returns.

    Asked in the transaction of whatever depends on it, it holds for that transaction, whose connection leads to one
    database.
    """
    rows = Installation.objects.select_related("confirmed_by")
    installation, _ = rows.get_or_create(pk=1)
    if _is_settled(installation, _here()):
        return installation
    with transaction.atomic():
        here = _here()  # of this connection, whatever the one before led to
        installation = rows.select_for_update(of=("self",)).get(pk=1)
        if not _is_settled(installation, here):
            _settle(installation, here)
    return installation


def standing() -> tuple[Installation | None, Home]:
    """As the row says it, None before the first use, and where it lives now; nothing is written. For who only looks, as
    the doctor does."""
    return Installation.objects.select_related("confirmed_by").first(), control.home()


@contextmanager
def in_a_shell() -> Iterator[None]:
    """As long as it lasts, another name of the deployment alone makes no copy: in a shell it may be mistyped, and what
    waits would be cancelled for it."""
    token = _goes_by_name.set(False)
    try:
        yield
    finally:
        _goes_by_name.reset(token)


def check_may_run() -> None:
    """Raises CopyNotConfirmed in a copy that no administrator has confirmed."""
    installation = current()
    if installation.is_held:
        raise CopyNotConfirmed(identity=installation.short, original=installation.original)


def refusal() -> EngineError | None:
    """Why nothing can be started here at all, for a page that offers it."""
    try:
        check_may_run()
    except CopyNotConfirmed as error:
        return error
    return None


def confirm(identity: str, *, by: Actor, reason: str) -> None:
    """This copy may run migrations from now on, as an installation of its own. `identity` is the one on the page.

    Raises PermissionRefused, ReasonMissing, AlreadyDecided.
    """
    permissions.check_can_confirm_copy(by)
    reason = policies.check_reason(reason, "let a copy run migrations")
    with transaction.atomic():
        installation = current()
        held = Installation.objects.filter(identity=installation.identity, copy_of__isnull=False, confirmed_at=None)
        if installation.identity.hex != identity or not held.update(
            confirmed_at=timezone.now(), confirmed_by=by.person, confirmed_because=reason
        ):
            raise AlreadyDecided(subject="This control database", status="confirmed, or another one,")
        audit.record(
            audit.Event.INSTALLATION_CONFIRMED,
            by=by,
            identity=installation.identity.hex,
            copy_of=installation.copy_of.hex if installation.copy_of else "",
            reason=reason,
        )


def _here() -> Home:
    """A shell's name of the deployment is neither compared nor kept."""
    here = control.home()
    return here if _goes_by_name.get() else replace(here, deployment="")


def _is_settled(installation: Installation, here: Home) -> bool:
    """The row says where it lives, as completely as is known, and it lives here."""
    home = _home(installation)
    return home is not None and not _is_elsewhere(installation, home, here) and home.completed_by(here) == home


def _is_elsewhere(installation: Installation, home: Home, here: Home) -> bool:
    """While a copy is held, processes of two deployments on one control database are no reason to make it a copy again
    and again: nothing starts from it."""
    return home.is_another_table(here) if installation.is_held else home.differs_from(here)


def _home(installation: Installation) -> Home | None:
    return Home.from_dict(installation.home) if installation.home else None


def _settle(installation: Installation, here: Home) -> None:
    home = _home(installation)
    if home is None or not _is_elsewhere(installation, home, here):
        installation.home = (home.completed_by(here) if home else here).to_dict()
        installation.save(update_fields=["home"])
        return
    original = installation.identity
    installation.identity, installation.home = uuid.uuid4(), here.to_dict()
    installation.copy_of, installation.noticed_at = original, timezone.now()
    installation.confirmed_at = installation.confirmed_by = None
    installation.confirmed_because = ""
    installation.save()
    audit.record(
        audit.Event.INSTALLATION_COPIED,
        by=SIGNALBOX,
        identity=installation.identity.hex,
        copy_of=original.hex,
        home=here.to_dict(),
        original_home=home.to_dict(),
        **_leave_to_original(original),
    )


def _leave_to_original(original: uuid.UUID) -> dict[str, Any]:
    """Whatever would go on or begin by itself is the original's. What of it was left, for the audit log."""
    Run.objects.filter(status__in=Run.ACTIVE, installation=None).update(installation=original)
    name = {"original": original.hex[:8]}
    return {
        "interrupted": _interrupt(_UNDER_WAY.format(**name)),
        "cancelled": _cancel(_WAITED.format(**name)),
        "unscheduled": _unschedule(_SCHEDULED.format(**name)),
        "mails": Mail.objects.filter(status=Mail.Status.WAITING).update(status=Mail.Status.NEEDLESS, ended_at=Now()),
    }


def _interrupt(sentence: str) -> list[int]:
    failure = Failure(code="left_to_original", sentence=sentence).to_dict()
    running = [*Run.objects.filter(status=Run.Status.RUNNING).select_for_update().values_list("pk", flat=True)]
    Run.objects.filter(pk__in=running).update(
        status=Run.Status.INTERRUPTED, failure=failure, attempt=F("attempt") + 1, lease_until=None
    )
    steps = RunStep.objects.filter(run__in=running, status=RunStep.Status.RUNNING)
    steps.update(status=RunStep.Status.UNKNOWN)
    for pk in running:
        queue.recover_run(pk)
    return running


def _cancel(sentence: str) -> list[int]:
    """The request of each stays approved: a person may start it again."""
    failure = Failure(code="left_to_original", sentence=sentence).to_dict()
    queued = [*Run.objects.filter(status=Run.Status.QUEUED).select_for_update().values_list("pk", flat=True)]
    Run.objects.filter(pk__in=queued).update(status=Run.Status.CANCELLED, failure=failure, finished_at=Now())
    RunStep.objects.filter(run__in=queued).update(status=RunStep.Status.NOT_RUN)
    return queued


def _unschedule(sentence: str) -> list[int]:
    scheduled = ChangeRequest.objects.filter(start_at__isnull=False).select_for_update(of=("self",))
    numbers = [*scheduled.values_list("pk", flat=True)]
    ChangeRequest.objects.filter(pk__in=numbers).update(
        start_at=None, scheduled_by=None, scheduled_word="", not_started_because=sentence
    )
    return numbers
