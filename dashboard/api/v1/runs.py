"""Runs: starting what may run, watching it, its log, and cancelling it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.responses import Status

from dashboard.api import problems, waiting
from dashboard.api.authentication import actor_of
from dashboard.api.v1 import goals
from dashboard.api.v1.calls import environment_of, page, reachable, reads, writes
from dashboard.api.v1.schemas import LogLine, LogPage, RunPage, RunSent, RunShown, RunStepShown
from dashboard.models import Run, RunStatement
from dashboard.models.tokens import Scope
from dashboard.selectors import runs as selector
from dashboard.services import decisions, permissions, runs

router = Router(tags=["runs"])

#: Statements in one answer of a log.
LINES = 500
#: Seconds that one stream of events lasts; its reader comes back by itself, from where it was.
STREAM = 25.0
PAUSE = 0.5
#: Streams that a web process holds open at once: each holds one of its threads.
STREAMS = 4
_free = threading.BoundedSemaphore(STREAMS)
LARGEST = 2**63 - 1


@reads(router, "/runs", Scope.READ, response=RunPage, summary="List runs")
def list_runs(
    request: HttpRequest,
    environment: str | None = Query(None, max_length=64, pattern=r"^[a-z0-9-]+$"),
    cursor: str | None = Query(None, max_length=40),
    limit: int = Query(50, ge=1, le=200),
) -> dict[str, Any]:
    rows = selector.listed().filter(environment__in=reachable(request))
    if environment:
        rows = rows.filter(environment=environment)
    items, following = page(rows, cursor, limit)
    return {"items": [_run(request, item) for item in items], "next": following}


@writes(router, "/runs", Scope.RUN, response={202: RunShown, 200: RunShown}, summary="Start a run")
def start_run(request: HttpRequest, wanted: RunSent) -> HttpResponse | Status[RunShown]:
    """Runs what needs no approval, or has one that covers exactly this plan. Where one is missing, it answers 409: open
    a change request. With `wait`, 200 says that the run has ended, however."""
    environment = environment_of(request, wanted.environment)
    plan = goals.plan_of(wanted, environment)
    goals.check_digest(plan, wanted.digest, environment)
    run = decisions.start(
        plan, environment=environment, by=actor_of(request), accepted=wanted.accept, rows=wanted.rows_to_lose
    )
    run = waiting.until_ended(run, wanted.wait)
    return Status(202 if run.is_active else 200, _run(request, selector.detailed(run.pk)))


@reads(router, "/runs/{int:number}", Scope.READ, response=RunShown, summary="Read a run")
def read_run(request: HttpRequest, number: int) -> RunShown:
    return _run(request, _of_number(request, number))


@reads(router, "/runs/{int:number}/log", Scope.READ, response=LogPage, summary="Read the log of a run")
def read_log(request: HttpRequest, number: int, after: int = Query(0, ge=0, le=LARGEST)) -> LogPage:
    """Statements that ended after the one whose `id` is `after`."""
    run = _of_number(request, number)
    return _log(run, after)


@reads(router, "/runs/{int:number}/events", Scope.READ, summary="Follow a run as server-sent events")
def follow_run(
    request: HttpRequest, number: int, after: int = Query(0, ge=0, le=LARGEST)
) -> HttpResponse | StreamingHttpResponse:
    """`text/event-stream`: `statement` for each one that ended, `status` when the run moves, `end` once it is over. A
    stream lasts 25 seconds; a client goes on from its Last-Event-ID."""
    run = _of_number(request, number)
    last = request.headers.get("Last-Event-ID", "")
    after = max(after, min(int(last), LARGEST)) if last.isascii() and last.isdigit() else after
    if not _free.acquire(blocking=False):
        return problems.of_call(request, problems.TOO_MANY_STREAMS, headers={"Retry-After": "5"})
    answer = StreamingHttpResponse(_events(run, after), content_type="text/event-stream")
    answer["X-Accel-Buffering"] = "no"
    return answer


@writes(router, "/runs/{int:number}/cancel", Scope.RUN, response=RunShown, summary="Cancel one of its own")
def cancel_run(request: HttpRequest, number: int) -> RunShown:
    """A queued run is cancelled at once, a running one when its worker has heard."""
    run = runs.request_cancel(_of_number(request, number).pk, by=actor_of(request))
    return _run(request, selector.detailed(run.pk))


def _of_number(request: HttpRequest, number: int) -> Run:
    """Raises Http404, ScopeMissing."""
    try:
        run = selector.detailed(number)
    except Run.DoesNotExist:
        raise Http404(f"There is no run {number}.") from None
    permissions.check_reaches(actor_of(request), run.environment)
    return run


def _run(request: HttpRequest, run: Run) -> RunShown:
    return RunShown(
        id=run.pk,
        environment=run.environment,
        action=run.action,
        title=run.title,
        status=run.status,
        digest=run.digest,
        change_request=run.request_id,
        started_by=run.started_by.get_username(),
        queued_at=run.queued_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        steps=[
            RunStepShown(
                **step.identity._asdict(),
                action=step.action,
                status=step.status,
                duration_ms=step.duration_ms,
                waits_for=step.blockers,
            )
            for step in run.steps.all()
        ],
        failure=run.failure,
        url=request.build_absolute_uri(reverse("run", args=[run.pk])),
    )


def _log(run: Run, after: int) -> LogPage:
    rows = RunStatement.objects.filter(step__run=run, pk__gt=after).select_related("step").order_by("pk")
    lines = [
        LogLine(
            **row.step.identity._asdict(),
            id=row.pk,
            statement=row.number,
            line=row.line,
            summary=row.summary,
            status=row.outcome_in(row.step),
            tag=row.tag,
            duration_ms=row.duration_ms,
            notices=row.notices,
        )
        for row in rows.exclude(status=RunStatement.Status.RUNNING)[:LINES]
    ]
    return LogPage(status=run.status, ended=not run.is_active and len(lines) < LINES, lines=lines)


def _events(run: Run, after: int) -> Iterator[bytes]:
    """Gives its place back however it ends, also where its reader goes away."""
    try:
        yield b"retry: 1000\n\n"
        deadline, status = time.monotonic() + STREAM, ""
        while time.monotonic() < deadline:
            run.refresh_from_db(fields=["status", "finished_at"])
            if run.status != status:
                status = run.status
                yield _event("status", {"status": status})
            content = _log(run, after)
            for line in content.lines:
                after = line.id
                yield _event("statement", line.model_dump(), number=line.id)
            if content.ended:
                yield _event("end", {"status": run.status})
                return
            time.sleep(PAUSE)
    finally:
        _free.release()


def _event(kind: str, content: dict[str, Any], *, number: int | None = None) -> bytes:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: {json.dumps(content)}\n\n".encode()
