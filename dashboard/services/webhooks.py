"""Webhooks: a host says that something was pushed, and a worker fetches.

A call is known by the secret that it was signed with. All it can do is to ask for a fetch, so one that is sent again
does no harm. Whoever has no valid signature learns nothing, not even which sources there are.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.db import transaction

from config.git_sources import GitDeclaration
from dashboard.models import sources
from dashboard.services import audit, fetching, repeats, throttle
from dashboard.services.actors import SIGNALBOX, Actor

#: Calls from one address in a minute, signed or not.
CALLS = 120
#: Bytes of one call; a larger one is not read. The schedule sees what it would have said.
BODY = 2_000_000

#: GitHub, Gitea and Forgejo; Bitbucket; a script of one's own. Each is "sha256=" and the HMAC in hex.
_SIGNATURES = ("X-Hub-Signature-256", "X-Hub-Signature", "X-Signalbox-Signature")
#: GitLab sends the secret itself, or signs as Standard Webhooks have it.
_TOKEN = "X-Gitlab-Token"  # noqa: S105 - the name of a header
_STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")
_STANDARD_PREFIX = "whsec_"


class HookOutcome(StrEnum):
    ASKED = "asked"  # a worker fetches
    ELSEWHERE = "elsewhere"  # the push was to another branch
    REFUSED = "refused"
    TOO_OFTEN = "too_often"


def receive(name: str, *, headers: Mapping[str, str], body: bytes, address: str | None) -> HookOutcome:
    """`name` is that of a source, or whatever somebody wrote in its place."""
    by = Actor(name=SIGNALBOX.name, source_ip=address)
    if throttle.count("hook", address or "", within=timedelta(minutes=1)) > CALLS:
        return HookOutcome.TOO_OFTEN
    source = next((each for each in sources.in_git() if each.name == name), None)
    declared = source.git if source else None
    secret = declared.webhook_secret if declared else ""
    # Without a source the same is computed, so that the time of the answer tells nothing.
    is_signed = _is_signed(secret or settings.SECRET_KEY, headers, body)
    if source is None or declared is None or not (secret and is_signed):
        known = source.name if source else ""
        repeats.note(audit.Event.SOURCE_HOOK_REFUSED, by=by, subject=f"hook {known}", source=known)
        return HookOutcome.REFUSED
    if not _is_meant(declared, _payload(body, headers)):
        return HookOutcome.ELSEWHERE
    with transaction.atomic():
        fetching.request(source)
        subject = f"hook {source.name}"
        repeats.note(audit.Event.SOURCE_FETCH_ASKED, by=by, subject=subject, source=source.name, hook=True)
    return HookOutcome.ASKED


# Who sent it


def _is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    expected = "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
    matches = [_same(headers.get(name, ""), expected) for name in _SIGNATURES]
    matches.append(_same(headers.get(_TOKEN, ""), secret))
    matches += [_same(headers.get(_STANDARD[2], ""), each) for each in _standard(secret, headers, body)]
    return any(matches)


def _same(given: str, expected: str) -> bool:
    """Several signatures may stand in one header, with blanks between them; the first few are looked at."""
    return any(hmac.compare_digest(each.encode(), expected.encode()) for each in (given, *given.split(" ")[:5]))


def _standard(secret: str, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """Keyed with the text of the secret, or with what it stands for in base64."""
    signed = f"{headers.get(_STANDARD[0], '')}.{headers.get(_STANDARD[1], '')}.".encode() + body
    keys = [secret.encode()]
    if secret.startswith(_STANDARD_PREFIX):
        try:
            keys.append(base64.b64decode(secret.removeprefix(_STANDARD_PREFIX), validate=True))
        except binascii.Error:
            keys = keys[:1]
    for key in keys:
        yield "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()


# What it is about


def _payload(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Empty where nothing can be told; who sent it is known already."""
    try:
        if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            body = parse_qs(body.decode(), max_num_fields=10).get("payload", [""])[0].encode()
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _is_meant(declared: GitDeclaration, payload: dict[str, Any]) -> bool:
    """Whether the push was to the branch or tag that is followed; also where it does not say where it was to."""
    refs = set(_refs(payload))
    if not refs:
        return True
    if declared.ref:
        return bool(refs & {declared.ref, declared.branch or declared.tag})
    project = payload.get("repository") or payload.get("project")
    default = project.get("default_branch") if isinstance(project, dict) else None
    return not isinstance(default, str) or bool(refs & {default, f"refs/heads/{default}"})


def _refs(payload: dict[str, Any]) -> Iterator[str]:
    """GitHub, GitLab, Gitea and scripts have one; Bitbucket has a list of changes, in the cloud and elsewhere."""
    if isinstance(ref := payload.get("ref"), str):
        yield ref
    for change in _dicts(_dict(payload.get("push")).get("changes")):
        new = _dict(change.get("new")) or _dict(change.get("old"))
        kind = "tags" if new.get("type") == "tag" else "heads"
        yield f"refs/{kind}/{new.get('name', '')}"
    for change in _dicts(payload.get("changes")):
        if isinstance(ref := _dict(change.get("ref")).get("id"), str):
            yield ref


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
