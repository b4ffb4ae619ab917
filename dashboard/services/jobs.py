"""Jobs of a CI that show the identity token of their host, so that no secret of ours lies in the CI.

The signature is held against the keys of the configured issuer; then audience, repository and branch have to be those
that are declared. Keys are kept for a while, and asked for again when a token names one that is not among them.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import jwt
from django.conf import settings

from config.jobs import JobHost, TrustedJob
from dashboard.services.errors import IssuerSilent, TokenRefused

ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "EdDSA"]
#: Claims without which a token says too little to be held to anything.
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
#: Seconds that keys are kept, and that pass at least before they are asked for again because of an unknown one.
KEPT, AGAIN = 3600.0, 30.0
#: Seconds for an answer of the issuer, bytes of it, and seconds by which clocks may differ.
TIMEOUT, LARGEST, LEEWAY = 5.0, 1_048_576, 30
#: Bytes of a token.
LONGEST = 16_384
#: A job of this event runs with the rights of the branch, and can run what a stranger has sent.
OF_STRANGERS = "pull_request_target"
REMEDY = "Compare the claims of the token with [jobs] in config/environments.toml."


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeys:
    by_id: dict[str, jwt.PyJWK]
    at: float


_keys: dict[str, IssuerKeys] = {}
_fetching = threading.Lock()


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
    with _fetching:
        known, now = _keys.get(issuer), time.monotonic()
        age = now - known.at if known else KEPT
        if known is None or age >= KEPT or (key_id not in known.by_id and age >= AGAIN):
            known = _keys[issuer] = IssuerKeys(by_id=_fetch_keys(issuer), at=now)
    if key_id not in known.by_id:
        raise TokenRefused(reason="The issuer of this identity token has no key of its name.", remedy=REMEDY)
    return known.by_id[key_id]


def _fetch_keys(issuer: str) -> dict[str, jwt.PyJWK]:
    try:
        address = str(_json_of(f"{issuer}/.well-known/openid-configuration")["jwks_uri"])
        keys = jwt.PyJWKSet.from_dict(_json_of(address, like=issuer)).keys
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise IssuerSilent(issuer=issuer, reason=type(error).__name__) from None
    return {key.key_id: key for key in keys if key.key_id}


def _json_of(address: str, *, like: str = "") -> dict[str, Any]:
    """An issuer that is asked over https:// leads to nothing else."""
    if like and urlsplit(address).scheme != urlsplit(like).scheme:
        raise ValueError(address)
    request = Request(address, headers={"Accept": "application/json"})  # noqa: S310 - config.jobs lets https:// pass
    with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        content: dict[str, Any] = json.loads(answer.read(LARGEST))
    return content
