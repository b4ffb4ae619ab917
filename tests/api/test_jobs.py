"""Jobs of GitHub and GitLab that show their host's identity token, signed by an issuer on the loopback address."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from jwt.algorithms import RSAAlgorithm

from config import jobs as declared
from config.errors import Misconfigured
from config.jobs import JobHost, TrustedJob
from config.tokens import Scope
from dashboard.models import ApiToken, ChangeRequest
from dashboard.services import callers, jobs, tokens
from dashboard.services.errors import IssuerSilent, NameRefused, TokenRefused
from tests.at_once import at_once
from tests.fix_git import QuietHandler, serving
from tests.fix_tokens import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor
    from tests.fix_project import Project

pytestmark = pytest.mark.django_db

AUDIENCE = "https://signalbox.example.org"


@dataclass
class Issuer:
    url: str = ""
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    leads_to: dict[str, str] = field(default_factory=dict)  # where it redirects, by path
    says: dict[str, str] = field(default_factory=dict)  # what it says otherwise of itself

    def add_key(self, name: str) -> None:
        self.keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def answer(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path.endswith("/.well-known/openid-configuration"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.says
        public = {name: json.loads(RSAAlgorithm.to_jwk(key.public_key())) for name, key in self.keys.items()}
        return {"keys": [{**key, "kid": name, "alg": "RS256", "use": "sig"} for name, key in public.items()]}

    def sign(self, key: str = "one", **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "repo:acme/app:ref:refs/heads/main",
            "iat": now,
            "exp": now + 300,
            "repository": "acme/app",
            "ref": "refs/heads/main",
            "event_name": "push",
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.keys[key], algorithm="RS256", headers={"kid": key})


@pytest.fixture(scope="module")
def kept_issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    issuer.add_key("one")

    class Handler(QuietHandler):
        given: ClassVar[Issuer] = issuer

        def do_GET(self) -> None:
            if place := self.given.leads_to.get(self.path):
                self.send_response(302)
                self.send_header("Location", place)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = json.dumps(self.given.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as url:
        issuer.url = url
        yield issuer


@pytest.fixture
def issuer(kept_issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    monkeypatch.setattr(jobs, "_issuers", {})
    kept_issuer.asked.clear()
    kept_issuer.leads_to.clear()
    kept_issuer.says.clear()
    return kept_issuer


@pytest.fixture
def trusted(issuer: Issuer, settings: SettingsWrapper, two_files: Project) -> TrustedJob:
    job = TrustedJob(
        name="deploy",
        host=JobHost.GITHUB,
        issuer=issuer.url,
        audience=AUDIENCE,
        repository="acme/app",
        branch="main",
        scopes=(Scope.READ, Scope.REQUEST, Scope.RUN),
        environments=("production",),
    )
    settings.TRUSTED_JOBS = (job,)
    return job


def test_a_job_is_let_in_without_a_secret_of_ours(trusted: TrustedJob, issuer: Issuer) -> None:
    answer = Caller(client=Client(), text=issuer.sign()).post("/migrate")
    assert answer.status_code == 202
    change_request = ChangeRequest.objects.get()
    assert (change_request.requested_by.get_username(), str(change_request.token)) == ("deploy", "jobs deploy")


def test_it_is_held_to_its_scopes_and_environments(trusted: TrustedJob, issuer: Issuer) -> None:
    caller = Caller(client=Client(), text=issuer.sign())
    assert caller.get("/status?environment=staging").status_code == 403
    assert caller.get("/api/v1/audit").status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example.org"},
        {"repository": "acme/other"},
        {"repository": "evil/app"},
        {"ref": "refs/heads/feature"},
        {"ref": "refs/tags/main"},
        {"ref": "refs/pull/1/merge"},
        {"ref": "main"},
        {"event_name": "pull_request_target"},
        {"exp": 1_700_000_000},  # long ago
        {"exp": None},
        {"aud": None},
        {"sub": None},
        {"repository": None},
        {"iss": "https://gitlab.com"},
    ],
    ids=lambda changes: "-".join(f"{name}:{value}" for name, value in changes.items()),
)
def test_another_job_is_not(trusted: TrustedJob, issuer: Issuer, changes: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        callers.authenticate(issuer.sign(**changes), source_ip=None)
    assert not ApiToken.objects.exists()


def test_a_token_that_another_key_signed_or_none_did_is_refused(trusted: TrustedJob, issuer: Issuer) -> None:
    stranger = Issuer(url=issuer.url)
    stranger.add_key("one")
    claims = jwt.decode(issuer.sign(), options={"verify_signature": False})
    public = issuer.keys["one"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = [
        stranger.sign(),
        jwt.encode(claims, "", algorithm="none", headers={"kid": "one"}),
        _with_public_key_as_secret(claims, public),
        issuer.sign()[:-4] + "AAAA",
        "a.b.c",
    ]
    for text in forged:
        with pytest.raises(TokenRefused):
            callers.authenticate(text, source_ip=None)


def test_a_job_of_gitlab_is_told_by_its_own_claims(
    trusted: TrustedJob, issuer: Issuer, settings: SettingsWrapper
) -> None:
    settings.TRUSTED_JOBS = (
        TrustedJob(
            name="deploy-gitlab",
            host=JobHost.GITLAB,
            issuer=issuer.url,
            audience=AUDIENCE,
            repository="acme/app",
            branch="main",
            scopes=(Scope.READ,),
            environments=("staging",),
        ),
    )
    own = {"repository": None, "event_name": None, "project_path": "acme/app", "ref": "main", "ref_type": "branch"}
    assert callers.authenticate(issuer.sign(**own), source_ip=None).name == "deploy-gitlab"
    for changes in ({"ref_type": "tag"}, {"ref": "other"}, {"project_path": "acme/other"}):
        with pytest.raises(TokenRefused):
            callers.authenticate(issuer.sign(**{**own, **changes}), source_ip=None)


def test_keys_are_asked_for_once_and_again_for_a_new_one(
    trusted: TrustedJob, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        callers.authenticate(issuer.sign(), source_ip=None)
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    issuer.add_key("two")
    try:
        with pytest.raises(TokenRefused):  # nobody makes us ask at each call
            callers.authenticate(issuer.sign("two"), source_ip=None)
        assert len(issuer.asked) == 2
        monkeypatch.setattr(jobs, "AGAIN", 0.0)
        assert callers.authenticate(issuer.sign("two"), source_ip=None).name == "deploy"
    finally:
        del issuer.keys["two"]


@pytest.fixture
def silent_issuer(
    issuer: Issuer, trusted: TrustedJob, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Issuer]:
    """Takes every connection and says nothing; its tokens are signed as those of the other are."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        silent = Issuer(url=f"http://127.0.0.1:{listening.getsockname()[1]}", keys=issuer.keys)
        settings.TRUSTED_JOBS = (TrustedJob(**{**_values(trusted), "issuer": silent.url}),)
        monkeypatch.setattr(jobs, "TIMEOUT", 1.0)
        yield silent


def test_an_issuer_that_does_not_answer_is_no_fault_of_the_job(silent_issuer: Issuer) -> None:
    answer = Caller(client=Client(), text=silent_issuer.sign()).get("/status")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (503, "issuer_silent")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_silent_issuer_keeps_no_thread_busy(silent_issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", 0.2)
    waited: list[float] = []

    def call() -> None:
        began = time.monotonic()
        with pytest.raises(IssuerSilent):
            jobs.identify(silent_issuer.sign())
        waited.append(time.monotonic() - began)

    at_once(call, call, call, call)
    assert sorted(waited)[-2] < 0.9, "one asks, and the others do not wait until it gives up"
    call()
    assert waited[-1] < 0.5, "and for a while nobody asks again"


def test_keys_that_are_kept_count_while_another_call_asks(
    trusted: TrustedJob, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers.authenticate(issuer.sign(), source_ip=None)
    monkeypatch.setattr(jobs, "AGAIN", 0.0)
    monkeypatch.setattr(jobs, "PATIENCE", 0.1)
    with jobs._issuers[issuer.url].asking:
        assert callers.authenticate(issuer.sign(), source_ip=None).name == "deploy"


def test_an_issuer_leads_to_no_other_host(trusted: TrustedJob, issuer: Issuer) -> None:
    elsewhere = issuer.url.replace("127.0.0.1", "localhost")
    beginning = "/.well-known/openid-configuration"
    for leads_to, says in (
        ({beginning: f"{elsewhere}/moved{beginning}"}, {}),
        ({"/keys": f"{elsewhere}/moved"}, {}),
        ({}, {"jwks_uri": f"{elsewhere}/keys"}),
    ):
        jobs._issuers.clear()
        issuer.leads_to, issuer.says = leads_to, says
        with pytest.raises(IssuerSilent):
            callers.authenticate(issuer.sign(), source_ip=None)
    jobs._issuers.clear()
    issuer.leads_to, issuer.says = {"/elsewhere": "/keys"}, {"jwks_uri": f"{issuer.url}/elsewhere"}
    assert callers.authenticate(issuer.sign(), source_ip=None).name == "deploy", "on its own host it may"


def test_its_row_is_revoked_and_follows_the_file(
    trusted: TrustedJob, issuer: Issuer, settings: SettingsWrapper, carol: Actor
) -> None:
    by = callers.authenticate(issuer.sign(), source_ip=None)
    settings.TRUSTED_JOBS = (TrustedJob(**{**_values(trusted), "scopes": (Scope.READ,)}),)
    again = callers.authenticate(issuer.sign(), source_ip=None)
    assert by.token
    assert again.token
    assert (again.token.pk, again.token.scopes) == (by.token.pk, [Scope.READ])
    tokens.revoke(by.token.pk, by=carol)
    with pytest.raises(TokenRefused):
        callers.authenticate(issuer.sign(), source_ip=None)


def test_a_job_does_not_take_the_name_of_a_person(
    trusted: TrustedJob, issuer: Issuer, make_user: Callable[..., User]
) -> None:
    make_user("deploy", "approver")
    with pytest.raises(NameRefused):
        callers.authenticate(issuer.sign(), source_ip=None)


def test_where_no_job_is_trusted_nobody_is_asked(issuer: Issuer, settings: SettingsWrapper, two_files: Project) -> None:
    settings.TRUSTED_JOBS = ()
    with pytest.raises(TokenRefused):
        callers.authenticate(issuer.sign(), source_ip=None)
    assert issuer.asked == []


# The file

GIVEN = {"host": "github-actions", "audience": AUDIENCE, "repository": "acme/app", "branch": "main"}
KNOWN = frozenset({"staging", "production"})


def test_what_the_file_says_of_a_job() -> None:
    (job,) = declared.load(Path("e.toml"), {"deploy": {**GIVEN, "environments": ["staging"]}}, KNOWN)
    assert job.issuer == "https://token.actions.githubusercontent.com"
    assert job.scopes == (Scope.READ, Scope.REQUEST, Scope.RUN)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"host": "jenkins"}, "`host`"),
        ({"audience": ""}, "`audience`"),
        ({"repository": 1}, "`repository`"),
        ({"branch": None}, "`branch`"),
        ({"issuer": "http://issuer.example.org"}, "https://"),
        ({"issuer": 1}, "https://"),
        ({"environments": ["moon"]}, "`environments`"),
        ({"environments": []}, "`environments`"),
        ({"scopes": ["everything"]}, "`scopes`"),
        ({"ref": "main"}, "unknown"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(changes: dict[str, Any], says: str) -> None:
    values = {**GIVEN, "environments": ["staging"], **changes}
    with pytest.raises(Misconfigured) as refusal:
        declared.load(Path("e.toml"), {"deploy": values}, KNOWN)
    assert says in str(refusal.value)


def _with_public_key_as_secret(claims: dict[str, Any], public: bytes) -> str:
    """What a reader takes that lets the token say how it was signed. PyJWT itself refuses to make one."""
    parts = [json.dumps({"alg": "HS256", "typ": "JWT", "kid": "one"}).encode(), json.dumps(claims).encode()]
    body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(public, body, "sha256")).rstrip(b"=")
    return (body + b"." + signature).decode()


def _values(job: TrustedJob) -> dict[str, Any]:
    return {name: getattr(job, name) for name in TrustedJob.__dataclass_fields__}
