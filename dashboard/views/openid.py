"""Signing in through an OpenID provider, with an identity token whose signature is held against the provider's keys."""

from __future__ import annotations

import secrets
from typing import Any

import jwt
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from requests.exceptions import RequestException

#: With public keys all of them: a token that says "none", or that it was made with a secret, is none of a provider.
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})


_NONCES = "signalbox_openid_nonces"
#: In so many tabs of one browser a sign-in may be begun at once.
_TABS = 5


class SignedAdapter(OpenIDConnectOAuth2Adapter):
    """allauth takes a token that came straight from the provider without looking at its signature."""

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        try:
            algorithm = jwt.get_unverified_header(id_token).get("alg")
        except jwt.PyJWTError as error:
            raise OAuth2Error("The identity token cannot be read.") from error
        if algorithm not in ALGORITHMS:
            raise OAuth2Error("The identity token is signed in a way that is not taken.")
        claims: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
            verify_signature=True,
        )
        if claims.get("nonce") not in self.request.session.pop(_NONCES, []):
            raise OAuth2Error("The identity token was not made for this sign-in.")
        return claims


def begin(request: HttpRequest, provider_id: str, *, anew: bool = False) -> HttpResponse:
    """What is asked for comes back in the token, so that one of another sign-in is none of this. `anew` has the
    provider ask who it is, though it knows the browser."""
    nonce = secrets.token_urlsafe(24)
    request.session[_NONCES] = [*request.session.get(_NONCES, []), nonce][-_TABS:]
    asked = request.GET.copy()
    asked["auth_params"] = urlencode({"nonce": nonce, **({"prompt": "login"} if anew else {})})
    request.GET = asked  # type: ignore[assignment]  # where allauth takes them from
    return _answer(OAuth2LoginView, request, provider_id)


def come_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _answer(OAuth2CallbackView, request, provider_id)


def _answer(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        answer: HttpResponse = view.adapter_view(SignedAdapter(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404("There is no such provider here.") from None
    except RequestException:
        messages.error(
            request, "The provider does not answer as it should. Nobody was signed in. Try again, or use a password."
        )
        return redirect("login")
    return answer
