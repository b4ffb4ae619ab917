"""What an environment demands of the way to its target, and that nothing goes another way."""

from __future__ import annotations

import pytest

from dashboard.engine import errors
from dashboard.engine.database import connection, transport
from dashboard.engine.database.connection import Address
from dashboard.engine.database.transport import Transport
from dashboard.engine.rehearsal import dump
from tests.fix_postgres import Database


def address(url: str, demands: Transport = Transport.ANY) -> Address:
    return Address(environment="prod", name="Production", variable="DATABASE_URL", url=url, transport=demands)


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("", True),
        ("/run/postgresql", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("10.1.2.3", True),
        ("192.168.0.7,172.16.0.1", True),
        ("fd12::9", True),
        ("postgres.railway.internal", True),
        ("8.8.8.8", False),
        ("10.1.2.3,8.8.8.8", False),
        ("2606:4700::1111", False),
        ("no-such-host.invalid", False),
    ],
)
def test_a_private_way_is_known(host: str, private: bool) -> None:
    assert transport.is_private({"host": host}) is private


@pytest.mark.parametrize(
    ("demands", "given", "mode"),
    [
        (Transport.ANY, "", ""),
        (Transport.ANY, "?sslmode=disable", "disable"),
        (Transport.PRIVATE, "", "require"),
        (Transport.PRIVATE, "?sslmode=disable", "require"),
        (Transport.PRIVATE, "?sslmode=verify-full", "verify-full"),
        (Transport.REQUIRE, "?sslmode=prefer", "require"),
        (Transport.REQUIRE, "?sslmode=verify-ca", "verify-ca"),
        (Transport.VERIFY_FULL, "?sslmode=require", "verify-full"),
    ],
)
def test_a_url_may_demand_more_and_never_less(demands: Transport, given: str, mode: str) -> None:
    to = address(f"postgresql://app@8.8.8.8:5432/app{given}", demands)
    assert connection.parts_of(to).get("sslmode", "") == mode
    assert dump._environment(to).get("PGSSLMODE", "") == mode


def test_a_private_host_may_be_reached_in_plain() -> None:
    assert "sslmode" not in connection.parts_of(address("postgresql://app@127.0.0.1/app", Transport.PRIVATE))


def test_who_verifies_trusts_what_the_system_trusts_or_what_the_url_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    parts = connection.parts_of(address("postgresql://app@db/app", Transport.VERIFY_FULL))
    assert parts["sslrootcert"] == "system"
    parts = connection.parts_of(address("postgresql://app@db/app?sslrootcert=/ca.pem", Transport.VERIFY_FULL))
    assert parts["sslrootcert"] == "/ca.pem"


def test_a_plain_server_in_public_is_not_connected_to(target_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests speaks no TLS; it is taken for a public one."""
    monkeypatch.setattr(transport, "_is_private", lambda host: False)
    with (
        pytest.raises(errors.TransportRefused) as caught,
        connection.reading(address(target_db.url, Transport.PRIVATE)),
    ):
        pass
    assert isinstance(caught.value, errors.TargetUnreachable)
    assert "SSL was required" in str(caught.value)
    assert 'tls = "any" under [environments.prod]' in caught.value.remedy
    with connection.reading(address(target_db.url)):
        pass


@pytest.mark.parametrize("demands", [Transport.REQUIRE, Transport.VERIFY_FULL])
def test_what_has_to_be_encrypted_is_so_at_home_too(target_db: Database, demands: Transport) -> None:
    with pytest.raises(errors.TransportRefused), connection.reading(address(target_db.url, demands)):
        pass
