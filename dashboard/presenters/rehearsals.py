"""A rehearsal as people read it: what was run on the throw-away database, and what was seen there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.urls import reverse

from dashboard.engine.planner import Action, Plan
from dashboard.engine.rehearsal.report import Assertion, Origin, Proof, Report, ScriptError, ScriptRun
from dashboard.engine.schema import diff
from dashboard.engine.schema.diff import Difference
from dashboard.models import Rehearsal
from dashboard.presenters import statuses
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.pills import Pill
from dashboard.selectors import rehearsals
from dashboard.services import permissions
from dashboard.services.actors import Actor

DID_NOT_PASS = Pill(label="Failed", tone="danger", icon="fail")
NO_LONGER = Pill(label="Passed, no longer counts", tone="warn", icon="queued")

RESTORES = Pill(label="Reversible", tone="ok", icon="ok")
REORDERS = Pill(label="Reversible, but columns change their order", tone="ok", icon="order")
DIFFERS = Pill(label="Not reversible", tone="danger", icon="fail")
NO_WAY_BACK = Pill(label="No rollback", tone="warn", icon="rollback")
DOWN_FAILS = Pill(label="Rollback fails", tone="danger", icon="fail")
REPEATABLE = Pill(label="Repeatable", tone="ok", icon="ok")
NOT_REPEATABLE = Pill(label="Not repeatable", tone="warn", icon="attention")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptView:
    """One script, once."""

    label: str  # "Up", "Rollback", "Up again"
    pill: Pill
    ms: float
    error: ScriptError | None
    statements: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    sentence: str
    key: str
    unified: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofView:
    label: str
    url: str
    open: bool
    refused: str
    pills: tuple[Pill, ...]
    scripts: tuple[ScriptView, ...]
    left: tuple[DifferenceView, ...]  # what the rollback leaves behind or takes too much of
    differs: tuple[DifferenceView, ...]  # what is otherwise after the second up
    made: tuple[str, ...]
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
    failure: Mapping[str, str] | None
    facts: tuple[tuple[str, Any], ...]
    remarks: tuple[str, ...]
    proofs: tuple[ProofView, ...]
    onward: tuple[ActionButton, ...]
    counts_until: datetime | None


def page(rehearsal: Rehearsal, by: Actor, *, worker_alive: bool) -> RehearsalPage:
    report = Report.from_dict(rehearsal.report) if rehearsal.report else None
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
        failure=rehearsal.failure,
        facts=tuple(_facts(rehearsal, report)),
        remarks=report.remarks if report else (),
        proofs=tuple(_proof(p, only=len(report.proofs) == 1) for p in report.proofs) if report else (),
        onward=() if active else tuple(_onward(rehearsal, by)),
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


def seen(rehearsal: Rehearsal, version: str, name: str) -> tuple[Pill, ...]:
    """What it showed of one migration."""
    proofs = Report.from_dict(rehearsal.report).proofs if rehearsal.report else ()
    return tuple(pill for p in proofs if (p.version, p.name) == (version, name) for pill in _pills(p))


def pill(rehearsal: Rehearsal) -> Pill:
    if rehearsal.status != Rehearsal.Status.DONE:
        return statuses.REHEARSAL[rehearsal.status]
    if not rehearsal.passed:
        return DID_NOT_PASS
    return statuses.REHEARSAL[rehearsal.status] if rehearsals.counts(rehearsal) else NO_LONGER


# What it showed, in a sentence


def _verdict(rehearsal: Rehearsal, report: Report | None) -> str:
    if report is None:
        return {
            Rehearsal.Status.QUEUED: "It waits for a worker.",
            Rehearsal.Status.RUNNING: "It runs on a throw-away database just now. That takes seconds.",
        }.get(Rehearsal.Status(rehearsal.status), "")
    if failed := [p.label for p in report.proofs if not p.passed]:
        return f"{failed[0]} did not pass. Nothing was changed: the database it ran on is dropped."
    if why := _does_not_count(rehearsal):
        return f"Everything ran, but it proves nothing any more: {why}."
    if rehearsal.kind == Action.ROLLBACK:
        return "The rollback ran."
    if report.reversible:
        return "Everything ran, and each rollback restored the schema."
    return "Everything ran, but not every migration can be taken back."


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


def _proof(proof: Proof, *, only: bool) -> ProofView:
    return ProofView(
        label=proof.label,
        url=reverse("migration", args=[proof.version, proof.name]),
        open=only or not proof.passed or proof.reversible is False,
        refused=proof.refused,
        pills=tuple(_pills(proof)),
        scripts=tuple(_scripts(proof)),
        left=_differences(proof.differences),
        differs=_differences(proof.repeat_differences),
        made=tuple(diff.summary_lines(proof.made)),
        locks=proof.up.locks,
        rewritten=proof.up.rewritten,
        assertions=proof.assertions,
        notices=tuple(notice for run in (proof.up, proof.down) if run for notice in run.notices),
    )


def _pills(proof: Proof) -> Iterator[Pill]:
    if proof.refused or not proof.runs:
        yield DID_NOT_PASS
        return
    if proof.down is None:
        yield NO_WAY_BACK
    elif not proof.down.ok:
        yield DOWN_FAILS
    elif proof.reversible is not None:
        yield REORDERS if proof.order_only else RESTORES if proof.reversible else DIFFERS
    if proof.repeatable is not None:
        yield REPEATABLE if proof.repeatable else NOT_REPEATABLE


def _scripts(proof: Proof) -> Iterator[ScriptView]:
    if proof.refused:
        return
    for label, run in (("Up", proof.up), ("Rollback", proof.down), ("Up again", proof.again)):
        if run is not None:
            yield ScriptView(label=label, pill=_ran(run), ms=run.ms, error=run.error, statements=run.statements)


def _ran(run: ScriptRun) -> Pill:
    return Pill(label="Ran", tone="ok", icon="ok") if run.ok else DID_NOT_PASS


def _differences(found: Sequence[Difference]) -> tuple[DifferenceView, ...]:
    return tuple(
        DifferenceView(sentence="; ".join(diff.summary_lines([d])), key=d.key, unified=diff.unified(d)) for d in found
    )


# What next


def _onward(rehearsal: Rehearsal, by: Actor) -> Iterator[ActionButton]:
    plan = Plan.from_dict(rehearsal.plan)
    if not badge_of(rehearsal.environment).url:
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
    place = [plan.environment, last.version, last.name]
    return reverse("rollback-rehearse", args=place), reverse("rollback", args=place)
