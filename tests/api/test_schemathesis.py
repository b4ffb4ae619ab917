"""Every operation of the OpenAPI document, called over HTTP with what the document allows and with what it does not:
none is answered with a server error, and every answer is of a status that the document knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from dashboard.api import waiting
from dashboard.api.v1 import calls, runs, service
from dashboard.models import Run
from dashboard.services import limits
from tests.fix_tokens import MakeToken
from tests.services import workflow

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper
    from pytest_django.live_server_helper import LiveServer

    from dashboard.services.actors import Actor
    from tests.fix_project import Project

pytestmark = pytest.mark.django_db(transaction=True)

#: Calls of each operation and each kind; all of them take about half a minute.
CALLS = 12
SCHEMA = schemathesis.openapi.from_dict(service.document())
#: What a client that is made from the document relies on: the type and the shape of each answer.
AS_DESCRIBED = CHECKS.get_by_names(["content_type_conformance", "response_schema_conformance"])
OPERATIONS = {f"{each.ok().method} {each.ok().path}": each.ok() for each in SCHEMA.get_all_operations()}


@pytest.fixture
def base(
    live_server: LiveServer,
    settings: SettingsWrapper,
    monkeypatch: pytest.MonkeyPatch,
    two_files: Project,
    alice: Actor,
) -> str:
    """A server without limits in time and number, with a run, a request and a rehearsal to ask about."""
    settings.TOKEN_DEEDS_AN_HOUR = 0
    settings.ALLOWED_HOSTS = ["*"]
    monkeypatch.setattr(limits, "CALLS", 1_000_000)
    monkeypatch.setattr(limits, "OPEN_REQUESTS", 1_000_000)
    monkeypatch.setattr(runs, "STREAM", 0.0)
    monkeypatch.setattr(waiting, "LONGEST", 0)
    workflow.run_on_staging(two_files, alice, upto="001")
    workflow.open_request(two_files, alice)
    return live_server.url


def test_the_document_is_openapi() -> None:
    SCHEMA.validate()
    broken = service.document() | {"paths": {"/runs": {"get": {"responses": "none"}}}}
    with pytest.raises(ValueError, match="is not of type"):
        schemathesis.openapi.from_dict(broken).validate()


def test_the_document_is_read_whole() -> None:
    assert len(OPERATIONS) == sum(len(each) for each in service.document()["paths"].values()) > 20


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_call_is_answered_with_a_server_error(name: str, base: str, make_token: MakeToken) -> None:
    operation, text = OPERATIONS[name], make_token().text
    known = set(operation.definition.raw["responses"]) | {"304", "405"}
    existing = {"slug": "staging", "name": "default", "number": Run.objects.get().pk}
    answers: list[int] = []

    def call(case: Any, aims: bool) -> None:
        if aims:  # else nearly every call would ask for what is not there
            case.path_parameters = {key: existing[key] for key in case.path_parameters or {}}
        if aims and isinstance(case.body, dict) and "environment" in case.body:
            case.body["environment"] = "staging"
        answer = case.call(base_url=base, headers={"Authorization": f"Bearer {text}"})
        answers.append(answer.status_code)
        assert answer.status_code < 500, answer.text
        assert str(answer.status_code) in known, answer.text
        case.validate_response(answer, checks=AS_DESCRIBED)

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        strategy = operation.as_strategy(generation_mode=mode)
        run = given(case=strategy, aims=st.booleans())(call)
        settings(
            max_examples=CALLS,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(run)()
    assert len(answers) >= CALLS


def test_a_broken_operation_would_be_seen(base: str, make_token: MakeToken, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(calls, "reachable", broken)
    monkeypatch.setattr("dashboard.api.v1.environments.reachable", broken)
    with pytest.raises(AssertionError, match='"code": "fault"'):
        test_no_call_is_answered_with_a_server_error(
            next(each for each in OPERATIONS if each.lower() == "get /api/v1/environments"), base, make_token
        )
