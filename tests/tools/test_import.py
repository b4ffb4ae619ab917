"""A tool has migrated a database: its history is taken over, and what comes next is applied here."""

from __future__ import annotations

import pytest

from dashboard.engine import status
from dashboard.engine.imports.values import TextMatch
from dashboard.engine.localserver import LocalServer
from dashboard.engine.plan import NOT_IMPORTED
from dashboard.engine.status import State
from tests.fix_postgres import MakeDatabase
from tests.tools.benches import ToolBench, take_over
from tests.tools.conftest import StartWork
from tests.tools.runners import TOOLS, Tool, Work
from tests.tools.schemas import dump

pytestmark = pytest.mark.tools

#: Tools that keep a checksum of each file which can be computed again.
VERIFIED = {"drizzle", "drizzle-directories", "graphile-migrate", "prisma", "sqitch", "sqlx", "sqlx-reversible"}


@pytest.mark.parametrize("tool", TOOLS, ids=str)
def test_what_a_tool_has_applied_is_taken_over_and_continued(
    tool: Tool, start_work: StartWork, make_database: MakeDatabase, postgres_server: LocalServer
) -> None:
    database, whole = make_database(), make_database()
    work = start_work(tool, database)
    bench = ToolBench(folder=work.folder / tool.reads, database=database, placeholders=dict(tool.placeholders))
    with tool.without_the_last(work):
        tool.apply(work)
    assert NOT_IMPORTED in {warning.code for warning in bench.plan().warnings}

    told = take_over(bench)
    assert (told.broken, told.unclear, told.without_file) == ((), (), ())
    expected = TextMatch.SAME if tool.name in VERIFIED else TextMatch.UNKNOWN
    assert {matched.text for matched in told.applied} == {expected}
    states = [item.state for item in status.compute(bench.read(), bench.history)]
    assert states == [State.BASELINED] * (len(states) - 1) + [State.PENDING]

    bench.apply()
    assert [item.state for item in status.compute(bench.read(), bench.history)][-1] is State.APPLIED
    tool.apply(Work(folder=work.folder, url=work.url.replace(database.name, whole.name)))
    bin_dir = postgres_server.installation.bin_dir
    assert dump(bin_dir, database.url, tool.keeps) == dump(bin_dir, whole.url, tool.keeps)
