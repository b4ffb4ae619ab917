"""Where migration files come from, and the button that has a repository fetched."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.models import sources
from dashboard.models.sources import Source
from dashboard.presenters import pushes as push_presenter
from dashboard.presenters import sources as presenter
from dashboard.presenters.sources import SourceRow
from dashboard.selectors import folders, git
from dashboard.selectors.git import GitStanding
from dashboard.services import actors, fetching, pushes
from dashboard.services.actors import Actor
from dashboard.views import live

COMMITS_SHOWN = 20


@require_safe
@vary_on_headers("HX-Request")
def index(request: HttpRequest) -> HttpResponse:
    by = actors.from_request(request)
    rows = tuple(_row(source, _standing(source), by) for source in sources.all_sources())
    return live.answer(request, "sources/list.html", rows, {"rows": rows})


@require_safe
@vary_on_headers("HX-Request")
def detail(request: HttpRequest, source: str) -> HttpResponse:
    chosen = named_or_404(source)
    standing = _standing(chosen)
    row = _row(chosen, standing, actors.from_request(request))
    kept = git.last_commits(chosen, COMMITS_SHOWN) if standing else ()
    commits = presenter.commits(standing, kept) if standing else ()
    context = {"row": row, "commits": commits}
    if chosen.git and chosen.git.webhook_secret:
        context["hook_url"] = _at_public_address(request, reverse("hook", args=[source]))
    return live.answer(request, "sources/detail.html", (row, commits), context)


def _at_public_address(request: HttpRequest, path: str) -> str:
    """Where others reach it: the name that is configured, whatever name this request came by."""
    host = next(iter(settings.PUBLIC_HOSTS), "")
    return f"https://{host}{path}" if host else request.build_absolute_uri(path)


@require_POST
def fetch(request: HttpRequest, source: str) -> HttpResponse:
    chosen = named_or_404(source)
    if chosen.git is None or chosen.git.is_pushed:
        raise Http404(f"{source} is no repository that is fetched.")
    fetching.ask(chosen, by=actors.from_request(request))
    return redirect("source", source)


@require_safe
def compare(request: HttpRequest, source: str, old: str, new: str) -> HttpResponse:
    chosen = named_or_404(source)
    commits = [git.find(chosen, sha) for sha in (old, new)]
    if chosen.git is None or commits[0] is None or commits[1] is None:
        raise Http404(f"The source {source} has no such commits, or they are not kept any more.")
    in_force = git.standing(chosen).commit
    comparison = pushes.compare(chosen, commits[0], commits[1])
    page = push_presenter.page(comparison, in_force=in_force.sha if in_force else "")
    return render(request, "sources/compare.html", {"page": page})


def named_or_404(name: str) -> Source:
    try:
        return next(source for source in sources.all_sources() if source.name == name)
    except StopIteration:
        raise Http404(f"No source is called {name}.") from None


def _standing(source: Source) -> GitStanding | None:
    return git.standing(source) if source.git else None


def _row(source: Source, standing: GitStanding | None, by: Actor) -> SourceRow:
    reading, used_by = folders.of_source_now(source), sources.environments_of(source)
    return presenter.row(source, reading, standing, used_by, by=by)
