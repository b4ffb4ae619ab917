"""An engine failure as it is kept in a JSON column, and shown on pages long after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dashboard.engine.errors import EngineError

#: Failures that speak in words of Signalbox alone. The sentence of any other may hold what the server said, and the
#: server quotes values: "Key (email)=(…) already exists".
IN_OWN_WORDS = frozenset(
    {
        "approver_gone",
        "broken_off",
        "cancelled",
        "claim_lost",
        "left_to_original",
        "not_approved",
        "not_configured",
        "plan_changed",
        "target_busy",
        "worker_lost",
    }
)
#: What the server says of an error without quoting a value: its class, and names of things.
WITHOUT_VALUES = ("sqlstate", "constraint", "table", "statement", "line", "column")


def without_values(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A failure as it may stand where nothing can be erased: what kind it is and where, and nothing that was in the
    data."""
    bare: dict[str, Any] = {"code": kept.get("code", "")}
    if bare["code"] in IN_OWN_WORDS:
        bare["sentence"] = kept.get("sentence", "")
    if "version" in kept:
        bare["version"] = kept["version"]
    if "server" in kept:
        bare["server"] = {name: kept["server"][name] for name in WITHOUT_VALUES if kept["server"].get(name)}
    return bare


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
