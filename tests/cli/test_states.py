from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.models import ChangeRequest, Run
from tests.cli.conftest import Signalbox

DOCUMENT = Path(__file__).parents[2] / "docs" / "STATES.md"


@pytest.fixture
def drawn(signalbox: Signalbox) -> str:
    answer = signalbox("states")
    assert (answer.code, answer.err) == (0, "")
    return answer.out


@pytest.mark.parametrize("model", [ChangeRequest, Run])
def test_every_state_is_drawn_with_where_it_leads(drawn: str, model: type[ChangeRequest] | type[Run]):
    (diagram,) = [part for part in drawn.split("## ") if part.startswith(model._meta.verbose_name.capitalize())]
    for status in model.Status:
        assert status in model.TRANSITIONS, f"add {status} to {model.__name__}.TRANSITIONS"
        for after in model.TRANSITIONS[status] or ["[*]"]:
            assert f"    {status} --> {after}\n" in diagram


def test_each_diagram_begins_where_a_row_begins(drawn: str):
    assert f"[*] --> {ChangeRequest._meta.get_field('status').default}\n" in drawn
    assert f"[*] --> {Run._meta.get_field('status').default}\n" in drawn


def test_the_document_is_up_to_date(drawn: str):
    assert DOCUMENT.read_text(encoding="utf-8") == drawn, "run: manage.py signalbox states > docs/STATES.md"
