"""The client's address: whose word counts, and how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import RequestFactory

from config import proxies
from config.errors import Misconfigured
from dashboard.services import actors

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

CLIENT, FORGED, PROXY = "203.0.113.5", "203.0.113.66", "10.0.0.9"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("", CLIENT, "", CLIENT),
        ("", CLIENT, FORGED, CLIENT),
        ("10.0.0.0/8", CLIENT, FORGED, CLIENT),
        ("10.0.0.0/8", PROXY, CLIENT, CLIENT),
        ("10.0.0.0/8", PROXY, f"{FORGED}, {CLIENT}", CLIENT),
        ("10.0.0.0/8", PROXY, f"{FORGED}, {CLIENT}, 10.0.0.3", CLIENT),
        ("10.0.0.0/8", PROXY, "", PROXY),
        ("10.0.0.0/8", PROXY, f"{FORGED}, nonsense", PROXY),
        ("10.0.0.0/8", PROXY, f"{FORGED}, nonsense, 10.0.0.3", "10.0.0.3"),
        ("10.0.0.0/8", PROXY, "10.0.0.7, 10.0.0.3", "10.0.0.7"),
        ("10.0.0.0/8, fd00::/8", "fd00::1", CLIENT, CLIENT),
        ("127.0.0.1", "::ffff:127.0.0.1", CLIENT, CLIENT),
        ("127.0.0.1", "127.0.0.1", "::ffff:203.0.113.5", CLIENT),
        ("fe80::/10", "fe80::1%eth0", "2001:DB8:0::1", "2001:db8::1"),
        ("1", PROXY, f"{FORGED}, {CLIENT}", CLIENT),
        ("2", PROXY, f"{FORGED}, {CLIENT}, 10.0.0.3", CLIENT),
        ("2", PROXY, CLIENT, PROXY),
        ("1", PROXY, "", PROXY),
        ("1", PROXY, "nonsense", PROXY),
        ("0", PROXY, CLIENT, PROXY),
        ("10.0.0.0/8", "", CLIENT, None),
        ("", "", "", None),
    ],
)
def test_the_client_is_who_our_own_proxies_say(trusted: str, peer: str, forwarded: str, client: str | None) -> None:
    assert proxies.load(trusted).client_of(peer, forwarded) == client


@pytest.mark.parametrize("text", ["10.0.0.0/99", "the proxy", "10.0.0.0/8; 11.0.0.0/8", "-1"])
def test_what_cannot_be_understood_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(Misconfigured, match="SIGNALBOX_TRUSTED_PROXIES"):
        proxies.load(text)


def test_behind_a_proxy_the_address_is_the_clients(settings: SettingsWrapper) -> None:
    settings.TRUSTED_PROXIES = proxies.load("127.0.0.1")
    asked = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", headers={"x-forwarded-for": f"{FORGED}, {CLIENT}"})
    assert actors.address_of(asked) == CLIENT


@pytest.mark.parametrize(
    ("peer", "client"),
    [("100.64.0.3", CLIENT), ("fd12:1::7", "fd12:1::7"), ("10.250.1.2", "10.250.1.2")],
    ids=["the edge", "the private network", "the private network, IPv4"],
)
def test_on_railway_only_the_edge_says_who_the_client_is(settings: SettingsWrapper, peer: str, client: str) -> None:
    settings.TRUSTED_PROXIES, settings.CLIENT_ADDRESS_HEADER = proxies.load("100.0.0.0/8"), "HTTP_X_REAL_IP"
    headers = {"x-real-ip": CLIENT, "x-forwarded-for": FORGED}
    assert actors.address_of(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers)) == client
