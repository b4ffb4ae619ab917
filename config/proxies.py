"""Which proxies are believed about the client's address.

Anyone can send X-Forwarded-For or X-Real-IP. They say something only where the peer, the machine at the other end of
the connection, is a proxy of ours; and of what it passes on only what our own proxies have added.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from config.errors import Misconfigured

type Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedProxies:
    """Either networks that proxies connect from, or how many proxies there always are in front."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hops: int = 0

    def client_of(self, peer: str, forwarded: str) -> str | None:
        """The client's address; None where not even the peer has one, as behind a Unix socket."""
        direct = _address(peer)
        chain = [_address(part) for part in forwarded.split(",")] if forwarded else []
        client = self._behind_hops(direct, chain) if self.hops else self._behind_networks(direct, chain)
        return str(client) if client else None

    def _behind_hops(self, direct: Address | None, chain: list[Address | None]) -> Address | None:
        """The last proxy is the peer, and each has added whom it was asked by."""
        return (chain[-self.hops] if len(chain) >= self.hops else None) or direct

    def _behind_networks(self, direct: Address | None, chain: list[Address | None]) -> Address | None:
        """From the peer backwards, the first address that is none of our proxies."""
        client = direct
        for earlier in reversed(chain):
            if earlier is None or not self._is_proxy(client):
                break
            client = earlier
        return client

    def _is_proxy(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


def load(text: str) -> TrustedProxies:
    """`10.0.0.0/8, fd00::/8`, or a number of proxies; nothing for none."""
    if text.strip().isdecimal():
        return TrustedProxies(hops=int(text))
    try:
        networks = tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise Misconfigured(
            f"SIGNALBOX_TRUSTED_PROXIES cannot be understood: {error}. Give the networks that your proxies connect "
            "from, such as 10.0.0.0/8, separated by commas; or the number of proxies in front, such as 1."
        ) from None
    return TrustedProxies(networks=networks)


def _address(text: str) -> Address | None:
    """Without a zone, which no column keeps; an IPv4 address that came through an IPv6 socket as itself."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
