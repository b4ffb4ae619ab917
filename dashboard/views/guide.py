"""The first-run guide. Its page asks no target: what one says is asked for by itself, once the page is there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from dashboard.engine.errors import EngineError
from dashboard.models.failures import Failure
from dashboard.presenters import guide as presenter
from dashboard.selectors import first_run
from dashboard.services import actors, checkups, independence, installations, limits, permissions, readiness
from dashboard.views.lookup import environment_or_404


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    by = actors.from_request(request)
    permissions.check_can_set_up(by)
    state = first_run.state()
    deciders = independence.candidates(state.deciders, by.person)
    return render(request, "guide/index.html", {"page": presenter.page(state, deciders)})


@require_safe
def target(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    permissions.check_can_set_up(actors.from_request(request))
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("connection", slug)
    limits.check_looks(actors.from_request(request))
    try:
        checks = checkups.of(environment, installation=installations.identity())
    except EngineError as error:
        return render(request, "guide/verdict.html", {"failure": Failure.of(error)})
    return render(request, "guide/verdict.html", {"verdict": presenter.verdict(checks, environment)})


@require_safe
def rehearsals(request: HttpRequest) -> HttpResponse:
    permissions.check_can_set_up(actors.from_request(request))
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("guide")
    limits.check_looks(actors.from_request(request))
    verdict = presenter.verdict_on_rehearsals(readiness.of_rehearsals())
    return render(request, "guide/verdict.html", {"verdict": verdict})
