"""Who did what: the list, its chain, and the export."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.forms.audit import AuditQuery
from dashboard.models import AuditEvent
from dashboard.presenters import audit as presenter
from dashboard.selectors import audit as selector
from dashboard.services import actors, audit_chain, audit_guard, limits

PAGE = 50


@require_safe
def index(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    query = AuditQuery(request.GET, actors=selector.actors())
    events = selector.events(**query.filters())
    if query.wants("format") or query.wants("verify"):
        limits.check_readings(actors.from_request(request))
    if query.wants("format"):
        return _spreadsheet(events.iterator(chunk_size=1000))
    page = Paginator(events, PAGE).get_page(request.GET.get("page"))
    context = {
        "form": query,
        "page": page,
        "power": presenter.power(audit_guard.look()),
        "events": presenter.views(page, selector.titles(page)),
        "chain": presenter.chain(audit_chain.verify()) if query.wants("verify") else None,
    }
    return render(request, "audit/list.html", context)


class _Line:
    """csv writes to it; what it was given last is the line."""

    def write(self, text: str) -> str:
        return text


def _spreadsheet(events: Iterable[AuditEvent]) -> StreamingHttpResponse:
    writer = csv.writer(_Line())
    lines: Iterator[str] = (writer.writerow(row) for row in presenter.rows(event for event in events))
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="signalbox-audit.csv"'
    return answer
