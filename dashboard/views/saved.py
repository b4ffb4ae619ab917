"""Rows that were saved before they were destroyed, and bringing them back."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.engine.migration import MigrationId
from dashboard.forms.plans import PlanForm
from dashboard.presenters import saved as presenter
from dashboard.presenters.badges import badge
from dashboard.services import decisions, forecasts, saved
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    groups = [presenter.view(group, environment) for group in saved.listed(environment)]
    return render(request, "saved/list.html", {"environment": badge(environment), "groups": groups})


@require_http_methods(["GET", "HEAD", "POST"])
def bring_back(request: HttpRequest, slug: str, run_key: str, version: str, name: str) -> HttpResponse:
    environment = environment_or_404(slug)
    migration = MigrationId(version, name)
    group = saved.find(environment, migration, run_key=run_key)
    if group is None:
        raise Http404(f"Run {run_key} saved nothing of {migration.label} here.")
    group = saved.counted(environment, group)
    overwrite = request.GET.get("overwrite") == "on"
    plan = saved.plan(environment, group, overwrite=overwrite)
    nothing = presenter.why_nothing(group, overwrite=overwrite)
    asks = decisions.needs_request(plan, environment)
    forecast = forecasts.of_plan(plan, environment)
    data = request.POST if request.method == "POST" else None
    form = PlanForm(data, plan=plan, environment=environment, asks=asks, forecast=forecast)
    if request.method == "POST" and not nothing and form.is_valid():
        return launching.submit(request, plan, environment, form.submission)
    context = {
        **launching.page(plan, environment, form, asks=asks, forecast=forecast),
        "group": presenter.view(group, environment),
        "overwrite": overwrite,
        "differs": group.differs,
        "nothing": nothing,
    }
    refused = form.errors or (nothing and request.method == "POST")
    return render(request, "saved/bring_back.html", context, status=422 if refused else 200)
