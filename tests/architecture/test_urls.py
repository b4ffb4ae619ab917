"""Every address is asked in the table of who may, and something leads to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from dashboard import urls
from tests.architecture.source import calls, text_of

NAMES = {pattern.name for pattern in urls.urlpatterns}

#: allauth leads to these itself, by the names it gives them.
OF_ALLAUTH = {
    "account_login",
    "account_reauthenticate",
    "github_callback",
    "github_login",
    "mfa_index",
    "mfa_list_webauthn",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "openid_connect_callback",
    "openid_connect_login",
}


def test_every_address_has_a_name_of_its_own() -> None:
    names = [pattern.name for pattern in urls.urlpatterns]
    assert all(names), "Give each path in dashboard/urls.py a name: templates and tests know it by that."
    assert len(names) == len(set(names)), "Two paths in dashboard/urls.py have one name."


def test_every_address_that_is_answered_is_one_of_these() -> None:
    """Whatever the tests ask of each address, they ask of dashboard/urls.py: a path beside it is asked nothing. The API
    is asked by tests/api, operation by operation of its document."""
    names = sorted(map(str, _answered(get_resolver().url_patterns)))
    assert names == sorted([*(str(pattern.name) for pattern in urls.urlpatterns), "admin:", "api-v1:"]), (
        "Put each path into dashboard/urls.py, where tests/views/test_access.py asks who may."
    )


def test_something_leads_to_every_address() -> None:
    from_templates = set(re.findall(r"{% url '([a-z_-]+)'", text_of("templates/**/*.html")))
    from_code = {
        argument.value
        for _, call in calls("dashboard/presenters", "dashboard/views", "dashboard/forms", "dashboard/templatetags")
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }
    unreached = NAMES - from_templates - from_code - OF_ALLAUTH
    assert not unreached, (
        f"Nothing leads to {sorted(unreached)}: link it from a template or a presenter, or take it out."
    )


def test_no_template_leads_to_an_address_that_is_gone() -> None:
    gone = set(re.findall(r"{% url '([a-z_-]+)'", text_of("templates/**/*.html"))) - NAMES
    assert not gone, f"dashboard/urls.py has no {sorted(gone)} any more."


def _answered(entries: Iterable[URLPattern | URLResolver]) -> Iterator[str | None]:
    """The name of each address, and a namespace as one."""
    for entry in entries:
        if not isinstance(entry, URLResolver):
            yield entry.name
        elif entry.namespace:
            yield f"{entry.namespace}:"
        else:
            yield from _answered(entry.url_patterns)
