from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dashboard.engine.files import discovery
from dashboard.engine.migration import Folder
from tests.engine.folders import Bench
from tests.fix_postgres import Database

type ReadFiles = Callable[[Mapping[str, str | bytes]], Folder]


@pytest.fixture
def bench(tmp_path: Path, target_db: Database) -> Bench:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return Bench(folder=folder, database=target_db)


@pytest.fixture
def read_files(tmp_path: Path) -> ReadFiles:
    """`read_files({"001_users.sql": "SELECT 1;"})`: the folder that these files make."""

    def read(files: Mapping[str, str | bytes]) -> Folder:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return discovery.read(tmp_path)

    return read


@pytest.fixture
def people_bench(bench: Bench) -> Bench:
    """001 is applied: a table with the same name twice, so that a unique index fails."""
    bench.write("001_people.sql", "CREATE TABLE people (name text); INSERT INTO people VALUES ('Ada'), ('Ada');")
    bench.apply()
    return bench
