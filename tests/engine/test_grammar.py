"""What a server's grammar says of files, beside what our parser says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dashboard.engine import planner
from dashboard.engine.database import connection, grammar, wire
from dashboard.engine.database.connection import Connection
from dashboard.engine.database.grammar import Answer
from dashboard.engine.errors import PlanBlocked
from dashboard.engine.localserver import LocalServer
from dashboard.engine.migration import Folder
from dashboard.engine.sql.statements import GRAMMAR
from tests.engine.folders import Bench
from tests.fix_postgres import MakeDatabase

#: New in 18, so an older server refuses it and our parser does not.
NEW = "CREATE TABLE t (a int,\n  b int GENERATED ALWAYS AS (a) VIRTUAL);"
#: A keyword since 16, so our parser refuses it and an older server does not.
OLD = "CREATE TABLE t (system_user text);"


def judged(bench: Bench) -> Folder:
    folder = bench.read()
    with connection.as_given(bench.address) as opened:
        return grammar.judged(opened, folder, {m.identity for m in folder.migrations}, name="Test")


def blocked(bench: Bench) -> PlanBlocked:
    with pytest.raises(PlanBlocked) as caught:
        planner.apply(bench.look(), judged(bench))
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "SELECT nothing FROM nowhere; INSERT INTO nowhere VALUES (1, 2)",
        "INSERT INTO pg_class (relname) VALUES (1, 2, 3)",
        "CREATE TABLE t (a int) -- the end",
        "VACUUM; ALTER SYSTEM SET work_mem = '64kB'; DROP DATABASE postgres",
        "DO $$ BEGIN this is no plpgsql END $$",
        "-- nothing at all",
        "",
    ],
)
def test_a_text_that_only_names_what_is_not_there_is_taken_and_not_run(bench: Bench, text: str) -> None:
    with connection.reading(bench.address) as opened:
        assert grammar.ask(opened, text).answer is Answer.TAKEN
    assert bench.tables() == set()


def test_what_is_missing_at_the_end_is_not_blamed_on_a_semicolon(bench: Bench) -> None:
    with connection.reading(bench.address) as opened:
        assert grammar.ask(opened, "CREATE TABLE t (").message == "syntax error at end of input"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("SELECT 1;\nCREATE TABEL t ()", 2, 8),
        ("SELECT 'open", 1, 8),
        ("SELECT 1 /* open", 1, 10),
        ("SELECT (1", 1, 10),
        ("SELECT 'é', 'ü'; SELECT FROM WHERE", 1, 30),
        ("SELECT 1 LIMIT 1, 2", 1, 10),
    ],
)
def test_a_syntax_error_has_its_place(bench: Bench, text: str, line: int, column: int) -> None:
    with connection.reading(bench.address) as opened:
        verdict = grammar.ask(opened, text)
    assert verdict.answer is Answer.REFUSED
    assert verdict.place is not None
    assert (verdict.place.line, verdict.place.column) == (line, column)


def test_what_only_the_server_refuses_stops_the_plan_and_names_both(bench: Bench) -> None:
    major = int(bench.database.query("SHOW server_version_num")[0][0]) // 10_000
    bench.write("001_t.sql", NEW)
    error = blocked(bench)
    assert str(error).startswith(
        f"001_t stands in the way: PostgreSQL {major} of Test refuses the file: syntax error at"
    )
    assert f"the grammar of PostgreSQL {GRAMMAR}, takes it. (line 2)" in str(error)
    assert "as that server understands it" in error.next_step


def test_what_only_our_parser_refuses_is_told_with_a_way_on(
    bench: Bench, make_database: MakeDatabase, debian_postgres: LocalServer
) -> None:
    older = Bench(folder=bench.folder, database=make_database(server=debian_postgres))
    major = debian_postgres.installation.version.partition(".")[0]
    bench.write("001_t.sql", OLD)
    error = blocked(older)
    assert f"The parser of PostgreSQL {GRAMMAR} refuses the file: syntax error at" in str(error)
    assert f"PostgreSQL {major} of Test takes it." in str(error)
    assert "double quotes" in error.next_step
    bench.write("001_t.sql", OLD.replace("system_user", '"system_user"'))
    assert planner.apply(older.look(), judged(older)).steps


def test_what_both_refuse_is_said_of_both(bench: Bench) -> None:
    bench.write("001_t.sql", "CREATE TABEL t ();")
    error = blocked(bench)
    assert "So does PostgreSQL" in str(error)
    assert error.next_step == "Correct the statement the caret points at."


def test_a_quote_left_open_hides_nothing_of_its_neighbours(bench: Bench) -> None:
    bench.write("001_open.sql", "SELECT 'x;")
    bench.write("002_open.sql", "SELECT y';")
    bench.write("003_good.sql", "SELECT 1;")
    problems = {m.version: m.problems for m in judged(bench).migrations}
    assert all("So does PostgreSQL" in problems[version][0].sentence for version in ("001", "002"))
    assert all(p.code != grammar.SYNTAX for p in problems["003"])


def test_many_files_are_one_message(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 41):
        bench.write(f"{number:03}_t.sql", f"CREATE TABLE t{number} (a int) -- {number}")
    messages = counted(monkeypatch)
    assert judged(bench) == bench.read()
    assert len(messages) == 1
    bench.write("017_t.sql", NEW)
    assert [m.version for m in judged(bench).migrations if m.errors()] == ["017"]


def counted(monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    messages: list[str] = []
    parse = wire.parse

    def count(opened: Connection, sql: str) -> None:
        messages.append(sql)
        parse(opened, sql)

    monkeypatch.setattr(wire, "parse", count)
    return messages


def test_what_the_server_cannot_tell_changes_nothing(bench: Bench) -> None:
    """A database that cannot store a character refuses the message before it reads it."""
    name = f"{bench.database.name}_latin1"
    bench.database.query(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    latin1 = Bench(folder=bench.folder, database=type(bench.database)(name=name, url=f"{bench.database.url}_latin1"))
    try:
        bench.write("001_t.sql", "SELECT 1; -- €")
        assert judged(latin1) == latin1.read()
    finally:
        bench.database.query(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_file_that_something_else_keeps_from_running_is_not_asked_about(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("001_t.sql", "COPY t FROM STDIN;")
    messages = counted(monkeypatch)
    assert judged(bench) == bench.read()
    assert messages == []
