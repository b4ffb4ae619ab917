"""Audit events as sentences. The words of each stand in templates/audit/events/<event>.html."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from dashboard.engine.rehearsal.report import Verdict
from dashboard.models import AuditEvent
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.requirements import WORDS
from dashboard.selectors.audit import Titles
from dashboard.services.actors import SIGNALBOX
from dashboard.services.audit import Event
from dashboard.services.evidence import EvidenceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A request or a run: its number, what it is called, where it is."""

    number: int
    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    number: int
    at: datetime
    template: str
    tone: str
    icon: str
    actor: str
    place: Badge | None
    request: Link | None
    run: Link | None
    data: Mapping[str, Any]
    by_person: bool  # False: Signalbox did it by itself
    unproven: tuple[str, ...]  # what an approval accepted without proof
    proved_nothing: bool  # of a rehearsal: it neither passed nor failed
    source_ip: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    tone: str
    icon: str
    sentence: str


#: What the filter calls each kind, with its tone and icon.
KINDS: Mapping[Event, tuple[str, str, str]] = {
    Event.SIGNED_IN: ("Signed in", "muted", "user"),
    Event.SIGN_IN_FAILED: ("Sign-in failed", "warn", "attention"),
    Event.SIGNED_OUT: ("Signed out", "muted", "sign-out"),
    Event.PERSON_CREATED: ("Person added", "info", "user"),
    Event.PERSON_DEACTIVATED: ("Person deactivated", "warn", "cancel"),
    Event.PERSON_REACTIVATED: ("Person reactivated", "warn", "user"),
    Event.ROLE_CHANGED: ("Roles changed", "warn", "user"),
    Event.PASSWORD_SET: ("Password set by another", "warn", "lock"),
    Event.REQUEST_OPENED: ("Request opened", "info", "request"),
    Event.REQUEST_APPROVED: ("Request approved", "ok", "ok"),
    Event.REQUEST_REJECTED: ("Request rejected", "danger", "fail"),
    Event.REQUEST_WITHDRAWN: ("Request withdrawn", "muted", "cancel"),
    Event.REQUEST_EXPIRED: ("Request expired", "muted", "queued"),
    Event.REQUEST_SUPERSEDED: ("Request superseded", "warn", "modified"),
    Event.REQUEST_DONE: ("Request done", "muted", "ok"),
    Event.RUN_QUEUED: ("Run queued", "info", "queued"),
    Event.RUN_STARTED: ("Run started", "run", "run"),
    Event.RUN_CANCEL_REQUESTED: ("Cancel asked for", "warn", "cancel"),
    Event.RUN_SUCCEEDED: ("Run succeeded", "ok", "ok"),
    Event.RUN_FAILED: ("Run failed", "danger", "fail"),
    Event.RUN_CANCELLED: ("Run cancelled", "muted", "cancel"),
    Event.RUN_INTERRUPTED: ("Run interrupted", "danger", "attention"),
    Event.RUN_RESOLVED: ("Run resolved", "warn", "ok"),
    Event.RUN_ENDED_BY_HAND: ("Run ended by hand", "danger", "attention"),
    Event.ENVIRONMENT_REBOUND: ("Other database confirmed", "warn", "environment"),
    Event.DRIFT_FOUND: ("Drift found", "warn", "modified"),
    Event.DRIFT_GONE: ("Drift gone", "ok", "ok"),
    Event.DRIFT_ACCEPTED: ("Drift accepted", "warn", "baseline"),
    Event.REHEARSAL_ASKED: ("Rehearsal asked for", "info", "queued"),
    Event.REHEARSAL_DONE: ("Rehearsal carried out", "ok", "rehearsal"),
    Event.REHEARSAL_FAILED: ("Rehearsal not carried out", "warn", "attention"),
}
KIND_LABELS = {event.value: label for event, (label, _, _) in KINDS.items()}

COLUMNS = ("id", "at", "kind", "actor", "environment", "request", "run", "source_ip", "data", "hash")
#: A spreadsheet takes a cell that starts with one of these for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def views(events: Iterable[AuditEvent], titles: Titles) -> list[EventView]:
    return [_view(event, titles) for event in events]


def chain(count: int, broken: AuditEvent | None) -> Chain:
    """What walking the chain has shown."""
    events = f"{count:,} event{'' if count == 1 else 's'}"
    if broken is None:
        return Chain(tone="ok", icon="ok", sentence=f"{events}, chain intact: none was changed, removed or slipped in.")
    return Chain(
        tone="danger",
        icon="fail",
        sentence=f"The chain breaks at event {broken.pk}: it, or what stood before it, was changed outside Signalbox. "
        f"The {events} before it hold.",
    )


def template_of(event: str) -> str:
    return f"audit/events/{event}.html"


def rows(events: Iterable[AuditEvent]) -> Iterator[list[str]]:
    """For a spreadsheet: the column names, then one row an event, no cell a formula."""
    yield list(COLUMNS)
    for event in events:
        cells = (
            event.pk,
            event.at.astimezone(UTC).isoformat(timespec="milliseconds"),
            event.kind,
            event.actor,
            event.environment,
            event.request_id,
            event.run_id,
            event.source_ip,
            json.dumps(event.data) if event.data else "",
            event.hash,
        )
        yield [_inert("" if cell is None else str(cell)) for cell in cells]


def _view(event: AuditEvent, titles: Titles) -> EventView:
    _, tone, icon = KINDS.get(Event(event.kind), ("", "muted", "audit"))
    return EventView(
        number=event.pk,
        at=event.at,
        template=template_of(event.kind),
        tone=tone,
        icon=icon,
        actor=event.actor,
        place=badge_of(event.environment) if event.environment else None,
        request=_link("request", event.request_id, titles.requests),
        run=_link("run", event.run_id, titles.runs),
        data=event.data,
        by_person=event.actor != SIGNALBOX.name,
        unproven=tuple(_unproven(event.data)),
        proved_nothing=event.data.get("verdict") == Verdict.NOT_PROVEN,
        source_ip=event.source_ip,
    )


def _link(view_name: str, pk: int | None, titles: Mapping[int, str]) -> Link | None:
    if pk is None:
        return None
    return Link(number=pk, title=titles.get(pk, ""), url=reverse(view_name, args=[pk]))


def _unproven(data: Mapping[str, Any]) -> Iterator[str]:
    for requirement, verdict in data.get("verdicts", {}).items():
        if verdict == EvidenceStatus.ANSWERED:
            yield WORDS[requirement].label if requirement in WORDS else requirement


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
