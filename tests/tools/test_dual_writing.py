"""After what runs here, a tool that is asked has nothing left to apply, and takes back what is rolled back here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from dashboard.engine.database.connection import Access
from dashboard.engine.plan import DualWrite
from tests.fix_postgres import Database, MakeDatabase
from tests.tools.benches import ToolBench, take_over
from tests.tools.conftest import StartWork
from tests.tools.runners import TOOLS, Tool, Work

pytestmark = pytest.mark.tools

WRITTEN = [tool for tool in TOOLS if DualWrite.declared(tool.name)]


@dataclass
class TwofoldToolBench(ToolBench):
    tool: str = ""

    @property
    def access(self) -> Access:
        return replace(super().access, dual_write=DualWrite.declared(self.tool))


@pytest.mark.parametrize("tool", WRITTEN, ids=str)
def test_a_tool_agrees_with_what_was_done_here(tool: Tool, start_work: StartWork, make_database: MakeDatabase) -> None:
    database, whole = make_database(), make_database()
    work = start_work(tool, database)
    tool.apply(Work(folder=work.folder, url=work.url.replace(database.name, whole.name)))
    bench = TwofoldToolBench(folder=work.folder / tool.reads, database=database, tool=tool.name)
    assert tool.pending
    with tool.without_the_last(work):
        tool.apply(work)
    take_over(bench)
    (last,) = tool.pending(work)

    bench.apply()
    assert list(tool.pending(work)) == []
    tool.apply(work)  # and has nothing to do
    assert _rows(tool, database) == _rows(tool, whole)

    newest = max((row for row in bench.history.rows), key=lambda row: row.identity)
    if newest.has_rollback:
        bench.execute(bench.plan_rollback(newest.version, newest.name), run_id="2")
        assert list(tool.pending(work)) == [last]
        tool.apply(work)
        assert "public.note" in bench.tables()


def _rows(tool: Tool, database: Database) -> list[tuple[object, ...]]:
    """What the tool keeps, but for times and running numbers."""
    table = DualWrite.declared(tool.name)
    assert table
    return database.query(f"SELECT to_jsonb(kept) - 'id' - 'run_on' FROM {table.label} kept ORDER BY 1")
