"""How far a statement is, in the words and numbers of PostgreSQL."""

from __future__ import annotations

import pytest

from dashboard.engine.database import progress


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((1, 3, 0, 0, 0, 0), "The phase, 1 of 3 waited for."),
        ((0, 0, 34, 100, 0, 0), "The phase, 34 %."),
        ((0, 0, 0, 0, 50, 200), "The phase, 25 %."),
        ((0, 0, 0, 0, 0, 0), "The phase."),
        ((0, 0, 90, 0, 7, 0), "The phase."),
    ],
    ids=str,
)
def test_a_share_is_told_of_whatever_the_phase_counts(counts: tuple[int, ...], words: str) -> None:
    assert progress.sentence("the phase", *counts) == words
