"""A rehearsal as people read it: what was run on the throw-away database, and what was seen there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import reverse

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Action, Plan
from dashboard.engine.rehearsal.report import (
    Assertion,
    NotReached,
    Origin,
    Proof,
    RehearsedEffect,
    Report,
    ScriptError,
    ScriptRun,
    Verdict,
)
from dashboard.engine.rehearsal.risk import RiskLevel
from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Change
from dashboard.models import Rehearsal, environments
from dashboard.models.failures import Failure
from dashboard.presenters import links, statuses
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.pills import Pill
from dashboard.presenters.schema_diff import SchemaDiff, schema_diff
from dashboard.selectors import rehearsals
from dashboard.services import permissions
from dashboard.services.actors import Actor

DID_NOT_PASS = Pill(label="Failed", tone="danger", icon="fail")
NOT_PROVEN = Pill(label="Not proven", tone="warn", icon="attention")
NOT_REACHED = Pill(label="Not reached", tone="warn", icon="unknown")
NO_LONGER = Pill(label="Passed, no longer counts", tone="warn", icon="queued")

RESTORES = Pill(label="Reversible", tone="ok", icon="ok")
REORDERS = Pill(label="Reversible, but columns change their order", tone="ok", icon="order")
DIFFERS = Pill(label="Not reversible", tone="danger", icon="fail")
NO_WAY_BACK = Pill(label="No rollback", tone="warn", icon="rollback")
DOWN_FAILS = Pill(label="Rollback fails", tone="danger", icon="fail")
AGAIN_FAILS = Pill(label="Cannot be applied again", tone="danger", icon="fail")
REPEATABLE = Pill(label="Repeatable", tone="ok", icon="ok")
NOT_REPEATABLE = Pill(label="Not repeatable", tone="warn", icon="attention")
CHANGES_NOTHING = Pill(label="Changes nothing", tone="warn", icon="attention")
RAN = Pill(label="Ran", tone="ok", icon="ok")
LEADS_BACK = Pill(label="Can be applied again", tone="ok", icon="ok")
LEADS_ELSEWHERE = Pill(label="Not the same when applied again", tone="warn", icon="attention")

#: Labels in a sentence; the rest is counted.
_NAMED = 5

#: How long others wait on the target.
RISKS: Mapping[RiskLevel, Pill] = {
    RiskLevel.LOW: Pill(label="Blocks for a moment", tone="ok", icon="ok"),
    RiskLevel.MEDIUM: Pill(label="Blocks for seconds", tone="warn", icon="attention"),
    RiskLevel.HIGH: Pill(label="Blocks for long", tone="danger", icon="lock"),
}

#: What a difference from the schema before means once the rollback has run, and once the second up has.
AFTER_ROLLBACK: Mapping[Change, Pill] = {
    Change.ADDED: Pill(label="Left behind", tone="warn", icon="plus"),
    Change.REMOVED: Pill(label="Gone", tone="danger", icon="missing"),
    Change.CHANGED: Pill(label="Not as before", tone="warn", icon="modified"),
}
AFTER_AGAIN: Mapping[Change, Pill] = {
    Change.ADDED: Pill(label="Only the second time", tone="warn", icon="plus"),
    Change.REMOVED: Pill(label="Only the first time", tone="warn", icon="missing"),
    Change.CHANGED: Pill(label="Different", tone="warn", icon="modified"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedScript:
    """One script, once."""

    label: str  # "Up", "Rollback", "Up again"
    pill: Pill
    ms: float
    error: ScriptError | None
    statements: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """What one migration would hold up on the target."""

    label: str
    pill: Pill
    is_felt: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofView:
    label: str
    url: str
    open: bool
    refused: str
    doubt: str  # why what happened says nothing of the target
    effect: str  # that it changes nothing, or that this cannot be told
    pills: tuple[Pill, ...]
    scripts: tuple[RehearsedScript, ...]
    left: SchemaDiff | None  # what the rollback leaves behind or takes too much of
    differs: SchemaDiff | None  # what is otherwise after the second up
    made: tuple[str, ...]
    risk: RiskView | None
    locks: tuple[Any, ...]
    rewritten: tuple[str, ...]
    assertions: tuple[Assertion, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalRow:
    """A rehearsal named elsewhere."""

    number: int
    url: str
    pills: tuple[Pill, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPage:
    number: int
    title: str
    url: str
    place: Badge
    pill: Pill
    verdict: str
    asked_by: str
    asked_at: datetime
    is_active: bool
    waits_for_worker: bool
    failure: Failure | None
    facts: tuple[tuple[str, Any], ...]
    remarks: tuple[str, ...]
    proofs: tuple[ProofView, ...]
    onward: tuple[ActionButton, ...]
    counts_until: datetime | None


def page(rehearsal: Rehearsal, by: Actor, *, worker_alive: bool, is_left: bool = True) -> RehearsalPage:
    """`is_left`: something of what it rehearsed has still to be done."""
    report = rehearsals.report_of(rehearsal)
    active = rehearsal.status in rehearsals.ACTIVE
    return RehearsalPage(
        number=rehearsal.pk,
        title=rehearsal.title,
        url=reverse("rehearsal", args=[rehearsal.pk]),
        place=badge_of(rehearsal.environment),
        pill=pill(rehearsal),
        verdict=_verdict(rehearsal, report),
        asked_by=rehearsal.asked_by.get_username() if rehearsal.asked_by else "Signalbox",
        asked_at=rehearsal.asked_at,
        is_active=active,
        waits_for_worker=rehearsal.status == Rehearsal.Status.QUEUED and not worker_alive,
        failure=Failure.from_dict(rehearsal.failure) if rehearsal.failure else None,
        facts=tuple(_facts(rehearsal, report)),
        remarks=(*report.remarks, *report.unread) if report else (),
        proofs=tuple(_proofs(report, rehearsal)) if report else (),
        onward=() if active else tuple(_onward(rehearsal, by, is_left=is_left)),
        counts_until=rehearsal.expires_at if rehearsals.counts(rehearsal) else None,
    )


def row(rehearsal: Rehearsal, pills: tuple[Pill, ...] = ()) -> RehearsalRow:
    """`pills` in place of what it says as a whole."""
    return RehearsalRow(
        number=rehearsal.pk,
        url=reverse("rehearsal", args=[rehearsal.pk]),
        pills=pills or (pill(rehearsal),),
        at=rehearsal.finished_at or rehearsal.asked_at,
    )


def risks(rehearsal: Rehearsal) -> tuple[RiskView, ...]:
    """The scripts that keep anyone waiting, in their order."""
    return tuple(
        RiskView(
            label=risk["label"],
            pill=RISKS[RiskLevel(risk["level"])],
            is_felt=risk["level"] != RiskLevel.LOW,
            sentences=tuple(risk["sentences"]),
        )
        for risk in rehearsal.risks
        if risk["level"] != RiskLevel.NONE
    )


def seen(rehearsal: Rehearsal, migration: MigrationId) -> tuple[Pill, ...]:
    """What it showed of one migration."""
    report = rehearsals.report_of(rehearsal)
    proof = next((p for p in report.proofs if p.identity == migration), None) if report else None
    return _pills(proof, rehearsal) if proof else ()


def pill(rehearsal: Rehearsal) -> Pill:
    if rehearsal.status != Rehearsal.Status.DONE:
        return statuses.REHEARSAL[rehearsal.status]
    if not rehearsal.passed:
        report = rehearsals.report_of(rehearsal)
        return NOT_PROVEN if report and report.verdict is Verdict.NOT_PROVEN else DID_NOT_PASS
    return statuses.REHEARSAL[rehearsal.status] if rehearsals.counts(rehearsal) else NO_LONGER


# What it showed, in a sentence


def _verdict(rehearsal: Rehearsal, report: Report | None) -> str:
    if report is None:
        return {
            Rehearsal.Status.QUEUED: "It waits for a worker.",
            Rehearsal.Status.RUNNING: "It runs on a throw-away database just now. That takes seconds.",
        }.get(Rehearsal.Status(rehearsal.status), "")
    if failed := [p.label for p in report.proofs if p.verdict is Verdict.FAILED]:
        return f"{failed[0]} did not pass. Nothing was changed: the database it ran on is dropped."
    if not report.passed:
        return _not_all_proven(report)
    if why := _does_not_count(rehearsal):
        return f"Everything ran, but it proves nothing any more: {why}."
    if _rolls_back(rehearsal):
        return "The rollback ran."
    if report.reversible:
        return "Everything ran, and each rollback restored the schema."
    return "Everything ran, but not every migration can be taken back."


def _not_all_proven(report: Report) -> str:
    doubted = [proof.label for proof in report.proofs if proof.because]
    left = [each.label for each in report.not_reached]
    parts = [f"{_listed(doubted)} not proven" if doubted else "", f"{_listed(left)} not reached" if left else ""]
    said = "; ".join(filter(None, parts)) or "not every file was read"
    return f"Nothing failed, but not all of it is proven: {said}. Nothing was changed."


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return ", ".join(labels[:_NAMED]) + more


def _does_not_count(rehearsal: Rehearsal) -> str:
    if not rehearsals.same_major(rehearsal):
        return f"the target runs PostgreSQL {rehearsal.target_major}, and this was {rehearsal.server_major}"
    return "it is too old" if rehearsals.is_expired(rehearsal) else ""


def _facts(rehearsal: Rehearsal, report: Report | None) -> Iterator[tuple[str, Any]]:
    name = badge_of(rehearsal.environment).name
    if report:
        origins = {
            Origin.COPY: f"the schema of {name} as it is, without its rows",
            Origin.SCRATCH: "an empty database, and every migration before",
        }
        yield "Began with", origins[report.origin]
        yield "Rehearsed on", f"PostgreSQL {rehearsal.server_major}"
        yield f"{name} runs", f"PostgreSQL {rehearsal.target_major}"
    yield "History up to", rehearsal.history_head or "nothing applied"
    yield "Digest", f"sha256 {rehearsal.digest[:12]}…"


# One migration


def _proofs(report: Report, rehearsal: Rehearsal) -> Iterator[ProofView]:
    """Every migration, those that were not reached too."""
    only = len(report.proofs) + len(report.not_reached) == 1
    risk_of = {risk.label: risk for risk in reversed(risks(rehearsal))}
    yield from (_proof(proof, rehearsal, risk_of.get(proof.label), only=only) for proof in report.proofs)
    yield from (_unreached(left, rehearsal) for left in report.not_reached)


def _source(rehearsal: Rehearsal) -> str:
    return environments.get_even_former(rehearsal.environment).source


def _unreached(left: NotReached, rehearsal: Rehearsal) -> ProofView:
    return ProofView(
        label=left.label,
        url=links.migration(left.identity, _source(rehearsal)),
        open=False,
        refused=left.sentence,
        doubt="",
        effect="",
        pills=(NOT_REACHED,),
        scripts=(),
        left=None,
        differs=None,
        made=(),
        risk=None,
        locks=(),
        rewritten=(),
        assertions=(),
        notices=(),
    )


def _proof(proof: Proof, rehearsal: Rehearsal, risk: RiskView | None, *, only: bool) -> ProofView:
    """A rollback is judged by the rollback itself, anything else by the up."""
    subject = proof.down if _rolls_back(rehearsal) and proof.down else proof.up
    return ProofView(
        label=proof.label,
        url=links.migration(proof.identity, _source(rehearsal)),
        open=only or not proof.passed or bool(proof.differences) or proof.changes_nothing,
        refused=proof.refused,
        doubt=proof.doubt,
        effect=_effect(proof),
        pills=_pills(proof, rehearsal),
        scripts=tuple(_scripts(proof, rehearsal)),
        left=schema_diff(proof.differences, AFTER_ROLLBACK) if proof.differences else None,
        differs=schema_diff(proof.repeat_differences, AFTER_AGAIN) if proof.repeat_differences else None,
        made=tuple(diff.summary_lines(proof.unmade if subject is proof.down else proof.made)),
        risk=risk,
        locks=subject.locks,
        rewritten=subject.rewritten,
        assertions=proof.assertions,
        notices=tuple(notice for run in (proof.up, proof.down) if run for notice in run.notices),
    )


def _pills(proof: Proof, rehearsal: Rehearsal) -> tuple[Pill, ...]:
    if proof.because:
        return (NOT_PROVEN,)
    if not proof.runs:
        return (DID_NOT_PASS,)
    if _rolls_back(rehearsal):
        return tuple(_of_rollback(proof))
    return tuple(_of_apply(proof))


def _effect(proof: Proof) -> str:
    if proof.changes_nothing:
        return proof.nothing_changed
    if proof.effect is RehearsedEffect.UNKNOWN and not proof.because:
        return f"Whether it changes anything cannot be told: {proof.effect_because}."
    return ""


def _of_apply(proof: Proof) -> Iterator[Pill]:
    if proof.changes_nothing:
        yield CHANGES_NOTHING
    if proof.down is None:
        yield RAN if proof.is_repeatable else NO_WAY_BACK
    elif not proof.down.ok:
        yield DOWN_FAILS
    else:
        yield REORDERS if proof.order_only else RESTORES if proof.reversible else DIFFERS
    if proof.again and not proof.again.ok:
        yield AGAIN_FAILS
    elif proof.repeatable is not None:
        yield REPEATABLE if proof.repeatable else NOT_REPEATABLE


def _of_rollback(proof: Proof) -> Iterator[Pill]:
    yield RAN if proof.down and proof.down.ok else DOWN_FAILS
    if proof.repeatable is not None:
        yield LEADS_BACK if proof.repeatable else LEADS_ELSEWHERE


def _rolls_back(rehearsal: Rehearsal) -> bool:
    return rehearsal.action == Action.ROLLBACK


def _scripts(proof: Proof, rehearsal: Rehearsal) -> Iterator[RehearsedScript]:
    """The second time nobody asks for each statement. A rollback begins where the up has run long ago."""
    if proof.refused:
        return
    if not _rolls_back(rehearsal):
        yield _script("Up", proof.up)
    if proof.down:
        yield _script("Rollback", proof.down)
    if proof.again:
        yield replace(_script("Up again", proof.again), statements=())


def _script(label: str, run: ScriptRun) -> RehearsedScript:
    pill = RAN if run.ok else DID_NOT_PASS
    return RehearsedScript(label=label, pill=pill, ms=run.ms, error=run.error, statements=run.statements)


# What next


def _onward(rehearsal: Rehearsal, by: Actor, *, is_left: bool) -> Iterator[ActionButton]:
    plan, place = rehearsal.plan, badge_of(rehearsal.environment)
    if not place.url:
        return
    if not is_left:
        done = f"All of it {'is rolled back' if plan.action is Action.ROLLBACK else 'has run'} on {place.name} already."
        yield ActionButton(label="To the plan", icon="arrow", reason=done)
        yield ActionButton(label=f"See {place.name}", url=place.url, icon="environment")
        return
    again, back = _addresses(plan)
    fields = (("upto", plan.steps[-1].version),) if plan.action is Action.APPLY else ()
    yield ActionButton(
        label="Rehearse again",
        url=again,
        method="post",
        icon="refresh",
        fields=fields,
        reason=refusal(partial(permissions.check_can_request, by)),
    )
    yield ActionButton(label="To the plan", url=back, icon="arrow")


def _addresses(plan: Plan) -> tuple[str, str]:
    """Where the same is planned anew: to rehearse it, and to read it."""
    last = plan.steps[-1]
    if plan.action is Action.APPLY:
        plan_url = reverse("apply", args=[plan.environment], query={"upto": last.version})
        return reverse("apply-rehearse", args=[plan.environment]), plan_url
    place = [plan.environment, *last.identity]
    return reverse("rollback-rehearse", args=place), reverse("rollback", args=place)
