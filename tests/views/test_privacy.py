"""What a person sees stays with them, and no address makes the server fail."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from dashboard import urls
from dashboard.presenters import hidden
from dashboard.services import observations
from tests.fix_people import ClientOf
from tests.fix_project import Project

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

    from dashboard.models import ChangeRequest

pytestmark = pytest.mark.django_db(transaction=True)

#: What people who attack put into addresses and queries.
ODD = [
    "\0",
    "a\0b",
    "9" * 30,
    "-1",
    "9999-12-31",
    "0001-01-01",
    "x" * 5000,
    "\u202e",
    "%00",
    "../../etc/passwd",
    "{{7*7}}",
    "\ud800",
]
QUERIES = [
    "page",
    "state",
    "tab",
    "status",
    "environment",
    "actor",
    "kind",
    "since",
    "until",
    "upto",
    "format",
    "verify",
]


# Headers


@pytest.mark.parametrize(
    "path", ["/", "/environments/production/apply/?format=sql", "/audit/?format=csv", "/sign-in/", "/nowhere/"]
)
def test_no_cache_keeps_it_and_no_other_site_loads_it(
    two_files: Project, requester: User, client_of: ClientOf, path: str
) -> None:
    observations.refresh_all()
    answer = client_of(requester).get(path)
    assert "no-store" in answer["Cache-Control"]
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_what_browsers_are_told(two_files: Project, requester: User, client_of: ClientOf) -> None:
    for path in ("/", "/sign-in/", "/nowhere/", "/audit/?format=csv"):
        answer = client_of(requester).get(path)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        assert "charset=utf-8" in answer["Content-Type"]


# Characters that nobody sees


def test_what_a_person_wrote_is_shown_with_what_is_hidden_in_it(
    two_files: Project, open_request: object, approver: User, requester: User, client_of: ClientOf
) -> None:
    request: ChangeRequest = open_request(requester)  # type: ignore[operator]
    request.reason = "Due dates \u202e.enod era snoitcejbo oN \x1b[31m"
    request.save()
    page = client_of(approver).get(f"/requests/{request.pk}/").content.decode()
    assert "[U+202E].enod era" in page
    assert "[U+001B][31m" in page
    assert not hidden.UNSEEN.search(page)


# No address makes it fail


def patterns(entries: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for entry in entries:
        yield from patterns(entry.url_patterns) if isinstance(entry, URLResolver) else [entry]


def addresses(odd: str) -> Iterator[str]:
    """Every route, with that in place of each of its arguments."""
    for pattern in patterns(urls.urlpatterns):
        route = str(pattern.pattern)
        for argument, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            route = route.replace(f"<{kind}:{argument}>", quote(odd.encode(errors="surrogatepass"), safe=""))
        yield f"/{route}"


def ask(client: Client, path: str) -> int:
    client.raise_request_exception = False
    answer = client.get(path)
    if answer.streaming:
        b"".join(answer.streaming_content)
    return int(answer.status_code)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_no_odd_argument_of_an_address_makes_it_fail(
    two_files: Project, admin: User, client_of: ClientOf, odd: str
) -> None:
    observations.refresh_all()
    client = client_of(admin)
    failed = {path for path in addresses(odd) if ask(client, path) >= 500}
    assert failed == {"/ready"}  # which says 503 while there is no worker


def test_no_odd_query_makes_it_fail(two_files: Project, admin: User, client_of: ClientOf) -> None:
    observations.refresh_all()
    client = client_of(admin)
    pages = ["/", "/audit/", "/runs/", "/requests/", "/migrations/", "/compare/"]
    places = [
        *itertools.product(pages, (QUERIES, QUERIES[::2], QUERIES[1::2])),
        ("/environments/staging/apply/", ["upto"]),
    ]
    asked = (
        f"{place}?" + "&".join(f"{name}={quote(odd.encode(errors='surrogatepass'), safe='')}" for name in names)
        for (place, names), odd in itertools.product(places, ODD)
    )
    failed = [path for path in asked if ask(client, path) >= 500]
    assert failed == []


def test_the_routes_are_those_of_the_resolver() -> None:
    assert len(list(patterns(urls.urlpatterns))) > 30
    assert get_resolver().url_patterns
