"""An environment as pages name it. Templates get this, never the Environment, whose URL is a secret."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from dashboard.models import environments
from dashboard.models.environments import Environment

#: Of the unprotected ones, in their order; a protected environment is always red.
COLOURS = ("green", "amber", "blue", "violet", "grey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    slug: str
    name: str
    url: str  # of its page
    protected: bool
    colour: str


def badge(environment: Environment) -> Badge:
    return Badge(
        slug=environment.slug,
        name=environment.name,
        url=reverse("environment", args=[environment.slug]),
        protected=environment.protected,
        colour="red" if environment.protected else COLOURS[environment.position % len(COLOURS)],
    )


def badge_of(slug: str) -> Badge:
    """Rows outlive the declaration of their environment: one that is gone is still named."""
    try:
        return badge(environments.get(slug))
    except environments.UnknownEnvironment:
        return Badge(slug=slug, name=slug, url="", protected=False, colour="grey")
