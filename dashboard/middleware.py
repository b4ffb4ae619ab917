"""What stands before every page: the health answer, the role, refusals written down, errors turned into answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, cast

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.shortcuts import redirect, render

from dashboard.api import problems, seed
from dashboard.api.v1 import service
from dashboard.engine.errors import EngineError
from dashboard.models.roles import Role, role_of
from dashboard.presenters import hidden
from dashboard.selectors import people as people_selector
from dashboard.services import actors, limits, people, sessions
from dashboard.services.actors import Actor
from dashboard.services.errors import TooMany
from dashboard.views import errors

type GetResponse = Callable[[HttpRequest], HttpResponse]

#: Open to strangers and to people without a role: signing in and out, and changing how pages look.
WITHOUT_ROLE = frozenset(
    {
        "login",
        "account_login",
        "logout",
        "theme",
        "join",
        "hook",
        "seed-status",
        "seed-migrate",
        "seed-rollback",
        "ready",
        "mfa_authenticate",
        "mfa_login_webauthn",
        "github_login",
        "github_callback",
        "openid_connect_login",
        "openid_connect_callback",
    }
)

#: What somebody needs who has to add a second factor before anything else.
FOR_A_SECOND_FACTOR = frozenset(
    {
        "account",
        "mfa_index",
        "mfa_list_webauthn",
        "account-password",
        "account_reauthenticate",
        "account-confirm-provider",
        "mfa_activate_totp",
        "mfa_add_webauthn",
    }
)


#: Pages that open a connection to a target for what they show. The page of a request does so as long as it can run, and
#: counts for itself.
ASKS_A_TARGET = frozenset(
    {
        "rebind",
        "apply",
        "rollback",
        "settle",
        "saved",
        "bring-back",
        "edits",
        "import",
        "skip",
        "restore-records",
    }
)


class HealthMiddleware:
    """`GET /health` answers OK before host check, redirect, session and database: a probe asks only if we live."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/health" and request.method in {"GET", "HEAD"}:
            return HttpResponse("OK", content_type="text/plain")
        return self.get_response(request)


class VerbMiddleware:
    """Pages are read and forms are sent. There is nothing else to ask here, whoever asks."""

    VERBS: ClassVar = ("GET", "HEAD", "POST")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in self.VERBS:
            return self._refuse(request)
        return self.get_response(request)

    def _refuse(self, request: HttpRequest) -> HttpResponse:
        """What calls the API reads problems, and the older runner's callers JSON."""
        if verbs := seed.VERBS.get(request.path_info):
            return seed.not_taken(verbs)
        if not request.path_info.startswith(f"/{service.PREFIX}"):
            return HttpResponseNotAllowed(self.VERBS)
        allowed = ", ".join(self.VERBS)
        detail = f"No address of the API takes anything but {allowed}."
        return problems.of_call(request, problems.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})


class PersonSessionMiddleware:
    """A browser whose session was ended, or in which nobody did anything for too long, is signed out."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User) and not sessions.holds(request, request.user):
            request.session.flush()
            request.user = AnonymousUser()
        return self.get_response(request)


class HiddenCharactersMiddleware:
    """No page and no download holds a character that its reader cannot see or that reorders what they see: each is
    shown as its code point, wherever it came from. SQL to run by hand is left as it is; the reader of the folder
    refuses such characters in it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_text = response.get("Content-Type", "").startswith(("text/html", "text/plain", "text/csv"))
        if not is_text or response.get("Content-Disposition", "").rstrip('"').endswith(".sql"):
            return response
        if isinstance(response, StreamingHttpResponse):
            parts = cast("Iterable[bytes]", response.streaming_content)
            response.streaming_content = (hidden.shown(part.decode()).encode() for part in parts)
        elif hidden.UNSEEN.search(text := response.content.decode()):
            response.content = hidden.shown(text).encode()
        return response


#: What browsers offer pages, and these never ask for.
UNUSED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")


class PrivacyMiddleware:
    """What a person sees stays with them: no cache keeps a page, SQL or the audit log, also not for the back button
    after signing out; no other site may load any of it; and no page asks the browser for what it never needs."""

    HEADERS: ClassVar = {
        "Cache-Control": "no-store, private",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    }

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in self.HEADERS.items():
            response[name] = value
        return response


class NoSuchAddressMiddleware:
    """No name holds a NUL, which no database takes either: such an address leads nowhere."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404
        return self.get_response(request)


class RefusalMiddleware:
    """Whoever is signed in, or calls with a token that is known, and is refused a page or a deed stands in the audit
    log."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        if answer.status_code == 403 and (by := _known(request)):
            people.refused(request, by=by)
        return answer


def _known(request: HttpRequest) -> Actor | None:
    """A cookie beside a token opens nothing, so it is the token that was refused."""
    by_token: Actor | None = getattr(request, "signalbox_caller", None)
    return by_token or (actors.from_request(request) if isinstance(request.user, User) else None)


class RoleMiddleware:
    """Someone signed in without a role sees whom to ask, and nothing else."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        match = request.resolver_match
        if not request.user.is_authenticated or (
            match and (match.url_name in WITHOUT_ROLE or match.namespace == service.NAMESPACE)
        ):
            return None
        role = role_of(request.user)
        if role is None:
            return render(request, "403.html", {"administrators": people_selector.administrators()}, status=403)
        if self._lacks_second_factor(request, role):
            messages.warning(request, f"The role {role.value} needs a second factor here. Add one to go on.")
            return redirect("account")
        return None

    def _lacks_second_factor(self, request: HttpRequest, role: Role) -> bool:
        """Whoever has to have one sees only where to get it."""
        match = request.resolver_match
        if role.value not in settings.SECOND_FACTOR_ROLES or (match and match.url_name in FOR_A_SECOND_FACTOR):
            return False
        return not is_mfa_enabled(request.user)


class LimitMiddleware:
    """So much of one person in a minute: of forms, whatever they do, and of pages that ask a target. Signing in and
    out has counts of its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        match = request.resolver_match
        name = match.url_name if match else ""
        if (
            not request.user.is_authenticated
            or name in WITHOUT_ROLE
            or (match and match.namespace == service.NAMESPACE)
        ):
            return None
        try:
            if request.method == "POST":
                limits.check_deeds(actors.from_request(request))
            elif name in ASKS_A_TARGET:
                limits.check_pages(actors.from_request(request))
        except TooMany as error:
            return errors.answer(request, error)
        return None


class ErrorAnswerMiddleware:
    """A named refusal becomes a page with its sentence, the state of the database and the next step."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return errors.answer(request, exception) if isinstance(exception, EngineError) else None
