"""Another database is confirmed by who has seen it, with a reason and the name of what is protected."""

from __future__ import annotations

import pytest

from dashboard.engine.errors import EngineError
from dashboard.forms.rebinding import RebindForm
from dashboard.models.environments import Environment
from dashboard.services.errors import DatabaseOutdated
from tests.presenters import values

CHANGE = values.rebinding()


def form(where: Environment = values.PRODUCTION, **changes: str) -> RebindForm:
    data = {"mark": CHANGE.mark, "reason": "It was moved.", "typed_name": "production", **changes}
    return RebindForm(data, change=CHANGE, environment=where)


def test_with_all_of_it_the_database_is_confirmed():
    sent = form()
    assert sent.is_valid()
    assert sent.submission == {"reason": "It was moved.", "typed_name": "production"}


def test_a_free_environment_wants_no_name():
    sent = form(values.STAGING, typed_name="")
    assert sent.is_valid()
    assert sent.submission == {"reason": "It was moved."}


@pytest.mark.parametrize("name", ["mark", "reason", "typed_name"])
def test_nothing_of_it_can_be_left_out(name: str):
    sent = form(**{name: " "})
    assert not sent.is_valid()
    assert set(sent.errors) == {name}


def test_another_name_is_refused_beside_its_field():
    sent = form(typed_name="staging")
    assert not sent.is_valid()
    assert set(sent.errors) == {"typed_name"}


def test_a_database_that_was_not_on_the_page_is_refused_outright():
    """Beside a field it would look as if something else could be typed."""
    with pytest.raises(DatabaseOutdated) as caught:
        form(mark="of another one").is_valid()
    assert isinstance(caught.value, EngineError)
    assert "Production" in caught.value.next_step or "Production" in str(caught.value)


def test_the_page_carries_the_mark_of_what_it_shows():
    shown = RebindForm(change=CHANGE, environment=values.PRODUCTION)
    assert shown["mark"].value() == CHANGE.mark
    assert shown["mark"].is_hidden


def test_the_label_names_what_to_type():
    assert "production" in str(form().fields["typed_name"].label)
