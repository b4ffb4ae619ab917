"""Drift: is a schema still as the runs of Signalbox left it? Looks and keeps what they saw; changes no target.

Every look writes a DriftCheck; the newest one that saw the schema is the state of the environment. What is expected
is the newest Snapshot. A run is seen at its start and at its end, so that only what changed in between counts as its
work: what someone had changed by hand before is still found afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from dashboard.engine.errors import EngineError
from dashboard.engine.schema import diff, drift
from dashboard.engine.schema.diff import Difference
from dashboard.engine.schema.drift import Seen
from dashboard.engine.schema.objects import SchemaSnapshot as Schema
from dashboard.models import DriftCheck, Run, RunStep, Snapshot, environments
from dashboard.models.environments import Environment
from dashboard.models.failures import Failure
from dashboard.selectors import drift as drift_selector
from dashboard.selectors import leftovers
from dashboard.selectors.leftovers import LeftByRun
from dashboard.services import audit, limits, permissions, policies, queue, targets
from dashboard.services.actors import SIGNALBOX, Actor
from dashboard.services.errors import DriftChanged, EnvironmentOccupied

logger = logging.getLogger(__name__)

#: Snapshots of an environment that keep their schema, and its checks that are kept at all. An older snapshot keeps
#: its fingerprint and how many rows had been written at that moment.
SCHEMAS_KEPT = 50
CHECKS_KEPT = 200
#: Differences an audit event names, and the longest line of one.
NAMED = 20
LINE = 200
#: A look later than this after a run says nothing of what was written by the end of that run.
LATE = timedelta(minutes=1)
#: Held while a look is kept, an environment at a time. "SBDR" in ASCII.
KEEP_LOCK = 0x53424452


def check(environment: Environment, *, by: Actor) -> DriftCheck:
    """Look now and compare. Raises EnvironmentOccupied while a run is under way."""
    policies.check_is_free(environment)
    last_run = _last_run(environment)
    look = _look(environment)
    with _keeping(environment):
        policies.check_is_free(environment)
        if _last_run(environment) == last_run:
            return _keep(environment, look, by=by)
    return check(environment, by=by)  # one began and ended during the look


def check_if_free(environment: Environment, *, by: Actor) -> None:
    """A run under way looks by itself."""
    with suppress(EnvironmentOccupied):
        check(environment, by=by)


def before_run(run: Run) -> None:
    """What the run finds there; of no interest where another worker has taken it over meanwhile."""
    with _not_in_the_way(run):
        environment = environments.get(run.environment)
        look = _look(environment)
        with _keeping(environment):
            if Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING, attempt=run.attempt).exists():
                _keep(environment, look, by=SIGNALBOX)


def after_run(run: Run) -> None:
    """What the run leaves there. Where the next one has begun, that one's looks see the work of both."""
    with _not_in_the_way(run):
        environment = environments.get(run.environment)
        look = _look(environment)
        with _keeping(environment):
            if _last_run(environment) == run.pk:
                _keep(environment, look, by=SIGNALBOX)


def ask(environment: Environment, *, by: Actor) -> None:
    """Have a worker check soon. Where somebody has asked already, that is enough."""
    permissions.check_can_look(by)
    limits.check_looks(by)
    queue.check_drift(environment.slug, by.person.pk)


def ask_where_due() -> None:
    """Every SIGNALBOX_DRIFT_MINUTES; never where that is 0."""
    if not settings.DRIFT_MINUTES:
        return
    since = Now() - timedelta(minutes=settings.DRIFT_MINUTES)
    recent = set(DriftCheck.objects.filter(at__gt=since).values_list("environment", flat=True))
    for environment in environments.all_environments():
        if environment.configured and environment.slug not in recent:
            queue.check_drift(environment.slug)


def accept(environment: Environment, *, by: Actor, fingerprint: str, reason: str, typed_name: str = "") -> Snapshot:
    """The schema as it was found and shown is right. `fingerprint` is of what the person saw."""
    permissions.check_can_accept_drift(by)
    reason = policies.check_reason(reason, "accept a changed schema")
    policies.check_name_typed(environment, typed_name)
    with _keeping(environment):
        policies.check_is_free(environment)
        last = drift_selector.last_seen(environment)
        is_as_shown = last is not None and last.outcome == DriftCheck.Outcome.DRIFTED
        if last is None or not is_as_shown or last.fingerprint != fingerprint or _ended_since(environment, last):
            raise DriftChanged(environment=environment.name)
        differences = drift_selector.changed_outside(last)
        accepted = _snapshot(environment, Snapshot.Reason.ACCEPTED, _acceptable(last), by=by)
        _note(environment, **_outcome((), leftovers.kept(last), drift_selector.schema_of(last), accepted), by=by)
        audit.record(
            audit.Event.DRIFT_ACCEPTED, by=by, environment=environment.slug, reason=reason, **_named(differences)
        )
    return accepted


def _acceptable(last: DriftCheck) -> Schema:
    """As it was found; what a broken-off run left half done is nobody's aim."""
    assert last.expected is not None, "a look that saw a schema compared it"
    left = {leftover.key for leftover in leftovers.kept(last)}
    return drift.expected_with(Schema.from_dict(last.expected.schema), drift_selector.schema_of(last), but=left)


# Looking


def _look(environment: Environment) -> Seen | EngineError:
    try:
        return drift.look(targets.access(environment))
    except EngineError as error:
        return error


@contextmanager
def _not_in_the_way(run: Run) -> Iterator[None]:
    """Whatever goes wrong with a look is no business of the run."""
    try:
        yield
    except Exception:
        logger.exception("The schema of %s could not be kept for run %s", run.environment, run.pk)


@contextmanager
def _keeping(environment: Environment) -> Iterator[None]:
    """One transaction, and one at a time for an environment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [KEEP_LOCK, environment.slug])
        yield


def _last_run(environment: Environment) -> int | None:
    """The last that a worker took."""
    taken = Run.objects.filter(environment=environment.slug, started_at__isnull=False)
    return taken.order_by("-id").values_list("pk", flat=True).first()


# Keeping what was seen


def _keep(environment: Environment, look: Seen | EngineError, *, by: Actor) -> DriftCheck:
    if isinstance(look, EngineError):
        failure = Failure.of(look).to_dict()
        return _note(environment, DriftCheck.Outcome.UNREACHABLE, by=by, failure=failure)
    last = drift_selector.last_seen(environment)
    if last is None:
        expected = _snapshot(environment, Snapshot.Reason.FIRST, look.schema, by=by)
    else:
        expected = _with_rights(environment, _expected(environment, last, look), look)
    check = _compared(environment, last, expected, look.schema, by=by)
    _prune(environment)
    return check


def _expected(environment: Environment, last: DriftCheck, look: Seen) -> Snapshot:
    """The newest snapshot; where runs have ended since the last look, a new one with what they changed."""
    assert last.expected is not None, "a look that saw a schema compared it"
    run = _ended_since(environment, last)
    if run is None:
        return last.expected
    before = drift_selector.schema_of(last)
    did_something = run.steps.filter(status__in=_DID_SOMETHING).exists()
    if before.objects == look.schema.objects and not did_something:
        return last.expected
    # A run of which nothing stands explains no more than where its tracking tables are.
    explained = None if did_something else frozenset({f"schema {targets.access(environment).schema}"})
    schema = drift.expected_after(Schema.from_dict(last.expected.schema), before, look.schema, explained=explained)
    values: dict[str, Any] = {"run": run}
    if run.finished_at is not None and timezone.now() - run.finished_at <= LATE:
        values |= {"rows_written": dict(look.written.rows), "counted_since": look.written.since}
        if _was_seen_when_it_began(run, last):
            values["around"] = {
                "before": _as_found(drift_selector.differences(last)),
                "after": _as_found(diff.compare(schema, look.schema)),
            }
    return _snapshot(environment, Snapshot.Reason.RUN, schema, **values)


def _with_rights(environment: Environment, expected: Snapshot, look: Seen) -> Snapshot:
    """What Signalbox has asked for is right as soon as it is there; the audit log names it."""
    schema = Schema.from_dict(expected.schema)
    differences = diff.compare(schema, look.schema)
    asked = [difference for difference in differences if drift.is_asked_for(difference, look)]
    if not asked:
        return expected
    others = {difference.key for difference in differences if difference not in asked}
    reason = f"Rights that Signalbox asks for of its own role {look.role}."
    audit.record(audit.Event.DRIFT_ACCEPTED, by=SIGNALBOX, environment=environment.slug, reason=reason, **_named(asked))
    return _snapshot(environment, Snapshot.Reason.ACCEPTED, drift.expected_with(schema, look.schema, but=others))


def _was_seen_when_it_began(run: Run, last: DriftCheck) -> bool:
    """Nobody knows what was changed by hand before one that was found out after a crash."""
    return run.status != Run.Status.RESOLVED and run.started_at is not None and last.at >= run.started_at


def _as_found(differences: Sequence[Difference]) -> dict[str, str | None]:
    return {difference.key: difference.after for difference in differences}


def _ended_since(environment: Environment, last: DriftCheck) -> Run | None:
    """The newest run whose work that look did not see."""
    return Run.objects.filter(environment=environment.slug, finished_at__gt=last.at).order_by("-id").first()


_DID_SOMETHING = (RunStep.Status.COMMITTED, RunStep.Status.PARTIAL)


def _compared(
    environment: Environment, last: DriftCheck | None, expected: Snapshot, schema: Schema, *, by: Actor
) -> DriftCheck:
    differences = diff.compare(Schema.from_dict(expected.schema), schema)
    left = leftovers.among(environment, differences)
    outside = tuple(d for d in differences if d.key not in {leftover.key for leftover in left})
    known = drift_selector.changed_outside(last) if last else ()
    since: dict[str, Any] = {"since": last.since if last and known else Now()} if outside else {}
    check = _note(environment, **_outcome(outside, left, schema, expected), **since, by=by)
    if outside and outside != known:
        audit.record(audit.Event.DRIFT_FOUND, by=by, environment=environment.slug, **_named(outside))
    if known and not outside:
        audit.record(audit.Event.DRIFT_GONE, by=by, environment=environment.slug, **_named(known))
    return check


def _outcome(
    outside: Sequence[Difference], left: Sequence[LeftByRun], schema: Schema, expected: Snapshot
) -> dict[str, Any]:
    """What a look that saw this says. It keeps the schema only where that is not what is expected."""
    values: dict[str, Any] = {"outcome": DriftCheck.Outcome.CLEAN}
    if outside or left:
        values = {
            "outcome": DriftCheck.Outcome.DRIFTED if outside else DriftCheck.Outcome.HALF_DONE,
            "found": schema.to_dict(),
            "differing": len(outside),
            "leftovers": [leftover.to_dict() for leftover in left],
        }
    return values | {"expected": expected, "fingerprint": schema.fingerprint}


def _snapshot(
    environment: Environment, reason: Snapshot.Reason, schema: Schema, *, by: Actor = SIGNALBOX, **values: Any
) -> Snapshot:
    return Snapshot.objects.create(
        environment=environment.slug,
        reason=reason,
        taken_at=timezone.now(),
        by=by.user,
        fingerprint=schema.fingerprint,
        schema=schema.to_dict(),
        **values,
    )


def _note(environment: Environment, outcome: DriftCheck.Outcome, *, by: Actor, **values: Any) -> DriftCheck:
    """By the control database's clock, which also says when runs end."""
    if outcome != DriftCheck.Outcome.UNREACHABLE:
        DriftCheck.objects.filter(environment=environment.slug, found__isnull=False).update(found=None)
    return DriftCheck.objects.create(environment=environment.slug, at=Now(), outcome=outcome, by=by.user, **values)


def _named(differences: Sequence[Difference]) -> dict[str, Any]:
    """For an audit event: how many, and the first of them by name."""
    lines = diff.summary_lines(differences)
    return {"differing": len(differences), "objects": [line[:LINE] for line in lines[:NAMED]]}


def _prune(environment: Environment) -> None:
    checks = DriftCheck.objects.filter(environment=environment.slug)
    checks.filter(pk__in=checks.order_by("-id")[CHECKS_KEPT:].values("pk")).delete()
    snapshots = Snapshot.objects.filter(environment=environment.slug).exclude(schema={})
    snapshots.filter(pk__in=snapshots.order_by("-id")[SCHEMAS_KEPT:].values("pk")).update(schema={}, around=None)
