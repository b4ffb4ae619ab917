"""An address names the source where it is not the default one."""

from __future__ import annotations

import pytest

from dashboard.engine.migration import MigrationId
from dashboard.models.sources import DEFAULT
from dashboard.presenters import links


@pytest.mark.parametrize(("source", "query"), [(DEFAULT, ""), ("billing", "?source=billing")])
def test_only_another_source_is_named(source: str, query: str) -> None:
    assert links.migrations(source) == f"/migrations/{query}"
    assert links.problems(source) == f"/migrations/problems/{query}"
    assert links.migration(MigrationId("001", "users"), source) == f"/migrations/001/users/{query}"
