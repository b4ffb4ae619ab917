"""Whom people may sign in through, told by environment variables. Without any there are passwords and passkeys."""

from __future__ import annotations

from typing import Any

import environ

GOOGLE = "https://accounts.google.com"


def load(env: environ.Env) -> dict[str, Any]:
    """As allauth wants it: `SIGNALBOX_OIDC_…` for any OpenID provider, `SIGNALBOX_GOOGLE_…`, `SIGNALBOX_GITHUB_…`."""
    openid = [
        _openid(
            "oidc",
            name=env.str("SIGNALBOX_OIDC_NAME", default="single sign-on"),
            url=env.str("SIGNALBOX_OIDC_URL", default=""),
            client_id=env.str("SIGNALBOX_OIDC_CLIENT_ID", default=""),
            secret=env.str("SIGNALBOX_OIDC_SECRET", default=""),
        ),
        _openid(
            "google",
            name="Google",
            url=GOOGLE,
            client_id=env.str("SIGNALBOX_GOOGLE_CLIENT_ID", default=""),
            secret=env.str("SIGNALBOX_GOOGLE_SECRET", default=""),
        ),
    ]
    return {
        "openid_connect": {"APPS": [app for app in openid if app["client_id"]], "OAUTH_PKCE_ENABLED": True},
        "github": {
            "APPS": _github(
                env.str("SIGNALBOX_GITHUB_CLIENT_ID", default=""), env.str("SIGNALBOX_GITHUB_SECRET", default="")
            ),
            "SCOPE": ["user:email"],
            "OAUTH_PKCE_ENABLED": True,
        },
    }


def vouches(provider_id: str, settings: Any) -> bool:
    """Whether its word about a mail address counts for somebody who comes the first time: the only provider's, else
    those that are named. Any of several could otherwise say that it has somebody else's address."""
    if settings.VOUCHING_PROVIDERS:
        return provider_id in settings.VOUCHING_PROVIDERS
    configured = settings.SOCIALACCOUNT_PROVIDERS.values()
    return sum(len(each["APPS"]) for each in configured) == 1


def _openid(provider_id: str, *, name: str, url: str, client_id: str, secret: str) -> dict[str, Any]:
    return {
        "provider_id": provider_id,
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {"server_url": url},
    }


def _github(client_id: str, secret: str) -> list[dict[str, Any]]:
    return [{"name": "GitHub", "client_id": client_id, "secret": secret}] if client_id else []
