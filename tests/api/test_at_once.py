"""Both doors of the API, called at one moment and in a copy: they ask and start by the same rules."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from dashboard.models import ChangeRequest, Run
from dashboard.selectors import requests
from dashboard.services import tokens
from tests.at_once import at_once
from tests.fix_tokens import Caller, token_values
from tests.services.test_copies import be_copied

if TYPE_CHECKING:
    from django.http import HttpResponse

    from dashboard.engine.plan import Plan
    from dashboard.services.actors import Actor
    from tests.fix_project import Project

pytestmark = pytest.mark.django_db(transaction=True)

#: Where one asks for an apply to production, and what is sent.
DOORS: list[tuple[str, dict[str, Any]]] = [
    ("/migrate?wait=0", {}),
    ("/api/v1/change-requests", {"environment": "production"}),
]
#: Everything that asks or starts.
ASKING: list[tuple[str, dict[str, Any]]] = [
    *DOORS,
    ("/migrate?environment=staging&wait=0", {}),
    ("/api/v1/runs", {"environment": "staging"}),
    ("/api/v1/runs", {"environment": "production"}),
]


@pytest.mark.parametrize(("address", "sent"), DOORS)
def test_calls_of_several_accounts_at_one_moment_open_one_request(
    two_files: Project, carol: Actor, monkeypatch: pytest.MonkeyPatch, address: str, sent: dict[str, Any]
) -> None:
    texts = [tokens.make(by=carol, **token_values(name=name))[1] for name in ("first", "second")]
    answers: list[HttpResponse] = []
    look = requests.open_for

    def look_slowly(plan: Plan) -> ChangeRequest | None:
        waiting = look(plan)
        time.sleep(0.5)
        return waiting

    monkeypatch.setattr(requests, "open_for", look_slowly)

    def call_with(text: str) -> None:
        answers.append(Caller(client=Client(), text=text).post(address, sent))

    at_once(*[lambda text=text: call_with(text) for text in (*texts, texts[0])])
    assert ChangeRequest.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {200, 201, 202}
    assert sum(answer.status_code == 201 for answer in answers) == ("v1" in address)


@pytest.mark.parametrize(("address", "sent"), ASKING)
def test_a_copy_that_nobody_confirmed_says_so_and_asks_nobody(
    ci: Caller, two_files: Project, address: str, sent: dict[str, Any]
) -> None:
    be_copied()
    answer = ci.post(address, sent)
    assert (answer.status_code, json.loads(answer.content)["code"]) == (409, "copy_not_confirmed")
    assert not ChangeRequest.objects.exists()
    assert not Run.objects.exists()
