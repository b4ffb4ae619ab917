"""How long a snapshot of a schema takes, beside pg_dump -s of the same database on the same server."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable

import psycopg

from dashboard.engine import localserver
from dashboard.engine.schema import diff, snapshot

TABLES = 1000
REPEATS = 5

TABLE = """
CREATE TABLE app.{name} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES app.{name} (id) ON DELETE CASCADE,
    slug text NOT NULL UNIQUE,
    title varchar(200) NOT NULL DEFAULT '',
    amount numeric(12, 2) CHECK (amount >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    details jsonb NOT NULL DEFAULT '{{}}',
    archived boolean NOT NULL DEFAULT false
);
CREATE INDEX ON app.{name} (created_at DESC) WHERE NOT archived;
CREATE INDEX ON app.{name} (lower(title));
COMMENT ON TABLE app.{name} IS 'One of many';
CREATE TRIGGER touch BEFORE UPDATE ON app.{name} FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.{name} ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON app.{name} FOR SELECT USING (NOT archived);
"""


def main() -> None:
    with localserver.running(ephemeral=True) as server:
        url = server.create_database("bench")
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection)
            taken = snapshot.take(connection)
            snapshot_s = median(lambda: snapshot.take(connection))
            connection.execute("ALTER TABLE app.t500 DROP archived CASCADE")
            changed = snapshot.take(connection)
        compare_s = median(lambda: diff.compare(taken, changed))
        pg_dump = [str(server.installation.bin_dir / "pg_dump"), "--schema-only", url]
        dump_s = median(lambda: subprocess.run(pg_dump, check=True, capture_output=True))
        print(f"PostgreSQL {server.installation.version}, {TABLES} tables, {len(taken.objects)} objects")
    print(f"snapshot      {snapshot_s:7.3f} s   {snapshot_s / dump_s:.2f} of pg_dump")
    print(f"pg_dump -s    {dump_s:7.3f} s")
    print(f"compare       {compare_s:7.3f} s   {len(diff.compare(taken, changed))} differences")


def fill(connection: psycopg.Connection) -> None:
    connection.execute("CREATE SCHEMA app")
    connection.execute("CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    for start in range(0, TABLES, 50):  # one transaction of all of them would need more locks than a server has
        connection.execute("".join(TABLE.format(name=f"t{number}") for number in range(start, start + 50)))
    connection.execute("ANALYZE")


def median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
