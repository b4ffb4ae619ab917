"""Deciding that a migration does not run somewhere, and taking that back. Administrators only."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from dashboard.engine.migration import MigrationId
from dashboard.forms.skips import SkipForm, UnskipForm
from dashboard.presenters.badges import badge
from dashboard.services import actors, permissions, plans, skips
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    permissions.check_can_skip(actors.from_request(request))
    environment = environment_or_404(slug)
    undecided = skips.undecided(environment, version)
    form = SkipForm(request.POST if request.method == "POST" else None, undecided=undecided, environment=environment)
    if request.method == "POST" and form.is_valid():
        plan = plans.skip(environment, form.skipped, reason=form.cleaned_data["reason"])
        return launching.preview(request, plan, environment, sent=form.sent)
    context = {"environment": badge(environment), "undecided": undecided, "form": form, "source": environment.source}
    return render(request, "skips/new.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest, slug: str, version: str, name: str) -> HttpResponse:
    permissions.check_can_skip(actors.from_request(request))
    environment, migration = environment_or_404(slug), MigrationId(version, name)
    form = UnskipForm(request.POST if request.method == "POST" else None, environment=environment)
    if request.method == "POST" and form.is_valid():
        plan = plans.unskip(environment, [migration], reason=form.cleaned_data["reason"])
        return launching.preview(request, plan, environment, sent=form.sent)
    context = {"environment": badge(environment), "migration": migration, "form": form}
    return render(request, "skips/undo.html", context, status=422 if form.errors else 200)
