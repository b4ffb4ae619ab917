"""Who may come in: the people, one-time links for them, and the page such a link leads to. Administrators only, but
for that page, which is for whoever holds the link."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.forms.people import InviteForm, NewPasswordForm, PersonForm
from dashboard.models import OneTimeLink
from dashboard.models.roles import role_by_group
from dashboard.presenters import mails as mails_presenter
from dashboard.presenters import people as presenter
from dashboard.selectors import mails
from dashboard.selectors import people as selector
from dashboard.services import actors, links, people, permissions, tokens
from dashboard.services.errors import LinkNotMailed, NameRefused
from dashboard.views import confirming

#: The button that has a link sent, beside the one that shows it.
BY_MAIL = "by_mail"


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    by = actors.from_request(request)
    permissions.check_can_manage_people(by)
    rows = [presenter.row(each, viewer=by.person) for each in selector.everybody()]
    context = {
        "rows": rows,
        "sends_mail": settings.SENDS_MAIL,
        "undelivered": mails_presenter.undelivered(mails.listed()),
    }
    return render(request, "people/list.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    by = actors.from_request(request)
    permissions.check_can_manage_people(by)
    form = InviteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        confirming.check_person(request)
        try:
            person, token = links.invite(by=by, by_mail=BY_MAIL in request.POST, **form.invited)
        except NameRefused as error:
            form.add_error("username", f"{error} {error.next_step}")
        except LinkNotMailed as error:
            form.add_error("email", f"{error} {error.next_step}")
        else:
            return _show(request, person, token, is_new=True)
    context = {"form": form, "sends_mail": settings.SENDS_MAIL}
    return render(request, "people/invite.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """Role, name and address of somebody, and whether they may sign in."""
    by, somebody = actors.from_request(request), _person_or_404(request, pk)
    permissions.check_can_manage_person(by, somebody)
    data = request.POST if request.method == "POST" else None
    form = PersonForm(data, person=somebody, role=role_by_group(somebody), shows_superuser=by.person.is_superuser)
    if request.method == "POST" and form.is_valid():
        confirming.check_person(request)
        people.change(pk, by=by, **form.changes)
        messages.success(request, f"What you changed of {somebody.get_username()} holds from now on.")
        return redirect("people")
    ending = tokens.seen_by(somebody) if somebody.is_active else ()
    context = {"form": form, "person": somebody, "ending_tokens": ending}
    return render(request, "people/person.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
def new_link(request: HttpRequest, pk: int) -> HttpResponse:
    by, person = actors.from_request(request), _person_or_404(request, pk)
    confirming.check_person(request)
    token = links.make_for(person, by=by, by_mail=BY_MAIL in request.POST)
    return _show(request, person, token, is_new=False)


@require_POST
def remove_factor(request: HttpRequest, pk: int) -> HttpResponse:
    by, person = actors.from_request(request), _person_or_404(request, pk)
    confirming.check_person(request)
    people.remove_second_factor(person, by=by)
    messages.success(request, f"{person.get_username()} has no second factor any more, and was signed out everywhere.")
    return redirect("people")


@login_not_required
@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Choose a password of one's own. Opening the page uses nothing up: what looks at addresses in mails may."""
    link = links.look_up(token)
    form = NewPasswordForm(request.POST if request.method == "POST" else None, person=link.person)
    if request.method == "POST" and form.is_valid():
        links.use(token, password=form.cleaned_data["password"], source_ip=actors.address_of(request))
        messages.success(request, "Your password is set. Sign in with it.")
        return redirect("login")
    is_invitation = link.purpose == OneTimeLink.Purpose.INVITATION
    context = {"form": form, "link": link, "person": link.person, "is_invitation": is_invitation}
    return render(request, "people/join.html", context, status=422 if form.errors else 200)


def _show(request: HttpRequest, person: User, token: str, *, is_new: bool) -> HttpResponse:
    """The link, this once: only its hash is kept. Without a token it goes by mail, and nobody sees it here."""
    address = request.build_absolute_uri(reverse("join", args=[token])) if token else ""
    context = {"person": person, "address": address, "is_new": is_new, "link": links.open_until(person)}
    return render(request, "people/link.html", context)


def _person_or_404(request: HttpRequest, pk: int) -> User:
    permissions.check_can_manage_people(actors.from_request(request))
    person = User.objects.filter(pk=pk).first()
    if person is None:
        raise Http404(f"There is no person {pk}.")
    return person
