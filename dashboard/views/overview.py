from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.models.roles import Role, has_role
from dashboard.presenters.findings import tallies
from dashboard.presenters.overview import SourceReading, overview
from dashboard.selectors import board, environments, findings, first_run, folders, git, requests
from dashboard.selectors.environments import Standing
from dashboard.selectors.folders import FolderReading
from dashboard.services import actors, independence, installations
from dashboard.views import live


@require_safe
@vary_on_headers("HX-Request")
def index(request: HttpRequest) -> HttpResponse:
    readings, by = folders.all_now(), actors.from_request(request)
    if not request.htmx and has_role(by.person, Role.ADMIN) and not first_run.is_usable(readings):  # type: ignore[attr-defined]
        return redirect("guide")
    standings = environments.standings(readings)
    page = overview(
        standings,
        [_files(reading, standings) for reading in readings],
        list(requests.waiting_for(by.person, barred=independence.barred(by.person))),
        unreviewed=requests.unreviewed(),
        installation=installations.current(),
    )
    return live.answer(request, "overview/index.html", page, {"page": page})


def _files(reading: FolderReading, standings: Sequence[Standing]) -> SourceReading:
    own = [standing for standing in standings if standing.environment.source == reading.source]
    lint = tallies(reading.folder, findings.by_file(reading.folder))
    moved = git.moved_since_last_run(reading.commit) if reading.commit else None
    return SourceReading(reading=reading, rows=board.rows(own, reading.folder), lint=lint, moved=moved)
