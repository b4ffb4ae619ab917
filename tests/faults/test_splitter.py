"""PostgreSQL is the oracle of our splitter: a script sent as a whole and its statements sent one by one do the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from psycopg import pq

from dashboard.engine.database import wire
from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.localserver import LocalServer
from dashboard.engine.sql import statements
from tests.fix_faults import Tally, sized

EXAMPLES = sized(small=150, ci=1000, full=20_000)

#: Ways to write a string; all of them hide a semicolon.
LITERALS = (
    "'a;b'",
    "'it''s; so'",
    r"E'it\'s; so'",
    r"E'\\'",
    r"'\'",
    "U&'d\\0061t;a'",
    "$$a;b$$",
    "$a$ $$;$$ $b$;$b$ $a$",
    "$x$'$x$",
    "'-- no comment;'",
    "'/* none; either'",
    "'a'\n'b;'",
    "B'01'::text",
    "X'1F'::text",
    "';'||';'",
    "'é;ü;😀'",
    "N';'",
)
STATEMENTS = (
    "INSERT INTO seen (what) VALUES ({literal})",
    'INSERT INTO seen (what) SELECT {literal} AS "a;b"',
    "INSERT INTO seen (what) SELECT a$b$c FROM (SELECT {literal} AS a$b$c) x",
    "INSERT INTO seen (what) SELECT CASE WHEN true THEN {literal} ELSE ';' END",
    "INSERT INTO seen (what) VALUES /* ; /* ; */ ; */ ({literal}) -- ; more",
    "INSERT INTO seen (what) SELECT (2 */**/ 3)::text || {literal}",
    "INSERT INTO seen (what) SELECT {literal} -- ;\r\n",
    "WITH w AS (SELECT {literal} AS t) INSERT INTO seen (what) SELECT t FROM w",
    "DO $do$ BEGIN INSERT INTO seen (what) VALUES ({literal}); PERFORM 1; END $do$",
    "CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 'x;'; SELECT {literal}; END",
    "CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC "
    "SELECT CASE WHEN true THEN {literal} END; END",
    "CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT 1; SELECT ''a;b'''",
    "CREATE OR REPLACE RULE r AS ON INSERT TO ruled DO (SELECT {literal}; SELECT 2)",
    "CREATE OR REPLACE PROCEDURE p() LANGUAGE plpgsql AS $p$ BEGIN NULL; END; $p$",
    "VALUES ({literal})",
    'SELECT 1 AS "begin", 2 AS "end;"',
    "EXPLAIN SELECT {literal}",
    "PREPARE q{n} AS INSERT INTO seen (what) VALUES ({literal})",
    "COMMENT ON TABLE seen IS {plain}",
    "SELECT '{{1,2}}'::int[], 5 % 3, '100%'",
    "",
)
SEPARATORS = (";", " ; ", ";\n", ";\r\n", ";;", "; -- ; \n", "; /* ; */ ", ";\t", ";\f", "\n;\n")
NOISE = ("'", '"', "$$", "/*", "*/", "--", ";", "\\", "(", ")", "E'", "$a$", "\n", "é", "BEGIN ATOMIC ", " END")


@st.composite
def scripts(draw: st.DrawFn) -> str:
    parts = []
    for n in range(draw(st.integers(1, 6))):
        literal = draw(st.sampled_from(LITERALS))
        parts.append(
            draw(st.sampled_from(STATEMENTS)).format(literal=literal, plain="'a;b'", n=n)
            + draw(st.sampled_from(SEPARATORS))
        )
    text = "".join(parts)
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(NOISE)) + text[at:]
    return text


@dataclass(frozen=True)
class Effect:
    """What a script did: whether it went through, what it inserted, what it made."""

    fine: bool
    seen: tuple[object, ...] = ()
    made: tuple[object, ...] = ()


@pytest.fixture(scope="module")
def oracle(postgres_server: LocalServer) -> Iterator[psycopg.Connection]:
    url = postgres_server.create_database("splitter_oracle")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("CREATE TABLE seen (id serial, what text)")
        connection.execute("CREATE TABLE ruled (what text)")
        yield connection
    postgres_server.drop_database("splitter_oracle")


def test_split_and_sent_one_by_one_does_what_the_whole_does(oracle: psycopg.Connection, tally: Tally) -> None:
    tally.part = "splitter"
    tally.add(scripts=0, disagreements=0)

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )
    @given(scripts())
    def agree(script: str) -> None:
        tally.add(scripts=1)
        whole, ours = _as_a_whole(oracle, script), _one_by_one(oracle, script)
        note(f"{script!r}: the server {whole}, we {ours}")
        tally.add(disagreements=whole != ours)
        assert whole == ours

    agree()


def _as_a_whole(oracle: psycopg.Connection, script: str) -> Effect:
    """By the simple protocol, where the server itself splits."""
    _begin(oracle)
    try:
        result = oracle.pgconn.exec_(script.encode())
        if result.status == pq.ExecStatus.FATAL_ERROR:
            return Effect(fine=False)
        return _effect(oracle)
    finally:
        _undo(oracle)


def _one_by_one(oracle: psycopg.Connection, script: str) -> Effect:
    try:
        split_script = statements.split(script)
    except SqlSyntaxError:
        return Effect(fine=False)
    _begin(oracle)
    try:
        for statement in split_script:
            wire.send(oracle, statement.sql)
        return _effect(oracle)
    except psycopg.Error:
        return Effect(fine=False)
    finally:
        _undo(oracle)


def _begin(oracle: psycopg.Connection) -> None:
    """Without the rows of an earlier script that ended its transaction itself."""
    oracle.execute("BEGIN")
    oracle.execute("DELETE FROM seen")


def _undo(oracle: psycopg.Connection) -> None:
    oracle.execute("ROLLBACK")
    oracle.execute("DEALLOCATE ALL")


def _effect(oracle: psycopg.Connection) -> Effect:
    rows = oracle.execute("SELECT what FROM seen ORDER BY id").fetchall()
    made = oracle.execute(
        "SELECT proname::text, coalesce(pg_get_function_sqlbody(oid), prosrc) FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace "
        "UNION ALL SELECT rulename::text, pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = 'ruled'::regclass "
        "UNION ALL SELECT name, '' FROM pg_prepared_statements "
        "UNION ALL SELECT 'comment', obj_description('seen'::regclass) ORDER BY 1, 2"
    ).fetchall()
    return Effect(fine=True, seen=tuple(rows), made=tuple(made))
