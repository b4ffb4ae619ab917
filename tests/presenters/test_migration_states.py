"""Every state of a migration in an environment: no two read the same, and each has a drawing."""

from __future__ import annotations

from dashboard.engine.status import State
from dashboard.presenters.migration_states import MIGRATION


def test_no_two_states_read_the_same():
    assert MIGRATION.keys() == set(State)
    assert len({pill.label for pill in MIGRATION.values()}) == len(MIGRATION)
    assert all(pill.tone and pill.icon for pill in MIGRATION.values())
