"""`make` finds a Python by itself, and goes on without what a platform does not have."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Programs that the rules of the Makefile call. None of them is a Python.
PROGRAMS = ("bash", "sh", "make", "touch", "env", "cat")
OLD = "#!/bin/sh\nexit 1\n"
UV = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/uv.log"
case "$*" in
    "python install 3.13") touch "$(dirname "$0")/installed" ;;
    "python find 3.13") [ -e "$(dirname "$0")/installed" ] && echo {python} ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What makes the environment, and nothing to install into it."""
    for name in ("Makefile", ".ci/python", ".python-version"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder that is all of PATH: no Python in it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for program in PROGRAMS:
        (folder / program).symlink_to(str(shutil.which(program)))
    return folder


def add(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(stat.S_IRWXU)


def make(checkout: Path, bare: Path, target: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(bare), "HOME": str(checkout)}
    return subprocess.run(
        [bare / "make", target], cwd=checkout, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_without_python_and_uv_it_says_what_to_install(checkout: Path, bare: Path) -> None:
    add(bare, "python3", OLD)
    done = make(checkout, bare, ".venv/bin/.python")
    assert done.returncode != 0
    assert (
        "Signalbox needs Python 3.13 or 3.12, and found neither. Install one, or uv, and run make again." in done.stderr
    )


def test_uv_is_asked_for_one(checkout: Path, bare: Path) -> None:
    add(bare, "python3", OLD)
    add(bare, "uv", UV.format(python=sys.executable))
    add(bare, "dirname", f"#!/bin/sh\necho {bare}\n")
    done = make(checkout, bare, ".venv/bin/.python")
    assert (done.returncode, f"Making .venv with {sys.executable}" in done.stdout) == (0, True), done.stderr
    assert (checkout / ".venv/bin/pip").exists()
    assert (bare / "uv.log").read_text().splitlines() == ["python find 3.13", "python install 3.13", "python find 3.13"]


def test_of_several_the_one_of_version_3_13_is_taken(checkout: Path, bare: Path) -> None:
    for name in ("python3", "python3.12"):
        add(bare, name, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (bare / "python3.13").symlink_to(os.path.realpath(sys.executable))
    assert f"Making .venv with {bare}/python3.13 (" in make(checkout, bare, ".venv/bin/.python").stdout


def test_what_the_platform_lacks_stops_nothing(checkout: Path, bare: Path) -> None:
    """A pip that has no wheel for the private PostgreSQL."""
    for name in ("requirements", "requirements-postgres", "requirements-squawk"):
        (checkout / f"{name}.txt").touch()
    programs = checkout / ".venv/bin"
    programs.mkdir(parents=True)
    add(programs, "pip", 'case "$*" in *postgres*) echo "ERROR: No matching distribution" >&2; exit 1 ;; esac\n')
    (programs / ".python").touch()
    done = make(checkout, bare, ".venv/bin/.run")
    assert done.returncode == 0, done.stderr
    assert "What that means is said in requirements-postgres.in" in done.stderr
    assert "requirements-squawk.in" not in done.stderr
    assert (programs / ".run").exists()
