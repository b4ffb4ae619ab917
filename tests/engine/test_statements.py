import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.engine.errors import OperatorRun, SqlSyntaxError
from dashboard.engine.sql.directives import values_in
from dashboard.engine.sql.excerpts import locate
from dashboard.engine.sql.statements import TransactionControl, split
from dashboard.engine.sql.tokens import (
    Token,
    TokenKind,
    checksum_sql,
    tokens,
)
from dashboard.engine.sql.transaction import TransactionMode, plan_transaction, shape_of
from tests.engine.folders import only_statement


def texts(sql):
    return [statement.sql for statement in split(sql)]


# Splitting


def test_comments_blanks_and_semicolons_around_a_statement_are_left_out():
    assert texts(" -- a\n SELECT 1 ; /* b; */ ;;\nSELECT /* kept */ 2 -- c\n ;\n-- end") == [
        "SELECT 1",
        "SELECT /* kept */ 2",
    ]


def test_a_text_without_statements_has_none():
    for sql in ("", "  \n", ";;;", "-- note", "/* a; */ ;"):
        assert texts(sql) == []


def test_a_statement_knows_its_place_in_characters_behind_wide_ones():
    sql = "-- 日本語 é\nSELECT 'é'; SELECT\t2;\n\n\tSELECT 3"
    script = split(sql)
    assert [(s.number, s.line, s.column) for s in script] == [(1, 2, 1), (2, 2, 13), (3, 4, 2)]
    for statement in script:
        assert sql[statement.offset :].startswith(statement.sql)


@pytest.mark.parametrize(
    "piece",
    [
        "SELECT 'a;b', E'it\\'s; x', 'it''s;'",
        "SELECT $$;$$, $x$ $$ ; $x$",
        'SELECT "a;b", a$b$c FROM t',
        "SELECT 1 /* ; /* ; */ ; */ + 2",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
        "DO $do$ BEGIN PERFORM 1; END $do$",
    ],
)
def test_a_semicolon_inside_a_statement_does_not_split_it(piece):
    assert texts(f"SELECT 0; {piece}; SELECT 9") == ["SELECT 0", piece, "SELECT 9"]


def test_a_statement_nested_too_deeply_for_the_tree_is_still_split():
    deep = "SELECT " + " || ".join(["'a'"] * 500)
    first, second = split(f"{deep}; SELECT 2")
    assert (first.sql, first.node, first.transactional) == (deep, "", True)
    assert second.node == "select_stmt"
    assert not only_statement(f"CREATE INDEX CONCURRENTLY i ON t (({deep.removeprefix('SELECT ')}))").transactional


@pytest.mark.parametrize("link", [" || 1", "::int", " IS NULL", " UNION ALL SELECT 1", ' COLLATE "C"'])
def test_no_depth_of_nesting_ends_the_process(link):
    first, second = split(f"SELECT 1{link * 100_000}; SELECT 2")
    assert (len(first.sql), first.transactional, second.number) == (8 + len(link) * 100_000, True, 2)


QUOTED = st.text(st.characters(codec="utf-8", exclude_characters="\0\r$\\'\""), max_size=12)
NAMES = st.text("abcdefgxyz_", min_size=1, max_size=8).map("n_{}".format)
EXPRESSIONS = st.one_of(
    QUOTED.map(lambda s: "'" + s.replace("'", "''") + ";'"),
    QUOTED.map(lambda s: f"$tag${s};$tag$"),
    QUOTED.map(lambda s: f"$${s}; -- not a comment$$"),
    QUOTED.map(lambda s: f"E'{s}\\';'"),
    NAMES.map(lambda s: f'"{s};"'),
    st.integers(0, 99).map(lambda n: f"CASE WHEN true THEN {n} END"),
    st.just("1 /* inner ; /* nested ; */ */ + 1"),
    st.just("1 -- to the end of the line;\n + 1"),
)
STATEMENTS = st.one_of(
    st.lists(EXPRESSIONS, min_size=1, max_size=4).map(lambda parts: "SELECT " + ", ".join(parts)),
    st.tuples(NAMES, EXPRESSIONS).map(lambda t: f"CREATE TABLE {t[0]} (v text DEFAULT ({t[1]}))"),
    st.tuples(NAMES, st.lists(EXPRESSIONS, min_size=1, max_size=3)).map(
        lambda t: f"CREATE FUNCTION {t[0]}() RETURNS text BEGIN ATOMIC {' '.join(f'SELECT {e};' for e in t[1])} END"
    ),
    QUOTED.map(lambda body: f"DO $do$ BEGIN PERFORM 1; -- {body}\n END; $do$"),
    st.sampled_from(["BEGIN", "COMMIT", "VACUUM", "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)"]),
)
GAPS = st.lists(
    st.one_of(
        st.sampled_from(["\n", " ", "\t", ";", "/* a ; /* b */ ; */", "-- it's; a comment\n"]),
        QUOTED.map(lambda s: "-- " + s.replace("\n", " ") + "\n"),
    ),
    max_size=4,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(GAPS, STATEMENTS), max_size=6), GAPS)
def test_a_script_splits_into_the_pieces_it_was_made_of(parts, end):
    sql = "".join(f"{gap}{piece};" for gap, piece in parts) + end
    script = split(sql)
    assert [s.sql for s in script] == [piece for _, piece in parts]
    for statement in script:
        assert sql[statement.offset : statement.offset + len(statement.sql)] == statement.sql
        before = sql[: statement.offset]
        assert statement.line == before.count("\n") + 1
        assert statement.column == len(before) - (before.rfind("\n") + 1) + 1


# Refusals


@pytest.mark.parametrize(
    ("sql", "line", "column"),
    [
        ("SELECT 1;\nSELECT é FRM x y z;", 2, 14),
        ("SELECT 'a;\nSELECT 2;\n", 1, 8),
        ("SELECT /* a", 1, 8),
        ("SELECT $a$ x $b$", 1, 8),
        ("SELECT (\n\n\n", 1, 9),
        ("SELECT 1\0; DROP TABLE t", 1, 9),
    ],
)
def test_a_syntax_error_names_its_place(sql, line, column):
    with pytest.raises(SqlSyntaxError) as refused:
        split(sql)
    assert (refused.value.facts["line"], refused.value.facts["column"]) == (line, column)


def test_a_syntax_error_shows_its_line_with_a_caret():
    with pytest.raises(SqlSyntaxError) as refused:
        split("SELECT 1;\n\nSELECT FROM WHERE;\nSELECT 2;\nSELECT 3;\nSELECT 4;")
    assert refused.value.facts["excerpt"] == (
        "1 | SELECT 1;\n"
        "2 |\n"
        "3 | SELECT FROM WHERE;\n"
        "  |             ^\n"
        "4 | SELECT 2;\n"
        "5 | SELECT 3;"
    )  # fmt: skip


def test_a_long_token_does_not_fill_the_message():
    with pytest.raises(SqlSyntaxError) as refused:
        split("x" * 5000 + " y z")
    assert len(str(refused.value)) < 300


# Places


def caret(excerpt):
    """The character the caret points at."""
    rows = excerpt.split("\n")
    at = next(i for i, row in enumerate(rows) if row.endswith("^"))
    return rows[at - 1][rows[at].index("^")]


def test_tabs_do_not_displace_the_caret():
    sql = "\t\tSELECT\tX"
    assert locate(sql, sql.index("X") + 1).excerpt == "1 |         SELECT    X\n  |                   ^"


def test_wide_and_combining_characters_do_not_displace_the_caret():
    place = locate("'日本' x", 6)
    assert place.column == 6
    assert place.excerpt == "1 | '日本' x\n  |        ^"
    assert locate("e\u0301 x", 4).excerpt.endswith("|   ^")


def test_a_very_long_line_is_cut_around_the_caret():
    sql = "SELECT 1;\n" + "a" * 3000 + "X" + "b" * 3000
    place = locate(sql, sql.index("X") + 1)
    assert (place.line, place.column) == (2, 3001)
    assert caret(place.excerpt) == "X"
    assert max(map(len, place.excerpt.split("\n"))) < 120
    assert "…a" in place.excerpt
    assert "b…" in place.excerpt


def test_lines_end_at_line_feeds_only():
    sql = "-- a\x0cb\x0bc\u2028d\x85e\nSELECT 1"
    place = locate(sql, sql.index("SELECT") + 1)
    assert (place.line, place.column) == (2, 1)
    assert "\u2028" not in place.excerpt
    assert "\\u2028" in place.excerpt


def test_what_would_reorder_a_line_is_shown_as_its_escape():
    assert locate("a \u202e b", 5).excerpt == "1 | a \\u202e b\n  |          ^"


def test_a_position_outside_the_text_is_its_nearest_end():
    assert (locate("", 1).line, locate("", 1).column) == (1, 1)
    assert (locate("SELECT 1\n\n", 99).line, locate("SELECT 1\n\n", 99).column) == (1, 9)
    assert (locate("SELECT 1", 0).line, locate("SELECT 1", 0).column) == (1, 1)


# Summaries


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE ROLE app LOGIN PASSWORD 'hunter2'",
        "ALTER ROLE app WITH ENCRYPTED PASSWORD\n E'hunter2' VALID UNTIL '2030-01-01'",
        "CREATE SUBSCRIPTION s CONNECTION 'host=db user=app password=hunter2' PUBLICATION p",
        "SELECT dblink_connect('postgresql://app:hunter2@db/app')",
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'app', password $$hunter2$$)",
    ],
)
def test_a_summary_holds_no_password(sql):
    assert "hunter2" not in only_statement(sql).summary
    assert "'…'" in only_statement(sql).summary


def test_a_summary_is_one_short_line_without_comments():
    assert (
        only_statement("CREATE TABLE t (\n  a int, -- the a\n  b text\n)").summary == "CREATE TABLE t ( a int, b text )"
    )
    assert len(only_statement(f"SELECT '{'x' * 5000}'").summary) == 100
    assert len(only_statement("SELECT " + ", ".join(map(str, range(500)))).summary) == 100


# Checksums


def test_the_token_checksum_ignores_comments_and_blanks_only():
    plain = checksum_sql("SELECT a, 'b' FROM c;")
    assert checksum_sql("-- note\nSELECT  a,\n\t'b' /* x */ FROM c ;\n") == plain
    assert checksum_sql("SELECT a, 'b ' FROM c;") != plain
    assert checksum_sql("SELECT a, 'B' FROM c;") != plain
    assert checksum_sql("SELECT a , b FROM c;") != plain


def test_the_token_checksum_sees_where_a_token_ends():
    assert checksum_sql("SELECT a b") != checksum_sql("SELECT ab")
    assert checksum_sql("SELECT 1 - -1") != checksum_sql("SELECT 1 --1")


def test_the_token_checksum_of_text_without_tokens_is_empty():
    assert checksum_sql("-- nothing") == ""
    assert checksum_sql("SELECT 'never closed") == ""


def test_tokens_tell_comments_strings_and_quoted_names_apart():
    token_list = list(tokens("SELECT 'é', $$b$$, \"c\" -- d"))
    assert [(t.kind, t.text) for t in token_list if t.text not in (",", "SELECT")] == [
        (TokenKind.LITERAL, "'é'"),
        (TokenKind.LITERAL, "$$b$$"),
        (TokenKind.QUOTED_NAME, '"c"'),
        (TokenKind.COMMENT, "-- d"),
    ]
    assert token_list[-1] == Token(kind=TokenKind.COMMENT, text="-- d", offset=23)


# Transaction control


@pytest.mark.parametrize(
    ("sql", "control"),
    [
        ("BEGIN", TransactionControl.BEGIN),
        ("BEGIN WORK", TransactionControl.BEGIN),
        ("START TRANSACTION", TransactionControl.BEGIN),
        ("COMMIT", TransactionControl.COMMIT),
        ("END", TransactionControl.COMMIT),
        ("COMMIT AND NO CHAIN", TransactionControl.COMMIT),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", TransactionControl.OTHER),
        ("START TRANSACTION READ ONLY", TransactionControl.OTHER),
        ("COMMIT AND CHAIN", TransactionControl.OTHER),
        ("ROLLBACK", TransactionControl.OTHER),
        ("ABORT", TransactionControl.OTHER),
        ("PREPARE TRANSACTION 'x'", TransactionControl.OTHER),
        ("COMMIT PREPARED 'x'", TransactionControl.OTHER),
        ("ROLLBACK PREPARED 'x'", TransactionControl.OTHER),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", TransactionControl.OTHER),
        ("SET transaction_read_only = on", TransactionControl.OTHER),
        ("SAVEPOINT a", None),
        ("RELEASE a", None),
        ("ROLLBACK TO a", None),
        ("SET LOCAL lock_timeout = '1s'", None),
        ("SELECT 1", None),
    ],
)
def test_transaction_control_is_recognised(sql, control):
    assert only_statement(sql).control is control


def shape(sql, **directives):
    return plan_transaction(split(sql), directives)


def test_one_pair_of_begin_and_commit_is_absorbed_and_what_follows_stays_in_order():
    for begin, commit in (("BEGIN", "COMMIT"), ("START TRANSACTION", "END")):
        transaction = shape(f"SELECT 0; {begin}; SELECT 1; {commit}; SELECT 2")
        assert transaction.fault is None
        assert transaction.absorbed
        assert transaction.mode is TransactionMode.SINGLE
        assert [s.sql for s in transaction.sent] == ["SELECT 0", "SELECT 1", "SELECT 2"]


def test_a_file_without_transaction_control_is_sent_whole():
    transaction = shape("SELECT 1; SAVEPOINT a; SELECT 2; ROLLBACK TO a")
    assert (len(transaction.sent), transaction.absorbed, transaction.fault) == (4, False, None)


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nCOMMIT;", 4),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nBEGIN;\nSELECT 2;\nCOMMIT;", 4),
        ("BEGIN;\nBEGIN;\nCOMMIT;", 2),
        ("BEGIN;\nSELECT 1;\nROLLBACK;", 3),
        ("BEGIN;\nSELECT 1;\nPREPARE TRANSACTION 'x';", 3),
        ("BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;\nCOMMIT;", 3),
        ("BEGIN;\nSET TRANSACTION READ ONLY;\nCOMMIT;", 2),
        ("SELECT 1;\nCOMMIT;", 2),
        ("COMMIT;\nBEGIN;", 1),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;", 1),
        ("SELECT 1;\nBEGIN;\nSELECT 2;", 2),
    ],
)
def test_other_transaction_control_is_refused_with_its_line(sql, line):
    fault = shape(sql).fault
    assert fault.code == "mixed_transaction_control"
    assert fault.statement.line == line
    assert f"line {line}" in fault.sentence
    assert fault.advice


def test_a_file_of_non_transactional_statements_runs_without_a_transaction():
    transaction = shape("CREATE INDEX CONCURRENTLY i ON t (a); VACUUM t")
    assert (transaction.mode, transaction.fault, len(transaction.sent)) == (TransactionMode.NONE, None, 2)


@pytest.mark.parametrize(
    "sql", ["SELECT 1;\nVACUUM t", "VACUUM t;\nSELECT 1", "BEGIN;\nVACUUM t;\nCOMMIT", "BEGIN;\nCOMMIT;\nVACUUM t"]
)
def test_non_transactional_statements_are_not_mixed_with_a_transaction(sql):
    fault = shape(sql).fault
    assert fault.code == "non_transactional_mixed"
    assert fault.statement.sql == "VACUUM t"


def test_a_directive_allows_the_mixture_but_no_transaction_control():
    transaction = shape("SELECT 1; VACUUM t", transaction="none")
    assert (transaction.mode, transaction.fault, len(transaction.sent)) == (TransactionMode.NONE, None, 2)
    for sql in ("BEGIN; SELECT 1; COMMIT", "SAVEPOINT a; SELECT 1"):
        assert shape(sql, transaction="none").fault.code == "mixed_transaction_control"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(GAPS, STATEMENTS), min_size=1, max_size=4))
def test_every_piece_is_one_statement_to_the_parser_again(parts):
    for statement in split("".join(f"{gap}{piece};" for gap, piece in parts)):
        assert [s.sql for s in split(statement.sql)] == [statement.sql]


def test_the_module_needs_neither_django_nor_a_driver():
    code = "import dashboard.engine.sql.statements, dashboard.engine.files.discovery, dashboard.engine.status, sys"
    check = f"{code}; sys.exit(bool({{'django', 'psycopg'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_an_excerpt_begins_with_a_line_that_holds_something():
    """The line of a tool that is not sent is blank, and nothing of it would be shown but its number."""
    sql = "\n\nCREATE TABLE t (;\n\n\nSELECT 1;\n"
    place = locate(sql, sql.index("(") + 1)
    assert (place.line, place.excerpt.splitlines()[0]) == (3, "3 | CREATE TABLE t (;")
    assert place.excerpt.splitlines()[-1].strip() == "|                ^"


SLOW = {
    "behind a number": f"SELECT 1 {'+' * 40_000} 1;",
    "behind an equals sign": f"SELECT 1 ={'+-' * 20_000} 1;",
    "comments in comments": f"{'/*' * 40_000} {'*/' * 40_000} SELECT 1;",
    "opened in a comment": f"/* {'=/*' * 20_000} */ SELECT 1;",
    "in a block": f"DO $$ BEGIN PERFORM 1 {'+' * 40_000} 1; END $$;",
    "before a quote that has no end": f"SELECT 1 {'+' * 40_000} 1; SELECT 'a",
    "in a comment that has no end": f"/* {'/*' * 20_000}",
    "behind a letter of two bytes": f"SELECT 'ä', 1 {'+' * 40_000} 1;",
}


@pytest.mark.parametrize("sql", SLOW.values(), ids=SLOW.keys())
def test_what_the_scanner_would_read_for_minutes_is_refused_at_once_whoever_asks(sql: str) -> None:
    begun = time.perf_counter()
    for ask in (lambda: split(sql), lambda: [*tokens(sql)], lambda: shape_of(sql), lambda: values_in(sql)):
        with pytest.raises(OperatorRun) as refused:
            ask()
        assert refused.value.facts["line"] == 1
    assert checksum_sql(sql) == ""
    assert time.perf_counter() - begun < 2


BANNERS = {
    "in a string": f"SELECT '{'+' * 40_000}';",
    "behind dashes": f"-- {'+' * 40_000} {'/*' * 20_000}\nSELECT 1;",
    "in a comment": f"/* {'+' * 40_000} */ SELECT 1;",
    "in a comment of a body": f"DO $$ BEGIN -- {'+' * 40_000}\n NULL; END $$;",
    "in another language": f"DO LANGUAGE plpython3u $$ x = '''{'+' * 40_000}''' # it's $$;",
    "in a name": f'SELECT 1 AS "{"+" * 300}";',
    "short": f"SELECT 1 {'+' * 64} 1;",
}


@pytest.mark.parametrize("sql", BANNERS.values(), ids=BANNERS.keys())
def test_a_banner_of_operators_is_plain_text(sql: str) -> None:
    assert [statement.number for statement in split(sql)] == [1]
    assert [token.text for token in tokens(sql)]
