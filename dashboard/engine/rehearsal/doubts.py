"""What makes a rehearsal say nothing of the target: where its server differs in a way that can decide. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashboard.engine.database import origins
from dashboard.engine.rehearsal.report import Proof, ScriptError


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One way in which the rehearsal is not the target."""

    reason: str  # a clause that follows "because"
    sqlstates: frozenset[str] = frozenset()  # of the failures that it can explain; empty: any that the server reports
    concerns: Callable[[str], bool] | None = None  # of which origin those are; None: any
    of_passes: bool = False  # what runs here may fail there

    def explains(self, error: ScriptError) -> bool:
        if self.sqlstates and error.sqlstate not in self.sqlstates:
            return False
        return self.concerns is None or self.concerns(error.origin)


#: A rehearsal from the first file on begins with a server that nobody has prepared.
NO_ROLE = Doubt(
    reason="it names a role that neither the folder nor the rehearsal server makes",
    sqlstates=frozenset({"42704"}),
    concerns=origins.is_about_a_role,
)


def of_grammar(major: int, ours: int) -> list[Doubt]:
    """A server of that major version may refuse what the parser of a later one, `ours`, has taken."""
    reason = f"PostgreSQL {major}, on which it ran, does not know a syntax that PostgreSQL {ours} has"
    doubt = Doubt(reason=reason, sqlstates=frozenset({"42601"}), concerns=origins.is_about_the_grammar)
    return [doubt] if major < ours else []


def doubt_of(proof: Proof, doubts: Sequence[Doubt]) -> str:
    """Why it may be otherwise on the target; empty where nothing speaks for that. What Signalbox itself refuses, it
    refuses there too."""
    if proof.ran:
        return ", and ".join(doubt.reason for doubt in doubts if doubt.of_passes)
    errors = [error for error in proof.errors if error.sqlstate]
    if not errors or len(errors) != len(proof.errors):
        return ""
    lacks = (error.sentence for error in errors if origins.is_lack_of_build(error.origin, error.sqlstate))
    if lacking := next(lacks, ""):
        return f"the rehearsal server lacks what it needs ({lacking})"
    explaining = [doubt.reason for doubt in doubts if all(map(doubt.explains, errors))]
    return ", and ".join(explaining)
