"""Migrations proven one after the other, each from the state that it will meet on a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from dashboard.engine.plan import Step
from dashboard.engine.rehearsal import proofs
from dashboard.engine.rehearsal.doubts import Doubt, doubt_of, of_asking
from dashboard.engine.rehearsal.report import NotReached, Proof, Verdict
from dashboard.engine.rehearsal.rights import Rights
from dashboard.engine.rehearsal.sandbox import Sandbox
from dashboard.engine.rehearsal.selection import Candidate

type Listener = Callable[[Proof], None]

#: What it says of a failure where something that should be there is not.
_ABSENT = frozenset({"3F000", "23503", "42P01", "42703", "42704", "42883", "P0002"})


@dataclass(kw_only=True)
class Series:
    """A rollback that ran, and the up after it, may leave another state than the ups alone make, and that one is what
    a target has. So it is made anew wherever the difference shows: before the next migration if the schema differs,
    before a second look if a migration fails.
    """

    sandbox: Sandbox
    server_is_private: bool
    listener: Listener
    keep_going: bool = False
    doubts: Sequence[Doubt] = ()
    rights: Rights | None = None  # of the role on the target; None where there is none
    proofs: list[Proof] = field(default_factory=list)
    not_reached: list[NotReached] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    _standing: list[Step] = field(default_factory=list)  # what made the state that the next one begins with
    _is_spoiled: bool = False  # a rollback has run since that state was made
    _must_be_made_anew: bool = False  # and the schema shows it
    _missing: list[str] = field(default_factory=list)  # which did not run, and later ones may need

    def prove(self, candidates: Sequence[Candidate]) -> None:
        for number, candidate in enumerate(candidates):
            if self._must_be_made_anew and (failure := self._make_anew()):
                self._leave(candidates[number:], failure)
                return
            proof = self._proof(candidate)
            self.proofs.append(proof)
            self.listener(proof)
            self._note(proof, candidate)
            if reason := self._stops(proof):
                self._leave(candidates[number + 1 :], reason)
                return

    def _proof(self, candidate: Candidate) -> Proof:
        """What fails after rollbacks have run is looked at a second time, as if none had."""
        proof = proofs.prove(self.sandbox, candidate, server_is_private=self.server_is_private)
        if self._is_spoiled and any(error.sqlstate for error in proof.errors) and not self._make_anew():
            proof = self._second_look(candidate, proof)
        return self._weighed(proof, candidate)

    def _second_look(self, candidate: Candidate, first: Proof) -> Proof:
        second = proofs.prove(self.sandbox, candidate, server_is_private=self.server_is_private)
        if second.ran:
            self.remarks.append(
                f"{first.label} fails after a rollback before it has run and its migration was applied again. It runs "
                "on what the migrations alone make, and that is what counts."
            )
        return second

    def _weighed(self, proof: Proof, candidate: Candidate) -> Proof:
        if proof.refused:
            return proof
        doubt = doubt_of(proof, self.doubts)
        script = candidate.down.sql if candidate.is_applied and candidate.down else candidate.up.sql
        if not doubt and proof.ran and not self.server_is_private:
            doubt = of_asking(script)
        if not doubt and proof.ran and self.rights:
            doubt = self.rights.doubt(
                script, proof, forced=self.sandbox.forced_row_security(), ours=self.sandbox.left_out
            )
        if not doubt and proof.verdict is Verdict.FAILED and self._missing and _misses_something(proof):
            doubt = f"{self._missing[0]} did not run before it, and it may need that"
        return replace(proof, doubt=doubt) if doubt else proof

    def _note(self, proof: Proof, candidate: Candidate) -> None:
        if proof.refused or not proof.up.ok:
            self._missing.append(proof.label)
            return
        if not candidate.is_applied:
            self._standing.append(candidate.up)
        elif candidate.down and proof.down and proof.down.ok:
            self._standing.append(candidate.down)
        if proof.again:
            self._is_spoiled = True
            self._must_be_made_anew = not proof.repeatable

    def _stops(self, proof: Proof) -> str:
        """Why the next migration would begin from a state that it never meets on a target; empty where it can go on."""
        if proof.is_rollback:
            return "" if proof.ran else f"the rollback of {proof.label} failed before it"
        if proof.refused:
            return "" if self.keep_going else f"{proof.label} was not rehearsed"
        return "" if self.keep_going or proof.runs else f"{proof.label} failed before it"

    def _make_anew(self) -> str:
        """Make the state that the ups alone make. Returns why that is not possible; empty where it was done."""
        self.sandbox.begin_anew()
        for step in self._standing:
            if error := self.sandbox.run(step).error:
                return f"what stands before it could not be made again ({step.label}: {error.sentence})"
        self._is_spoiled = self._must_be_made_anew = False
        return ""

    def _leave(self, candidates: Sequence[Candidate], reason: str) -> None:
        self.not_reached += [
            NotReached(version=each.up.version, name=each.up.name, reason=reason) for each in candidates
        ]


def _misses_something(proof: Proof) -> bool:
    return any(error.sqlstate in _ABSENT for error in proof.errors)
