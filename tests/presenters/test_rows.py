"""Rows of a history in words."""

from __future__ import annotations

import pytest

from dashboard.engine.migration import Kind
from dashboard.engine.plan import Record
from dashboard.presenters import rows


def test_each_kind_of_row_has_its_word():
    assert rows.KINDS.keys() == {kind.value for kind in Kind}


@pytest.mark.parametrize("checksum", ["", "manual"])
def test_a_checksum_that_nobody_knows_is_called_so(checksum: str):
    assert rows.row(Record("001", "users", checksum, "applied")) == "applied, checksum unknown"
    assert rows.row(None) == rows.NO_ROW
