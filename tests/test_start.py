"""bin/start says what is wrong with the file of environments, and starts nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START = ROOT / "bin" / "start"


def started(declared: Path, role: str) -> tuple[int, str]:
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SIGNALBOX_DATABASE_URL": "postgresql://nobody:s3cret@127.0.0.1:1/gone",
        "SIGNALBOX_ENVIRONMENTS": str(declared),
        "SIGNALBOX_ROLE": role,
    }
    done = subprocess.run([START], env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 1, "declares no environment."),
        ('[environments.staging]\nurl = "A_URL"\nprotected = "no"', 1, "`protected` of staging must be true or false"),
        ('[environments.staging]\nurl = "A_URL"', 7, "Staging has no database: the variable A_URL is not set."),
        (
            '[sources.app]\ngit = "https://git.example.org/app"\ntoken = "TOKEN"\n'
            '[environments.staging]\nurl = "A_URL"\noptional = true',
            7,
            "The source app cannot be fetched: the variable TOKEN is not set.",
        ),
    ],
    ids=["empty", "wrong type", "unset variable", "unset token"],
)
def test_neither_web_nor_worker_starts(tmp_path: Path, text: str, code: int, said: str) -> None:
    declared = tmp_path / "environments.toml"
    declared.write_text(text, encoding="utf-8")
    role = "worker" if code == 7 else "web"
    answer, complaint = started(declared, role)
    assert answer == code
    assert said in complaint
    assert "Traceback" not in complaint


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    answer, complaint = started(tmp_path / "gone.toml", "web")
    assert answer == 1
    assert "there is no such file" in complaint
