"""What stands in the way of more than one goal."""

from __future__ import annotations

from dashboard.engine.errors import PlanBlocked
from dashboard.engine.migration import History, UnreadFile
from dashboard.engine.status import MigrationStatus


def refuse_unfinished(history: History) -> None:
    for item in history.unfinished:
        raise PlanBlocked(
            version=item.label,
            reason="it broke off outside a transaction, and what it left is there.",
            remedy="Continue it, or undo by hand what is there and start it over.",
        )


def not_read(unread: UnreadFile) -> PlanBlocked:
    return PlanBlocked(version=unread.file, reason=unread.error.sentence, remedy=unread.error.advice)


def elsewhere(item: MigrationStatus) -> PlanBlocked:
    return PlanBlocked(
        version=item.label,
        reason=item.sentence,
        remedy="Let its file name this environment first, if it belongs here too.",
    )


def modified(item: MigrationStatus) -> PlanBlocked:
    return PlanBlocked(
        version=item.label,
        reason="its file was edited after it was applied.",
        remedy="Restore the file as it was, and put the change into a new migration.",
    )
