from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.engine.migration import MigrationId
from dashboard.forms.migrations import MigrationFilter
from dashboard.presenters import migrations as presenter
from dashboard.presenters import problems as problems_presenter
from dashboard.presenters.findings import tallies
from dashboard.presenters.matrix import matrix
from dashboard.selectors import board, environments, findings, folders, forgotten, migrations, rehearsals

ROWS_A_PAGE = 100


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    form, reading = MigrationFilter(request.GET), folders.current()
    standings = environments.standings(reading.folder)
    rows = board.rows(standings, reading.folder)
    chosen = presenter.in_state(migrations.containing(rows, reading.folder, form.words), form.state_chosen)
    page = Paginator(chosen, ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "failure": reading.failure,
        "total": len(rows),
        "page": page,
        "matrix": matrix(standings, list(page), lint=tallies(reading.folder, findings.by_file(reading.folder))),
    }
    return render(request, "migrations/list.html", context)


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    return render(request, "migrations/problems.html", {"page": problems_presenter.page(folders.read())})


@require_safe
def detail(request: HttpRequest, version: str, name: str) -> HttpResponse:
    reading, migration = folders.current(), MigrationId(version, name)
    standings = environments.standings(reading.folder)
    page = presenter.page(
        migration,
        folder=reading.folder,
        findings_by_file=findings.by_file(reading.folder),
        standings=standings,
        steps=migrations.steps_of(migration),
        rehearsed=rehearsals.of_migration(migration),
        shape=folders.shape_of(reading.folder, migration),
        forgotten=[step for s in standings for step in forgotten.steps(s.environment, s.look)],
    )
    if page is None:
        raise Http404(f"No migration {migration.label} is known.")
    return render(request, "migrations/detail.html", {"page": page, "failure": reading.failure})
