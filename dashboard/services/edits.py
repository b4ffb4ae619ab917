"""Files that were edited after they were applied: what ran beside what the file says now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.engine import status
from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.engine.status import MigrationStatus, State
from dashboard.models.environments import Environment
from dashboard.selectors import folders
from dashboard.services import plans, targets

EDITED = frozenset({State.ANNOTATED, State.MODIFIED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    status: MigrationStatus
    applied: str | None  # the text that ran; None where none was kept

    @property
    def comments_only(self) -> bool:
        return self.status.state is State.ANNOTATED

    @property
    def identity(self) -> MigrationId:
        return self.status.identity


def look(environment: Environment, *, only: MigrationId | None = None) -> tuple[Edit, ...]:
    """Read from the target now; `only` one migration. Raises TargetUnreachable and what else a look can."""
    history = targets.look(environment, scripts=True).history
    return tuple(
        Edit(status=item, applied=item.applied.forward_script if item.applied else None)
        for item in status.compute(folders.read(environment), history)
        if item.state in EDITED and only in (None, item.identity)
    )


def acceptance(environment: Environment, edits: Sequence[Edit]) -> Plan | None:
    """The plan that accepts all edits of comments among these; None where there are none."""
    accepted = [edit.identity for edit in edits if edit.comments_only]
    return plans.accept_edits(environment, accepted) if accepted else None
