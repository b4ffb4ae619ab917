"""What all guards cost per migration, beside a bare loop that sends the statements and writes a tracking row."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from dashboard.engine import localserver, planner
from dashboard.engine.database import history
from dashboard.engine.database.connection import Access, Address
from dashboard.engine.database.tracking import Attempt
from dashboard.engine.files import discovery
from dashboard.engine.plan import Plan, Policy
from dashboard.engine.run import executor

MIGRATIONS = 200
REPEATS = 3
STATEMENTS = (
    "CREATE TABLE t{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug text NOT NULL UNIQUE)",
    "CREATE INDEX ON t{n} (lower(slug))",
    "INSERT INTO t{n} (slug) SELECT 'slug ' || g FROM generate_series(1, 100) g",
    "ALTER TABLE t{n} ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()",
    "COMMENT ON TABLE t{n} IS 'One of many'",
)
POLICY = Policy(protected=False, lock_timeout_ms=3000, statement_timeout_ms=0)


def main() -> None:
    for durable in (False, True):
        settings = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"} if durable else {}
        with localserver.running(ephemeral=True, settings=settings) as server:
            bare = min(_bare(server.create_database(f"bare_{n}")) for n in range(REPEATS))
            ours = min(_guarded(server.create_database(f"ours_{n}")) for n in range(REPEATS))
            alone = min(_one_by_one(server.create_database(f"alone_{n}")) for n in range(REPEATS))
        print(f"PostgreSQL {server.installation.version}, {'durable' if durable else 'not durable'} commits, ", end="")
        print(f"{MIGRATIONS} migrations of {len(STATEMENTS)} statements, milliseconds a migration")
        _print("bare loop, one connection", bare, bare)
        _print("Signalbox, one run of all", ours, bare)
        _print("Signalbox, a run for each", alone, bare)


def _print(label: str, ms: float, bare: float) -> None:
    print(f"  {label:<27} {ms:7.2f}   {ms / bare:.2f} times the bare loop")


def _bare(url: str) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE history (version text PRIMARY KEY, checksum text, at timestamptz)")
        started = time.perf_counter()
        for n in range(MIGRATIONS):
            with connection.transaction():
                for statement in STATEMENTS:
                    connection.execute(statement.format(n=n))
                connection.execute("INSERT INTO history VALUES (%s, %s, now())", (f"{n:03}", "x" * 64))
        return _ms_each(started)


def _guarded(url: str) -> float:
    with TemporaryDirectory() as folder:
        access, plan = _planned(url, Path(folder))
        started = time.perf_counter()
        _run(plan, access, "1")
        return _ms_each(started)


def _one_by_one(url: str) -> float:
    """Each on a connection of its own, with doctor, lock and history: the most one migration can cost."""
    with TemporaryDirectory() as folder:
        access, _ = _planned(url, Path(folder))
        files = discovery.read(Path(folder))
        spent = 0.0
        for n in range(MIGRATIONS):
            plan = planner.apply(history.read(access), files, upto=f"{n:03}")
            started = time.perf_counter()
            _run(plan, access, str(n))
            spent += time.perf_counter() - started
        return spent * 1000 / MIGRATIONS


def _planned(url: str, folder: Path) -> tuple[Access, Plan]:
    for n in range(MIGRATIONS):
        text = ";\n".join(statement.format(n=n) for statement in STATEMENTS)
        (folder / f"{n:03}_table.sql").write_text(f"{text};\n", encoding="utf-8")
    address = Address(environment="bench", name="Bench", variable="BENCH_URL", url=url)
    access = Access(address=address, policy=POLICY, schema="platform")
    return access, planner.apply(history.read(access), discovery.read(folder))


def _run(plan: Plan, access: Access, run_id: str) -> None:
    attempt = Attempt(run_id=run_id, by="bench")
    executor.execute(plan, access=access, attempt=attempt, approval=None, observer=lambda event: None)


def _ms_each(started: float) -> float:
    return (time.perf_counter() - started) * 1000 / MIGRATIONS


if __name__ == "__main__":
    main()
