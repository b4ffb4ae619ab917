"""Runs: the list, one of them live, and stopping it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseStopPolling

from dashboard.engine.plan import NO_REACH, RollbackReach
from dashboard.forms.runs import EndRunForm, RunQuery
from dashboard.forms.skips import ReasonForm
from dashboard.models import Run, environments
from dashboard.presenters import failures, run_log
from dashboard.presenters import restored as restoration
from dashboard.presenters import runs as presenter
from dashboard.presenters.badges import badge_of
from dashboard.selectors import git, observations, restored, settled, workers
from dashboard.selectors import runs as selector
from dashboard.services import actors, permissions, policies, runs, server_messages
from dashboard.views import confirming

PAGE = 30


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    query = RunQuery(request.GET)
    page = Paginator(selector.recent(**query.filters()), PAGE).get_page(request.GET.get("page"))
    commits = git.of_records(page)
    context = {"form": query, "page": page, "rows": [presenter.row(run, commits.get(run.pk)) for run in page]}
    return render(request, "runs/list.html", context)


@require_safe
@vary_on_headers("HX-Request")
def detail(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    run = _found(pk)
    if request.GET.get("format") == "text":
        return _log(run)
    context = _context(request, run)
    if not request.htmx:  # type: ignore[attr-defined]
        return render(request, "runs/detail.html", context)
    answer = render(request, "runs/detail.html#progress", context)
    return answer if context["follow"] else HttpResponseStopPolling(answer.content)


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = runs.request_cancel(_found(pk).pk, by=actors.from_request(request))
    if run.status == Run.Status.CANCELLED:
        messages.success(request, "Cancelled before it began.")
    return redirect("run", pk)


@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """An interrupted run of which its target gives no account any more. Administrators only."""
    by, run = actors.from_request(request), _found(pk)
    permissions.check_can_end_run(by)
    policies.check_can_be_ended(run)
    form = EndRunForm(request.POST if request.method == "POST" else None, run=run)
    if request.method == "POST" and form.is_valid():
        confirming.check(request, environments.get_even_former(run.environment))
        runs.end_by_hand(pk, by=by, **form.cleaned_data)
        messages.success(request, f"Run {pk} has ended. What it committed stays unknown.")
        return redirect("run", pk)
    context = {"run": run, "environment": badge_of(run.environment), "form": form, "why": failures.why_unresolved(run)}
    return render(request, "runs/end.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, pk: int) -> HttpResponse:
    """What the server said of an ended run, where it holds data of people. Administrators only."""
    by, run = actors.from_request(request), _found(pk)
    permissions.check_can_erase(by)
    policies.check_messages_can_be_erased(run)
    environment = environments.get_even_former(run.environment)
    form = ReasonForm(request.POST if request.method == "POST" else None, environment=environment)
    if request.method == "POST" and form.is_valid():
        server_messages.erase(pk, by=by, reason=form.cleaned_data["reason"])
        messages.success(request, f"What the server said of run {pk} is erased.")
        return redirect("run", pk)
    context = {"run": run, "environment": badge_of(run.environment), "form": form}
    return render(request, "runs/erase.html", context, status=422 if form.errors else 200)


def _found(pk: int) -> Run:
    try:
        return selector.detailed(pk)
    except Run.DoesNotExist:
        raise Http404(f"There is no run {pk}.") from None


def _context(request: HttpRequest, run: Run) -> dict[str, Any]:
    steps = selector.steps(run)
    page = presenter.page(
        run,
        steps,
        actors.from_request(request),
        worker_alive=workers.state().alive,
        busy_with=workers.busy_with(run),
        settled_since=settled.since(run, steps),
        reach=_reach(run),
    )
    compared, awaited = restored.compared(run), restored.is_awaited(run)
    return page | {
        "commit": git.of_plan(run.plan),
        "restored": restoration.view(compared) if compared else None,
        "comparing": awaited,
        "follow": run.is_active or awaited,
    }


def _reach(run: Run) -> RollbackReach:
    look = observations.looks([environments.get_even_former(run.environment)]).get(run.environment)
    return look.rollback_reach if look else NO_REACH


def _log(run: Run) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(
        run_log.log_text(run, selector.whole_log(run), git.of_plan(run.plan)),
        content_type="text/plain; charset=utf-8",
    )
    answer["Content-Disposition"] = f'attachment; filename="run-{run.pk}-{run.environment}.log"'
    return answer
