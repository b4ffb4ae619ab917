"""One action a page offers. What forbids it is asked of the same checks that the service asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.engine.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionButton:
    label: str
    url: str = ""
    method: str = "get"
    tone: str = "plain"  # primary, danger or plain
    icon: str = ""
    fields: tuple[tuple[str, str], ...] = ()  # sent with a post
    show: bool = True
    reason: str = ""  # why it is disabled

    @property
    def disabled(self) -> bool:
        return bool(self.reason)


def refusal(*checks: Callable[[], object]) -> str:
    """What the first check that refuses says; empty where all let it pass."""
    for check in checks:
        try:
            check()
        except EngineError as error:
            return sentence_of(error)
    return ""


def sentence_of(error: EngineError | None) -> str:
    """What happened and what to do next; empty where there is no error."""
    return f"{error} {error.next_step}".strip() if error else ""
