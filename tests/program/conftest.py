"""The program `signalbox` as a script meets it, with Django made unimportable, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from tests.fix_postgres import Database, MakeDatabase

ROOT = Path(__file__).parents[2]
#: What None stands for in sys.modules cannot be imported.
WITHOUT_DJANGO = (
    "import sys; sys.modules.update(dict.fromkeys(('django', 'environ', 'procrastinate', 'ninja')));"
    "from dashboard.cli.program import main; main()"
)
FILE = """
[environments.staging]
url = "DATABASE_URL_STAGING"

[environments.production]
url = "DATABASE_URL"
protected = true
break_glass = true
rehearsals_with_network = true
unisolated_rehearsals = true
tls = "any"
"""


@dataclass(frozen=True, kw_only=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder in which the program is called, with what its variables hold."""

    path: Path
    variables: dict[str, str]
    databases: dict[str, Database] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.path / "migrations_sql"

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / f"{name.removeprefix('_')}.sql").write_text(text, encoding="utf-8")

    def declare(self, old: str, new: str) -> None:
        """Another declaration from now on."""
        file = self.path / "config" / "environments.toml"
        before = file.read_text()
        assert old in before
        file.write_text(before.replace(old, new))

    def query(self, environment: str, sql: str) -> list[tuple[Any, ...]]:
        return self.databases[environment].query(sql)

    def started(
        self, *arguments: str, stdout: int | IO[str] = subprocess.PIPE, **variables: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", WITHOUT_DJANGO, *arguments],
            cwd=self.path,
            env=self.variables | variables,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, **variables: str) -> Said:
        process = self.started(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        return Said(code=process.returncode, out=out, err=err)


@pytest.fixture
def empty_place(tmp_path: Path) -> Place:
    """Nothing is there, and no variable is set."""
    path = tmp_path / "place"
    path.mkdir()
    return Place(path=path, variables={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)})


@pytest.fixture
def place(empty_place: Place, make_database: MakeDatabase) -> Place:
    """Staging, and production, which is protected; 001 and 002 are pending in both."""
    databases = {slug: make_database() for slug in ("staging", "production")}
    (empty_place.path / "config").mkdir()
    (empty_place.path / "config" / "environments.toml").write_text(FILE)
    empty_place.folder.mkdir()
    variables = {"DATABASE_URL_STAGING": databases["staging"].url, "DATABASE_URL": databases["production"].url}
    made = Place(path=empty_place.path, variables=empty_place.variables | variables, databases=databases)
    made.write(
        _001_users="CREATE TABLE users (id int);",
        _001_rollback="DROP TABLE users;",
        _002_orders="CREATE TABLE orders (id int);",
        _002_rollback="DROP TABLE orders;",
    )
    return made


type InFormat = Callable[[str], Place]
