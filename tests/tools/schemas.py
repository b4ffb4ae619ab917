"""What a database holds, as pg_dump says it: schema and rows, without what a tool keeps for itself."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

#: A line that pg_dump makes up anew each time.
_RANDOM = re.compile(r"^\\(?:un)?restrict .*\n", re.MULTILINE)


def dump(bin_dir: Path, url: str, without: Sequence[str] = ()) -> str:
    """`without`: tables as schema.table, and whole schemas, that are not of interest."""
    left_out = [f"--exclude-table={name}*" if "." in name else f"--exclude-schema={name}" for name in without]
    done = subprocess.run(
        [bin_dir / "pg_dump", "--no-owner", "--inserts", "--exclude-schema=platform", *left_out, url],
        env={**os.environ, "PGOPTIONS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return _RANDOM.sub("", done.stdout)
