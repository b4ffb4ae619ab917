"""The last page before something runs, or before rows of a history are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from dashboard.engine.forecast.values import Forecast
from dashboard.engine.plan import Plan
from dashboard.forms.plans import MAX_REASON, PlanForm
from dashboard.models import ChangeRequest
from dashboard.models.environments import Environment
from dashboard.presenters import evidence as evidence_presenter
from dashboard.presenters import forecasts as forecast_presenter
from dashboard.presenters import plans as presenter
from dashboard.selectors import failed_attempts
from dashboard.services import actors, approvals, decisions, evidence, forecasts, plans, policies
from dashboard.views import confirming

#: In the session: of which plan, and the words.
KEPT = "reason"


def review(
    request: HttpRequest, plan: Plan, environment: Environment, *, template: str, **context: Any
) -> HttpResponse:
    """The plan with its evidence and what it would destroy, and the form that lets it run or asks for that."""
    if request.GET.get("format") == "sql":
        return as_sql(plan, environment)
    policies.check_is_apart(environment, plan.identity)
    asks = decisions.needs_request(plan, environment)
    proof = evidence.of_plan(plan, environment)
    forecast = forecasts.of_plan(plan, environment)
    data = request.POST if request.method == "POST" else None
    form = PlanForm(data, plan=plan, environment=environment, asks=asks, proof=proof, forecast=forecast)
    if request.method == "POST" and form.is_valid():
        return submit(request, form.chosen, environment, form.submission)
    if "reason" in form.fields:
        form.initial["reason"] = _kept_reason(request, plan)
    context |= page(plan, environment, form, asks=asks, forecast=forecast)
    context["evidence"] = evidence_presenter.of_plan(
        proof, plan, actors.from_request(request), failed_attempts.of_plan(plan)
    )
    return render(request, template, context, status=422 if form.errors else 200)


def preview(request: HttpRequest, plan: Plan, environment: Environment, *, sent: Mapping[str, str]) -> HttpResponse:
    """The rows of a history before and after, until the very plan that was shown is sent back.

    `sent` goes back with it, so that the same plan is computed again; `sent["reason"]` is why.
    """
    asks = decisions.needs_request(plan, environment)
    form = PlanForm(request.POST if "digest" in request.POST else None, plan=plan, environment=environment, asks=asks)
    if asks:
        form.fields["reason"].widget = forms.HiddenInput()
        form.initial["reason"] = sent["reason"]
    if form.is_bound and form.is_valid():
        return submit(request, plan, environment, form.submission)
    context = page(plan, environment, form, asks=asks) | {"sent": sent}
    return render(request, "repairs/preview.html", context, status=422 if form.errors else 200)


def keep_reason(request: HttpRequest, plan: Plan) -> None:
    """Why a plan is asked for, typed before it was sent to be rehearsed."""
    if reason := request.POST.get("reason", "").strip():
        request.session[KEPT] = {"digest": plan.digest, "reason": reason[:MAX_REASON]}


def _kept_reason(request: HttpRequest, plan: Plan) -> str:
    kept = request.session.get(KEPT) or {}
    return str(kept["reason"]) if kept.get("digest") == plan.digest else ""


def page(
    plan: Plan, environment: Environment, form: PlanForm, *, asks: bool, forecast: Forecast | None = None
) -> dict[str, Any]:
    saving = plan.saving(forecast.copies) if forecast and forecast.offers_copies else None
    view = presenter.view(plans.detail(plan), environment, saving=saving)
    label = presenter.request_label(plan, environment) if asks else presenter.button_label(plan, environment)
    return {
        "environment": view.place,
        "plan": view,
        "form": form,
        "asks": asks,
        "label": label,
        "consent": presenter.consent(plan, approvals.live(plan) if environment.protected else None),
        "forecast": forecast_presenter.view(forecast, environment, plan) if forecast else None,
    }


def as_sql(plan: Plan, environment: Environment) -> HttpResponse:
    """Everything that is sent, for whoever wants to read it or to run it by hand."""
    answer = HttpResponse(plans.as_sql(plan, environment), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'inline; filename="{plan.action}-{environment.slug}.sql"'
    return answer


def submit(request: HttpRequest, plan: Plan, environment: Environment, submission: dict[str, Any]) -> HttpResponse:
    """Take the next step towards running the plan, once the person has shown who they are where that is asked for, and
    show it: the request that was opened, or the run, whose page says how it stands. A message would still say that it
    is queued when it has ended."""
    confirming.check(request, environment)
    by = actors.from_request(request)
    result = decisions.submit(plan, environment=environment, by=by, **submission)
    if isinstance(result, ChangeRequest):
        messages.success(request, "The request is open. Send the address of this page to an approver.")
        return redirect("request", result.pk)
    return redirect("run", result.pk)
