"""Files that were edited after they were applied: the difference, and accepting it where only comments differ."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from dashboard.engine.errors import EngineError
from dashboard.forms.edits import EditQuery
from dashboard.forms.plans import PlanForm
from dashboard.models.environments import Environment
from dashboard.presenters import edits as presenter
from dashboard.presenters.badges import badge
from dashboard.selectors import folders
from dashboard.services import decisions, edits
from dashboard.services.edits import Edit
from dashboard.views import launching
from dashboard.views.lookup import environment_or_404


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def index(request: HttpRequest, slug: str) -> HttpResponse:
    environment, query = environment_or_404(slug), EditQuery(request.GET)
    if request.htmx:  # type: ignore[attr-defined]
        return _lines(request, environment, query)
    edited = edits.look(environment, only=query.only())
    if query.wants_text:
        return _text(edited)
    context: dict[str, Any] = {
        "environment": badge(environment),
        "edits": presenter.views(edited, environment),
        "commit": folders.current(environment).commit,
    }
    plan = edits.acceptance(environment, edited)
    if plan is None:
        return render(request, "edits/index.html", context)
    asks = decisions.needs_request(plan, environment)
    form = PlanForm(request.POST if request.method == "POST" else None, plan=plan, environment=environment, asks=asks)
    if request.method == "POST" and form.is_valid():
        return launching.submit(request, plan, environment, form.submission)
    context |= launching.page(plan, environment, form, asks=asks) | {"accepted": len(plan.steps)}
    return render(request, "edits/index.html", context, status=422 if form.errors else 200)


def _lines(request: HttpRequest, environment: Environment, query: EditQuery) -> HttpResponse:
    """What differs, for a part of another page: that the target does not answer is said there, and is no failure."""
    try:
        views = presenter.views(edits.look(environment, only=query.only()), environment)
    except EngineError as error:
        return render(request, "edits/index.html#unknown", {"error": error})
    return render(request, "edits/index.html#lines", {"edit": views[0]}) if views else HttpResponse()


def _text(edited: tuple[Edit, ...]) -> HttpResponse:
    text = edited[0].applied if edited else None
    if text is None:
        raise Http404("The text of it as it ran was not kept, or its file was not edited.")
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = content_disposition_header(True, f"{edited[0].identity.label}.sql")
    return answer
