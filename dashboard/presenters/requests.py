"""Requests in a list, by tab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from dashboard.models import ChangeRequest
from dashboard.presenters import runs, statuses
from dashboard.presenters.badges import Badge, badge_of
from dashboard.presenters.buttons import ActionButton
from dashboard.presenters.pills import Pill
from dashboard.presenters.runs import RunRow
from dashboard.selectors.git import CommitFact
from dashboard.selectors.requests import Tab, has_expired, own_run


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    url: str
    title: str
    pill: Pill
    place: Badge
    reason: str
    by: str
    at: datetime
    expires_at: datetime | None
    has_expired: bool
    run: RunRow | None  # of a request that is done
    commit: CommitFact | None  # that its files were read from


@dataclass(frozen=True, slots=True, kw_only=True)
class TabView:
    label: str
    url: str
    count: int
    current: bool


TAB_LABELS = {Tab.NEEDS_ME: "Needs me", Tab.OPEN: "Open", Tab.DONE: "Done"}

#: Title and sentence where a tab holds nothing.
EMPTY: Mapping[Tab, tuple[str, str]] = {
    Tab.NEEDS_ME: (
        "Nothing waits for you",
        "Requests that someone else opened and you can decide on appear here, and your own once they are approved "
        "and ready to run.",
    ),
    Tab.OPEN: (
        "No request is open",
        "A request asks a second person to let migrations run on a protected environment. "
        "Open one from the page of such an environment, with “Request approval”.",
    ),
    Tab.DONE: (
        "No request has been closed yet",
        "Requests end here once they were run, rejected, withdrawn, or expired.",
    ),
}


def tabs(current: Tab, counts: Mapping[Tab, int]) -> list[TabView]:
    return [
        TabView(label=label, url=f"?tab={tab.value}", count=counts.get(tab, 0), current=tab is current)
        for tab, label in TAB_LABELS.items()
    ]


def way_to_open_one(tab: Tab) -> ActionButton | None:
    """Where a tab holds nothing: where a request is opened from."""
    return ActionButton(label="See the environments", url=reverse("overview")) if tab is Tab.OPEN else None


def row(request: ChangeRequest, commit: CommitFact | None = None) -> RequestRow:
    run = _ended(request)
    return RequestRow(
        url=reverse("request", args=[request.pk]),
        title=request.title,
        pill=run.pill if run else pill(request),
        place=badge_of(request.environment),
        run=run,
        reason=request.reason,
        by=request.requested_by.get_username(),
        at=request.requested_at,
        expires_at=None if request.closed_at else request.expires_at,
        has_expired=has_expired(request),
        commit=commit,
    )


def pill(request: ChangeRequest) -> Pill:
    """A request that is done ended as its run did; one whose time is over is expired, also before that is recorded."""
    run = _ended(request)
    if run:
        return run.pill
    return statuses.REQUEST[ChangeRequest.Status.EXPIRED if has_expired(request) else request.status]


def _ended(request: ChangeRequest) -> RunRow | None:
    run = own_run(request) if request.status == ChangeRequest.Status.DONE else None
    return runs.row(run) if run else None
