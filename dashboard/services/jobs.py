"""Jobs of a CI that show the identity token of their host, so that no secret of ours lies in the CI.

The signature is held against the keys of the configured issuer; then audience, repository and branch have to be those
that are declared. Keys are kept for a while, and asked for again when a token names one that is not among them. An
issuer that does not answer is not asked again at once, so that whoever sends tokens of it keeps no thread busy.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt
from django.conf import settings

from config.jobs import JobHost, TrustedJob
from dashboard.services.errors import IssuerSilent, TokenRefused

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "EdDSA"]
#: Claims without which a token says too little to be held to anything.
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
#: Seconds that keys are kept, and that pass at least before they are asked for again: because of an unknown one, or
#: because the issuer did not answer.
KEPT, AGAIN = 3600.0, 30.0
#: Seconds that a call waits while another one asks the same issuer.
PATIENCE = 2.0
#: Seconds for an answer of the issuer, bytes of it, and seconds by which clocks may differ.
TIMEOUT, LARGEST, LEEWAY = 5.0, 1_048_576, 30
#: Bytes of a token.
LONGEST = 16_384
#: A job of this event runs with the rights of the branch, and can run what a stranger has sent.
OF_STRANGERS = "pull_request_target"
REMEDY = "Compare the claims of the token with [jobs] in config/environments.toml."


@dataclass(slots=True, kw_only=True)
class IssuerKeys:
    """What one issuer has told, and when; `failure` where it did not when it was asked last."""

    issuer: str
    by_id: dict[str, jwt.PyJWK] = field(default_factory=dict)
    told_at: float | None = None
    asked_at: float | None = None
    failure: str = ""
    asking: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key_id: str) -> jwt.PyJWK | None:
        is_kept = self.told_at is not None and time.monotonic() - self.told_at < KEPT
        return self.by_id.get(key_id) if is_kept else None

    @property
    def may_be_asked(self) -> bool:
        return self.asked_at is None or time.monotonic() - self.asked_at >= AGAIN

    def ask(self) -> None:
        """One call asks, and those that come meanwhile wait for it a little. Raises IssuerSilent."""
        if not self.asking.acquire(timeout=PATIENCE):
            raise IssuerSilent(issuer=self.issuer, reason="it is being asked", retry_after=int(AGAIN))
        try:
            if self.may_be_asked:
                self._ask()
        finally:
            self.asking.release()

    def _ask(self) -> None:
        try:
            self.by_id, self.failure = _fetch_keys(self.issuer), ""
            self.told_at = time.monotonic()
        except (OSError, HTTPException, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            self.failure = type(error).__name__
        finally:
            self.asked_at = time.monotonic()


_issuers: dict[str, IssuerKeys] = {}


def identify(text: str) -> TrustedJob | None:
    """The declared jobs that this token is of; None for what is no such token, or where none are declared.

    Raises TokenRefused, IssuerSilent.
    """
    declared: tuple[TrustedJob, ...] = settings.TRUSTED_JOBS
    if not declared or text.count(".") != 2 or len(text) > LONGEST:
        return None
    try:
        key_id = str(jwt.get_unverified_header(text).get("kid", ""))
        issuer = str(jwt.decode(text, options={"verify_signature": False}).get("iss", "")).rstrip("/")
    except jwt.PyJWTError:
        raise TokenRefused(reason="This identity token cannot be read.", remedy=REMEDY) from None
    candidates = [job for job in declared if job.issuer == issuer]
    if not candidates:
        raise TokenRefused(reason="No job of the issuer of this identity token is trusted here.", remedy=REMEDY)
    key = _key_of(issuer, key_id)
    return next((job for job in candidates if _is_of(job, text, key)), None) or _refuse()


def _refuse() -> TrustedJob:
    raise TokenRefused(
        reason="This identity token is of no trusted job: audience, repository, branch or time is another one.",
        remedy=REMEDY,
    )


def _is_of(job: TrustedJob, text: str, key: jwt.PyJWK) -> bool:
    try:
        claims = jwt.decode(
            text, key, algorithms=ALGORITHMS, audience=job.audience, leeway=LEEWAY, options={"require": REQUIRED}
        )
    except jwt.PyJWTError:
        return False
    return str(claims["iss"]).rstrip("/") == job.issuer and _matches(job, claims)


def _matches(job: TrustedJob, claims: dict[str, Any]) -> bool:
    match job.host:
        case JobHost.GITHUB:
            return (
                claims.get("repository") == job.repository
                and claims.get("ref") == f"refs/heads/{job.branch}"
                and claims.get("event_name") != OF_STRANGERS
            )
        case JobHost.GITLAB:
            is_branch = claims.get("ref_type") == "branch" and claims.get("ref") == job.branch
            return is_branch and claims.get("project_path") == job.repository


def _key_of(issuer: str, key_id: str) -> jwt.PyJWK:
    """Raises TokenRefused where the issuer has no such key, IssuerSilent where it does not answer."""
    keys = _issuers.setdefault(issuer, IssuerKeys(issuer=issuer))
    if keys.get(key_id) is None and keys.may_be_asked:
        keys.ask()
    if key := keys.get(key_id):
        return key
    if keys.failure:
        raise IssuerSilent(issuer=issuer, reason=keys.failure, retry_after=int(AGAIN))
    raise TokenRefused(reason="The issuer of this identity token has no key of its name.", remedy=REMEDY)


def _fetch_keys(issuer: str) -> dict[str, jwt.PyJWK]:
    address = str(_json_of(f"{issuer}/.well-known/openid-configuration")["jwks_uri"])
    _check_same_origin(address, issuer)
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict(_json_of(address)).keys if key.key_id}


def _check_same_origin(address: str, of: str) -> None:
    """An issuer leads to no other scheme, host or port. Raises ValueError."""
    if urlsplit(address)[:2] != urlsplit(of)[:2]:
        raise ValueError(address)


class _SameOrigin(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        _check_same_origin(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _json_of(address: str) -> dict[str, Any]:
    request = Request(address, headers={"Accept": "application/json"})  # noqa: S310 - config.jobs lets https:// pass
    with build_opener(_SameOrigin).open(request, timeout=TIMEOUT) as answer:
        content: dict[str, Any] = json.loads(answer.read(LARGEST))
    return content
