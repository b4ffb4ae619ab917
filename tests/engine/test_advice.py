"""What is advised, carried out to the letter: it leads where it says."""

from __future__ import annotations

import pytest

from dashboard.engine import errors
from tests.engine.folders import Bench


def applied(bench: Bench) -> list[str]:
    return [row.label for row in bench.history.rows]


def refused_with(bench: Bench) -> str:
    """The way on that an apply gives which does not go through."""
    with pytest.raises(errors.EngineError) as caught:
        bench.apply()
    return caught.value.next_step


def test_an_edited_file_is_restored_and_its_change_becomes_a_migration(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.apply()
    bench.write("001_a.sql", "CREATE TABLE a (id int, note text);")
    bench.write("002_b.sql", "SELECT 1;")
    assert "Restore the file as it was, and put the change into a new migration." in refused_with(bench)
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.write("002_b.sql", "ALTER TABLE a ADD COLUMN note text;")
    bench.apply()
    assert applied(bench) == ["001_a", "002_b"]
    assert bench.database.query("SELECT note FROM a") == []


def test_what_refuses_a_transaction_runs_with_the_line_that_is_advised(bench: Bench) -> None:
    script = "DO $$ BEGIN EXECUTE 'CREATE TABLE a (id int)'; COMMIT; END $$;"
    bench.write("001_a.sql", script)
    assert "-- signalbox: transaction=none" in refused_with(bench)
    bench.write("001_a.sql", f"-- signalbox: transaction=none\n{script}")
    bench.apply()
    assert applied(bench) == ["001_a"]


def test_a_value_of_an_enum_is_used_once_it_has_a_file_of_its_own(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE days (mood mood);")
    bench.apply()
    add, use = "ALTER TYPE mood ADD VALUE 'calm';", "INSERT INTO days VALUES ('calm');"
    bench.write("002_b.sql", add + use)
    assert "Put the ALTER TYPE into a file of" in refused_with(bench)
    bench.write("002_b.sql", add)
    bench.write("003_c.sql", use)
    bench.apply()
    assert bench.database.query("SELECT mood::text FROM days") == [("calm",)]


def test_a_view_that_another_tool_keeps_is_renamed_and_the_tables_are_made_beside_it(bench: Bench) -> None:
    bench.write("001_a.sql", "CREATE TABLE a (id int);")
    bench.database.query("CREATE SCHEMA platform")
    columns = "'000'::text AS version, 'x'::text AS name, now() AS applied_at, ''::text AS checksum, true AS success"
    bench.database.query(f"CREATE VIEW platform.schema_migrations AS SELECT {columns}")
    (statement,) = (part for part in refused_with(bench).split(";") if "RENAME" in part)
    bench.database.query(statement[statement.index("ALTER TABLE") :])
    bench.apply()
    assert applied(bench) == ["001_a"]
    assert bench.database.query("SELECT version FROM platform.schema_migrations_before") == [("000",)]
