"""The package, built and installed into an environment that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from config.version import VERSION
from tests.program.conftest import ROOT, Place

#: What the package says that it needs, with what that needs; the environment of the tests has them.
NEEDED = ("psycopg", "psycopg_binary", "psycopg_binary.libs", "postgast", "google", "typing_extensions.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "build", "--wheel", "--offline", "--quiet", "--out-dir", out, ROOT],
        check=True,
        env=os.environ | {"UV_CACHE_DIR": str(out / "cache")},
    )
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script in an environment of its own, which shares nothing but what the package needs."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python, site = home / "bin" / "python", next((home / "lib").glob("python*/site-packages"))
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
    )
    shared = Path(sysconfig.get_path("purelib"))
    for name in NEEDED:
        if (shared / name).exists():
            (site / name).symlink_to(shared / name)
    return home / "bin" / "signalbox"


def test_it_holds_what_it_needs_and_no_pages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"dashboard/engine/database/sql/tracking.sql", "dashboard/engine/schema/snapshot.sql"} <= names
    assert "config/environments.toml" in names
    assert not [name for name in names if name.startswith(("dashboard/views/", "dashboard/static/", "templates/"))]


def test_it_works_where_nothing_else_is_installed(program: Path, place: Place) -> None:
    def say(*arguments: str) -> str:
        variables = {name: text for name, text in place.variables.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [program, *arguments], cwd=place.path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert say("--version") == f"signalbox {VERSION}\n"
    assert "0 applied, 2 pending" in say("status", "staging")
    assert "CREATE TABLE users" in say("plan", "staging", "--sql")
    assert say("lint").splitlines()[-1].startswith("2 migrations:")
    assert "003_add_city.sql" in say("new", "add_city")


def test_what_it_needs_is_what_production_has() -> None:
    """The versions of the lock are among those that the package takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in (*project["dependencies"], *project["optional-dependencies"]["rehearsal"]):
        requirement = Requirement(line)
        assert version(requirement.name) in requirement.specifier
