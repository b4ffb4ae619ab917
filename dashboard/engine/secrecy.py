"""A process that holds keys is closed to every other process of the same user."""

from __future__ import annotations

import ctypes
import sys

PR_SET_DUMPABLE = 4  # from <linux/prctl.h>


def close_process() -> None:
    """Its environment, memory and files in /proc belong to root from here on, and nobody may trace it. A program that
    it starts is open again. Only Linux has this; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
