"""Nobody who sends a path, a name or an error writes a line of the log."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.logging import OneLineFormatter, escaped
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
FORGED = "2026-11-28 05:59:59,999 INFO dashboard.services.execution: FORGED"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain naïve ☃", "plain naïve ☃"),
        ("a\nb", "a\\nb"),
        ("a\r\x1b[31mb", "a\\r\\x1b[31mb"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("a\x85b\u2028c\x9b", "a\\x85b\\u2028c\\x9b"),
        ("\u200bzero\ufeff", "\\u200bzero\\ufeff"),
    ],
)
def test_what_has_no_shape_of_its_own_is_escaped(text: str, safe: str) -> None:
    assert escaped(text) == safe


def _line(message: str, *arguments: object, error: bool = False) -> str:
    kind = (ValueError, ValueError(f"bad\n{FORGED}"), None) if error else None
    record = logging.LogRecord("dashboard", logging.INFO, __file__, 1, message, arguments, kind)
    return OneLineFormatter("{levelname} {name}: {message}", style="{").format(record)


def test_a_record_is_one_line() -> None:
    assert _line("Refused: %s", f"x\n{FORGED}") == f"INFO dashboard: Refused: x\\n{FORGED}"


def test_a_traceback_keeps_its_lines_and_none_begins_as_a_record_does() -> None:
    lines = _line("Broke off", error=True).split("\n")
    assert len(lines) > 2
    assert all(line.startswith("    ") for line in lines[1:])
    assert not any(line.startswith(FORGED) for line in lines)


def test_a_token_is_not_logged() -> None:
    """Somebody put it into an address."""
    token = "sbx_Abcd1234" + "s" * 46
    assert _line("GET %s 404", f"/status/{token}") == "INFO dashboard: GET /status/sbx_… 404"


def test_a_one_time_link_is_in_no_log() -> None:
    """Whoever reads the log would choose the password before its person does."""
    written = _line("Refused: %s", "/join/s3cret-Token_1/") + _line("GET %s 200", "/join/s3cret-Token_1")
    assert "s3cret" not in written
    assert "Refused: /join/…/" in written


def _get(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(100)


def test_a_path_makes_no_line_of_its_own_in_the_access_log(tmp_path: Path) -> None:
    """The real server with its real configuration; what it serves does not matter."""
    (tmp_path / "bare.py").write_text(
        "def application(environ, start):\n    start('404 Not Found', [])\n    return [b'']\n"
    )
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "bare:application"]
    environment = os.environ | {
        "SIGNALBOX_BIND": f"127.0.0.1:{port}",
        "SIGNALBOX_WEB_PROCESSES": "1",
        "PYTHONPATH": str(tmp_path),
    }
    log = tmp_path / "log"
    with (
        log.open("w") as out,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT) as server,
    ):
        try:
            deadline = time.monotonic() + 60
            while "Listening" not in log.read_text() or "Booting" not in log.read_text():
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            _get(port, "/join/s3cret-Token_1/")
            assert b"404" in _get(port, f"/%0a{FORGED.replace(' ', '%20')}%1b[31m%e2%80%ae")
        finally:
            server.terminate()
            server.wait(30)
    written = log.read_text()
    assert f"GET /\\n{FORGED}\\x1b[31mâ\\x80® 404" in written  # gunicorn reads a path as Latin-1
    assert not any(line.startswith(FORGED) for line in written.splitlines())
    assert "\x1b" not in written
    assert "GET /join/…/ 404" in written
    assert "s3cret" not in written
