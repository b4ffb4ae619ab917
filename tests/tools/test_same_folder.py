"""A tool applies a folder to one database, Signalbox the same folder to another: both hold the same afterwards."""

from __future__ import annotations

import pytest

from dashboard.engine.errors import EngineError
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import Severity
from tests.fix_postgres import MakeDatabase
from tests.tools.benches import ToolBench
from tests.tools.conftest import StartWork
from tests.tools.quirks import PARTINGS, QUIRKS, Parting
from tests.tools.runners import TOOLS, Tool, Work
from tests.tools.schemas import dump

pytestmark = pytest.mark.tools

NAMED = {tool.name: tool for tool in TOOLS}


@pytest.mark.parametrize("tool", TOOLS, ids=str)
def test_signalbox_makes_of_a_folder_what_its_tool_makes(
    tool: Tool, start_work: StartWork, make_database: MakeDatabase, postgres_server: LocalServer
) -> None:
    theirs, ours = make_database(), make_database()
    work = start_work(tool, theirs)
    bench = ToolBench(folder=work.folder / tool.reads, database=ours, placeholders=dict(tool.placeholders))
    tool.apply(work)

    assert bench.read().format == tool.format
    assert bench.problems(Severity.ERROR) == set()
    bench.apply()

    of_tool = dump(postgres_server.installation.bin_dir, theirs.url, tool.keeps)
    assert "CREATE TABLE" in of_tool
    assert dump(postgres_server.installation.bin_dir, ours.url) == of_tool


@pytest.mark.parametrize(("tool", "quirk"), [(tool, quirk) for tool, quirks in QUIRKS.items() for quirk in quirks])
def test_a_tool_and_signalbox_part_only_where_it_is_known_how(
    tool: str, quirk: str, start_work: StartWork, make_database: MakeDatabase, postgres_server: LocalServer
) -> None:
    theirs, ours = make_database(), make_database()
    work = start_work(NAMED[tool], theirs, QUIRKS[tool][quirk])
    bench = ToolBench(folder=work.folder / NAMED[tool].reads, database=ours, as_format=NAMED[tool].format)
    is_run_by_tool = _is_run_by(NAMED[tool], work)
    is_run_here = _is_run_here(bench)
    bin_dir = postgres_server.installation.bin_dir
    is_same = dump(bin_dir, ours.url) == dump(bin_dir, theirs.url, NAMED[tool].keeps)

    match PARTINGS.get((tool, quirk), Parting.NOT):
        case Parting.NOT:
            assert is_run_here is is_run_by_tool
            assert is_same or not is_run_here
        case Parting.REFUSED_HERE:
            assert (is_run_by_tool, is_run_here) == (True, False)
        case Parting.RUNS_HERE:
            assert (is_run_by_tool, is_run_here) == (False, True)
        case Parting.WARNED:
            assert (is_run_here, is_same) == (True, False)
            assert bench.problems(Severity.WARNING) & {"other_order", "bad_marks", "callback"}
        case Parting.COMMENTS:
            assert (is_run_by_tool, is_run_here, is_same) == (True, True, False)


def _is_run_by(tool: Tool, work: Work) -> bool:
    try:
        tool.apply(work)
    except AssertionError:
        return False
    return True


def _is_run_here(bench: ToolBench) -> bool:
    """All of it."""
    if bench.problems(Severity.ERROR):
        return False
    try:
        plan = bench.plan()
        bench.execute(plan)
    except EngineError:
        return False
    return not plan.stops_before
