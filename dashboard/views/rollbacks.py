"""Rolling back, with everything that goes with it on the page first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from dashboard.forms.plans import PlanForm
from dashboard.presenters import evidence as evidence_presenter
from dashboard.presenters import plans as presenter
from dashboard.services import actors, decisions, evidence, forecasts, plans
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, slug: str, version: str, name: str) -> HttpResponse:
    environment = environment_or_404(slug)
    plan = plans.rollback(environment, version=version, name=name)
    if request.GET.get("format") == "sql":
        return launching.as_sql(plan, environment)
    asks = decisions.needs_request(plan, environment)
    forecast = forecasts.of_plan(plan, environment)
    data = request.POST if request.method == "POST" else None
    form = PlanForm(data, plan=plan, environment=environment, asks=asks, forecast=forecast)
    if request.method == "POST" and form.is_valid():
        return launching.submit(request, form.chosen, environment, form.submission)
    found = evidence.of_plan(plan, environment)
    context = {
        **launching.page(plan, environment, form, asks=asks, forecast=forecast),
        "evidence": evidence_presenter.of_plan(found, plan, actors.from_request(request)),
        "others": presenter.others(plan, version),
    }
    return render(request, "rollbacks/new.html", context, status=422 if form.errors else 200)
