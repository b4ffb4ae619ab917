"""Keys from the environment, checked before anything rests on them."""

from __future__ import annotations

from config.errors import Misconfigured

SHORTEST = 32


def load(listed: list[str]) -> tuple[str, ...]:
    """The keys of the audit log, newest first."""
    keys = tuple(key.strip() for key in listed if key.strip())
    if any(len(key) < SHORTEST for key in keys):
        raise Misconfigured(
            f"A key in SIGNALBOX_AUDIT_KEY is shorter than {SHORTEST} characters, so it could be guessed. Put a long "
            "random text there, for example the output of: openssl rand -hex 32"
        )
    return keys
