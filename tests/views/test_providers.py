"""Signing in through an OpenID provider: a real one, on the loopback address. It says who somebody is; who may come in
is said here."""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import jwt
import pytest
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client, RequestFactory
from oidc_provider_mock import User as Claims
from oidc_provider_mock import run_server_in_thread
from requests.exceptions import TooManyRedirects

from config import providers
from dashboard.models import AuditEvent, ChangeRequest
from dashboard.models.roles import Role
from dashboard.services import people
from dashboard.services.actors import Actor
from dashboard.views import openid
from tests.fix_people import ClientOf, signed_in_at
from tests.loopback_github import CLIENT_ID, CLIENT_SECRET, GitHub, github_on_loopback
from tests.ports import free_port
from tests.views.pages import text

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::ResourceWarning")]

KNOWN, UNVERIFIED, STRANGER = "known", "unverified", "stranger"
CLAIMS = (
    Claims(sub=KNOWN, claims={"email": "Vera@example.com", "email_verified": True}),
    Claims(sub=UNVERIFIED, claims={"email": "vera@example.com", "email_verified": False}),
    Claims(sub=STRANGER, claims={"email": "mallory@example.com", "email_verified": True}),
)


class Environment(dict[str, str]):
    def str(self, name: str, default: str = "") -> str:
        return self.get(name, default)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with run_server_in_thread(user_claims=CLAIMS) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def configured_provider(provider: str, settings: SettingsWrapper) -> None:
    variables = Environment(
        SIGNALBOX_OIDC_URL=provider,
        SIGNALBOX_OIDC_CLIENT_ID="signalbox",
        SIGNALBOX_OIDC_SECRET="kept",
        SIGNALBOX_OIDC_NAME="Example ID",
    )
    settings.SOCIALACCOUNT_PROVIDERS = providers.load(variables)  # type: ignore[arg-type]


@pytest.fixture
def vera_with_email(viewer: User) -> User:
    viewer.email = "vera@example.com"
    viewer.save()
    return viewer


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def _agree(address: str, subject: str = "") -> str:
    """What the provider's page does once that person has agreed: where it sends the browser."""
    body = urllib.parse.urlencode({"sub": subject}).encode() if subject else None
    try:
        urllib.request.build_opener(_Stay).open(address, body)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Location"])
    raise AssertionError("the provider sent nobody back")


def come_through(client: Client, subject: str, begin: str = "/sign-in/with/oidc/") -> HttpResponse:
    leaves = client.get(begin).headers["Location"]
    assert "code_challenge" in leaves
    back = urllib.parse.urlsplit(_agree(leaves, subject))
    assert back.path == f"{begin.partition('?')[0]}callback/"
    return client.get(f"{back.path}?{back.query}")


def test_the_page_leads_there(client: Client) -> None:
    assert "Sign in with Example ID" in text(client.get("/sign-in/"))


def test_somebody_whose_verified_address_is_known_comes_in(vera_with_email: User, client: Client) -> None:
    assert come_through(client, KNOWN, "/sign-in/with/oidc/?next=/runs/").headers["Location"] == "/runs/"
    assert "vera" in text(client.get("/account/"))


@pytest.mark.parametrize("subject", [UNVERIFIED, STRANGER])
def test_nobody_else_comes_in_and_no_account_is_made(vera_with_email: User, client: Client, subject: str) -> None:
    from django.contrib.auth.models import User

    assert come_through(client, subject).headers["Location"] == "/sign-in/"
    assert "Nobody with this mail address was invited" in text(client.get("/sign-in/"))
    assert client.get("/account/").status_code == 302
    assert User.objects.count() == 1


def test_an_address_that_two_people_have_is_nobodys(vera_with_email: User, approver: User, client: Client) -> None:
    approver.email = "VERA@example.com"
    approver.save()
    come_through(client, KNOWN)
    assert client.get("/account/").status_code == 302


def test_the_second_time_the_account_of_the_provider_counts(vera_with_email: User, client: Client) -> None:
    come_through(client, KNOWN)
    vera_with_email.email = ""
    vera_with_email.save()
    other = Client()
    come_through(other, KNOWN)
    assert other.get("/account/").status_code == 200


def test_the_first_time_is_written_down(vera_with_email: User, client: Client) -> None:
    come_through(client, KNOWN)
    come_through(Client(), KNOWN)
    (event,) = AuditEvent.objects.filter(kind="person.provider_connected")
    assert (event.actor, event.data) == ("vera", {"name": "vera", "provider": "oidc"})


def test_another_mail_address_ends_what_the_former_one_opened(
    vera_with_email: User, admin: User, client: Client, acting: Callable[[User], Actor]
) -> None:
    """An administrator who had put their own address there would come in for ever."""
    come_through(client, KNOWN)
    people.change(
        vera_with_email.pk,
        by=acting(admin),
        full_name="",
        email="vera@elsewhere.example",
        role=Role.VIEWER,
        active=True,
        superuser=False,
    )
    assert client.get("/account/").status_code == 302
    other = Client()
    come_through(other, KNOWN)
    assert other.get("/account/").status_code == 302


def test_a_deactivated_person_stays_out(vera_with_email: User, client: Client) -> None:
    come_through(client, KNOWN)
    vera_with_email.is_active = False
    vera_with_email.save()
    other = Client()
    come_through(other, KNOWN)
    assert other.get("/account/").status_code == 302


def test_an_answer_that_nobody_asked_for_lets_nobody_in(vera_with_email: User, client: Client) -> None:
    leaves = client.get("/sign-in/with/oidc/").headers["Location"]
    back = urllib.parse.urlsplit(_agree(leaves, KNOWN))
    victim = Client()
    assert victim.get(f"{back.path}?{back.query}").headers["Location"] == "/sign-in/"
    assert victim.get("/account/").status_code == 302


def test_the_second_factor_is_asked_for_here_too(vera_with_email: User, client: Client) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    TOTP.activate(vera_with_email, generate_totp_secret())
    assert come_through(client, KNOWN).headers["Location"] == "/sign-in/second-factor/"
    assert client.get("/account/").status_code == 302


def test_whoever_has_only_a_provider_signs_in_again_and_the_form_goes_on(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, client: Client
) -> None:
    opened = open_request(requester)
    approver.email = "vera@example.com"
    approver.set_unusable_password()
    approver.save()
    come_through(client, KNOWN)
    signed_in_at(client, approver, time.time() - 400)
    sent = {"digest": opened.digest, "comment": "Read it twice", "then": ""}
    confirm = client.post(f"/requests/{opened.pk}/approve/", sent).headers["Location"]
    assert confirm.startswith("/confirm/provider/")
    (begin,) = [url for name, url in client.get(confirm).context["providers"]]
    assert come_through(client, KNOWN, begin).headers["Location"] == f"/requests/{opened.pk}/"
    opened.refresh_from_db()
    assert opened.status == ChangeRequest.Status.APPROVED
    assert opened.decisions.get().reason == "Read it twice"


def test_a_form_of_one_person_is_not_sent_by_the_next(
    open_request: Callable[[User], ChangeRequest], requester: User, approver: User, admin: User, client: Client
) -> None:
    opened = open_request(requester)
    admin.email = "vera@example.com"
    admin.save()
    client.force_login(approver)
    signed_in_at(client, approver, time.time() - 400)
    client.post(f"/requests/{opened.pk}/approve/", {"digest": opened.digest, "comment": "", "then": ""})
    come_through(client, KNOWN)
    assert "carol" in text(client.get("/account/"))
    opened.refresh_from_db()
    assert opened.status == ChangeRequest.Status.OPEN


# Google, which is an OpenID provider at an address of its own


@pytest.fixture
def google(provider: str, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(providers, "GOOGLE", provider)
    variables = Environment(SIGNALBOX_GOOGLE_CLIENT_ID="signalbox", SIGNALBOX_GOOGLE_SECRET="kept")
    settings.SOCIALACCOUNT_PROVIDERS = providers.load(variables)  # type: ignore[arg-type]
    return "/sign-in/with/google/"


def test_through_google_the_verified_address_of_somebody_invited_comes_in(
    vera_with_email: User, client: Client, google: str
) -> None:
    assert "Sign in with Google" in text(client.get("/sign-in/"))
    assert come_through(client, KNOWN, f"{google}?next=/runs/").headers["Location"] == "/runs/"
    assert "vera" in text(client.get("/account/"))
    (event,) = AuditEvent.objects.filter(kind="person.provider_connected")
    assert event.data == {"name": "vera", "provider": "google"}


@pytest.mark.parametrize("subject", [UNVERIFIED, STRANGER])
def test_through_google_nobody_else_comes_in(vera_with_email: User, client: Client, google: str, subject: str) -> None:
    assert come_through(client, subject, google).headers["Location"] == "/sign-in/"
    _nobody_came_in(client)


# GitHub, which is no OpenID provider: its word is what its API says to a token


@pytest.fixture
def github(settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    with github_on_loopback() as there:
        for name in ("access_token_url", "authorize_url", "profile_url", "emails_url"):
            address = str(getattr(GitHubOAuth2Adapter, name))
            address = address.replace("https://github.com", there.url)
            monkeypatch.setattr(
                GitHubOAuth2Adapter, name, address.replace("https://api.github.com", f"{there.url}/api/v3")
            )
        variables = Environment(SIGNALBOX_GITHUB_CLIENT_ID=CLIENT_ID, SIGNALBOX_GITHUB_SECRET=CLIENT_SECRET)
        settings.SOCIALACCOUNT_PROVIDERS = providers.load(variables)  # type: ignore[arg-type]
        yield there


def _address_there(address: str, *, verified: bool = True, primary: bool = True) -> dict[str, object]:
    return {"email": address, "verified": verified, "primary": primary, "visibility": None}


def _come_through_github(client: Client, begin: str = "/sign-in/github/") -> HttpResponse:
    back = urllib.parse.urlsplit(_agree(client.get(begin).headers["Location"]))
    assert back.path == "/sign-in/github/callback/"
    return client.get(f"{back.path}?{back.query}")


def _nobody_came_in(client: Client) -> None:
    from django.contrib.auth.models import User

    assert client.get("/account/").status_code == 302
    assert User.objects.count() == 1
    assert not SocialAccount.objects.exists()


def test_through_github_a_verified_address_of_somebody_invited_comes_in(
    vera_with_email: User, client: Client, github: GitHub
) -> None:
    """Any of the verified ones: the address people use at work is often not their first one there."""
    github.emails = [_address_there("octo@example.org"), _address_there("vera@example.com", primary=False)]
    assert _come_through_github(client, "/sign-in/github/?next=/runs/").headers["Location"] == "/runs/"
    assert "vera" in text(client.get("/account/"))
    assert github.asked == [
        "/login/oauth/authorize",
        "/login/oauth/access_token",
        "/api/v3/user",
        "/api/v3/user/emails",
    ]


@pytest.mark.parametrize(
    "emails",
    [
        pytest.param([_address_there("vera@example.com", verified=False)], id="an address that nobody verified"),
        pytest.param([_address_there("mallory@example.com")], id="an address of a stranger"),
        pytest.param([], id="no address"),
    ],
)
def test_through_github_nobody_else_comes_in_and_no_account_is_made(
    vera_with_email: User, client: Client, github: GitHub, emails: list[dict[str, object]]
) -> None:
    """What the profile shows as the address in public is typed by its owner, and vouches for nothing."""
    github.emails = emails
    github.account["email"] = "vera@example.com"
    assert _come_through_github(client).headers["Location"] == "/sign-in/"
    assert "Nobody with this mail address was invited" in text(client.get("/sign-in/"))
    _nobody_came_in(client)


def test_at_github_the_number_of_the_account_counts_and_not_its_name(
    vera_with_email: User, client: Client, github: GitHub
) -> None:
    """Names there are given up and taken by others."""
    github.emails = [_address_there("vera@example.com")]
    _come_through_github(client)
    github.account["id"], github.emails = 4712, []
    other = Client()
    _come_through_github(other)
    assert other.get("/account/").status_code == 302


def test_a_code_of_github_is_bound_to_the_browser_that_began(
    vera_with_email: User, client: Client, github: GitHub
) -> None:
    """By the state, and by a verifier that only its session has."""
    github.emails = [_address_there("vera@example.com")]
    leaves = client.get("/sign-in/github/").headers["Location"]
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(leaves).query))
    assert (asked["code_challenge_method"], bool(asked["code_challenge"])) == ("S256", True)
    back = urllib.parse.urlsplit(_agree(leaves))
    victim = Client()
    assert victim.get(f"{back.path}?{back.query}").headers["Location"] == "/sign-in/"
    code = dict(urllib.parse.parse_qsl(back.query))["code"]
    mine = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(victim.get("/sign-in/github/").headers["Location"]).query))
    answer = victim.get(f"{back.path}?{urllib.parse.urlencode({'code': code, 'state': mine['state']})}")
    assert answer.headers["Location"] == "/sign-in/"
    assert victim.get("/account/").status_code == 302


def test_a_github_that_takes_its_token_back_lets_nobody_in(
    vera_with_email: User, client: Client, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.emails = [_address_there("vera@example.com")]
    monkeypatch.setattr(github, "tokens", _Forgets())
    assert _come_through_github(client).headers["Location"] == "/sign-in/"
    assert "GitHub did not let you in" in text(client.get("/sign-in/"))
    _nobody_came_in(client)


class _Forgets(set[str]):
    def __contains__(self, token: object) -> bool:
        return False


# Whose word is taken, and how it is proven


def test_of_several_only_the_one_that_is_named_vouches_for_somebody_new(
    vera_with_email: User, client: Client, settings: SettingsWrapper
) -> None:
    both = {
        **settings.SOCIALACCOUNT_PROVIDERS,
        "github": {"APPS": [{"name": "GitHub", "client_id": "x", "secret": "y"}]},
    }
    settings.SOCIALACCOUNT_PROVIDERS = both
    come_through(client, KNOWN)
    assert client.get("/account/").status_code == 302
    assert "does not vouch for anybody" in text(client.get("/sign-in/"))
    settings.VOUCHING_PROVIDERS = ("oidc",)
    come_through(client, KNOWN)
    assert client.get("/account/").status_code == 200
    settings.VOUCHING_PROVIDERS = ("github",)
    other = Client()
    come_through(other, KNOWN)
    assert other.get("/account/").status_code == 200, "it is known here by now"


def test_a_link_on_another_site_signs_nobody_in(client: Client) -> None:
    for site in ("cross-site", "same-site", "none"):
        answer = client.get("/sign-in/with/oidc/?next=/runs/", headers={"sec-fetch-site": site})
        assert answer.headers["Location"] == "/sign-in/?next=%2Fruns%2F"
    here = client.get("/sign-in/with/oidc/", headers={"sec-fetch-site": "same-origin"})
    assert here.headers["Location"].startswith("http://localhost:")


def test_whoever_confirms_through_a_provider_is_asked_by_it_anew(viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    (begin,) = [url for _, url in client.get("/confirm/provider/").context["providers"]]
    assert "prompt=login" in client.get(begin).headers["Location"]


@pytest.fixture
def adapter(rf: RequestFactory) -> openid.SignedAdapter:
    return openid.SignedAdapter(rf.get("/"), "oidc")


def _claims(adapter: openid.SignedAdapter) -> dict[str, object]:
    return {"iss": adapter.openid_config["issuer"], "aud": "signalbox", "exp": time.time() + 60, "sub": KNOWN}


def test_a_token_that_another_key_signed_is_refused(adapter: openid.SignedAdapter) -> None:
    keys = json.load(urllib.request.urlopen(adapter.openid_config["jwks_uri"]))["keys"]
    forged = jwt.encode(
        _claims(adapter),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        algorithm="RS256",
        headers={"kid": keys[0]["kid"]},
    )
    with pytest.raises(OAuth2Error, match="Invalid id_token"):
        adapter._decode_id_token(adapter.get_provider().app, forged)


def test_a_token_of_another_sign_in_is_refused(vera_with_email: User, client: Client) -> None:
    leaves = client.get("/sign-in/with/oidc/").headers["Location"]
    assert "nonce=" in leaves
    back = urllib.parse.urlsplit(_agree(re.sub(r"nonce=[^&]+", "nonce=of-another", leaves), KNOWN))
    assert client.get(f"{back.path}?{back.query}").headers["Location"] == "/sign-in/"
    assert client.get("/account/").status_code == 302


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_nobody_signed_or_a_secret_did_is_refused(adapter: openid.SignedAdapter, algorithm: str) -> None:
    key = None if algorithm == "none" else "kept" * 8
    forged = jwt.encode(_claims(adapter), key, algorithm=algorithm)
    with pytest.raises(OAuth2Error, match="signed in a way that is not taken"):
        adapter._decode_id_token(adapter.get_provider().app, forged)


def test_a_provider_that_does_not_answer_is_said_at_the_sign_in(client: Client, settings: SettingsWrapper) -> None:
    nobody = Environment(
        SIGNALBOX_OIDC_URL=f"http://127.0.0.1:{free_port()}",
        SIGNALBOX_OIDC_CLIENT_ID="signalbox",
        SIGNALBOX_OIDC_SECRET="x",
    )
    settings.SOCIALACCOUNT_PROVIDERS = providers.load(nobody)  # type: ignore[arg-type]
    answer = client.get("/sign-in/with/oidc/", follow=True)
    assert answer.redirect_chain[0][0] == "/sign-in/"
    assert "does not answer" in answer.content.decode()


def test_no_answer_leads_elsewhere(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of a provider is asked there, and a redirect is not followed."""

    class Redirects(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{provider}/.well-known/openid-configuration")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with get_adapter().get_requests_session() as asking, pytest.raises(TooManyRedirects):
            asking.get(f"http://127.0.0.1:{server.server_port}/")
