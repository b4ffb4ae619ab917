"""What a rehearsal does once it is known what to rehearse, and from which state. Needs no key of a target."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from dashboard.engine.files.verifications import Verification
from dashboard.engine.plan import Policy, Step
from dashboard.engine.rehearsal import baseline, doubts, throwaway
from dashboard.engine.rehearsal.baseline import CopiedSchema, Original
from dashboard.engine.rehearsal.dump import Dumped
from dashboard.engine.rehearsal.report import Origin, Proof, Report
from dashboard.engine.rehearsal.sandbox import Sandbox
from dashboard.engine.rehearsal.selection import Candidate
from dashboard.engine.rehearsal.series import Listener, Series
from dashboard.engine.rehearsal.throwaway import Server
from dashboard.engine.run.cancellation import Cancellation
from dashboard.engine.sql import statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that the process that rehearses is told."""

    origin: Origin
    candidates: tuple[Candidate, ...]
    verify: tuple[Verification, ...]
    policy: Policy
    schema: str  # of the tracking tables
    server_url: str | None = field(repr=False)
    server_variable: str
    needs_no_network: bool  # of this machine: without one of its own nothing is run on a private server
    extensions: frozenset[str]
    keep_going: bool
    #: Of a copy: the target as it was read, without its URL, its dumped schema, and what stands in its history.
    original: Original | None = None
    dumped: Dumped | None = None
    recorded: tuple[Step, ...] = ()


def carry_out(order: Order, *, listener: Listener, cancellation: Cancellation) -> Report:
    started = time.monotonic()
    with (
        throwaway.server(
            order.server_url,
            variable=order.server_variable,
            major=order.original.major if order.original else None,
            extensions=order.extensions,
            settings=dict(order.original.looks) if order.original else {},
        ) as server,
        _sandbox(order, server, cancellation) as (sandbox, copy),
    ):
        series = Series(
            sandbox=sandbox,
            server_is_private=server.is_private,
            listener=listener,
            keep_going=order.keep_going,
            doubts=copy.doubts,
            rights=order.original.rights if order.original else None,
        )
        series.prove(order.candidates)
        return Report(
            origin=order.origin,
            server_version=server.version,
            ms=(time.monotonic() - started) * 1000,
            proofs=tuple(series.proofs),
            remarks=(*copy.remarks, *series.remarks, *_not_run(order.verify)),
            not_reached=tuple(series.not_reached),
        )


def proof_to_dict(proof: Proof) -> dict[str, Any]:
    return asdict(proof)


@contextmanager
def _sandbox(order: Order, server: Server, cancellation: Cancellation) -> Iterator[tuple[Sandbox, CopiedSchema]]:
    if order.original is not None and order.dumped is not None:
        with baseline.copied(order.original, order.dumped, server, order.recorded, cancellation) as made:
            yield made
        return
    with (
        throwaway.database(server) as database,
        Sandbox(database, policy=order.policy, schema=order.schema, cancellation=cancellation) as sandbox,
    ):
        absent = (doubts.NO_ROLE, doubts.NO_SUCH_VALUE)
        unknown = doubts.of_grammar(server.version // 10000, statements.GRAMMAR)
        yield sandbox, CopiedSchema(remarks=(), doubts=(*doubts.of_rights(server.major), *absent, *unknown))


def _not_run(verify: Sequence[Verification]) -> list[str]:
    return [f"{check.file} was not run: {check.fault}" for check in verify if check.fault]
