"""Confirming that another database is an environment from now on. Administrators only."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.forms.rebinding import RebindForm
from dashboard.presenters import rebinding as presenter
from dashboard.presenters.badges import badge
from dashboard.services import actors, bindings, permissions
from dashboard.views import confirming
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, slug: str) -> HttpResponse:
    by = actors.from_request(request)
    permissions.check_can_rebind(by)
    environment = environment_or_404(slug)
    change = bindings.change(environment)
    form = RebindForm(request.POST if request.method == "POST" else None, change=change, environment=environment)
    if request.method == "POST" and form.is_valid():
        confirming.check(request, environment)
        bindings.rebind(change, environment=environment, by=by, **form.submission)
        messages.success(request, f"{environment.name} is bound to the other database from now on.")
        return redirect("environment", slug)
    context = {"environment": badge(environment), "comparison": presenter.comparison(change, environment), "form": form}
    return render(request, "rebinding/new.html", context, status=422 if form.errors else 200)
