"""The webhook: only a valid signature is heard, and all it does is to ask for a fetch."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from dashboard.models import AuditEvent, RepeatedEvent
from dashboard.selectors import git
from dashboard.services import webhooks
from tests.fix_sources import HOOK_SECRET

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from config.sources import Source

pytestmark = pytest.mark.django_db

PUSH = {"ref": "refs/heads/main", "after": "abc", "repository": {"default_branch": "main"}}


def signature(body: bytes, secret: str = HOOK_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def call(payload: object, name: str = "billing", *, body: bytes | None = None, **headers: str) -> tuple[int, bool]:
    """The status, and whether a fetch of billing was asked for."""
    sent = json.dumps(payload).encode() if body is None else body
    given = {header.replace("_", "-"): value.replace("SIGNED", signature(sent)) for header, value in headers.items()}
    answer = Client().post(
        f"/hooks/{name}", data=sent, content_type=given.pop("Content-Type", "application/json"), headers=given
    )
    return answer.status_code, AuditEvent.objects.filter(kind="source.fetch_asked").exists()


def standard(body: bytes, key: bytes) -> dict[str, str]:
    signed = hmac.new(key, b"msg_1.1700000000." + body, sha256).digest()
    made = "v1," + base64.b64encode(signed).decode()
    return {"webhook_id": "msg_1", "webhook_timestamp": "1700000000", "webhook_signature": f"v1,AAAA {made}"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X_Hub_Signature_256": "SIGNED", "X_GitHub_Event": "push"}, id="GitHub"),
        pytest.param({"X_Gitlab_Token": HOOK_SECRET, "X_Gitlab_Event": "Push Hook"}, id="GitLab"),
        pytest.param(standard(json.dumps(PUSH).encode(), HOOK_SECRET.encode()), id="GitLab, signed"),
        pytest.param({"X_Hub_Signature": "SIGNED"}, id="Bitbucket"),
        pytest.param({"X_Signalbox_Signature": "SIGNED"}, id="a script"),
    ],
)
def test_a_signed_push_asks_for_a_fetch(billing: Source, headers: dict[str, str]) -> None:
    assert call(PUSH, **headers) == (202, True)
    assert git.standing(billing).is_under_way
    event = AuditEvent.objects.get(kind="source.fetch_asked")
    assert (event.data, event.source_ip) == ({"source": "billing", "hook": True}, "127.0.0.1")


def test_a_secret_of_standard_webhooks_stands_for_its_bytes(billing: Source, settings: SettingsWrapper) -> None:
    key = b"0123456789abcdef"
    assert billing.git
    git_source = replace(billing.git, webhook_secret="whsec_" + base64.b64encode(key).decode())
    settings.SOURCES = (replace(billing, git=git_source),)
    assert call(PUSH, **standard(json.dumps(PUSH).encode(), key)) == (202, True)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"X_Hub_Signature_256": signature(b"something else")}, id="of another body"),
        pytest.param({"X_Hub_Signature_256": "sha256="}, id="empty"),
        pytest.param({"X_Hub_Signature_256": "sha256=\u00e9"}, id="no hex"),
        pytest.param({"X_Gitlab_Token": "wrong"}, id="another token"),
        pytest.param({"X_Gitlab_Token": ""}, id="an empty token"),
        pytest.param({"webhook_signature": "v1,AAAA"}, id="no such signature"),
    ],
)
def test_without_a_valid_signature_nothing_happens(billing: Source, headers: dict[str, str]) -> None:
    assert call(PUSH, **headers) == (403, False)


def test_nothing_tells_which_sources_there_are(billing: Source, settings: SettingsWrapper) -> None:
    body = json.dumps(PUSH).encode()
    answers = [Client().post(f"/hooks/{name}", data=body, content_type="application/json") for name in ("billing", "x")]
    assert billing.git
    settings.SOURCES = (replace(billing, git=replace(billing.git, webhook_secret="")),)
    for secret in ("", settings.SECRET_KEY):
        given = {"X-Gitlab-Token": secret, "X-Hub-Signature-256": signature(body, secret)}
        answers += [
            Client().post(f"/hooks/{name}", body, content_type="application/json", headers=given)
            for name in ("billing", "x")
        ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(403, b"Refused.\n")}
    kinds = AuditEvent.objects.filter(kind="source.hook_refused").values_list("data__source", flat=True)
    assert sorted(kinds) == ["", "billing"], "the first of each is an event, and the others are counted"
    assert sum(RepeatedEvent.objects.values_list("count", flat=True)) == len(answers) - 2


@pytest.mark.parametrize(
    ("payload", "meant"),
    [
        ({"ref": "refs/heads/other"}, False),
        ({"ref": "refs/tags/main"}, False),
        ({"ref": "main"}, True),
        ({"zen": "Keep it logically awesome."}, True),
        ({"push": {"changes": [{"new": {"type": "branch", "name": "main"}}]}}, True),
        ({"push": {"changes": [{"new": {"type": "branch", "name": "x"}}, {"new": None, "old": None}]}}, False),
        ({"changes": [{"ref": {"id": "refs/heads/main"}}]}, True),
        ({"changes": [{"ref": {"id": "refs/heads/x"}}]}, False),
        ({"ref": 3, "push": [], "changes": {"ref": None}}, True),
        ([], True),
    ],
)
def test_only_a_push_to_what_is_followed_counts(billing: Source, payload: Any, meant: bool) -> None:
    assert call(payload, X_Hub_Signature_256="SIGNED") == ((202, True) if meant else (200, False))


@pytest.mark.parametrize(("branch", "status"), [("main", 202), ("other", 200)])
def test_the_default_branch_is_what_the_host_says(
    billing: Source, settings: SettingsWrapper, branch: str, status: int
) -> None:
    assert billing.git
    settings.SOURCES = (replace(billing, git=replace(billing.git, branch="")),)
    assert call({**PUSH, "ref": f"refs/heads/{branch}"}, X_Hub_Signature_256="SIGNED")[0] == status


def test_a_form_is_read_as_well_and_nonsense_is_no_error(billing: Source) -> None:
    form = urlencode({"payload": json.dumps({"ref": "refs/heads/other"})}).encode()
    as_form = {"Content_Type": "application/x-www-form-urlencoded", "X_Hub_Signature_256": "SIGNED"}
    assert call(None, body=form, **as_form) == (200, False)
    assert call(None, body=b"\xff{", X_Hub_Signature_256="SIGNED") == (202, True)


def test_a_call_that_is_sent_again_asks_again_and_leaves_one_event(billing: Source) -> None:
    for _ in range(3):
        assert call(PUSH, X_Hub_Signature_256="SIGNED") == (202, True)
    assert AuditEvent.objects.filter(kind="source.fetch_asked").count() == 1


def test_large_and_frequent_calls_are_not_read(billing: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BODY", 10)
    assert call(PUSH, X_Hub_Signature_256="SIGNED") == (413, False)
    monkeypatch.undo()
    monkeypatch.setattr(webhooks, "CALLS", 2)
    assert [call(PUSH)[0] for _ in range(3)] == [403, 403, 429]
    assert call(PUSH, X_Hub_Signature_256="SIGNED") == (429, False)
