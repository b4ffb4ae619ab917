"""Rehearsals: asked for from a plan's page, a request or a rollback; then watched, and read."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseStopPolling

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.forms.plans import ApplyQuery
from dashboard.models import Rehearsal
from dashboard.models.environments import Environment
from dashboard.presenters import rehearsals as presenter
from dashboard.selectors import git, workers
from dashboard.selectors import rehearsals as selector
from dashboard.services import actors, plans, rehearsals, validity
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404, request_or_404


@require_safe
@vary_on_headers("HX-Request")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    rehearsal = _found(pk)
    page = presenter.page(
        rehearsal,
        actors.from_request(request),
        worker_alive=workers.state().alive,
        is_left=validity.is_left(rehearsal.plan),
    )
    if not request.htmx:  # type: ignore[attr-defined]
        context = {"page": page, "environment": page.place, "commit": git.of_plan(rehearsal.plan)}
        return render(request, "rehearsals/detail.html", context)
    answer = render(request, "rehearsals/detail.html#progress", {"page": page})
    return answer if page.is_active else HttpResponseStopPolling(answer.content)


@require_POST
def of_apply(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    return _ask(request, plans.apply(environment, upto=ApplyQuery(request.POST).version()), environment)


@require_POST
def of_rollback(request: HttpRequest, slug: str, version: str, name: str) -> HttpResponse:
    environment = environment_or_404(slug)
    return _ask(request, plans.rollback(environment, downto=MigrationId(version, name)), environment)


@require_POST
def of_request(request: HttpRequest, pk: int) -> HttpResponse:
    """Back to the request: its page shows what becomes of it."""
    asked = request_or_404(pk)
    environment = environment_or_404(asked.environment)
    rehearsals.ask(asked.plan, environment=environment, by=actors.from_request(request))
    return redirect("request", pk)


def _ask(request: HttpRequest, plan: Plan, environment: Environment) -> HttpResponse:
    """What was typed on the page of the plan is there again when its reader comes back."""
    launching.keep_reason(request, plan)
    rehearsal = rehearsals.ask(plan, environment=environment, by=actors.from_request(request))
    return redirect("rehearsal", rehearsal.pk)


def _found(pk: int) -> Rehearsal:
    try:
        return selector.detailed(pk)
    except Rehearsal.DoesNotExist:
        raise Http404(f"There is no rehearsal {pk}.") from None
