"""Settling what broke off outside a transaction: continue, drop what is invalid, or start over."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from dashboard.engine.migration import MigrationId
from dashboard.engine.plan import Plan
from dashboard.forms.settling import GoOnForm, ResetForm, SettleForm, WayForm
from dashboard.models.environments import Environment
from dashboard.presenters import settling as presenter
from dashboard.presenters.badges import badge
from dashboard.selectors import migrations
from dashboard.services import actors, decisions, forecasts, installations, permissions, plans, policies, unfinished
from dashboard.services.unfinished import BrokenOff, WayOn
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def settle(request: HttpRequest, slug: str, version: str, name: str) -> HttpResponse:
    environment, by = environment_or_404(slug), actors.from_request(request)
    migration = MigrationId(version, name)
    broken_off = unfinished.look(environment, migration)
    if broken_off is None:
        context = {"environment": badge(environment), "label": migration.label}
        return render(request, "settling/settled.html", context, status=409 if request.method == "POST" else 200)
    chosen = WayForm(request.POST).chosen()
    form = _form(chosen, broken_off, environment, request.POST) if chosen else None
    if form is not None and form.is_valid():
        return _settle(request, broken_off, environment, form)
    occupied = installations.refusal() or policies.occupied(environment)
    ways = presenter.ways(broken_off, environment, by, occupied=occupied)
    context = {
        "environment": badge(environment),
        "broken_off": broken_off,
        "error": presenter.box(broken_off, environment, migrations.last_run_of(slug, migration)),
        "lines": presenter.lines(broken_off, environment.source),
        "ways": [(way, form if way.key == chosen else _form(way.key, broken_off, environment)) for way in ways],
        "sent": form,
        "skip": presenter.skip_button(broken_off, environment, by),
    }
    return render(request, "settling/new.html", context, status=422 if form else 200)


def _form(
    way: str, broken_off: BrokenOff, environment: Environment, data: QueryDict | None = None
) -> SettleForm | None:
    """None where the way is closed."""
    if way == WayOn.RESET:
        return ResetForm(data, broken_off=broken_off, environment=environment, prefix=way)
    plan = _plans(broken_off)[way]
    if not isinstance(plan, Plan):
        return None
    asks, forecast = decisions.needs_request(plan, environment), forecasts.of_plan(plan, environment)
    return GoOnForm(data, plan=plan, environment=environment, asks=asks, forecast=forecast, prefix=way)


def _settle(request: HttpRequest, broken_off: BrokenOff, environment: Environment, form: SettleForm) -> HttpResponse:
    """To start over only the history is written: its rows are shown first, as wherever a person mends it."""
    if isinstance(form, GoOnForm):
        return launching.submit(request, form.plan, environment, form.submission)
    permissions.check_can_skip(actors.from_request(request))
    plan = plans.reset(environment, broken_off.identity, reason=form.cleaned_data["reason"])
    return launching.preview(request, plan, environment, sent=form.sent)


def _plans(broken_off: BrokenOff) -> dict[str, object]:
    return {WayOn.REPAIR: broken_off.repair, WayOn.AGAIN: broken_off.again, WayOn.AFTER: broken_off.after}
