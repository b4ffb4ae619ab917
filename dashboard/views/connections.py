"""Testing the connection to a target, which is asked while someone waits for it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.presenters import connections as presenter
from dashboard.presenters.badges import badge
from dashboard.services import actors, checkups, installations, limits, permissions, targets
from dashboard.views.lookup import environment_or_404


@require_safe
def examine(request: HttpRequest, slug: str) -> HttpResponse:
    environment = environment_or_404(slug)
    permissions.check_can_request(actors.from_request(request))
    limits.check_looks(actors.from_request(request))
    checks = checkups.of(environment, installation=installations.identity())
    context = {
        "environment": badge(environment),
        "address": targets.address(environment).shown,
        "verdict": presenter.verdict(checks, environment),
        "checks": [presenter.view(check, environment) for check in checks],
    }
    return render(request, "environments/connection.html", context)
