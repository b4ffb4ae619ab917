"""Rehearsals: migrations run on a throw-away database, up, down and up again, to see what they do.

The scripts are run by the executor itself, on a database that nobody else uses and that is dropped at the end.
Nothing here writes to a target: of one, schema and history are read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dashboard.engine import verification
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.files import verifications
from dashboard.engine.files.verifications import Verification
from dashboard.engine.migration import FileRole, Folder, Severity
from dashboard.engine.plan import Action, Plan, Policy
from dashboard.engine.rehearsal import baseline, proofs, selection, throwaway
from dashboard.engine.rehearsal.report import Origin, Proof, Report
from dashboard.engine.rehearsal.sandbox import Sandbox
from dashboard.engine.rehearsal.selection import Candidate
from dashboard.engine.rehearsal.throwaway import VARIABLE as VARIABLE
from dashboard.engine.rehearsal.throwaway import Server
from dashboard.engine.rehearsal.throwaway import sweep as sweep
from dashboard.engine.run.cancellation import Cancellation

#: Where a rehearsal from the first file on keeps the history: where no migration looks.
_SCHEMA = "signalbox_rehearsal"
_POLICY = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)

type Listener = Callable[[Proof], None]


def of_plan(  # noqa: PLR0913  # one for each thing that may differ
    plan: Plan,
    *,
    source: Access,
    server_url: str | None = None,
    server_variable: str = VARIABLE,
    verify: Sequence[Verification] = (),
    keep_going: bool = False,
    registered: Sequence[Address] = (),
    cancellation: Cancellation | None = None,
    listener: Listener = lambda proof: None,
) -> Report:
    """Rehearse a plan on a copy of the schema that its target has now; each proof is told to `listener` at once.

    `server_url` leads to the rehearsal server; None is a private one. On the servers of `registered` targets, the
    plan's own among them, nothing is made. `verify` is what `files.verifications.read` gives. It stops at the first
    that fails, unless told to keep going.

    Raises RehearsalImpossible; PlanChanged where the plan is no longer what would be planned; TargetUnreachable and
    the other errors of a target; RunCancelled by the cancellation.
    """
    rehearsal = _Rehearsal(Origin.COPY, listener, keep_going=keep_going)
    _refuse_bookkeeping(plan)
    original = baseline.read(source)
    verification.verify(plan, original.target)
    candidates = selection.of_plan(plan, original.target.history, verify)
    with (
        throwaway.server(
            server_url,
            variable=server_variable,
            major=original.major,
            extensions=selection.extensions(candidates).union(original.extensions),
            registered=[source.address, *registered],
        ) as server,
        baseline.copied(original, server, cancellation or Cancellation()) as (sandbox, remarks),
    ):
        rehearsal.remarks += remarks
        if plan.action is Action.ROLLBACK:
            sandbox.record([candidate.up for candidate in candidates])
        rehearsal.prove(candidates, sandbox, server)
        return rehearsal.report(server, verify)


def of_folder(
    folder: Folder,
    *,
    server_url: str | None = None,
    server_variable: str = VARIABLE,
    keep_going: bool = False,
    registered: Sequence[Address] = (),
    cancellation: Cancellation | None = None,
    listener: Listener = lambda proof: None,
) -> Report:
    """Rehearse every migration of a folder from the first file on; each proof is told to `listener` at once.

    It stops at the first that fails. With `keep_going` a failed up leaves the database as it was before it, a failed
    down leaves the migration applied, and the next one follows.
    """
    rehearsal = _Rehearsal(Origin.SCRATCH, listener, keep_going=keep_going)
    verify = verifications.read(folder)
    candidates = selection.of_folder(folder, verify)
    with (
        throwaway.server(
            server_url, variable=server_variable, extensions=selection.extensions(candidates), registered=registered
        ) as server,
        throwaway.database(server) as database,
        Sandbox(database, policy=_POLICY, schema=_SCHEMA, cancellation=cancellation or Cancellation()) as sandbox,
    ):
        rehearsal.prove(candidates, sandbox, server)
        rehearsal.remarks += _not_read(folder)
        return rehearsal.report(server, verify)


def _refuse_bookkeeping(plan: Plan) -> None:
    if not plan.action.runs_migrations or any(step.first_statement > 1 for step in plan.steps):
        raise RehearsalImpossible(
            reason="this plan settles what another run left behind, or only keeps the record.",
            remedy="Only migrations and rollbacks that run from their first statement on are rehearsed.",
        )


def _not_read(folder: Folder) -> list[str]:
    """Files that may hold SQL and that no migration holds: a wrong name, a rollback that may belong to several."""
    read = {script.file for m in folder.migrations for script in (m.up, m.down) if script}
    faults = {p.file: p.sentence for p in reversed(folder.problems) if p.severity is Severity.ERROR}
    unused = [entry.file for entry in folder.files if entry.role is not FileRole.VERIFY and entry.file not in read]
    return [f"{file} was not rehearsed: {faults[file]}" for file in unused if file in faults]


@dataclass
class _Rehearsal:
    origin: Origin
    listener: Listener
    keep_going: bool = False
    proofs: list[Proof] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def prove(self, candidates: Sequence[Candidate], sandbox: Sandbox, server: Server) -> None:
        for number, candidate in enumerate(candidates, start=1):
            proof = proofs.prove(sandbox, candidate, server_is_private=server.is_private)
            self.proofs.append(proof)
            self.listener(proof)
            if not (self.keep_going or _can_go_on(proof, candidate)):
                if left := len(candidates) - number:
                    self.remarks.append(f"{left} more were not rehearsed, because {proof.label} failed before them.")
                return

    def report(self, server: Server, verify: Sequence[Verification]) -> Report:
        unread = [f"{check.file} was not run: {check.fault}" for check in verify if check.fault]
        return Report(
            origin=self.origin,
            server_version=server.version,
            ms=(time.monotonic() - self._started) * 1000,
            proofs=tuple(self.proofs),
            remarks=(*self.remarks, *unread),
        )


def _can_go_on(proof: Proof, candidate: Candidate) -> bool:
    """Else what follows would start from a state that it never meets on a target."""
    return proof.passed and (candidate.is_applied or proof.again is None or proof.again.ok)
