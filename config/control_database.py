"""Where the control database is. A URL that is wrong is refused at the start, by the name of its variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.errors import Misconfigured
from dashboard.engine.database import urls

#: The first of these that holds something.
VARIABLES = ("SIGNALBOX_DATABASE_URL", "DATABASE_URL")
#: Of a checkout without any, so that commands that need no control database work.
NONE_GIVEN = "postgresql://localhost/signalbox"
#: What libpq calls what Django has names of its own for.
_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def where(variables: Mapping[str, str]) -> dict[str, Any]:
    """Django's settings of the connection; parameters of the URL are its OPTIONS. Raises Misconfigured."""
    variable = next((name for name in VARIABLES if variables.get(name)), "")
    return parts_of(variable, variables[variable] if variable else NONE_GIVEN)


def parts_of(variable: str, url: str) -> dict[str, Any]:
    """Raises Misconfigured."""
    check_url(variable, url)
    parts = urls.parts(url)
    named = {setting: parts.pop(name, "") for name, setting in _NAMES.items()}
    return {**named, "OPTIONS": parts}


def check_url(variable: str, url: str) -> None:
    """Raises Misconfigured with what is wrong, and nothing of the URL."""
    if fault := urls.fault_of(url) if url else "":
        raise Misconfigured(f"The URL in {variable} {fault}.")
