"""Which proxy an address is fetched through, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import urllib3

_SCHEMES = {"http": 80, "https": 443}


class ProxyUnusable(ValueError):
    """A variable names no proxy that can be used. Its text is the variable, never the value, which may hold a
    password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """`url` has no user and no password; `authorization` is what it is authorization of them."""

    url: str
    authorization: str = field(default="", repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """What the variables say, each by what stands before `_proxy` in its name."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)  # a value may hold a password

    @classmethod
    def of_environment(cls) -> Self:
        """The lower case of a name counts before the upper one, as in curl and git."""
        values = getproxies_environment()
        return cls(values={name: values[name] for name in (*_SCHEMES, "no") if name in values})

    def way_to(self, url: str) -> Proxy | None:
        """None where it is connected to directly. Raises ProxyUnusable."""
        parts = urlsplit(url)
        value = self.values.get(parts.scheme, "").strip()
        bypassed = proxy_bypass_environment(parts.netloc, dict(self.values)) or proxy_bypass_environment(
            parts.hostname or "", dict(self.values)
        )
        return None if not value or bypassed else _parsed(value, f"{parts.scheme.upper()}_PROXY")


def _parsed(value: str, variable: str) -> Proxy:
    """A value without a scheme is one of http, as in curl and git."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port or _SCHEMES.get(parts.scheme)
    except ValueError:  # its words quote what stands where a port should: a password may
        raise ProxyUnusable(variable) from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ProxyUnusable(variable)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else ""
    authorization = urllib3.make_headers(proxy_basic_auth=login)["proxy-authorization"] if login else ""
    return Proxy(url=f"{parts.scheme}://{host}:{port}", authorization=authorization)
