"""What is wrong with a variable or with the file of environments."""

from __future__ import annotations


class Misconfigured(Exception):
    """A sentence that names the variable, or the file and the key, and holds no secret."""
