from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from dashboard.engine.localserver import LocalServer
from tests.fix_postgres import Database
from tests.tools.runners import Tool, Work, work_of

type StartWork = Callable[..., Work]


@pytest.fixture(scope="session")
def tools_login(postgres_server: LocalServer) -> str:
    """A superuser whose password is hashed as often as usual: drivers of tools refuse the suite's quick one."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("SET scram_iterations = 4096")
        connection.execute("CREATE ROLE tools SUPERUSER LOGIN PASSWORD 'tools'")
    return "tools:tools"


@pytest.fixture
def start_work(tmp_path: Path, tools_login: str) -> StartWork:
    """`start_work(tool, database)`: a copy of the tool's folder, or these files, to be applied to the database."""

    def start(tool: Tool, database: Database, files: Mapping[str, str] | None = None) -> Work:
        parts = urlsplit(database.url)
        url = parts._replace(netloc=f"{tools_login}@{parts.hostname}:{parts.port}").geturl()
        return work_of(tool, tmp_path / "work", url, files)

    return start
