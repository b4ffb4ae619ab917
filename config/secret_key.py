"""The key that signs sessions and forms: whoever can guess it can make them."""

from __future__ import annotations

SHORTEST = 32
FEWEST_CHARACTERS = 8
HOW = "Set it to a long random text, for example the output of: openssl rand -base64 48"


def fault_of(key: str) -> str:
    """What is wrong with it, as a clause that follows its name; empty where nothing is. Holds none of it."""
    if len(key) < SHORTEST:
        return f"has {len(key)} characters, and at least {SHORTEST} are needed"
    if len(set(key)) < FEWEST_CHARACTERS:
        return f"has fewer than {FEWEST_CHARACTERS} different characters, so it is no random text"
    return ""
