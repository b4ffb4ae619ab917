"""Providers are switched on by variables; without its client id none is there."""

from __future__ import annotations

from typing import Any

import environ
import pytest

from config import providers


def _loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    monkeypatch.setattr(environ.Env, "ENVIRON", {f"SIGNALBOX_{name}": value for name, value in variables.items()})
    return providers.load(environ.Env())


def test_without_variables_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = _loaded(monkeypatch, GOOGLE_SECRET="s3cret", GITHUB_SECRET="s3cret", OIDC_URL="https://sso.example")
    assert loaded["openid_connect"]["APPS"] == loaded["github"]["APPS"] == []


def test_google_is_an_openid_provider_at_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = _loaded(monkeypatch, GOOGLE_CLIENT_ID="the-client", GOOGLE_SECRET="s3cret")
    (app,) = loaded["openid_connect"]["APPS"]
    assert (app["provider_id"], app["client_id"], app["secret"]) == ("google", "the-client", "s3cret")
    assert app["settings"] == {"server_url": "https://accounts.google.com"}
    assert loaded["openid_connect"]["OAUTH_PKCE_ENABLED"]
    assert loaded["github"]["APPS"] == []


def test_github_is_asked_for_addresses_of_mail_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = _loaded(monkeypatch, GITHUB_CLIENT_ID="the-client", GITHUB_SECRET="s3cret")
    (app,) = loaded["github"]["APPS"]
    assert (app["client_id"], app["secret"]) == ("the-client", "s3cret")
    assert loaded["github"]["SCOPE"] == ["user:email"]
    assert loaded["openid_connect"]["APPS"] == []


def test_all_of_them_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    each = {f"{name}_CLIENT_ID": name.lower() for name in ("OIDC", "GOOGLE", "GITHUB")}
    loaded = _loaded(monkeypatch, **each, OIDC_NAME="Our own", OIDC_URL="https://sso.example")
    ours, google = loaded["openid_connect"]["APPS"]
    assert (ours["client_id"], ours["name"], ours["settings"]) == (
        "oidc",
        "Our own",
        {"server_url": "https://sso.example"},
    )
    assert (google["client_id"], loaded["github"]["APPS"][0]["client_id"]) == ("google", "github")
