"""Schemas: what was changed in one outside Signalbox, and two of them side by side."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.forms.drift import AcceptForm, CompareQuery
from dashboard.models.environments import Environment
from dashboard.presenters import drift as presenter
from dashboard.presenters.badges import badge
from dashboard.presenters.drift import DriftPage
from dashboard.selectors import compare as compare_selector
from dashboard.selectors import drift as selector
from dashboard.selectors import folders
from dashboard.services import actors, drift
from dashboard.views import confirming, live
from dashboard.views.lookup import environment_or_404


@require_safe
@vary_on_headers("HX-Request")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    page = _page(request, environment)
    form = AcceptForm(environment=environment, initial={"fingerprint": page.fingerprint})
    commit = folders.current(environment).commit
    context = {"page": page, "environment": badge(environment), "form": form, "commit": commit}
    return live.answer(request, "drift/detail.html", page, context)


@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    drift.ask(environment_or_404(slug), by=actors.from_request(request))
    return redirect("drift", slug)


@require_POST
def accept(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    form = AcceptForm(request.POST, environment=environment)
    if not form.is_valid():
        context = {"page": _page(request, environment), "environment": badge(environment), "form": form}
        return render(request, "drift/detail.html", context, status=422)
    confirming.check(request, environment)
    drift.accept(environment, by=actors.from_request(request), **form.cleaned_data)
    messages.success(request, f"Accepted. From now on this is the expected schema of {environment.name}.")
    return redirect("drift", slug)


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    form = CompareQuery(request.GET)
    chosen = form.chosen()
    context = {"form": form, "page": presenter.compare(compare_selector.compare(*chosen)) if chosen else None}
    return render(request, "drift/compare.html", context)


def _page(request: HttpRequest, environment: Environment) -> DriftPage:
    state = selector.states([environment])[environment.slug]
    newest = selector.last_seen(environment) if state.drifted else None
    differences = selector.changed_outside(newest) if newest else ()
    return presenter.page(environment, state, differences, by=actors.from_request(request))
