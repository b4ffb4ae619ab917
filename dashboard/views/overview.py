from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.presenters.overview import overview
from dashboard.selectors import environments, folders, requests
from dashboard.services import actors
from dashboard.views import live


@require_safe
@vary_on_headers("HX-Request")
def index(request: HttpRequest) -> HttpResponse:
    found = folders.current()
    page = overview(
        environments.standings(found.folder), found, list(requests.waiting_for(actors.from_request(request).person))
    )
    return live.answer(request, "overview/index.html", page, {"page": page})
