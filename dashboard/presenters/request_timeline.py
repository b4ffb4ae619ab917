"""What happened to one request, oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.models import BreakGlass, ChangeRequest, Comment, Decision, Run
from dashboard.presenters import runs
from dashboard.presenters.actions import WORDS
from dashboard.presenters.requests import pill
from dashboard.services.comments import MENTION
from dashboard.services.validity import RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentPart:
    text: str
    is_mention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One station of the timeline component."""

    at: datetime
    who: str
    sentence: str
    tone: str
    icon: str
    comment: str = ""
    parts: tuple[CommentPart, ...] = ()  # of a comment that was written for itself
    mentioned: tuple[str, ...] = ()


def timeline(state: RequestState) -> list[Happening]:
    """Oldest first."""
    request = state.request
    happenings = [_opened(request), *map(_decided, state.decisions), *map(_commented, state.comments)]
    for opening in state.openings:
        happenings += _opened_glass(opening)
    for run in state.runs:
        happenings += _ran(run)
    if request.closed_at and request.status not in {ChangeRequest.Status.DONE, ChangeRequest.Status.REJECTED}:
        happenings.append(_closed(request, request.closed_at))
    return sorted(happenings, key=lambda h: h.at)


def _opened(request: ChangeRequest) -> Happening:
    return Happening(
        at=request.requested_at,
        who=request.requested_by.get_username(),
        sentence="asked for approval",
        tone="info",
        icon="request",
    )


def _decided(decision: Decision) -> Happening:
    approved = decision.verdict == Decision.Verdict.APPROVED
    return Happening(
        at=decision.at,
        who=decision.by.get_username(),
        sentence="approved it" if approved else "rejected it",
        tone="ok" if approved else "danger",
        icon="ok" if approved else "fail",
        comment=decision.reason,
    )


def _commented(comment: Comment) -> Happening:
    return Happening(
        at=comment.at,
        who=comment.by.get_username(),
        sentence="commented",
        tone="muted",
        icon="comment",
        parts=tuple(_parts(comment.text, comment.mentions)),
        mentioned=tuple(comment.mentions),
    )


def _parts(text: str, names: Sequence[str]) -> Iterator[CommentPart]:
    """The text as it was written, cut at the names that it mentions."""
    end = 0
    for match in MENTION.finditer(text):
        if match[1] in names:
            yield CommentPart(text=text[end : match.start()])
            yield CommentPart(text=match[0], is_mention=True)
            end = match.end()
    yield CommentPart(text=text[end:])


def _opened_glass(opening: BreakGlass) -> Iterator[Happening]:
    yield Happening(
        at=opening.at,
        who=opening.by.get_username(),
        sentence="broke the glass",
        tone="danger",
        icon="attention",
        comment=opening.reason,
    )
    if opening.reviewed_by and opening.reviewed_at:
        name = opening.reviewed_by.get_username()
        yield Happening(
            at=opening.reviewed_at, who=name, sentence="reviewed that", tone="ok", icon="ok", comment=opening.review
        )


def _ran(run: Run) -> list[Happening]:
    verb = WORDS[run.action].started
    name = run.started_by.get_username()
    happenings = [Happening(at=run.queued_at, who=name, sentence=f"{verb} run {run.pk}", tone="run", icon="run")]
    if run.finished_at:
        shown = runs.row(run).pill
        sentence = f"Run {run.pk}: {shown.label.lower()}"
        happenings.append(Happening(at=run.finished_at, who="", sentence=sentence, tone=shown.tone, icon=shown.icon))
    return happenings


def _closed(request: ChangeRequest, at: datetime) -> Happening:
    shown = pill(request)
    return Happening(
        at=at, who="", sentence=shown.label, tone=shown.tone, icon=shown.icon, comment=request.closed_because
    )
