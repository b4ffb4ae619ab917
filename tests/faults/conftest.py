from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.engine import localserver
from dashboard.engine.localserver import LocalServer
from tests.engine.folders import Bench
from tests.fix_postgres import Database, MakeDatabase

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def breakable_server() -> Iterator[LocalServer]:
    """A server of this suite's own: with prepared transactions, and to be crashed."""
    settings = {"max_prepared_transactions": "5", "full_page_writes": "on"}
    with localserver.running(ephemeral=True, settings=settings) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, target_db: Database) -> Bench:
    return _bench(tmp_path, target_db)


@pytest.fixture
def breakable_bench(tmp_path: Path, breakable_server: LocalServer, make_database: MakeDatabase) -> Bench:
    return _bench(tmp_path, make_database(server=breakable_server))


def _bench(parent: Path, database: Database) -> Bench:
    folder = parent / "migrations"
    folder.mkdir()
    return Bench(folder=folder, database=database)
