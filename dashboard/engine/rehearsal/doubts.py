"""What makes a rehearsal say nothing of the target: where its server differs in a way that can decide. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.engine.database import messages
from dashboard.engine.rehearsal.report import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One way in which the rehearsal is not the target."""

    reason: str  # a clause that follows "because"
    sqlstates: frozenset[str] = frozenset()  # of the failures that it can explain; empty: any that the server reports
    of_passes: bool = False  # what runs here may fail there


def doubt_of(proof: Proof, doubts: Sequence[Doubt]) -> str:
    """Why it may be otherwise on the target; empty where nothing speaks for that. What Signalbox itself refuses, it
    refuses there too."""
    if proof.ran:
        return ", and ".join(doubt.reason for doubt in doubts if doubt.of_passes)
    errors = [error for error in proof.errors if error.sqlstate]
    if not errors or len(errors) != len(proof.errors):
        return ""
    if lacking := next((error.sentence for error in errors if messages.is_lack_of_build(error.sentence)), ""):
        return f"the rehearsal server lacks what it needs ({lacking})"
    explaining = [d.reason for d in doubts if not d.sqlstates or all(e.sqlstate in d.sqlstates for e in errors)]
    return ", and ".join(explaining)
