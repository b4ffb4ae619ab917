"""The dry run says what is really sent: held against what the server logs of the same plan."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.engine.localserver import LocalServer
from dashboard.engine.plan import Plan, Policy
from dashboard.engine.run import dryrun
from dashboard.engine.run.dryrun import Message
from dashboard.engine.sql import statements
from tests.engine.folders import Bench

TRANSACTIONAL = """-- signalbox: lock_timeout=7s
BEGIN;
CREATE TABLE users (id int PRIMARY KEY, name text DEFAULT '100 %');
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO users VALUES (1, 'it''s; here');
COMMIT;
"""
OUTSIDE = """-- signalbox: transaction=none
CREATE INDEX CONCURRENTLY users_name ON users (name);
UPDATE users SET name = '%s';
DO $$ BEGIN PERFORM 1; END $$;
"""
ENTRY = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \S+ \[(\d+)\] (\w+):  ", re.MULTILINE)


@pytest.fixture
def server_log(bench: Bench, postgres_server: LocalServer) -> Path:
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET log_statement = 'all'")
    bench.database.query(f"ALTER DATABASE {bench.database.name} SET log_min_messages = 'log'")
    return postgres_server.data_dir / "postgres.log"


def sent(log: Path, offset: int) -> list[str]:
    """Every statement of the session that worked, as the server took it."""
    time.sleep(0.2)
    text = log.read_bytes()[offset:].decode()
    parts = ENTRY.split(text)[1:]
    entries = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
    worker = next(pid for pid, _, said in entries if "RESET SESSION AUTHORIZATION" in said)
    own = (said for pid, level, said in entries if pid == worker and level == "LOG")
    statements = (
        re.sub(r"^(statement|execute [^:]*): ", "", said) for said in own if re.match(r"statement|execute", said)
    )
    return [plain(statement) for statement in statements]


def plain(statement: str) -> str:
    """Parameters as `?`, blanks as one, whatever way they are written; without the line that describes our own."""
    statement = re.sub(r"\A(--.*\n\s*)+", "", statement)
    return " ".join(re.sub(r"\$\d+(?!\w*\$)|%\(\w+\)s|%s", "?", statement).replace("%%", "%").split())


def told(messages: list[Message]) -> list[str]:
    return [plain(m.sql) for m in messages if not m.is_remark]


def run(bench: Bench, plan: Plan, log: Path) -> list[str]:
    offset = log.stat().st_size
    bench.execute(plan)
    return sent(log, offset)


def without_looks(statements: list[str]) -> list[str]:
    """From the lock on, without what only reads before the first step and is not in the dry run."""
    lock = next(i for i, s in enumerate(statements) if "pg_try_advisory_lock" in s)
    first = next(i for i, s in enumerate(statements) if "RESET SESSION AUTHORIZATION; RESET ROLE" in s)
    made = [s for s in _outside_looks(statements[lock + 1 : first]) if not re.match(r"(SELECT|WITH)\b", s)]
    return [statements[lock], *made, *statements[first:]]


def _outside_looks(statements: list[str]) -> Iterator[str]:
    """Without the transactions that only look, with settings of their own."""
    looks = False
    for statement in statements:
        looks = looks or statement.startswith("BEGIN; SELECT pg_catalog.set_config('search_path'")
        if not looks:
            yield statement
        looks = looks and statement != "COMMIT"


@pytest.mark.parametrize("script", [TRANSACTIONAL, "SELECT 1;"])
def test_a_first_run_sends_exactly_what_the_dry_run_says(bench: Bench, server_log: Path, script: str) -> None:
    bench.write("001_users.sql", script)
    bench.write("001_rollback.sql", "SELECT 1;")
    plan = bench.plan()
    expected = without_looks(told(dryrun.messages(plan, bench.access)))
    assert without_looks(run(bench, plan, server_log)) == expected


def test_statements_outside_a_transaction_are_told_one_by_one(bench: Bench, server_log: Path) -> None:
    bench.policy = Policy(protected=False, lock_timeout_ms=1500, statement_timeout_ms=60_000)
    bench.write("001_users.sql", TRANSACTIONAL)
    bench.apply()
    bench.write("002_index.sql", OUTSIDE)
    plan = bench.plan()
    expected = without_looks(told(dryrun.messages(plan, bench.access)))
    assert without_looks(run(bench, plan, server_log)) == expected
    assert "1500ms" in dryrun.text(plan, bench.access)


def test_a_rollback_too(bench: Bench, server_log: Path) -> None:
    bench.write("001_users.sql", TRANSACTIONAL)
    bench.write("001_rollback.sql", "DROP TABLE users;")
    bench.apply()
    plan = bench.plan_rollback("001", "users")
    expected = without_looks(told(dryrun.messages(plan, bench.access)))
    assert without_looks(run(bench, plan, server_log)) == expected


def test_nothing_is_executed(bench: Bench) -> None:
    bench.write("001_users.sql", TRANSACTIONAL)
    text = dryrun.text(bench.plan(), bench.access)
    assert bench.database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'platform'") == [(0,)]
    assert bench.tables() == set()
    assert "INSERT INTO users VALUES (1, 'it''s; here');" in text
    assert "SELECT pg_catalog.set_config('lock_timeout', '7s', true);" in text
    assert "'<number of the run>'" in text


def test_what_is_told_can_be_read_by_postgresql_again(bench: Bench) -> None:
    bench.write("001_users.sql", TRANSACTIONAL)
    bench.write("002_index.sql", OUTSIDE)
    script = statements.split(dryrun.text(bench.plan(), bench.access))
    assert [s.sql for s in script if s.sql.startswith("CREATE INDEX CONCURRENTLY")] == [
        "CREATE INDEX CONCURRENTLY users_name ON users (name)"
    ]
