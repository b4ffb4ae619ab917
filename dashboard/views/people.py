"""Signing in and out, and how pages look to a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.account.views import LoginView
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount.adapter import get_adapter as get_provider_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.github import views as github
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from dashboard.services import throttle
from dashboard.views import openid
from dashboard.views.context import THEMES

#: In the address at which a sign-in through a provider begins: it is to ask who it is.
ANEW = "anew"
YEAR = 365 * 24 * 3600


class SignIn(LoginView):
    """By password; the page also leads to passkeys and to providers."""

    template_name = "account/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        back = self.get_next_url() or ""
        return context | {"next": back, "providers": _providers(self.request, back)}


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


@require_safe
@never_cache
def confirm_by_provider(request: HttpRequest) -> HttpResponse:
    """For people who have nothing else to show who they are. A page, because no form may lead to another site."""
    back = get_next_redirect_url(request) or ""
    return render(request, "account/confirm_provider.html", {"providers": _providers(request, back, anew=True)})


@login_not_required
def passkey_login(request: HttpRequest) -> HttpResponse:
    throttle.check_beginnings(request)
    answer: HttpResponse = passkeys.login_webauthn(request)
    return answer


@login_not_required
def openid_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    throttle.check_beginnings(request)
    return _unless_from_elsewhere(request) or openid.begin(request, provider_id, anew=ANEW in request.GET)


@login_not_required
def openid_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return openid.come_back(request, provider_id)


@login_not_required
def github_login(request: HttpRequest) -> HttpResponse:
    throttle.check_beginnings(request)
    return _unless_from_elsewhere(request) or _unless_unknown(github.oauth2_login, request)


@login_not_required
def github_callback(request: HttpRequest) -> HttpResponse:
    return _unless_unknown(github.oauth2_callback, request)


def _unless_from_elsewhere(request: HttpRequest) -> HttpResponse | None:
    """A link on another site, or in a mail, leads to the page with the button: a provider that knows the browser would
    sign in without anybody having asked for it."""
    if request.headers.get("sec-fetch-site", "same-origin") == "same-origin":
        return None
    back = get_next_redirect_url(request)
    return redirect(f"{reverse('login')}?{urlencode({'next': back})}" if back else "login")


def _providers(request: HttpRequest, back: str, *, anew: bool = False) -> list[tuple[str, str]]:
    """What they are called, and where each begins. `anew` has it ask who it is, though it knows the browser."""
    asked = {"next": back} if back else {}
    if anew:
        asked[ANEW] = "1"
    providers = get_provider_adapter().list_providers(request)
    return [(provider.name, provider.get_login_url(request, **asked)) for provider in providers]


def _unless_unknown(view: Callable[[HttpRequest], HttpResponse], request: HttpRequest) -> HttpResponse:
    try:
        return view(request)
    except SocialApp.DoesNotExist:
        raise Http404("Nobody signs in through GitHub here.") from None


@require_POST
@login_not_required
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice in a cookie and return to the page it was made on."""
    chosen, back = request.POST.get("theme", ""), request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = redirect(back)
    if chosen in THEMES:
        response.set_cookie(
            settings.THEME_COOKIE_NAME,
            chosen,
            max_age=YEAR,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response
