"""Accepting a schema wants a reason, and the name of what is protected; two environments can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.forms.drift import AcceptForm, CompareQuery
from dashboard.models.environments import Environment
from tests.presenters import values

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


def accept(where: Environment = values.PRODUCTION, **changes: str) -> AcceptForm:
    data = {"fingerprint": "f", "reason": "A hotfix.", "typed_name": "production", **changes}
    return AcceptForm(data, environment=where)


def test_with_all_of_it_the_schema_is_accepted():
    form = accept()
    assert form.is_valid()
    assert form.cleaned_data == {"fingerprint": "f", "reason": "A hotfix.", "typed_name": "production"}


@pytest.mark.parametrize("name", ["fingerprint", "reason", "typed_name"])
@pytest.mark.parametrize("value", ["", "  "], ids=["nothing", "blanks"])
def test_nothing_of_it_can_be_left_out(name: str, value: str):
    form = accept(**{name: value})
    assert not form.is_valid()
    assert set(form.errors) == {name}


@pytest.mark.parametrize("typed", ["staging", "Production", "prod"])
def test_another_name_is_refused_beside_its_field(typed: str):
    form = accept(typed_name=typed)
    assert not form.is_valid()
    assert set(form.errors) == {"typed_name"}


def test_a_free_environment_wants_no_name():
    form = accept(values.STAGING, typed_name="")
    assert form.is_valid()
    assert "typed_name" not in form.fields


def test_the_label_names_what_to_type_and_where():
    label = str(accept().fields["typed_name"].label)
    assert "production" in label
    assert "Production" in label


def test_a_reason_has_an_end():
    assert not accept(reason="x" * 2001).is_valid()


# Which two


def slugs(query: dict[str, str]) -> tuple[str, ...] | None:
    chosen = CompareQuery(query).chosen()
    return tuple(environment.slug for environment in chosen) if chosen else None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({}, ("production", "preview"), id="the last two"),
        pytest.param({"a": "staging"}, ("staging", "preview"), id="one chosen"),
        pytest.param({"b": "staging"}, ("production", "staging"), id="the other chosen"),
        pytest.param({"a": "preview", "b": "staging"}, ("preview", "staging"), id="both, in their order"),
        pytest.param({"a": "staging", "b": "staging"}, None, id="one twice"),
        pytest.param({"a": "moon"}, None, id="one nobody declared"),
        pytest.param({"a": ""}, None, id="none"),
    ],
)
def test_which_two_are_compared(query: dict[str, str], expected: tuple[str, ...] | None):
    assert slugs(query) == expected


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_cannot_be_compared(settings: SettingsWrapper, count: int):
    settings.ENVIRONMENTS = (values.STAGING,)[:count]
    assert CompareQuery({}).chosen() is None


def test_every_environment_can_be_chosen_on_both_sides():
    form = CompareQuery({})
    for name in ("a", "b"):
        assert [slug for slug, _ in form.fields[name].choices] == ["staging", "production", "preview"]  # type: ignore[attr-defined]
