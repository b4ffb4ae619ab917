"""GET /ready: whether this installation can do its work, and what it lacks. For probes and for people who deploy."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from dashboard.models import sources
from dashboard.selectors import folders, workers


@login_not_required
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Names what is missing, and no more: strangers may ask."""
    missing = list(_missing())
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)


def _missing() -> Iterator[str]:
    try:
        executor = MigrationExecutor(connection)
        behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
        alive = not behind and workers.state().alive
    except Error:
        yield "database"
        return
    if behind:
        yield "django_migrations"
        return
    if not alive:
        yield "worker"
    if any(folders.of_source_now(source).failure for source in sources.all_sources()):
        yield "source"
