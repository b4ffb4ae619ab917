"""Rehearsals: migrations run on a throw-away database, up, down and up again, to see what they do.

The scripts are run by the executor itself, on a database that nobody else uses and that is dropped at the end.
Nothing here writes to a target: of one, schema and history are read.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from dashboard.engine import verification
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.files import verifications
from dashboard.engine.files.verifications import Verification
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Plan, Policy, Step
from dashboard.engine.rehearsal import baseline, selection, throwaway
from dashboard.engine.rehearsal.baseline import Original
from dashboard.engine.rehearsal.report import Origin, Report
from dashboard.engine.rehearsal.sandbox import Sandbox
from dashboard.engine.rehearsal.selection import Candidate
from dashboard.engine.rehearsal.series import Listener, Series
from dashboard.engine.rehearsal.throwaway import VARIABLE as VARIABLE
from dashboard.engine.rehearsal.throwaway import Server
from dashboard.engine.rehearsal.throwaway import sweep as sweep
from dashboard.engine.run.cancellation import Cancellation

#: Where a rehearsal from the first file on keeps the history: where no migration looks.
_SCHEMA = "signalbox_rehearsal"
_POLICY = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)


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
    whose up fails, unless told to keep going.

    Raises RehearsalImpossible; PlanChanged where the plan is no longer what would be planned; TargetUnreachable and
    the other errors of a target; RunCancelled by the cancellation.
    """
    started = time.monotonic()
    original = _original(plan, source)
    candidates = selection.of_plan(plan, original.target.history, verify)
    with (
        throwaway.server(
            server_url,
            variable=server_variable,
            major=original.major,
            extensions=selection.extensions(candidates).union(original.extensions),
            registered=[source.address, *registered],
        ) as server,
        baseline.copied(original, server, _applied(candidates), cancellation or Cancellation()) as (sandbox, copy),
    ):
        series = Series(
            sandbox=sandbox,
            server_is_private=server.is_private,
            listener=listener,
            keep_going=keep_going,
            doubts=copy.doubts,
            rights=original.rights,
        )
        series.prove(candidates)
        report = _report(series, Origin.COPY, server, started, verify)
        return replace(report, remarks=(*copy.remarks, *report.remarks))


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

    It stops at the first whose up fails. With `keep_going` that leaves the database as it was before it, and the next
    one follows.
    """
    started = time.monotonic()
    verify = verifications.read(folder)
    candidates = selection.of_folder(folder, verify)
    with (
        throwaway.server(
            server_url, variable=server_variable, extensions=selection.extensions(candidates), registered=registered
        ) as server,
        throwaway.database(server) as database,
        Sandbox(database, policy=_POLICY, schema=_SCHEMA, cancellation=cancellation or Cancellation()) as sandbox,
    ):
        series = Series(sandbox=sandbox, server_is_private=server.is_private, listener=listener, keep_going=keep_going)
        series.prove(candidates)
        report = _report(series, Origin.SCRATCH, server, started, verify)
        return replace(report, unread=(*selection.unread(folder), *selection.blocked(folder, series.proofs)))


def _original(plan: Plan, source: Access) -> Original:
    """The target as it is now, which has to be what the plan was made for."""
    _refuse_bookkeeping(plan)
    original = baseline.read(source)
    verification.verify(plan, original.target)
    return original


def _applied(candidates: Sequence[Candidate]) -> list[Step]:
    """What stands there already, of what is to be proven."""
    return [candidate.up for candidate in candidates if candidate.is_applied]


def _report(series: Series, origin: Origin, server: Server, started: float, verify: Sequence[Verification]) -> Report:
    return Report(
        origin=origin,
        server_version=server.version,
        ms=(time.monotonic() - started) * 1000,
        proofs=tuple(series.proofs),
        remarks=(*series.remarks, *_not_run(verify)),
        not_reached=tuple(series.not_reached),
    )


def _not_run(verify: Sequence[Verification]) -> list[str]:
    return [f"{check.file} was not run: {check.fault}" for check in verify if check.fault]


def _refuse_bookkeeping(plan: Plan) -> None:
    if not plan.action.runs_migrations or any(step.first_statement > 1 for step in plan.steps):
        raise RehearsalImpossible(
            reason="this plan settles what another run left behind, or only keeps the record.",
            remedy="Only migrations and rollbacks that run from their first statement on are rehearsed.",
        )
