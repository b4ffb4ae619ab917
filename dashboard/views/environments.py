from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.engine.plan import Plan
from dashboard.forms.environments import RefreshForm
from dashboard.presenters import environment_detail
from dashboard.presenters.badges import badge
from dashboard.presenters.environments import card, not_seen
from dashboard.presenters.findings import tallies
from dashboard.selectors import environments, findings, folders, migrations, rehearsals
from dashboard.services import actors, installations, limits, observations, plans
from dashboard.views import live
from dashboard.views.lookup import environment_or_404


@require_safe
@vary_on_headers("HX-Request")
def index(request: HttpRequest) -> HttpResponse:
    readings = folders.all_now()
    cards = tuple(card(standing, back="environments") for standing in environments.standings(readings))
    troubles = tuple((reading.failure, reading.stale) for reading in readings if reading.failure or reading.stale)
    context = {"cards": cards, "troubles": troubles}
    return live.answer(request, "environments/list.html", (cards, troubles), context)


@require_safe
@vary_on_headers("HX-Request")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    reading = folders.current(environment)
    standing = environments.standing(environment, reading.folder)
    offer = plans.offered(environment, standing.look, reading.folder)
    page = environment_detail.page(
        standing,
        offer,
        by=actors.from_request(request),
        rehearsal=rehearsals.of_plan(offer).latest if isinstance(offer, Plan) else None,
        lint=tallies(reading.folder, findings.by_file(reading.folder)),
        runs=migrations.runs_by_id(environment_detail.run_ids(standing), slug),
        failures=migrations.last_failures(slug, environment_detail.failed_labels(standing)),
        installation=installations.identity(),
    )
    context = {"page": page, "environment": badge(environment), "failure": reading.failure, "stale": reading.stale}
    context["commit"] = reading.commit
    shown = (page, reading.failure, reading.stale, reading.commit)
    return live.answer(request, "environments/detail.html", shown, context)


@require_POST
def refresh(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    limits.check_looks(actors.from_request(request))
    look = observations.refresh(environment)
    if look.failure is None:
        messages.success(request, f"Looked at {environment.name} just now.")
    else:
        messages.warning(request, not_seen(environment, look.failure["code"]))
    return redirect(RefreshForm(request.POST).url(environment))
