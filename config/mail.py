"""Through which server mails go out, as whom, and where their links lead. Without SIGNALBOX_EMAIL_URL none is sent.

A URL that is wrong is refused at the start by the name of its variable, and nothing of it is quoted: it may hold a
password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from config.errors import Misconfigured

URL, SENDER, BASE = "SIGNALBOX_EMAIL_URL", "SIGNALBOX_EMAIL_FROM", "SIGNALBOX_BASE_URL"
SHAPE = "smtp://user:password@host:587"

#: How the way to the server is closed, with Django's names for it, and the port where none is given.
_SCHEMES: Mapping[str, tuple[dict[str, bool], int]] = {
    "smtp": ({"use_tls": True}, 587),
    "smtp+tls": ({"use_tls": True}, 587),
    "smtps": ({"use_ssl": True}, 465),
    "smtp+ssl": ({"use_ssl": True}, 465),
    "smtp+plain": ({}, 25),
}
_AUTHORITY = re.compile(r"(?:([^:@/]+):([^:@/]*)@)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?")
_BASE = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?")
#: One address, alone or behind a name and in angle brackets.
_SENDER = re.compile(r"[\w.+-]+@[\w.-]+|[\w .'-]{1,80} <[\w.+-]+@[\w.-]+>")
#: Seconds that the server has for each of its answers.
_PATIENCE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """What is known of the way out; `options` is empty where none was given."""

    options: Mapping[str, Any] = field(default_factory=dict)
    sender: str = ""
    base: str = ""

    @property
    def mailers(self) -> dict[str, Any]:
        """As Django wants it."""
        return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": dict(self.options)}}


def load(variables: Mapping[str, str], hosts: Sequence[str]) -> Outbound:
    """`hosts` are the names under which people reach the pages. Raises Misconfigured."""
    base = _base(variables.get(BASE, ""), hosts)
    url = variables.get(URL, "")
    if not url:
        return Outbound(base=base)
    options = _options(url)
    if not base:
        raise Misconfigured(
            f"{URL} is set, and nothing says where links in mails lead. Set {BASE}, for example https://signalbox.example."
        )
    return Outbound(options=options, sender=_sender(variables.get(SENDER, "")), base=base)


def _options(url: str) -> dict[str, Any]:
    """Each half of the address is taken as it is written, so that no text can be read in two ways."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise Misconfigured(f"The URL in {URL} is not one of a mail server: it should look like {SHAPE}.")
    match = _AUTHORITY.fullmatch(rest.removesuffix("/"))
    if match is None or re.search(r"%(?![0-9A-Fa-f]{2})", rest) or re.search(r"[\s\x00-\x1f\x7f]", rest):
        raise Misconfigured(
            f"The URL in {URL} cannot be read: it should look like {SHAPE}, with / @ : ? # % and blanks in the "
            "password written as %2F %40 %3A %3F %23 %25 %20."
        )
    user, password, host, port = match.groups()
    closed, usual = _SCHEMES[scheme]
    if not 0 < int(port or usual) < 65536:
        raise Misconfigured(f"The port in {URL} is no number from 1 to 65535.")
    signing_in = {"username": unquote(user), "password": unquote(password)} if user else {}
    if any("\N{REPLACEMENT CHARACTER}" in text for text in signing_in.values()):
        raise Misconfigured(f"The URL in {URL} holds an escape that is no UTF-8; write a % as %25.")
    return {**closed, **signing_in, "host": host.strip("[]"), "port": int(port or usual), "timeout": _PATIENCE}


def _sender(text: str) -> str:
    if not _SENDER.fullmatch(text):
        raise Misconfigured(
            f"{URL} is set, and {SENDER} names no sender. Set it, for example: Signalbox <signalbox@example.com>"
        )
    return text


def _base(text: str, hosts: Sequence[str]) -> str:
    if not text:
        return f"https://{hosts[0]}" if hosts else ""
    if not _BASE.fullmatch(text.rstrip("/")):
        raise Misconfigured(f"{BASE} should look like https://signalbox.example, without a path.")
    return text.rstrip("/")
