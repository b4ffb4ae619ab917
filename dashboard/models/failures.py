"""An engine failure as it is kept in a JSON column, and shown on pages long after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dashboard.engine.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`code` for machines; the rest as sentences for people."""

    code: str
    sentence: str
    state_now: str = ""  # what is in the database now; empty where the failure says nothing of it
    remedy: str = ""

    @property
    def next_step(self) -> str:
        """Both, for a place that has room for one text."""
        return f"{self.state_now} {self.remedy}".strip()

    @classmethod
    def of(cls, error: EngineError) -> Failure:
        return cls(code=error.code, sentence=str(error), state_now=error.state_now, remedy=error.remedy)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Failure:
        """Whatever else is kept beside it is left alone. Old rows hold one text for both, under `next_step`."""
        return cls(
            code=kept.get("code", ""),
            sentence=kept.get("sentence", ""),
            state_now=kept.get("state_now", ""),
            remedy=kept.get("remedy", kept.get("next_step", "")),
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
