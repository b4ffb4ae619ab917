"""Where hosts of repositories say that something was pushed. No session: a call is known by its signature."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from dashboard.services import actors, webhooks
from dashboard.services.webhooks import HookOutcome

ANSWERS = {
    HookOutcome.ASKED: (202, "A worker fetches.\n"),
    HookOutcome.ELSEWHERE: (200, "Nothing to do: it was another branch or tag.\n"),
    HookOutcome.REFUSED: (403, "Refused.\n"),
    HookOutcome.TOO_OFTEN: (429, "Too often. Wait a minute.\n"),
}


@csrf_exempt
@login_not_required
@require_POST
def push(request: HttpRequest, hook: str) -> HttpResponse:
    if int(request.META.get("CONTENT_LENGTH") or 0) > webhooks.BODY:
        return _plain(413, "Too large.\n")
    outcome = webhooks.receive(hook, headers=request.headers, body=request.body, address=actors.address_of(request))
    return _plain(*ANSWERS[outcome])


def _plain(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
