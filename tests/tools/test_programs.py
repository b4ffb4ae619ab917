"""Alembic and Django themselves: what they made is recognised and explained, and what they write as SQL runs here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from dashboard.engine import planner, status
from dashboard.engine.database import connection as connections
from dashboard.engine.database import tool_tables
from dashboard.engine.database.connection import Address
from dashboard.engine.errors import PlanBlocked, ToolTableUnreadable
from dashboard.engine.files import discovery
from dashboard.engine.localserver import LocalServer
from dashboard.engine.status import State
from tests.fix_postgres import Database, MakeDatabase
from tests.tools import runners
from tests.tools.benches import ToolBench
from tests.tools.conftest import StartWork
from tests.tools.runners import Tool, Work
from tests.tools.schemas import dump

pytestmark = pytest.mark.tools


@dataclass(frozen=True, kw_only=True)
class Programs:
    """A tool whose migrations are programs. `written`: each of them as SQL, as the tool writes it; `reads`: the folders
    of it that somebody may point Signalbox at; `agrees`: whether it has nothing left to apply."""

    tool: Tool
    migrations: tuple[str, ...]
    reads: tuple[str, ...]
    table: str
    written: Callable[[Work], Sequence[str]]
    agrees: Callable[[Work], bool]
    keeps: tuple[str, ...] = ()  # what of its own it does not write as SQL
    takes_over: Callable[[Work], object] = lambda work: None  # how it is told of what ran elsewhere

    def __str__(self) -> str:
        return self.tool.name


def _alembic(work: Work, *words: str) -> str:
    return work.run(runners.installed("alembic"), *words)


def _django(work: Work, *words: str) -> str:
    where = {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": "."}
    return work.run(runners.installed("django-admin"), *words, **where)


def _tool(name: str, program: str, apply: Callable[[Work], object]) -> Tool:
    return Tool(name=name, program=program, apply=apply, pending=None, keeps=(), withheld=())


ALEMBIC = Programs(
    tool=_tool("alembic", "alembic", lambda work: _alembic(work, "upgrade", "head")),
    migrations=("versions/1a2b3c4d5e6f_account.py", "versions/2b3c4d5e6f7a_note.py"),
    reads=(".", "versions"),
    table="public.alembic_version",
    written=lambda work: [
        _alembic(work, "upgrade", reach, "--sql") for reach in ("base:1a2b3c4d5e6f", "1a2b3c4d5e6f:2b3c4d5e6f7a")
    ],
    agrees=lambda work: "2b3c4d5e6f7a (head)" in _alembic(work, "current"),
)
DJANGO = Programs(
    tool=_tool("django", "django-admin", lambda work: _django(work, "migrate")),
    migrations=("0001_initial.py", "0002_note.py"),
    reads=("shop/migrations",),
    table="public.django_migrations",
    written=lambda work: [_django(work, "sqlmigrate", "shop", number) for number in ("0001", "0002")],
    agrees=lambda work: "[ ]" not in _django(work, "showmigrations", "shop"),
    keeps=("public.django_migrations",),
    takes_over=lambda work: _django(work, "migrate", "--fake"),
)

EACH = pytest.mark.parametrize("programs", [ALEMBIC, DJANGO], ids=str)


@EACH
def test_its_files_are_explained_and_none_is_run(
    programs: Programs, start_work: StartWork, make_database: MakeDatabase
) -> None:
    database = make_database()
    work = start_work(programs.tool, database)
    for place in programs.reads:
        folder = discovery.read(work.folder / place)
        assert folder.format == programs.tool.name
        named = [problem.file for problem in folder.problems if problem.code == "other_tool"]
        assert [file.rpartition("/")[2] for file in named] == [file.rpartition("/")[2] for file in programs.migrations]
        assert folder.migrations == ()
        with pytest.raises(PlanBlocked):
            ToolBench(folder=work.folder / place, database=database).plan()


@EACH
def test_its_table_is_recognised_and_nothing_is_taken_from_it(
    programs: Programs, start_work: StartWork, make_database: MakeDatabase
) -> None:
    database = make_database()
    work = start_work(programs.tool, database)
    programs.tool.apply(work)
    assert programs.agrees(work)
    address = Address(environment="test", name="Test", variable="TEST_URL", url=database.url)
    with connections.reading(address) as opened:
        (table,) = tool_tables.find(opened)
        assert (table.importer.name, table.label) == (programs.tool.name, programs.table)
        with pytest.raises(ToolTableUnreadable, match="are programs"):
            tool_tables.read(opened, table)


@EACH
def test_what_it_writes_as_sql_makes_here_what_it_makes_itself(
    programs: Programs, start_work: StartWork, make_database: MakeDatabase, postgres_server: LocalServer
) -> None:
    theirs, ours = make_database(), make_database()
    work = start_work(programs.tool, theirs)
    bench = _bench_of_what_is_written(programs, work, ours)
    bench.apply()
    programs.tool.apply(work)
    bin_dir = postgres_server.installation.bin_dir
    made = dump(bin_dir, theirs.url, programs.keeps)
    assert made.count("CREATE TABLE") >= len(programs.migrations)
    assert dump(bin_dir, ours.url) == made
    elsewhere = Work(folder=work.folder, url=work.url.replace(theirs.name, ours.name))
    programs.takes_over(elsewhere)
    assert programs.agrees(elsewhere)


@EACH
def test_a_database_that_it_has_migrated_begins_as_it_is(
    programs: Programs, start_work: StartWork, make_database: MakeDatabase
) -> None:
    database = make_database()
    work = start_work(programs.tool, database)
    bench = _bench_of_what_is_written(programs, work, database)
    programs.tool.apply(work)
    bench.write("003_next.sql", "CREATE TABLE next (id int);\n")
    bench.execute(planner.baseline(bench.look(), bench.read(), upto="002", reason="Alembic and Django ran it"))
    assert [item.state for item in status.compute(bench.read(), bench.history)] == [
        State.BASELINED,
        State.BASELINED,
        State.PENDING,
    ]
    bench.apply()
    assert "public.next" in bench.tables()
    assert programs.agrees(work)


def _bench_of_what_is_written(programs: Programs, work: Work, database: Database) -> ToolBench:
    written = work.folder / "written"
    written.mkdir()
    bench = ToolBench(folder=written, database=database)
    for number, text in enumerate(programs.written(work), 1):
        bench.write(f"{number:03}_step.sql", text)
    return bench
