from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.folders import Bench
from tests.fix_postgres import Database


@pytest.fixture
def bench(tmp_path: Path, target_db: Database) -> Bench:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return Bench(folder=folder, database=target_db)
