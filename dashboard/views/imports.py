"""Importing the history that another tool keeps in a target. Administrators only."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from dashboard.engine.errors import EngineError
from dashboard.forms.plans import PlanForm
from dashboard.presenters import imports as presenter
from dashboard.presenters.badges import badge
from dashboard.services import actors, decisions, imports, permissions, plans
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """What was found, and of the chosen table each row before and after, with the form that lets it be written."""
    permissions.check_can_skip(actors.from_request(request))
    environment = environment_or_404(slug)
    table = request.GET.get("table", "")
    others = imports.read(environment, table=table)
    offer = plans.import_offered(environment, others, table=table)
    page = presenter.page(others, offer, environment, table)
    context: dict[str, Any] = {"environment": badge(environment), "page": page}
    if isinstance(offer, EngineError):
        if request.method == "POST":
            raise offer
        return render(request, "imports/index.html", context)
    asks = decisions.needs_request(offer, environment)
    data = request.POST if request.method == "POST" else None
    form = PlanForm(data, plan=offer, environment=environment, asks=asks)
    if form.is_bound and form.is_valid():
        return launching.submit(request, offer, environment, form.submission)
    context |= launching.page(offer, environment, form, asks=asks)
    return render(request, "imports/index.html", context | {"page": page}, status=422 if form.errors else 200)
