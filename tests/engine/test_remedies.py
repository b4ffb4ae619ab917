"""Every remedy stands in one page, beside the case that shows it."""

from __future__ import annotations

from dashboard.engine.run import failures
from dashboard.engine.run.failures import Explanation
from tests.engine import remedies


def test_the_page_is_what_is_said() -> None:
    written = remedies.PAGE.read_text(encoding="utf-8")
    assert written == remedies.document(), "docs/remedies.md is out of date: python -m tests.engine.remedies"


def test_every_problem_of_a_file_has_a_case() -> None:
    assert {*remedies.FILES} | remedies.WITHOUT_A_CASE == {*remedies.codes()}


def test_every_refusal_that_is_explained_has_a_case() -> None:
    named = {name for name, value in vars(failures).items() if isinstance(value, Explanation)}
    named = named - {"RUN_BY_HAND"} | {"ALREADY_THERE"}
    assert {*remedies.REFUSALS} == named | {*failures.EXPLANATIONS}
