"""What the test of a connection found: one refusal is enough, and a warning is none."""

from __future__ import annotations

import pytest

from dashboard.engine.database.doctor import CheckLevel
from dashboard.presenters import connections as presenter
from tests.presenters import values

LOOKS = {
    CheckLevel.REFUSED: ("danger", "fail"),
    CheckLevel.WARNING: ("warn", "attention"),
    CheckLevel.NOTE: ("info", "info"),
    CheckLevel.FINE: ("ok", "ok"),
}


@pytest.mark.parametrize("level", CheckLevel)
def test_each_level_looks_as_it_should(level: CheckLevel):
    view = presenter.view(values.check(level))
    assert values.looks(view.pill) == LOOKS[level]
    values.assert_sound(view)


def test_no_two_levels_read_alike():
    assert len({pill.label for pill in presenter.LEVELS.values()}) == len(CheckLevel)


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        ("it is PostgreSQL 17", "It is PostgreSQL 17"),
        ("PostgreSQL 12 is too old", "PostgreSQL 12 is too old"),
        ("x", "X"),
        ("pgBouncer stands before it", "PgBouncer stands before it"),
    ],
)
def test_a_clause_becomes_a_sentence_and_nothing_else_of_it_changes(finding: str, sentence: str):
    assert presenter.view(values.check(finding=finding)).finding == sentence


def test_the_remedy_is_the_one_of_the_check():
    assert presenter.view(values.check(remedy="Upgrade.")).remedy == "Upgrade."
    assert presenter.view(values.check()).remedy == ""


@pytest.mark.parametrize(
    ("levels", "fit"),
    [
        pytest.param([CheckLevel.FINE], True, id="fine"),
        pytest.param([CheckLevel.FINE, CheckLevel.NOTE], True, id="a note"),
        pytest.param([CheckLevel.WARNING, CheckLevel.FINE], True, id="a warning"),
        pytest.param([CheckLevel.REFUSED, CheckLevel.FINE], False, id="a refusal"),
        pytest.param([CheckLevel.FINE, CheckLevel.WARNING, CheckLevel.REFUSED], False, id="a refusal at the end"),
    ],
)
def test_the_verdict(levels: list[CheckLevel], fit: bool):
    verdict = presenter.verdict([values.check(level) for level in levels], values.STAGING)
    assert (verdict.tone, verdict.icon) == (("ok", "ok") if fit else ("danger", "fail"))
    assert "Staging" in verdict.sentence


def test_fit_and_unfit_read_differently():
    fit, unfit = (
        presenter.verdict([values.check(level)], values.STAGING) for level in (CheckLevel.FINE, CheckLevel.REFUSED)
    )
    assert fit.sentence != unfit.sentence
