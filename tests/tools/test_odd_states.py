"""Histories as tools leave them when something was undone, marked, repaired or broke off. The tool itself says what is
pending, and the import has to say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from dashboard.engine.errors import PlanBlocked
from tests.fix_postgres import MakeDatabase
from tests.tools import runners
from tests.tools.benches import ToolBench, history_of_a_tool, reconciled, take_over
from tests.tools.conftest import StartWork
from tests.tools.runners import TOOLS, Work, well

pytestmark = pytest.mark.tools

NAMED = {tool.name: tool for tool in TOOLS}


def _undo_dbmate(work: Work) -> None:
    runners.dbmate(work, "up")
    runners.dbmate(work, "down")


def _undo_node_pg_migrate(work: Work) -> None:
    runners.node_pg_migrate(work, "up")
    runners.node_pg_migrate(work, "down", "2")


def _pretend_with_node_pg_migrate(work: Work) -> None:
    runners.node_pg_migrate(work, "up", "3", "--fake")


def _repair_supabase(work: Work) -> None:
    runners.supabase(work, "db", "push")
    runners.supabase(work, "migration", "repair", "20240104000000", "--status", "reverted")


def _undo_sqlx(work: Work) -> None:
    runners.sqlx(work, "run")
    runners.sqlx(work, "revert")


def _undo_yoyo(work: Work) -> None:
    runners.yoyo(work, "apply")
    runners.yoyo(work, "rollback", "-r", "0003.function")


def _mark_with_yoyo(work: Work) -> None:
    runners.yoyo(work, "mark", "-r", "0002.index-account")


def _undo_sqitch(work: Work) -> None:
    well(runners.sqitch(work, "deploy"))
    well(runners.sqitch(work, "revert", "-y", "--to", "words"))


def _log_only_with_sqitch(work: Work) -> None:
    well(runners.sqitch(work, "deploy", "--log-only", "--to", "index"))


def _undo_liquibase(work: Work) -> None:
    runners.liquibase(work, "update")
    runners.liquibase(work, "rollback-count", "--count=1")


def _resolve_prisma(work: Work) -> None:
    well(runners.prisma(work, "resolve", "--applied", "20240101000000_init"))


#: By the tool, and by what was done with it.
ODD: Mapping[tuple[str, str], Callable[[Work], None]] = {
    ("dbmate", "undone"): _undo_dbmate,
    ("node-pg-migrate", "undone"): _undo_node_pg_migrate,
    ("node-pg-migrate", "only said"): _pretend_with_node_pg_migrate,
    ("supabase", "repaired"): _repair_supabase,
    ("sqlx-reversible", "undone"): _undo_sqlx,
    ("yoyo", "undone"): _undo_yoyo,
    ("yoyo", "only said"): _mark_with_yoyo,
    ("sqitch", "undone"): _undo_sqitch,
    ("sqitch", "only said"): _log_only_with_sqitch,
    ("liquibase", "undone"): _undo_liquibase,
    ("prisma", "only said"): _resolve_prisma,
}


@pytest.mark.parametrize(("tool", "state"), ODD)
def test_what_a_tool_calls_pending_waits_here_too(
    tool: str, state: str, start_work: StartWork, make_database: MakeDatabase
) -> None:
    database = make_database()
    work = start_work(NAMED[tool], database)
    bench = ToolBench(folder=work.folder / NAMED[tool].reads, database=database)
    ODD[tool, state](work)
    assert NAMED[tool].pending
    pending = NAMED[tool].pending(work)
    outcome = reconciled(bench, history_of_a_tool(bench))
    assert (outcome.broken, outcome.unclear, outcome.without_file) == ((), (), ())
    assert 0 < len(outcome.waiting) == len(pending)
    assert outcome.applied


HALF = {
    "migrations/20240101000000_a/migration.sql": "CREATE TABLE a (id int);\n",
    "migrations/20240102000000_b/migration.sql": "CREATE TABLE half (id int);\nSELECT 1 / 0;\n",
}


def test_what_prisma_calls_failed_stops_the_import_until_it_is_resolved(
    start_work: StartWork, make_database: MakeDatabase
) -> None:
    database = make_database()
    work = start_work(NAMED["prisma"], database, HALF)
    bench = ToolBench(folder=work.folder / "migrations", database=database, as_format="prisma")
    assert runners.prisma(work, "deploy").returncode
    assert [entry.label for entry in reconciled(bench, history_of_a_tool(bench)).broken] == ["20240102000000_b"]
    with pytest.raises(PlanBlocked):
        take_over(bench)
    assert not bench.history.rows

    well(runners.prisma(work, "resolve", "--rolled-back", "20240102000000_b"))
    outcome = take_over(bench)
    assert (outcome.broken, [file.name for file in outcome.waiting]) == ((), ["b"])
