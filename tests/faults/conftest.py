from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from config.environments import Environment
from dashboard.engine import localserver
from dashboard.engine.localserver import LocalServer
from tests.engine.folders import Bench
from tests.fix_postgres import Database, MakeDatabase, let_sessions_begin_quickly

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor
    from tests.faults.trial import Mode, Trial


class Detour(Protocol):
    """A proxy or a pooler: another way to the same database."""

    def url(self, direct: str) -> str: ...


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
        let_sessions_begin_quickly(server)
        yield server


@pytest.fixture
def bench(tmp_path: Path, target_db: Database) -> Bench:
    return _bench(tmp_path, target_db)


@pytest.fixture
def breakable_bench(tmp_path: Path, breakable_server: LocalServer, make_database: MakeDatabase) -> Bench:
    return _bench(tmp_path, make_database(server=breakable_server))


@pytest.fixture(scope="module")
def lasting_bench(tmp_path_factory: pytest.TempPathFactory, breakable_server: LocalServer) -> Iterator[Bench]:
    """For tests that must leave nothing behind: one target for all of them, with 001 applied."""
    name = f"lasting_{next(_numbers)}"
    url = breakable_server.create_database(name)
    bench = _bench(tmp_path_factory.mktemp("lasting"), Database(name=name, url=url))
    bench.write("001_users.sql", "CREATE TABLE users (id int);")
    bench.apply()
    yield bench
    breakable_server.drop_database(name)


_numbers = itertools.count(1)


def _bench(parent: Path, database: Database) -> Bench:
    folder = parent / "migrations"
    folder.mkdir()
    return Bench(folder=folder, database=database)


@pytest.fixture
def without_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process; a worker is told by its trial."""
    from tests.faults import worker

    for name, look in worker.WITHOUT_LOOKS.items():
        monkeypatch.setattr(name, look)


type MakeTrial = Callable[..., Trial]

#: The workers of a trial are dead or frozen when another one looks: none of them renews its lease in the meantime.
QUICK = {"dashboard.services.execution.SECOND_LOOK": 0.05}


@pytest.fixture
def make_trial(
    tmp_path: Path, settings: SettingsWrapper, alice: Actor, make_database: MakeDatabase
) -> Iterator[MakeTrial]:
    """`make_trial(mode)`, on the session's server; `server=` another one, `through=` a proxy in front of it."""
    from tests.faults import trial, worker

    folder = tmp_path / "migrations"
    folder.mkdir()
    made: list[Trial] = []

    def make(mode: Mode, *, server: LocalServer | None = None, through: Detour | None = None, **tuned: Any) -> Trial:
        database = make_database(server=server) if server else make_database()
        database.query("CREATE TABLE effects (version int, mark int)")
        url = through.url(database.url) if through else database.url
        settings.SOURCE = folder
        settings.ENVIRONMENTS = (
            Environment(slug="staging", name="Staging", variable="URL_OF_STAGING", url=url, position=0),
        )
        site = worker.Site(
            control=trial.control(),
            environments=settings.ENVIRONMENTS,
            source=folder,
            log=tmp_path / "worker.log",
            tuned={**QUICK, **tuned},
        )
        made.append(trial.Trial(database=database, site=site, person=alice, mode=mode))
        return made[-1]

    yield make
    for each in made:
        each.close()
