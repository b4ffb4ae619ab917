"""Tokens of machines: the list, making one, and revoking it. Administrators only."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.forms.tokens import TokenForm
from dashboard.models import ApiToken
from dashboard.presenters import tokens as presenter
from dashboard.selectors import tokens as selector
from dashboard.services import actors, permissions, tokens
from dashboard.views import confirming


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    permissions.check_can_manage_tokens(actors.from_request(request))
    return render(request, "tokens/list.html", {"rows": [presenter.row(token) for token in selector.listed()]})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Its text is on the answer to the form, and nowhere afterwards."""
    by = actors.from_request(request)
    permissions.check_can_manage_tokens(by)
    form = TokenForm(request.POST if request.method == "POST" else None, accounts=selector.accounts())
    if request.method == "POST" and form.is_valid():
        confirming.check_person(request)
        token, text = tokens.make(by=by, **form.wanted)
        addresses = {
            "status_url": request.build_absolute_uri(reverse("seed-status")),
            "migrate_url": request.build_absolute_uri(reverse("seed-migrate")),
            "rollback_url": request.build_absolute_uri(reverse("seed-rollback")),
        }
        return render(request, "tokens/made.html", {"row": presenter.row(token), "text": text, **addresses})
    return render(request, "tokens/new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    by = actors.from_request(request)
    permissions.check_can_manage_tokens(by)
    if not ApiToken.objects.filter(pk=pk).exists():
        raise Http404(f"There is no token {pk}.")
    token = tokens.revoke(pk, by=by)
    messages.success(request, f"The token {token.name} is revoked. Whoever has it can do nothing with it any more.")
    return redirect("tokens")
