"""Variables that hold a number. An empty one holds none, as if it were not set."""

from __future__ import annotations

from collections.abc import Mapping

from config.errors import Misconfigured

PORT = "PORT"
HIGHEST_PORT = 65535


def whole(variables: Mapping[str, str], name: str, *, default: int, least: int = 0, most: int | None = None) -> int:
    text = variables.get(name, "").strip()
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    if number < least or (most is not None and number > most):
        limit = f"from {least} to {most}" if most is not None else f"of {least} or more"
        raise Misconfigured(f"{name} should hold a whole number {limit}, such as {default}; it holds something else.")
    return number


def port(variables: Mapping[str, str]) -> int:
    """Where the web process listens."""
    return whole(variables, PORT, default=8000, least=1, most=HIGHEST_PORT)
