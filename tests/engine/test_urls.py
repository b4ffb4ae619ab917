"""What is wrong with a URL is told, and nothing of it; what can be read in one way only is taken."""

from __future__ import annotations

import pytest

from dashboard.engine import errors
from dashboard.engine.database import connection, urls
from dashboard.engine.database.connection import Address
from tests.malformed_urls import SHAPES

CANARIES = {"a": "CANARYONE", "b": "CANARYTWO"}

WELL_FORMED = [
    "postgresql://app:pass@db.example:5432/app",
    "postgres://app@db/app",
    "postgresql://app:a:b@db/app",
    "postgresql://app:p%2Fa%40s%3Fs%23%25%20@db/app",
    "postgresql://app:pass@[::1]:5432/app?sslmode=verify-full&application_name=x",
    "postgresql://app:pass@one:5432,two:5433/app?target_session_attrs=read-write",
    "postgresql://app:pass@%2Frun%2Fpostgresql/app",
    "postgresql:///app?host=/run/postgresql",
    "postgresql://app:pass@bücher.example/app",
]


@pytest.mark.parametrize("url", WELL_FORMED)
def test_what_can_be_read_in_one_way_has_no_fault(url: str) -> None:
    assert urls.fault_of(url) == ""
    assert urls.parts(url)["dbname"] == "app"


#: In libpq's keywords the engine writes addresses itself; people's are refused where they are read.
WRITTEN_AS_URLS = {name: shape for name, shape in SHAPES.items() if name != "keywords"}


@pytest.mark.parametrize("shape", WRITTEN_AS_URLS.values(), ids=WRITTEN_AS_URLS)
def test_a_fault_is_named_without_a_letter_of_the_password(shape: str) -> None:
    address = Address(environment="p", name="Production", variable="DATABASE_URL", url=shape.format(**CANARIES))
    with pytest.raises(errors.TargetUnreachable) as caught, connection.reading(address):
        pass
    said = f"{address.fault} {address.shown} {caught.value} {caught.value.next_step} {caught.value.facts} {address!r}"
    assert "CANARY" not in said
    assert "DATABASE_URL" in caught.value.next_step
    assert len(address.fault) > 20
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_keywords_that_the_engine_writes_itself_are_taken() -> None:
    assert Address(environment="r", name="R", variable="", url="host=127.0.0.1 port=1 dbname='a b'").fault == ""


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_fault_itself_quotes_nothing(shape: str) -> None:
    fault = urls.fault_of(shape.format(**CANARIES))
    assert len(fault) > 20
    assert "CANARY" not in fault


def test_an_address_whose_url_was_refused_says_so() -> None:
    refused = Address(environment="p", name="Production", variable="DATABASE_URL", url="", refused="names no host")
    assert refused.shown == "(a URL that cannot be used)"
    with (
        pytest.raises(errors.TargetNotConfigured, match="Production has no database: the URL in DATABASE_URL names no"),
        connection.reading(refused),
    ):
        pass
