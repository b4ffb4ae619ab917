"""After a look it goes back to the page that asked for it, and nowhere else."""

from __future__ import annotations

import pytest

from dashboard.forms.environments import RefreshForm
from tests.presenters import values


@pytest.mark.parametrize(
    ("data", "page"),
    [
        pytest.param({"back": "overview"}, ("overview", {}), id="the overview"),
        pytest.param({"back": "environments"}, ("environments", {}), id="the list"),
        pytest.param({}, ("environment", {"slug": "staging"}), id="nowhere named"),
        pytest.param({"back": ""}, ("environment", {"slug": "staging"}), id="nothing named"),
        pytest.param({"back": "admin"}, ("environment", {"slug": "staging"}), id="another page"),
        pytest.param({"back": "https://evil.example"}, ("environment", {"slug": "staging"}), id="another site"),
    ],
)
def test_where_it_goes(data: dict[str, str], page: tuple[str, dict[str, str]]):
    assert values.page_of(RefreshForm(data).url(values.STAGING)) == page


def test_every_page_it_may_go_back_to_is_one():
    for name, _ in RefreshForm.base_fields["back"].choices:  # type: ignore[attr-defined]
        values.page_of(RefreshForm({"back": name}).url(values.STAGING))
