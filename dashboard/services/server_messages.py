"""What a target's server said of a run, and erasing it.

Messages quote values: of people who may ask that their data be erased. They stand in the rows of a run and nowhere
else on the control database; the audit log never holds them, so its chain does not break when they go.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from dashboard.models import Run, RunStatement
from dashboard.models.failures import without_values
from dashboard.services import audit, permissions, policies
from dashboard.services.actors import Actor

ERASED = "What the server said was erased."


@transaction.atomic
def erase(run_id: int, *, by: Actor, reason: str) -> Run:
    """Take the server's words out of everything that is kept of an ended run: how it failed, notices, reasons of a
    retry, sessions it waited for. What it ran and what became of it stays.

    Raises PermissionRefused, RunNotEnded, ReasonMissing.
    """
    permissions.check_can_erase(by)
    run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
    policies.check_messages_can_be_erased(run)
    why = policies.check_reason(reason, "erase what a server said")
    if run.failure:
        run.failure = _erased(run.failure)
        run.save(update_fields=["failure"])
    RunStatement.objects.filter(step__run=run).exclude(notices=[]).update(notices=[])
    run.steps.exclude(retry_reason="").update(retry_reason=ERASED)
    run.steps.exclude(blockers=[]).update(blockers=[])
    audit.record(audit.Event.RUN_MESSAGES_ERASED, by=by, environment=run.environment, run=run, reason=why)
    return run


def _erased(failure: dict[str, Any]) -> dict[str, Any]:
    bare = without_values(failure)
    unresolved = {"unresolved": _erased(failure["unresolved"])} if "unresolved" in failure else {}
    return {"sentence": ERASED, **bare, **unresolved}
