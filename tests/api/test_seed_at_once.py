"""The source document's own addresses, called at one moment and in a copy."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

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


def test_calls_at_one_moment_open_one_request(
    two_files: Project, carol: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = tokens.make(by=carol, **token_values())
    answers: list[HttpResponse] = []
    look = requests.open_for

    def look_slowly(plan: Plan) -> ChangeRequest | None:
        waiting = look(plan)
        time.sleep(0.5)
        return waiting

    monkeypatch.setattr(requests, "open_for", look_slowly)

    def call() -> None:
        answers.append(Caller(client=Client(), text=text).post("/migrate"))

    at_once(call, call, call)
    assert [answer.status_code for answer in answers] == [202] * 3
    assert ChangeRequest.objects.count() == 1


def test_a_copy_that_nobody_confirmed_says_so_and_asks_nobody(ci: Caller, two_files: Project) -> None:
    be_copied()
    answers = [ci.post("/migrate?wait=0"), ci.post("/migrate?environment=staging&wait=0")]
    assert [(answer.status_code, json.loads(answer.content)["code"]) for answer in answers] == [
        (409, "copy_not_confirmed")
    ] * 2
    assert not ChangeRequest.objects.exists()
    assert not Run.objects.exists()
