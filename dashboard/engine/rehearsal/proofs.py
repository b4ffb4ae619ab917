"""Proves one migration on a sandbox."""

from __future__ import annotations

import time
from dataclasses import replace

from dashboard.engine.plan import Step
from dashboard.engine.rehearsal import effects, refusals
from dashboard.engine.rehearsal.report import Proof, ScriptError, ScriptRun
from dashboard.engine.rehearsal.sandbox import Sandbox, not_run
from dashboard.engine.rehearsal.selection import Candidate
from dashboard.engine.schema import diff
from dashboard.engine.schema.objects import SchemaSnapshot


def prove(sandbox: Sandbox, candidate: Candidate, *, server_is_private: bool) -> Proof:
    """Where a script or a verification file reaches beyond the throw-away database, nothing of the migration is
    run."""
    started = time.perf_counter()
    proof = _refused(candidate, server_is_private) or (
        _rolled_back(sandbox, candidate) if candidate.is_applied else _applied(sandbox, candidate)
    )
    return replace(proof, ms=(time.perf_counter() - started) * 1000)


def _refused(candidate: Candidate, server_is_private: bool) -> Proof | None:
    up, down = candidate.up, candidate.down
    scripts = [("", script.sql) for script in (up, *([down] if down else []))]
    for file, script in (*scripts, *((check.file, check.script.sql) for check in candidate.checks)):
        if refused := refusals.refusal(script, server_is_private=server_is_private):
            if file:
                refused = replace(refused, sentence=f"{file}: {refused.sentence}")
            return Proof(
                version=up.version,
                name=up.name,
                up=not_run(refused),
                is_rollback=candidate.is_applied,
                refused=refused.sentence,
            )
    return None


def _applied(sandbox: Sandbox, candidate: Candidate) -> Proof:
    """Snapshot A, up, B, what verifies it, down, C, up, D. Where the second up fails, it is left undone."""
    before, reading = sandbox.schema(), effects.read(candidate.up.sql)
    catalogs = sandbox.catalogs() if reading.may_be_told else ""
    up = _run(sandbox, candidate.up, candidate.up_fault)
    proof = Proof(version=candidate.up.version, name=candidate.up.name, up=up)
    if not up.ok:
        return proof
    applied = sandbox.schema()
    same_schema = (before.objects, before.versions) == (applied.objects, applied.versions)
    same_catalogs = same_schema and bool(catalogs) and catalogs == sandbox.catalogs()
    proof = effects.judged(proof, reading, same_schema=same_schema, same_catalogs=same_catalogs)
    assertions = tuple(sandbox.verify(check) for check in candidate.checks)
    proof = replace(proof, made=diff.compare(before, applied), assertions=assertions)
    if candidate.up.is_repeatable:
        return _run_again(sandbox, candidate, proof, applied)
    if candidate.down is None:
        return proof
    down = _run(sandbox, candidate.down, candidate.down_fault)
    if not down.ok:
        return replace(proof, down=down)
    undone = sandbox.schema()
    again = sandbox.run(candidate.up)
    repeated = sandbox.schema()
    return replace(
        proof,
        down=down,
        again=again,
        reversible=before.objects == undone.objects,
        order_only=diff.order_only(before, undone),
        repeatable=again.ok and applied.objects == repeated.objects,
        differences=diff.compare(before, undone),
        repeat_differences=diff.compare(applied, repeated) if again.ok else (),
        unmade=diff.compare(applied, undone),
    )


def _run_again(sandbox: Sandbox, candidate: Candidate, proof: Proof, applied: SchemaSnapshot) -> Proof:
    """A repeatable migration has to run on what it has made itself: up, and D."""
    again = sandbox.run(candidate.up)
    repeated = sandbox.schema()
    return replace(
        proof,
        again=again,
        repeatable=again.ok and applied.objects == repeated.objects,
        repeat_differences=diff.compare(applied, repeated) if again.ok else (),
    )


def _rolled_back(sandbox: Sandbox, candidate: Candidate) -> Proof:
    """It is applied: snapshot B, down, C, up, D, and down once more. Leaves it rolled back where its down runs."""
    assert candidate.down is not None, "a plan to roll back has the script for it"
    applied = sandbox.schema()
    down = sandbox.run(candidate.down)
    up = ScriptRun(ok=True, ms=0.0)
    proof = Proof(version=candidate.up.version, name=candidate.up.name, up=up, down=down, is_rollback=True)
    if not down.ok:
        return proof
    undone = sandbox.schema()
    proof = replace(proof, unmade=diff.compare(applied, undone))
    if not candidate.up.sql:
        return proof
    proof = replace(proof, again=sandbox.run(candidate.up))
    if proof.again is None or not proof.again.ok:
        return replace(proof, repeatable=False)
    repeated = sandbox.schema()
    return replace(
        proof,
        down=down if (last := sandbox.run(candidate.down)).ok else last,
        made=diff.compare(undone, repeated),
        repeatable=applied.objects == repeated.objects,
        repeat_differences=diff.compare(applied, repeated),
    )


def _run(sandbox: Sandbox, step: Step, fault: ScriptError | None) -> ScriptRun:
    return not_run(fault) if fault else sandbox.run(step)
