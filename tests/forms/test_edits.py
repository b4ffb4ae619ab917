"""One migration instead of all: only where it is named in full."""

from __future__ import annotations

import pytest

from dashboard.engine.migration import MigrationId
from dashboard.forms.edits import EditQuery

ONE = {"version": "001", "name": "users"}


@pytest.mark.parametrize(
    ("query", "only"),
    [
        pytest.param(ONE, MigrationId("001", "users"), id="in full"),
        pytest.param({}, None, id="none"),
        pytest.param({"version": "001"}, None, id="no name"),
        pytest.param({"name": "users"}, None, id="no version"),
        pytest.param({"version": "0" * 65, "name": "users"}, None, id="too long a version"),
        pytest.param({"version": "001", "name": "u" * 201}, None, id="too long a name"),
        pytest.param({**ONE, "format": "pdf"}, MigrationId("001", "users"), id="another format"),
    ],
)
def test_which_one_is_asked_for(query: dict[str, str], only: MigrationId | None):
    assert EditQuery(query).only() == only


@pytest.mark.parametrize(
    ("query", "wants"),
    [
        pytest.param({**ONE, "format": "text"}, True, id="one, as text"),
        pytest.param(ONE, False, id="one, as a page"),
        pytest.param({"format": "text"}, False, id="all, as text"),
        pytest.param({**ONE, "format": "pdf"}, False, id="another format"),
    ],
)
def test_text_is_given_of_one_migration(query: dict[str, str], wants: bool):
    assert EditQuery(query).wants_text is wants
