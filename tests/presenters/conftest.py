from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.wording import no_query_is_sent

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(autouse=True)
def declared_environments(settings: SettingsWrapper) -> None:
    """Staging is free, production is protected, and preview has no database."""
    from tests.presenters import values

    settings.ENVIRONMENTS = (values.STAGING, values.PRODUCTION, values.UNSET)


@pytest.fixture(autouse=True)
def no_query_while_wording() -> Iterator[None]:
    """A presenter that asks the control database fails its test, where the test has one."""
    with no_query_is_sent():
        yield
