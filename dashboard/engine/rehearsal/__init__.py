"""Rehearsals: migrations run on a throw-away database, up, down and up again, to see what they do.

The scripts are run by the executor itself, on a database that nobody else uses and that is dropped at the end, by a
process that knows no key. Nothing here writes to a target: of one, schema and history are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dashboard.engine import verification
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.errors import RehearsalImpossible
from dashboard.engine.files import verifications
from dashboard.engine.files.verifications import Verification
from dashboard.engine.migration import Folder
from dashboard.engine.plan import Plan, Policy, Step
from dashboard.engine.rehearsal import apart, baseline, dump, selection, throwaway
from dashboard.engine.rehearsal.baseline import Original
from dashboard.engine.rehearsal.report import Origin, Report
from dashboard.engine.rehearsal.selection import Candidate
from dashboard.engine.rehearsal.series import Listener
from dashboard.engine.rehearsal.throwaway import VARIABLE as VARIABLE
from dashboard.engine.rehearsal.throwaway import sweep as sweep
from dashboard.engine.rehearsal.work import Order
from dashboard.engine.run.cancellation import Cancellation

_POLICY = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)


def of_plan(  # noqa: PLR0913  # one for each thing that may differ
    plan: Plan,
    *,
    source: Access,
    server_url: str | None = None,
    server_variable: str = VARIABLE,
    needs_no_network: bool = False,
    verify: Sequence[Verification] = (),
    keep_going: bool = False,
    registered: Sequence[Address] = (),
    cancellation: Cancellation | None = None,
    listener: Listener = lambda proof: None,
) -> Report:
    """Rehearse a plan on a copy of the schema that its target has now; each proof is told to `listener` at once.

    `server_url` leads to the rehearsal server; None is a private one, which has a network of its own where the platform
    allows that, and is not started elsewhere if `needs_no_network`. On the servers of `registered` targets, the
    plan's own among them, nothing is made. `verify` is what `files.verifications.read` gives. It stops at the first
    whose up fails, unless told to keep going.

    Raises RehearsalImpossible and what is below it; PlanChanged where the plan is no longer what would be planned;
    TargetUnreachable and the other errors of a target; RunCancelled by the cancellation.
    """
    original = _original(plan, source)
    candidates = selection.of_plan(plan, original.target.history, verify)
    throwaway.refuse_targets(server_url, server_variable, [source.address, *registered])
    order = Order(
        origin=Origin.COPY,
        candidates=tuple(candidates),
        verify=tuple(verify),
        policy=source.policy,
        schema=source.schema,
        server_url=server_url,
        server_variable=server_variable,
        needs_no_network=needs_no_network,
        extensions=selection.extensions(candidates).union(original.extensions),
        keep_going=keep_going,
        original=original.without_url(),
        dumped=dump.take_or_say_why(original.major, source.address, with_roles=server_url is None),
        recorded=tuple(_applied(candidates)),
    )
    return apart.run(order, listener=listener, cancellation=cancellation or Cancellation())


def of_folder(  # noqa: PLR0913  # as above
    folder: Folder,
    *,
    schema: str = "platform",
    server_url: str | None = None,
    server_variable: str = VARIABLE,
    needs_no_network: bool = False,
    keep_going: bool = False,
    registered: Sequence[Address] = (),
    cancellation: Cancellation | None = None,
    listener: Listener = lambda proof: None,
) -> Report:
    """Rehearse every migration of a folder from the first file on; each proof is told to `listener` at once.

    The history is kept in `schema`, as on the targets, so that a migration which touches it fails here too.

    It stops at the first whose up fails. With `keep_going` that leaves the database as it was before it, and the next
    one follows.
    """
    verify = verifications.read(folder)
    candidates = selection.of_folder(folder, verify)
    throwaway.refuse_targets(server_url, server_variable, registered)
    order = Order(
        origin=Origin.SCRATCH,
        candidates=tuple(candidates),
        verify=tuple(verify),
        policy=_POLICY,
        schema=schema,
        server_url=server_url,
        server_variable=server_variable,
        needs_no_network=needs_no_network,
        extensions=selection.extensions(candidates),
        keep_going=keep_going,
    )
    report = apart.run(order, listener=listener, cancellation=cancellation or Cancellation())
    return replace(report, unread=(*selection.unread(folder), *selection.blocked(folder, report.proofs)))


def _original(plan: Plan, source: Access) -> Original:
    """The target as it is now, which has to be what the plan was made for."""
    _refuse_bookkeeping(plan)
    original = baseline.read(source)
    verification.verify(plan, original.target)
    return original


def _applied(candidates: Sequence[Candidate]) -> list[Step]:
    """What stands there already, of what is to be proven."""
    return [candidate.up for candidate in candidates if candidate.is_applied]


def _refuse_bookkeeping(plan: Plan) -> None:
    if not plan.action.runs_migrations or any(step.first_statement > 1 for step in plan.steps):
        raise RehearsalImpossible(
            reason="this plan settles what another run left behind, or only keeps the record.",
            remedy="Only migrations and rollbacks that run from their first statement on are rehearsed.",
        )
