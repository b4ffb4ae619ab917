"""Secrets do not belong in arguments: every process of the machine can read those, and a shell keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: A URL with a password, libpq's own words, a token of Signalbox.
_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^@\s]+@|\bpassword\s*=", re.IGNORECASE)
_TOKEN = re.compile(r"\bsbx_[0-9A-Za-z]{8,}")

_REASON = "Every process of this machine can read the arguments of a command, and a shell keeps them."


def refusal(arguments: Iterable[str]) -> str:
    """What is wrong with them, without repeating it; empty where nothing is."""
    for argument in arguments:
        if _PASSWORD.search(argument):
            return (
                f"There is a password in the arguments. {_REASON} Nothing was done. Put the URL into a variable, such "
                "as DATABASE_URL, and name the environment; change the password if others use this machine."
            )
        if _TOKEN.search(argument):
            return (
                f"There is a token in the arguments. {_REASON} Nothing was done. Put it into the variable "
                "SIGNALBOX_TOKEN; revoke it if others use this machine."
            )
    return ""
