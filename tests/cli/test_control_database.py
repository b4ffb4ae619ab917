"""Commands that need the control database say so in a sentence where it is not there, and quote no secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = (("migrate", "--noinput"), ("migrate", "--check"), ("createsuperuser", "--noinput", "--username", "sue"))


def _run(*command: str, **variables: str) -> str:
    """What stands on stderr of a command that fails."""
    left = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX_", "DATABASE_URL"))}
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        env=left | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_one_that_does_not_answer_is_said(command: tuple[str, ...]) -> None:
    said = _run(*command, SIGNALBOX_DATABASE_URL="postgresql://app:s3cret@127.0.0.1:1/app")
    assert "The control database cannot be reached (" in said
    assert "Nothing was changed. Set SIGNALBOX_DATABASE_URL" in said
    assert "Traceback" not in said
    assert "s3cret" not in said


def test_one_that_was_never_named_is_said() -> None:
    said = _run(*COMMANDS[0], PGPORT="1")
    assert "No control database is named: neither SIGNALBOX_DATABASE_URL nor DATABASE_URL is set." in said
    assert "Traceback" not in said
