"""A person's own account: password, second factor, and the browsers in which they are signed in."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.forms.people import ChangePasswordForm, NoticesForm
from dashboard.presenters import mails as mails_presenter
from dashboard.presenters import people as presenter
from dashboard.selectors import mails
from dashboard.services import actors, notices, people, sessions
from dashboard.views import confirming


@require_safe
@never_cache
def detail(request: HttpRequest) -> HttpResponse:
    person = actors.from_request(request).person
    context = {
        "person": person,
        "sessions": presenter.sessions(sessions.alive(person), current=sessions.hash_of(request.session)),
        "notices": mails_presenter.choices(mails.unwanted_by(person)),
        "undelivered": mails_presenter.undelivered(mails.listed(person)),
        "sends_mail": settings.SENDS_MAIL,
        "factors": presenter.factors(list(Authenticator.objects.filter(user=person).order_by("pk"))),
    }
    return render(request, "account/detail.html", context)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    by = actors.from_request(request)
    form = ChangePasswordForm(request.POST if request.method == "POST" else None, person=by.person)
    if request.method == "POST" and form.is_valid() and _is_theirs(request, form):
        former = sessions.hash_of(request.session)
        with transaction.atomic():
            people.change_password(by.person, form.cleaned_data["password"], by=by, session_hash=former)
            update_session_auth_hash(request, by.person)
            sessions.carry_over(request.session, former)
        messages.success(request, "Your password was changed. All your other browsers were signed out.")
        return redirect("account")
    return render(request, "account/password.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def choose_notices(request: HttpRequest) -> HttpResponse:
    person = actors.from_request(request).person
    form = NoticesForm(request.POST, choices=mails_presenter.choices(()))
    if not form.is_valid():
        messages.error(request, "There is no such kind of mail. Nothing was changed.")
        return redirect("account")
    notices.choose(person, form.cleaned_data["wanted"])
    messages.success(request, "From now on you get the mails that you ticked, and those that nobody can switch off.")
    return redirect("account")


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """One of them, named by its number on the page, or all but this one."""
    by, current = actors.from_request(request), sessions.hash_of(request.session)
    chosen = presenter.session_hash(sessions.alive(by.person), request.POST.get("session", ""))
    confirming.check_person(request)
    ended = sessions.end(by.person, by=by, only=chosen, apart_from=current)
    messages.success(request, f"{ended} session{'' if ended == 1 else 's'} ended.")
    return redirect("account")


def _is_theirs(request: HttpRequest, form: ChangePasswordForm) -> bool:
    """Whether the present password is right, which is counted as signing in is. What is wrong is said beside it."""
    try:
        if get_adapter(request).reauthenticate(form.person, form.cleaned_data["present"]):
            return True
        form.add_error("present", "This is not your present password.")
    except ValidationError as refusal:
        form.add_error("present", refusal)
    return False
