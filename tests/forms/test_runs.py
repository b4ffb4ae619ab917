"""The filters of the list of runs, and the word that ends one without proof."""

from __future__ import annotations

import pytest

from dashboard.forms.runs import EndRunForm, RunQuery
from dashboard.models import Run
from tests.presenters import values


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        pytest.param({}, {"environment": "", "status": ""}, id="none"),
        pytest.param({"environment": "staging"}, {"environment": "staging", "status": ""}, id="where"),
        pytest.param({"status": "failed"}, {"environment": "", "status": "failed"}, id="how"),
        pytest.param(
            {"environment": "production", "status": "queued"},
            {"environment": "production", "status": "queued"},
            id="both",
        ),
        pytest.param(
            {"environment": "moon", "status": "failed"}, {"environment": "", "status": "failed"}, id="unknown"
        ),
    ],
)
def test_what_is_understood_filters(sent: dict[str, str], understood: dict[str, str]):
    form = RunQuery(sent)
    assert form.filters() == understood
    assert form.filtered is any(understood.values())


@pytest.mark.parametrize("sent", [{"environment": "moon"}, {"status": "exploded"}], ids=["where", "how"])
def test_what_nobody_knows_filters_nothing_and_is_told(sent: dict[str, str]):
    form = RunQuery(sent)
    assert not form.filtered
    assert set(form.errors) == set(sent)


@pytest.mark.parametrize("status", Run.Status)
def test_every_state_can_be_chosen(status: str):
    assert RunQuery({"status": status}).filters()["status"] == status


def test_every_environment_can_be_chosen_in_the_order_of_the_declaration():
    choices = RunQuery({}).fields["environment"].choices  # type: ignore[attr-defined]
    assert [slug for slug, _ in choices] == ["", "staging", "production", "preview"]


WORD = {"reason": "The table is not there", "typed_name": "staging"}


@pytest.mark.parametrize("left_out", WORD)
def test_ending_a_run_without_proof_wants_a_reason_and_the_name(left_out: str):
    run = values.run()
    assert EndRunForm(WORD, run=run).is_valid()
    form = EndRunForm({**WORD, left_out: ""}, run=run)
    assert list(form.fields) == ["reason", "typed_name"]
    assert set(form.errors) == {left_out}
    assert run.environment in str(form.fields["typed_name"].label)
