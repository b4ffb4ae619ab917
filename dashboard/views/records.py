"""Making the history of a target say again what its log says. Administrators only."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from dashboard.forms.migrations import MigrationQuery
from dashboard.forms.records import RestoreForm
from dashboard.presenters import records as presenter
from dashboard.presenters.badges import badge
from dashboard.services import actors, permissions, plans, records
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, slug: str) -> HttpResponse:
    permissions.check_can_skip(actors.from_request(request))
    environment = environment_or_404(slug)
    differing = records.contradictions(environment, only=MigrationQuery(request.GET).only())
    form = RestoreForm(request.POST if request.method == "POST" else None, environment=environment)
    if request.method == "POST" and form.is_valid():
        identities = [item.status.identity for item in differing]
        plan = plans.restore_record(environment, identities, reason=form.cleaned_data["reason"])
        return launching.preview(request, plan, environment, sent=form.sent)
    context = {
        "environment": badge(environment),
        "records": [presenter.view(item, environment.source) for item in differing],
        "form": form,
    }
    return render(request, "records/restore.html", context, status=422 if form.errors else 200)
