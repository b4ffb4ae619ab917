"""The web server and the worker as one service: neither outlives the other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def start_script(tmp_path: Path) -> Path:
    """In place of bin/start: each says that it is there; the web server stays, the worker as long as it is told."""
    script = tmp_path / "start"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$SIGNALBOX_DRAIN_SECONDS" > {tmp_path}/$SIGNALBOX_ROLE\n'
        f'[ "$SIGNALBOX_ROLE" = worker ] && [ -e {tmp_path}/short ] && exit 3\n'
        "exec sleep 60\n"
    )
    script.chmod(0o755)
    return script


def test_when_one_ends_the_other_is_stopped(start_script: Path) -> None:
    (start_script.parent / "short").touch()
    done = subprocess.run(
        [sys.executable, "-m", "config.both", start_script], cwd=ROOT, timeout=30, stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == 1
    assert b"ended by itself; stopping the other" in done.stderr


def test_told_to_stop_it_stops_both(start_script: Path) -> None:
    with subprocess.Popen([sys.executable, "-m", "config.both", start_script], cwd=ROOT) as process:
        deadline = time.monotonic() + 30
        while not ((start_script.parent / "web").exists() and (start_script.parent / "worker").exists()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (start_script.parent / "worker").read_text() == "20\n"
