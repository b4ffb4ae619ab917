"""Asking for a run, deciding on it, and running what was approved."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.forms.decisions import (
    ApproveForm,
    BreakGlassForm,
    CommentForm,
    QueueQuery,
    RejectForm,
    ReviewForm,
    RunForm,
    ScheduleForm,
)
from dashboard.forms.plans import ApplyQuery
from dashboard.models import ChangeRequest, Run, environments
from dashboard.models.environments import Environment
from dashboard.presenters import evidence as evidence_presenter
from dashboard.presenters import forecasts as forecast_presenter
from dashboard.presenters import people as people_presenter
from dashboard.presenters import plans as plan_presenter
from dashboard.presenters import request_detail, request_timeline
from dashboard.presenters import requests as presenter
from dashboard.selectors import failed_attempts, git
from dashboard.selectors import requests as selector
from dashboard.services import (
    actors,
    approvals,
    comments,
    decisions,
    evidence,
    forecasts,
    independence,
    limits,
    plans,
    runs,
    schedules,
    validity,
)
from dashboard.views import confirming, launching, live
from dashboard.views.lookup import environment_or_404, request_or_404

PAGE = 30


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    by = actors.from_request(request)
    tab = QueueQuery(request.GET).chosen()
    barred = independence.barred(by.person)
    page = Paginator(selector.queue(tab, by.person, barred=barred), PAGE).get_page(request.GET.get("page"))
    commits = git.of_records(page)
    context = {
        "tabs": presenter.tabs(tab, selector.counts(by.person, barred=barred)),
        "page": page,
        "rows": [presenter.row(row, commits.get(row.pk)) for row in page],
        "empty": presenter.EMPTY[tab],
        "way_to_open_one": presenter.way_to_open_one(tab),
    }
    return render(request, "requests/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_apply(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    plan = plans.apply(environment, upto=ApplyQuery(request.GET).version())
    return launching.review(
        request, plan, environment, template="requests/new.html", upto_links=plan_presenter.upto_links(plan)
    )


@require_safe
@vary_on_headers("HX-Request")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    change_request = request_or_404(pk)
    if request.GET.get("format") == "sql":
        return launching.as_sql(change_request.plan, environment_or_404(change_request.environment))
    return page(request, change_request)


@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    change_request, by = request_or_404(pk), actors.from_request(request)
    runs_now = request.POST.get("then") == "run"
    stake = _at_stake(change_request, environment_or_404(change_request.environment), counts=runs_now)
    form = ApproveForm(request.POST, changes_nothing=evidence.changes_nothing(change_request.plan), **stake)
    if not form.is_valid():
        return page(request, change_request, approve_form=form)
    confirming.check(request, environments.get_even_former(change_request.environment))
    if form.runs:
        result = decisions.approve_and_start(
            pk, by=by, **form.decision, typed_name=form.typed, confirmation=form.confirmation
        )
        if isinstance(result, Run):
            messages.success(request, "Approved.")
            return redirect("run", result.pk)
        approved = result
    else:
        approved = approvals.approve(pk, by=by, **form.decision)
    enough = approved.status == ChangeRequest.Status.APPROVED
    messages.success(request, "Approved. Nothing has run yet." if enough else "Approved by you. Others have to, too.")
    return redirect("request", pk)


@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    form = RejectForm(request.POST)
    if not form.is_valid():
        return page(request, request_or_404(pk), reject_form=form)
    approvals.reject(request_or_404(pk).pk, by=actors.from_request(request), **form.cleaned_data)
    messages.success(request, "Rejected. Nothing was run.")
    return redirect("request", pk)


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    approvals.withdraw(request_or_404(pk).pk, by=actors.from_request(request))
    messages.success(request, "Withdrawn. Nothing was run.")
    return redirect("request", pk)


@require_POST
def run(request: HttpRequest, pk: int) -> HttpResponse:
    change_request = request_or_404(pk)
    form = RunForm(request.POST, **_at_stake(change_request, environment_or_404(change_request.environment)))
    if not form.is_valid():
        return page(request, change_request, run_form=form)
    confirming.check(request, environments.get_even_former(change_request.environment))
    started = runs.start_approved(
        change_request, by=actors.from_request(request), typed_name=form.typed, confirmation=form.confirmation
    )
    return redirect("run", started.pk)


@require_POST
def comment(request: HttpRequest, pk: int) -> HttpResponse:
    change_request, form = request_or_404(pk), CommentForm(request.POST)
    if not form.is_valid():
        return page(request, change_request, comment_form=form)
    comments.add(change_request, by=actors.from_request(request), **form.cleaned_data)
    return redirect("request", pk)


@require_POST
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    change_request = request_or_404(pk)
    environment = environment_or_404(change_request.environment)
    form = ScheduleForm(request.POST, prefix="schedule", **_at_stake(change_request, environment))
    if not form.is_valid():
        return page(request, change_request, schedule_form=form)
    confirming.check(request, environment)
    schedules.schedule(
        pk,
        by=actors.from_request(request),
        at=form.cleaned_data["start"],
        typed_name=form.typed,
        confirmation=form.confirmation,
    )
    messages.success(request, "Scheduled. A worker starts it then, and asks everything again first.")
    return redirect("request", pk)


@require_POST
def unschedule(request: HttpRequest, pk: int) -> HttpResponse:
    schedules.cancel(request_or_404(pk).pk, by=actors.from_request(request))
    messages.success(request, "It is not started at that time any more. It stays approved.")
    return redirect("request", pk)


def page(request: HttpRequest, change_request: ChangeRequest, **bound: Any) -> HttpResponse:
    """The one screen of a request; `bound` holds a form that was sent and not accepted."""
    by = actors.from_request(request)
    state = validity.state_of(change_request)
    environment, plan = state.environment, change_request.plan
    digest = {"digest": change_request.digest}
    failed = () if change_request.closed_at else failed_attempts.of_plan(plan)
    proof = evidence_presenter.of_request(state, by, failed)
    is_open = change_request.status == ChangeRequest.Status.OPEN
    offered = request_detail.actions(
        state, by, touched=independence.refusal(change_request, by.person) if is_open else None
    )
    polled = request.htmx and proof and proof.is_live  # type: ignore[attr-defined]
    if not polled and change_request.closed_at is None:
        limits.check_pages(by)
    stake = _at_stake(change_request, environment, counts=not polled)
    view = plan_presenter.view(plans.detail(plan), environment)
    context = {
        "environment": view.place,
        "change_request": change_request,
        "pill": presenter.pill(change_request),
        "has_expired": selector.has_expired(change_request),
        "plan": view,
        "then": request_detail.then(change_request),
        "promise": request_detail.promise(change_request),
        "timeline": request_timeline.timeline(state),
        "evidence": proof,
        "actions": offered,
        "deciders": _deciders(change_request, environment),
        "forecast": forecast_presenter.view(stake["forecast"], environment, plan) if stake["forecast"] else None,
        "approve_form": ApproveForm(initial=digest, changes_nothing=evidence.changes_nothing(plan), **stake),
        "reject_form": RejectForm(initial=digest),
        "run_form": RunForm(**stake),
        "schedule_form": ScheduleForm(prefix="schedule", **stake),
        "comment_form": CommentForm(),
        "glass_form": BreakGlassForm(initial=digest, environment=environment, prefix="glass"),
        "review_form": ReviewForm(prefix="review"),
        **bound,
    }
    return live.answer(request, "requests/detail.html", (proof, offered), context, status=422 if bound else 200)


def _deciders(change_request: ChangeRequest, environment: Environment) -> str:
    if change_request.status != ChangeRequest.Status.OPEN:
        return ""
    return people_presenter.named(independence.approvers_of(change_request, environment))


def _at_stake(change_request: ChangeRequest, environment: Environment, *, counts: bool = True) -> dict[str, Any]:
    """For the forms that let it run. Counted while it can still run, and not again for each poll of the page: without
    a forecast nothing is said of its rows."""
    can_run = counts and change_request.closed_at is None
    forecast = forecasts.of_plan(change_request.plan, environment) if can_run else None
    return {"plan": change_request.plan, "environment": environment, "forecast": forecast}
