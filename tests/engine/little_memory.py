"""The process that rehearses, on a machine with little memory."""

from __future__ import annotations

from dashboard.engine.rehearsal import child

LITTLE = 400 * 1024**2


def _of_the_machine() -> int:
    return 0


if __name__ == "__main__":
    child._LEAST_MEMORY = LITTLE
    child._memory = _of_the_machine
    child.main()
