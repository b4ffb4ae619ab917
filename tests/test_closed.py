"""A process that holds keys is closed to others of its user before it reads anything that takes time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Runs a file as Python would, up to its first look at somebody else's package, and tells whether it is open then.
UNTIL = """
import ctypes, os, runpy, sys
PR_GET_DUMPABLE = 3
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "gunicorn"}:
            print(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Watch())
sys.path.insert(0, os.getcwd())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("begins", ["manage.py", "config/wsgi.py", "config/web.py"])
def test_a_command_closes_itself_before_anything_else(begins: str) -> None:
    command = [sys.executable, "-c", UNTIL, begins]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ("0\n" if sys.platform == "linux" else done.stdout)
