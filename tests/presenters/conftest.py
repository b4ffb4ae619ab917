from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(autouse=True)
def declared_environments(settings: SettingsWrapper) -> None:
    """Staging is free, production is protected, and preview has no database."""
    from tests.presenters import values

    settings.ENVIRONMENTS = (values.STAGING, values.PRODUCTION, values.UNSET)
