"""The listing is what an approver reads before production: nothing may be lost, hidden or alive in it."""

from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.engine.migration import Problem, Severity
from dashboard.engine.sql.places import statements_of
from dashboard.presenters import sql as presenter

SPAN = re.compile(r'<span class="([a-z]+)">|</span>')
UNSEEN = re.compile(r'<span class="unseen">U\+([0-9A-F]{4,6})</span>')


def shown(lines: tuple[str, ...]) -> str:
    """The text back from its HTML, code points turned into what they stand for."""
    text = UNSEEN.sub(lambda match: f"\0{match[1]}\0", "\n".join(lines))
    text = html.unescape(SPAN.sub("", text))
    return re.sub("\0([0-9A-F]+)\0", lambda match: chr(int(match[1], 16)), text)


def words(sql: str, name: str) -> list[str]:
    """What has the class `name`, in order."""
    return [html.unescape(text) for line in presenter.highlight(sql) for text in _spans(line, name)]


def _spans(line: str, name: str) -> list[str]:
    return re.findall(rf'<span class="{name}">([^<]*)</span>', line)


def problem(line: int | None, sentence: str = "It is broken.") -> Problem:
    return Problem(code="x", severity=Severity.ERROR, file="001_a.sql", sentence=sentence, advice="Mend it.", line=line)


# Nothing is lost


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1;",
        "SELECT 1;\n",
        "\n\n  SELECT 1;\n\n",
        "SELECT 'it''s', E'it\\'s', $$a;b$$, \"Name\", 1.5, :x;",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$\nBEGIN\n  RETURN 1; -- one\nEND $body$;",
        "/* never closed",
        "SELECT 'never closed",
        "SELECT $a$ never closed",
        "SELECT a.b.c, 1.e, .5, 5.",
        "\\echo hello\nCOPY t FROM stdin;\n1\t2\n\\.\n",
        "SELECT 'ü', '日本', '🚂';",
    ],
)
def test_every_character_is_there(sql: str):
    assert shown(presenter.highlight(sql)) == sql.removesuffix("\n")


@given(st.text(alphabet=st.sampled_from("SELECT1 ;'\"$\\-/*()E.&<>\n\t\r\0\u202e\u200b\ufeffü"), max_size=60))
def test_every_character_of_anything_is_there(sql: str):
    assert shown(presenter.highlight(sql)) == sql.removesuffix("\n")


@pytest.mark.parametrize(("sql", "count"), [("", 1), ("a", 1), ("a\n", 1), ("a\nb", 2), ("a\n\nb\n", 3), ("\n", 1)])
def test_lines_are_counted_as_the_engine_counts_them(sql: str, count: int):
    assert len(presenter.highlight(sql)) == count


def test_only_a_line_feed_ends_a_line():
    assert len(presenter.highlight("a\rb\x0bc\x0cd\x85e\u2028f\u2029g")) == 1


# Nothing is hidden


@pytest.mark.parametrize(
    ("character", "code"),
    [
        ("\0", "U+0000"),
        ("\x08", "U+0008"),
        ("\r", "U+000D"),
        ("\x1b", "U+001B"),
        ("\x7f", "U+007F"),
        ("\u00ad", "U+00AD"),
        ("\u200b", "U+200B"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\ufeff", "U+FEFF"),
    ],
)
@pytest.mark.parametrize("around", ["SELECT {}1", "SELECT '{}'", "-- {}", '"{}"'])
def test_what_cannot_be_seen_is_shown_as_its_code_point(character: str, code: str, around: str):
    (line,) = presenter.highlight(around.format(character))
    assert character not in line
    assert f'<span class="unseen">{code}</span>' in line


def test_a_tab_stays_a_tab():
    assert presenter.highlight("\tSELECT") == ('\t<span class="k">SELECT</span>',)


# Nothing is alive


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '<script>alert(1)</script>';",
        '-- </span></code><img src=x onerror="alert(1)">',
        '"<b>"',
        "$$<i>$$",
        "&lt;script&gt;",
        '<span class="unseen">U+0041</span>',
    ],
)
def test_no_markup_of_the_file_reaches_the_page(sql: str):
    (line,) = presenter.highlight(sql)
    rest = SPAN.sub("", line)
    assert "<" not in rest
    assert ">" not in rest
    assert '"' not in rest
    assert html.unescape(rest) == sql


def test_every_line_is_safe_html_of_its_own():
    for line in presenter.highlight("/* a\nb */ SELECT '\n';"):
        assert hasattr(line, "__html__")
        assert line.count("<span") == line.count("</span>")


# Colours


def test_each_kind_of_word_has_its_class():
    sql = "SELECT count, 'text', \"Name\", 42 FROM t -- why"
    assert words(sql, "k") == ["SELECT", "FROM"]
    assert words(sql, "s") == ["'text'"]
    assert words(sql, "i") == ['"Name"']
    assert words(sql, "n") == ["42"]
    assert words(sql, "c") == ["-- why"]


def test_a_type_has_its_class():
    assert words("CREATE TABLE t (id bigint)", "t") == ["bigint"]


def test_code_after_an_escaped_quote_is_code():
    sql = "SELECT E'it\\'s'; DROP TABLE users; SELECT 'x';"
    assert "DROP" in words(sql, "k")
    assert "".join(words(sql, "s")) == "E'it\\'s''x'"


def test_the_dot_between_names_is_no_number():
    assert words("SELECT platform.users.id FROM a.b", "n") == []
    assert words("SELECT .5", "n") == [".5"]


def test_the_body_of_a_function_is_coloured_too():
    sql = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM E'\\''; DELETE FROM t; END $$;"
    assert "DELETE" in words(sql, "k")


def test_a_comment_over_lines_is_a_comment_on_each():
    assert [_spans(line, "c") for line in presenter.highlight("/* a\nb */ SELECT")] == [["/* a"], ["b */"]]


# Long texts


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1;\n" * 20_001, "$a" * 30_000, "$" * 20_000],
    ids=["long", "many dollars", "only dollars"],
)
def test_what_would_take_long_is_shown_plain_and_whole(sql: str):
    presenter.highlight.cache_clear()
    begun = time.process_time()
    listing = presenter.listing(sql)
    assert time.process_time() - begun < 2
    assert listing.plain
    assert "".join(str(line.html) for line in listing.lines) == html.escape(sql.replace("\n", ""))


def test_an_ordinary_text_is_not_plain():
    assert not presenter.listing("SELECT 1;").plain


# Problems


def test_a_problem_stands_under_its_line():
    listing = presenter.listing("one\ntwo\nthree\n", [problem(2, "a"), problem(2, "b"), problem(3, "c")])
    assert [(line.number, [p.sentence for p in line.problems]) for line in listing.lines] == [
        (1, []),
        (2, ["a", "b"]),
        (3, ["c"]),
    ]
    assert listing.problems == ()


@pytest.mark.parametrize("line", [None, 0, 4])
def test_a_problem_of_no_line_stands_above_the_listing(line: int | None):
    listing = presenter.listing("one\ntwo\nthree", [problem(line)])
    assert len(listing.problems) == 1
    assert all(not shown.problems for shown in listing.lines)


@pytest.mark.parametrize(("blanks", "first"), [(0, 1), (1, 1), (2, 3), (3, 4), (40, 41)])
def test_blank_lines_in_place_of_what_is_not_run_are_left_out_and_lines_keep_their_numbers(blanks: int, first: int):
    lines = presenter.listing("\n" * blanks + "SELECT 1;\n", [problem(blanks + 1)]).lines
    assert lines[0].number == first
    assert (lines[-1].number, len(lines[-1].problems)) == (blanks + 1, 1)


def test_a_text_of_blank_lines_is_shown_as_it_is():
    assert [line.number for line in presenter.listing("\n\n\n").lines] == [1, 2, 3]


def test_an_empty_text_has_one_empty_line():
    listing = presenter.listing("", [problem(1)])
    assert [(line.number, line.html) for line in listing.lines] == [(1, "")]
    assert len(listing.lines[0].problems) == 1


# Nothing is out of sight


def test_a_long_line_says_how_long_it_is():
    listing = presenter.listing("SELECT 1;\nSELECT" + " " * 1000 + "2;")
    assert [line.length for line in listing.lines] == [0, 1008]


def test_a_fold_says_what_it_holds():
    plain = "SELECT 1;\n" * presenter.FOLD_AFTER
    dynamic = "DO $$ BEGIN\nEXECUTE 'DEL' || 'ETE FROM users';\nEND $$;\n"
    assert presenter.listing(plain + "SELECT 2;\n", places=statements_of(plain + "SELECT 2;\n")).fold == (
        "1 more line: 1 statement"
    )
    sql = plain + "SELECT 2;\n" + dynamic
    assert presenter.listing(sql, places=statements_of(sql)).fold == (
        "4 more lines: 2 statements, one of them puts SQL together while it runs"
    )
    sql += dynamic
    assert presenter.listing(sql, places=statements_of(sql)).fold == (
        "7 more lines: 3 statements, 2 of them put SQL together while they run"
    )
    unread = plain + "SELECT '\n"
    assert presenter.listing(unread, places=statements_of(unread)).fold == "1 more line"
