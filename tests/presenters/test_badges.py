"""A protected environment is told from the others at a glance, and no badge carries a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.template.loader import render_to_string

from dashboard.models.environments import Environment
from dashboard.presenters import badges
from tests.presenters import values

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


@pytest.mark.parametrize(
    ("position", "colour"),
    [(0, "green"), (1, "amber"), (2, "blue"), (3, "violet"), (4, "grey"), (5, "green"), (9, "grey")],
)
def test_free_environments_take_the_colours_in_their_order(position: int, colour: str):
    assert badges.badge(values.environment(position=position)).colour == colour


@pytest.mark.parametrize("position", range(6))
def test_a_protected_one_is_red_wherever_it_stands(position: int):
    badge = badges.badge(values.environment(position=position, protected=True))
    assert (badge.colour, badge.protected) == ("red", True)


def test_no_free_environment_is_red():
    assert "red" not in badges.COLOURS
    assert len(set(badges.COLOURS)) == len(badges.COLOURS)


@pytest.mark.parametrize("environment", [values.STAGING, values.PRODUCTION, values.UNSET], ids=lambda e: e.slug)
def test_it_names_the_environment_and_leads_to_its_page(environment: Environment):
    badge = badges.badge(environment)
    assert (badge.slug, badge.name) == (environment.slug, environment.name)
    assert values.page_of(badge.url) == ("environment", {"slug": environment.slug})


def test_it_holds_nothing_of_the_url():
    assert not [part for part in values.inside(badges.badge(values.STAGING)) if "s3cret" in str(part)]


def test_by_its_slug_it_is_the_same_badge():
    assert badges.badge_of("production") == badges.badge(values.PRODUCTION)


def test_one_that_is_gone_is_named_and_leads_nowhere(settings: SettingsWrapper):
    settings.ENVIRONMENTS = ()
    badge = badges.badge_of("production")
    assert (badge.name, badge.url, badge.protected, badge.colour) == ("production", "", False, "grey")


def test_its_name_is_text_on_the_page():
    badge = badges.badge(values.environment(name=values.HOSTILE))
    values.assert_sound(badge)
    assert values.HOSTILE not in render_to_string("_components/environment_badge.html", {"environment": badge})
