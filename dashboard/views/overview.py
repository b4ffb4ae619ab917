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
    reading = folders.current()
    standings = environments.standings(reading.folder)
    page = overview(
        standings,
        reading,
        list(requests.waiting_for(actors.from_request(request).person)),
        rows=board.rows(standings, reading.folder),
        lint=tallies(reading.folder, findings.by_file(reading.folder)),
        unreviewed=requests.unreviewed(),
    )
    return live.answer(request, "overview/index.html", page, {"page": page})
