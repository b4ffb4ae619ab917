"""What the user of a private server could read of the processes beside it, were foreign code to become that user."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from dashboard.engine.localserver import account

_ENVIRONMENTS = "[0-9]*/environ"


def exposed(variables: Collection[str]) -> tuple[str, ...]:
    """The processes that show one of these environment variables to that user, each in a few words; asked as that user.
    An empty one shows nothing.

    Where there is no /proc it cannot be asked. Then root is taken for safe, and every other user is not.
    """
    proc = Path("/proc")
    if not (proc / "self" / "environ").exists():
        return () if os.geteuid() == 0 else ("every process of this user, as far as can be told here",)
    pattern = f"^({'|'.join(map(re.escape, sorted(variables)))})=."
    try:
        answer = account.run(["grep", "-lsazE", pattern, *map(str, proc.glob(_ENVIRONMENTS))])
    except FileNotFoundError:
        return ("unknown ones, because there is no program grep to ask with",)
    return tuple(_named(Path(line).parent) for line in answer.stdout.splitlines())


def _named(process: Path) -> str:
    try:
        return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    except OSError:
        return f"process {process.name}"
