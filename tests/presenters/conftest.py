from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.engine.lint import Finding

type LintSays = Callable[..., None]


@pytest.fixture(autouse=True)
def _declared(settings: SettingsWrapper) -> None:
    """Staging is free, production is protected, and preview has no database."""
    from tests.presenters import values

    settings.ENVIRONMENTS = (values.STAGING, values.PRODUCTION, values.UNSET)


@pytest.fixture
def lint_says(monkeypatch: pytest.MonkeyPatch) -> LintSays:
    """`lint_says(finding, …)`: what lint has to say of any folder; no linter is started."""
    from dashboard.selectors import findings as selector

    def install(*findings: Finding) -> None:
        by_file: dict[str, tuple[Finding, ...]] = {}
        for each in findings:
            by_file[each.file] = (*by_file.get(each.file, ()), each)
        monkeypatch.setattr(selector, "by_file", lambda _: by_file)

    return install
