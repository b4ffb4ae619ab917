"""A tool applies its folder to one database, Signalbox the same folder to another: both hold the same afterwards."""

from __future__ import annotations

import pytest

from dashboard.engine.files import discovery
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import Folder, Severity
from tests.engine.folders import Bench
from tests.fix_postgres import MakeDatabase
from tests.tools.conftest import StartWork
from tests.tools.runners import TOOLS, Tool
from tests.tools.schemas import dump

pytestmark = pytest.mark.tools


class ToolBench(Bench):
    """A folder that is read with the values of its placeholders."""

    tool: Tool

    def read(self) -> Folder:
        return discovery.read(self.folder, placeholders=dict(self.tool.placeholders))


@pytest.mark.parametrize("tool", TOOLS, ids=str)
def test_signalbox_makes_of_a_folder_what_its_tool_makes(
    tool: Tool, start_work: StartWork, make_database: MakeDatabase, postgres_server: LocalServer
) -> None:
    theirs, ours = make_database(), make_database()
    work = start_work(tool, theirs)
    bench = ToolBench(folder=work.folder / tool.reads, database=ours)
    bench.tool = tool
    tool.apply(work)

    folder = bench.read()
    assert folder.format == tool.name.replace("sqlx-reversible", "updown")
    assert [problem for problem in folder.problems if problem.severity is Severity.ERROR] == []
    bench.apply()

    of_tool = dump(postgres_server.installation.bin_dir, theirs.url, tool.keeps)
    assert "CREATE TABLE" in of_tool
    assert dump(postgres_server.installation.bin_dir, ours.url) == of_tool
