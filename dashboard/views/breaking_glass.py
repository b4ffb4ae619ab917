"""Running without what the policy asks for, and the review of that."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.forms.decisions import BreakGlassForm, ReviewForm
from dashboard.services import actors, break_glass
from dashboard.views import confirming, requests
from dashboard.views.lookup import environment_or_404, request_or_404


@require_POST
def open_for(request: HttpRequest, pk: int) -> HttpResponse:
    change_request = request_or_404(pk)
    environment = environment_or_404(change_request.environment)
    form = BreakGlassForm(request.POST, environment=environment, prefix="glass")
    if not form.is_valid():
        return requests.page(request, change_request, glass_form=form)
    confirming.check(request, environment)
    break_glass.open_for(pk, by=actors.from_request(request), **form.cleaned_data)
    messages.warning(request, "The glass is broken. Run it now; somebody else has to review it afterwards.")
    return redirect("request", pk)


@require_POST
def review(request: HttpRequest, pk: int, opening: int) -> HttpResponse:
    change_request = request_or_404(pk)
    if opening not in {each.pk for each in change_request.openings.all()}:
        raise Http404(f"Request {pk} has no such opening.")
    form = ReviewForm(request.POST, prefix="review")
    if not form.is_valid():
        return requests.page(request, change_request, review_form=form)
    confirming.check(request, environment_or_404(change_request.environment))
    break_glass.review(opening, by=actors.from_request(request), **form.cleaned_data)
    messages.success(request, "Reviewed and signed.")
    return redirect("request", pk)
