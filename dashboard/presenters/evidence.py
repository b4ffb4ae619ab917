"""What is proven about a plan, as the person who decides reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from django.urls import reverse

from config.environments import Requirement
from dashboard.engine.plan import Action, Plan
from dashboard.presenters import rehearsals, requirements
from dashboard.presenters.badges import badge_of
from dashboard.presenters.buttons import ActionButton, refusal
from dashboard.presenters.pills import Pill
from dashboard.presenters.rehearsals import RehearsalRow, RiskView
from dashboard.selectors.failed_attempts import FailedAttempt
from dashboard.services import permissions
from dashboard.services.actors import Actor
from dashboard.services.evidence import Evidence, EvidenceStatus, Item
from dashboard.services.validity import RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    label: str
    verdict: str  # empty where the sentence says it all
    tone: str
    icon: str
    sentence: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What stands above everything else on the page: the same text has failed before, here or elsewhere."""

    title: str
    sentence: str
    at: datetime
    url: str
    url_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    alarms: tuple[Alarm, ...]
    lines: tuple[EvidenceLine, ...]
    pill: Pill
    rehearsal: RehearsalRow | None
    rehearse: ActionButton
    risks: tuple[RiskView, ...]  # by the rehearsal that counts: what people would notice
    moments: tuple[RiskView, ...]  # what they would not
    changes_nothing: tuple[str, ...]  # what was seen to leave everything as it was
    is_live: bool  # a rehearsal is under way: look again soon
    as_of: datetime | None = None  # of a closed request: when it was decided on


#: In a word, with tone and icon.
VERDICTS: Mapping[EvidenceStatus, tuple[str, str, str]] = {
    EvidenceStatus.SATISFIED: ("", "ok", "ok"),
    EvidenceStatus.ANSWERED: ("not proven", "warn", "attention"),
    EvidenceStatus.MISSING: ("", "danger", "fail"),
    EvidenceStatus.NOT_REQUIRED: ("not required", "muted", "unknown"),
}
UNDER_WAY = ("under way", "run", "run")
COMPLETE = Pill(label="Nothing missing", tone="ok", icon="ok")
UNJUDGED = Pill(label="Cannot be judged", tone="warn", icon="attention")
CONTRADICTED = Pill(label="Records contradict", tone="danger", icon="missing")
ALARMED = Pill(label="Failed before", tone="danger", icon="fail")
NOTHING_CHANGED = Pill(label="Changes nothing", tone="warn", icon="attention")
UNPROVEN = Pill(label="Not all proven", tone="warn", icon="attention")
ACCEPTED = Pill(label="Accepted unproven", tone="warn", icon="attention")


def of_plan(evidence: Evidence, plan: Plan, by: Actor, failed: Sequence[FailedAttempt] = ()) -> EvidenceView:
    """Before anyone asks: on the page of a plan."""
    last = plan.steps[-1]
    if plan.action is Action.ROLLBACK:
        url = reverse("rollback-rehearse", args=[plan.environment, *last.identity])
        return _outranked(_view(evidence, plan, failed, by, url), plan)
    url = reverse("apply-rehearse", args=[plan.environment])
    return _outranked(_view(evidence, plan, failed, by, url, ("upto", last.version)), plan)


def of_request(state: RequestState, by: Actor, failed: Sequence[FailedAttempt] = ()) -> EvidenceView | None:
    """None where nothing was kept of what the decision rested on."""
    if state.proof is None:
        return None
    plan = state.request.plan
    view = _view(state.proof, plan, failed, by, reverse("request-rehearse", args=[state.request.pk]))
    view = _outranked(view, plan)
    if state.proven_at is None:
        return view
    pill = ACCEPTED if view.pill is UNPROVEN else view.pill
    return replace(view, pill=pill, as_of=state.proven_at, is_live=False, rehearse=replace(view.rehearse, show=False))


def _outranked(view: EvidenceView, plan: Plan) -> EvidenceView:
    """What was proven was proven of a text; where SQL is put together while it runs, no line of it is an all-clear."""
    if not plan.unjudged:
        return view
    pill = UNJUDGED if view.pill is COMPLETE else view.pill
    return replace(view, pill=pill, lines=tuple(map(_of_text_only, view.lines)))


def _of_text_only(line: EvidenceLine) -> EvidenceLine:
    _, tone, _ = VERDICTS[EvidenceStatus.SATISFIED]
    if line.tone != tone:
        return line
    sentence = f"{line.sentence} Of the SQL that is put together while it runs, this says nothing."
    return replace(line, tone="warn", icon="attention", verdict="cannot be judged", sentence=sentence)


def _view(
    evidence: Evidence,
    plan: Plan,
    failed: Sequence[FailedAttempt],
    by: Actor,
    rehearse_url: str,
    *fields: tuple[str, str],
) -> EvidenceView:
    proven = any(
        i.requirement is Requirement.REHEARSAL and i.verdict is EvidenceStatus.SATISFIED for i in evidence.items
    )
    risks = rehearsals.risks(evidence.rehearsal) if evidence.rehearsal and proven else ()
    return EvidenceView(
        lines=tuple(_line(item, evidence) for item in evidence.items),
        alarms=tuple(map(_alarm, failed)),
        pill=_pill(evidence, plan, failed),
        rehearsal=rehearsals.row(evidence.rehearsal) if evidence.rehearsal else None,
        rehearse=ActionButton(
            label="Rehearse again" if evidence.rehearsal else "Rehearse",
            url=rehearse_url,
            method="post",
            icon="rehearsal",
            fields=fields,
            show=bool(evidence.items) and not proven and not evidence.under_way,
            reason=refusal(partial(permissions.check_can_request, by)),
        ),
        risks=tuple(risk for risk in risks if risk.is_felt),
        moments=tuple(risk for risk in risks if not risk.is_felt),
        changes_nothing=evidence.changes_nothing,
        is_live=evidence.under_way,
    )


def _alarm(failure: FailedAttempt) -> Alarm:
    place = badge_of(failure.environment).name
    return Alarm(
        title=f"{failure.label} failed on {place}.",
        sentence=f"The same SQL, byte for byte: {failure.sentence or 'the reason was not kept.'}",
        at=failure.at,
        url=reverse("run", args=[failure.run]),
        url_label=f"Run {failure.run}",
    )


def _pill(evidence: Evidence, plan: Plan, failed: Sequence[FailedAttempt]) -> Pill:
    if missing := len(evidence.missing):
        return Pill(label=f"{missing} missing", tone="danger", icon="fail")
    if plan.contradictions:
        return CONTRADICTED
    if failed:
        return ALARMED
    if evidence.changes_nothing:
        return NOTHING_CHANGED
    return UNPROVEN if any(item.verdict is EvidenceStatus.ANSWERED for item in evidence.items) else COMPLETE


def _line(item: Item, evidence: Evidence) -> EvidenceLine:
    open_ = item.verdict in {EvidenceStatus.MISSING, EvidenceStatus.NOT_REQUIRED}
    waits = evidence.under_way and open_ and item.requirement.is_shown_by_rehearsal
    verdict, tone, icon = UNDER_WAY if waits else VERDICTS[item.verdict]
    return EvidenceLine(
        label=requirements.WORDS[item.requirement].label,
        verdict=verdict,
        tone=tone,
        icon=icon,
        sentence=item.sentence,
        next_step=item.next_step if item.verdict is EvidenceStatus.MISSING else "",
    )
