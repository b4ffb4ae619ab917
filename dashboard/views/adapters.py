"""Where allauth asks us: nobody signs up, tries are counted by us, and a provider vouches for people we know."""

from __future__ import annotations

import base64
import os
from contextlib import suppress
from hashlib import sha256
from typing import Any, NoReturn

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config import providers
from dashboard.services import actors, people, throttle
from dashboard.views import confirming

#: A form that waits for its person, while they sign in again at a provider.
WAITING_FORM = "signalbox_waiting_form"


#: What is known of the password with which a sign-in was begun.
BEGUN_WITH = "signalbox_begun_with"

#: What a text begins with that was encrypted with AES-GCM, and the bytes of its nonce.
_GCM, _NONCE = "gcm:", 12


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "This name and password do not belong together. Both are case-sensitive.",
        "too_many_login_attempts": (
            "There were too many tries, so this one was not looked at. Wait 15 minutes, use a passkey, or a browser in "
            "which you signed in before."
        ),
        "incorrect_password": "This is not your password.",
        "incorrect_code": "This code is not right, or it was used already. Wait for the next one.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return actors.address_of(request) or "0.0.0.0"  # noqa: S104 - stands for an address that nobody told

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        if not throttle.admits(request, credentials["username"]):
            raise self.validation_error("too_many_login_attempts")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        person = super().authenticate(request, **credentials)
        if person is not None:
            throttle.succeeded(request, credentials["username"])
        return person

    def _rollback_login_failed_rl_usage(self) -> None:
        """Passwords are counted in services.throttle."""

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Signing in counts too, for people who just did."""
        return not confirming.is_fresh(self.request, settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Whoever has nothing here signs in again where they came from."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return methods or [
            {"id": "provider", "description": "Sign in again", "url": reverse("account-confirm-provider")}
        ]

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """The password was right, or the provider said who it is: what follows is of this moment's password."""
        request.session[BEGUN_WITH] = user.get_session_auth_hash()
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def login(self, request: HttpRequest, user: User) -> None:
        """After the second factor. Who began before the password was changed begins again, with the new one."""
        if request.session.pop(BEGUN_WITH, "") != user.get_session_auth_hash():
            clear_login(request)
            _refuse(request, "The password was changed while you signed in. Sign in with the new one.")
        super().login(request, user)

    def logout(self, request: HttpRequest) -> None:
        """Asked for by a provider's answer alone, before the same person, or another, is signed in."""
        waiting = request.session.get(STATE_SESSION_KEY, {}).get("state")
        super().logout(request)
        if waiting:
            request.session[WAITING_FORM] = waiting

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        waiting = request.session.pop(WAITING_FORM, None)
        if waiting:
            answer = confirming.go_on(request, waiting, kwargs.get("redirect_url"))
        throttle.remember_browser(request, answer, user.get_username())
        return answer


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
    }

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(_keys()[0]).encrypt(nonce, text.encode(), None)
        return _GCM + base64.urlsafe_b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What was kept before there was AES-GCM is read too; its next use by its person writes nothing anew."""
        if not encrypted_text.startswith(_GCM):
            return _former_box().decrypt(encrypted_text.encode()).decode()
        sealed = base64.urlsafe_b64decode(encrypted_text.removeprefix(_GCM))
        for key in _keys():
            with suppress(InvalidTag):
                return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()
        raise InvalidTag

    def build_totp_svg(self, url: str) -> SafeString:
        code = qrcode.QRCode(border=2)
        code.add_data(url)
        rows = code.get_matrix()
        path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
        return format_html(
            '<svg class="qr" viewBox="0 0 {} {}" role="img" aria-label="QR code of the key"><path d="{}"/></svg>',
            len(rows),
            len(rows),
            path,
        )

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002 - allauth's name for it
        return "Passkey"


class ProviderAdapter(DefaultSocialAccountAdapter):
    """A provider says who somebody is; who may come in is said on the page People."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def get_requests_session(self) -> Any:
        """What the environment names is asked, and nothing that an answer leads to."""
        session = super().get_requests_session()
        session.max_redirects = 0
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """The first time, the provider's verified mail address tells who it is."""
        if not sociallogin.is_existing:
            if not providers.vouches(sociallogin.account.provider, settings):
                _refuse(
                    request,
                    "This provider does not vouch for anybody who comes the first time. Sign in once through the one "
                    "that does, or ask an administrator.",
                )
            person = _known_by(sociallogin)
            if person is None:
                _refuse(request, "Nobody with this mail address was invited to Signalbox. Ask an administrator.")
            with transaction.atomic():
                sociallogin.connect(request, person)
                people.record_provider(person, sociallogin.account.provider, source_ip=actors.address_of(request))
        elif not sociallogin.user.is_active:
            _refuse(request, "This account was deactivated. Ask an administrator.")

    def on_authentication_error(self, request: HttpRequest, provider: Any, *args: Any, **kwargs: Any) -> None:
        name = provider.name if hasattr(provider, "name") else provider
        _refuse(request, f"{name} did not let you in, or did not answer. Try again, or sign in another way.")


def _known_by(sociallogin: Any) -> User | None:
    """The one active person with an address that the provider has verified."""
    for address in sociallogin.email_addresses:
        if address.verified:
            known = list(User.objects.filter(email__iexact=address.email, is_active=True)[:2])
            if len(known) == 1:
                return known[0]
    return None


def _refuse(request: HttpRequest, sentence: str) -> NoReturn:
    messages.error(request, sentence)
    raise ImmediateHttpResponse(redirect("login"))


def _keys() -> list[bytes]:
    """Second factors are kept encrypted, with a key that is not in the database: the first for new ones."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [sha256(f"signalbox.factor:{key}".encode()).digest() for key in keys]


def _former_box() -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in _keys()])
