from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.engine.migration import MigrationId
from dashboard.forms.migrations import MigrationFilter
from dashboard.models import sources
from dashboard.models.sources import Source
from dashboard.presenters import links
from dashboard.presenters import migrations as presenter
from dashboard.presenters import problems as problems_presenter
from dashboard.presenters.findings import tallies
from dashboard.presenters.matrix import matrix
from dashboard.presenters.migrations import MigrationPage
from dashboard.selectors import board, environments, findings, folders, forgotten, migrations, rehearsals
from dashboard.selectors.folders import FolderReading
from dashboard.views.lookup import source_or_404

ROWS_A_PAGE = 100


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    source = source_or_404(request)
    form, reading = MigrationFilter(request.GET), folders.of_source_now(source)
    standings = environments.standings([reading])
    rows = board.rows(standings, reading.folder)
    chosen = presenter.in_state(migrations.containing(rows, reading.folder, form.words), form.state_chosen)
    page = Paginator(chosen, ROWS_A_PAGE).get_page(request.GET.get("page"))
    lint = tallies(reading.folder, findings.by_file(reading.folder))
    context = {
        "form": form,
        "failure": reading.failure,
        "stale": reading.stale,
        "commit": reading.commit,
        "total": len(rows),
        "page": page,
        "matrix": matrix(standings, list(page), lint=lint, source=source.name),
        "source": source,
        "tabs": presenter.tabs(source, sources.all_sources()),
        "problems_url": links.problems(source.name),
        "all_url": links.migrations(source.name),
    }
    return render(request, "migrations/list.html", context)


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    source = source_or_404(request)
    page = problems_presenter.page(folders.of_source(source), source.name)
    reading = folders.of_source_now(source)
    context = {"page": page, "stale": reading.stale, "commit": reading.commit, "all_url": links.migrations(source.name)}
    return render(request, "migrations/problems.html", context)


@require_safe
def detail(request: HttpRequest, version: str, name: str) -> HttpResponse:
    migration = MigrationId(version, name)
    every = [source_or_404(request)] if request.GET.get("source") else sources.all_sources()
    for source in every:
        reading = folders.of_source_now(source)
        if page := _page(migration, reading):
            standing = {"failure": reading.failure, "stale": reading.stale, "commit": reading.commit}
            named = {"source": source, "all_url": links.migrations(source.name)}
            context = {"page": page, **standing, **named, **_elsewhere(migration, source)}
            return render(request, "migrations/detail.html", context)
    raise Http404(f"No migration {migration.label} is known.")


def _page(migration: MigrationId, reading: FolderReading) -> MigrationPage | None:
    standings = environments.standings([reading])
    return presenter.page(
        migration,
        folder=reading.folder,
        findings_by_file=findings.by_file(reading.folder),
        standings=standings,
        steps=migrations.steps_of(migration, reading.source),
        rehearsed=rehearsals.of_migration(migration),
        shape=folders.shape_of(reading.folder, migration),
        forgotten=[step for s in standings for step in forgotten.steps(s.environment, s.look)],
    )


def _elsewhere(migration: MigrationId, source: Source) -> dict[str, Any]:
    """Files of the same number and name in other sources: they are other migrations."""
    others = [reading for reading in folders.all_now() if reading.source != source.name]
    named = [each.source for each in others if each.folder and each.folder.find(migration)]
    return {"elsewhere": [(name, links.migration(migration, name)) for name in named]}
