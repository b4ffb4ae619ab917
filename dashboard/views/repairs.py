"""Mending the history of an environment: choose, see the rows before and after, let it be written. Administrators
only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.engine.plan import Action
from dashboard.forms.repairs import BaselineForm, BoxesForm, RepairForm
from dashboard.presenters import environment_detail
from dashboard.presenters import repairs as presenter
from dashboard.presenters.badges import badge
from dashboard.selectors import environments, folders
from dashboard.services import actors, permissions, repairs
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404

#: Where it is not boxes that are ticked.
_FORMS: Mapping[Action, type[RepairForm]] = {Action.BASELINE: BaselineForm}


@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    permissions.check_can_skip(actors.from_request(request))
    return redirect("repair", environment_or_404(slug).slug, next(iter(repairs.OFFERED)).value)


@require_http_methods(["GET", "HEAD", "POST"])
def mend(request: HttpRequest, slug: str, action: str) -> HttpResponse:
    permissions.check_can_skip(actors.from_request(request))
    environment, chosen = environment_or_404(slug), _offered_or_404(action)
    standing = environments.standing(environment, folders.current(environment).folder)
    candidates = repairs.candidates(standing.statuses)
    form = _FORMS.get(chosen, BoxesForm)(
        request.POST if request.method == "POST" else None,
        environment=environment,
        candidates=candidates[chosen],
        why=presenter.WORDS[chosen].why,
    )
    if request.method == "POST" and form.is_valid():
        plan = repairs.plan(environment, chosen, **form.chosen)
        return launching.preview(request, plan, environment, sent=form.sent)
    context: dict[str, Any] = {
        "environment": badge(environment),
        "page": presenter.page(chosen, candidates, environment),
        "notices": tuple(environment_detail.not_imported(standing)),
        "form": form,
    }
    return render(request, "repairs/choose.html", context, status=422 if form.errors else 200)


def _offered_or_404(action: str) -> Action:
    if action not in repairs.OFFERED:
        raise Http404(f"{action} is nothing that mends a history.")
    return Action(action)
