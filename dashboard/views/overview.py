from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.presenters.findings import tallies
from dashboard.presenters.overview import overview
from dashboard.selectors import board, environments, findings, folders, requests
from dashboard.services import actors
from dashboard.views import live


@require_safe
@vary_on_headers("HX-Request")
def index(request: HttpRequest) -> HttpResponse:
    found = folders.current()
    standings = environments.standings(found.folder)
    page = overview(
        standings,
        found,
        list(requests.waiting_for(actors.from_request(request).person)),
        rows=board.rows(standings, found.folder),
        lint=tallies(found.folder, findings.by_file(found.folder)),
    )
    return live.answer(request, "overview/index.html", page, {"page": page})
