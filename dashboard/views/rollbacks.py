"""Rolling back, with everything that goes with it on the page first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from dashboard.engine.migration import MigrationId
from dashboard.presenters import plans as presenter
from dashboard.services import plans
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, slug: str, version: str, name: str) -> HttpResponse:
    environment = environment_or_404(slug)
    plan = plans.rollback(environment, downto=MigrationId(version, name))
    return launching.review(
        request, plan, environment, template="rollbacks/new.html", others=presenter.others(plan, version)
    )
