"""Which installation this is; and letting a copy of the control database run migrations, administrators only."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.forms.installations import ConfirmCopyForm
from dashboard.presenters import installations as presenter
from dashboard.services import actors, installations, permissions
from dashboard.views import confirming


@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: HttpRequest) -> HttpResponse:
    by, installation = actors.from_request(request), installations.current()
    form = ConfirmCopyForm(request.POST if request.method == "POST" else None, installation=installation)
    if request.method == "POST":
        permissions.check_can_confirm_copy(by)
        if form.is_valid():
            confirming.check_person(request)
            installations.confirm(form.cleaned_data["identity"], by=by, reason=form.cleaned_data["reason"])
            messages.success(request, "This installation runs migrations from now on.")
            return redirect("installation")
    context = {"page": presenter.view(installation), "form": form}
    return render(request, "installation/detail.html", context, status=422 if form.errors else 200)
