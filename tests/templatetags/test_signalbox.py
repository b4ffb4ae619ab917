from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone as django_timezone

from dashboard.engine.migration import Problem, Severity
from dashboard.presenters.findings import Note
from dashboard.templatetags import signalbox as tags

NOW = datetime(2026, 11, 22, 13, 3, 22, 456789, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_timezone, "now", lambda: NOW)


def render(source: str, **context: object) -> str:
    return Template("{% load signalbox %}" + source).render(Context(context))


# Times


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (4, "just now"),
        (-4, "just now"),
        (5, "5 seconds ago"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (119, "1 minute ago"),
        (120, "2 minutes ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (29 * 86_400, "29 days ago"),
        (30 * 86_400, "23 Oct 2026"),
        (-7200, "in 2 hours"),
        (-(72 * 3600 - 2), "in 3 days"),
        (-(60 * 3600), "in 3 days"),
        (-95, "in 2 minutes"),
        (-60, "in 1 minute"),
        (-40 * 86_400, "1 Jan 2027"),
    ],
)
def test_a_moment_is_told_from_now(seconds: int, words: str):
    assert tags.ago(NOW - timedelta(seconds=seconds)) == words


def test_what_never_happened_is_never():
    assert tags.ago(None) == "never"
    assert tags.absolute(None) == ""
    assert tags.time(None) == "never"
    assert tags.time(None, missing="not yet") == "not yet"


def test_the_absolute_moment_names_the_zone_of_the_reader():
    assert tags.absolute(NOW) == "2026-11-22 13:03:22 UTC"
    with django_timezone.override(ZoneInfo("Europe/Berlin")):
        assert tags.absolute(NOW) == "2026-11-22 14:03:22 CET"


def test_a_name_breaks_at_its_joints_and_stays_escaped():
    assert tags.breakable("DATABASE_URL_<b>/x, y") == "DATABASE_<wbr>URL_<wbr>&lt;b&gt;/<wbr>x, y"


def test_machines_get_utc():
    there = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert tags.utc(there) == "2026-11-22T13:03:22.456Z"


def test_a_time_is_both_at_once():
    assert render("{% time moment %}", moment=NOW - timedelta(minutes=5)) == (
        '<time datetime="2026-11-22T12:58:22.456Z" title="2026-11-22 12:58:22 UTC" data-relative>5 minutes ago</time>'
    )


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.4, "0 ms"),
        (38, "38 ms"),
        (999, "999 ms"),
        (999.7, "1.00 s"),
        (1000, "1.00 s"),
        (1240, "1.24 s"),
        (59_994, "59.99 s"),
        (59_999, "1 min 0 s"),
        (60_000, "1 min 0 s"),
        (125_000, "2 min 5 s"),
        (3_599_400, "59 min 59 s"),
        (3_599_900, "1 h 0 min"),
        (3_780_000, "1 h 3 min"),
    ],
)
def test_a_duration_has_its_unit(milliseconds: float | None, words: str):
    assert tags.duration_ms(milliseconds) == words


# Icons


def test_an_icon_beside_a_text_is_decoration():
    assert render("{% icon 'ok' %}") == '<svg class="icon" aria-hidden="true"><use href="#i-ok"/></svg>'


def test_an_icon_alone_is_named():
    drawn = render("{% icon 'ok' label %}", label='"Applied" & <done>')
    assert drawn == (
        '<svg class="icon" role="img" aria-label="&quot;Applied&quot; &amp; &lt;done&gt;"><use href="#i-ok"/></svg>'
    )


# SQL


def test_a_listing_has_a_link_for_each_line():
    drawn = render("{% sql_block sql '001_users.sql' note='sha256 3f9c' %}", sql="SELECT 1;\nSELECT 2;\n")
    assert 'id="L1"' in drawn
    assert 'href="#L2"' in drawn
    assert 'id="L3"' not in drawn
    assert "2 lines · sha256 3f9c" in drawn
    assert 'aria-label="SQL of 001_users.sql"' in drawn


def test_two_listings_of_a_page_have_anchors_of_their_own():
    drawn = render("{% sql_block sql 'down' anchor='down-' marked=2 %}", sql="SELECT 1;\nSELECT 2;")
    assert '<li id="down-L1"><a href="#down-L1"' in drawn
    assert '<li id="down-L2" class="marked">' in drawn


def test_a_problem_is_drawn_under_its_line():
    problem = Problem(
        code="syntax_error",
        severity=Severity.ERROR,
        file="001_users.sql",
        sentence="Broken <here>.",
        advice="Mend it.",
        line=1,
    )
    drawn = render("{% sql_block sql '001_users.sql' problems=problems %}", sql="SELEC 1;\n", problems=[problem])
    assert "Broken &lt;here&gt;." in drawn
    assert "Mend it." in drawn
    assert drawn.index('id="L1"') < drawn.index("Broken")


def test_a_text_too_long_to_colour_says_so():
    assert "too long to colour" in render("{% sql_block sql 'x' %}", sql="-- a\n" * 50_000)


def test_nothing_of_the_file_or_its_name_is_markup():
    drawn = render("{% sql_block sql label %}", sql="-- <script>alert(1)</script>", label='"><script>')
    assert "<script" not in drawn


# Navigation


@pytest.mark.parametrize(
    ("path", "view", "current"),
    [
        ("/requests/", "requests", 'aria-current="page"'),
        ("/requests/7/", "requests", 'aria-current="true"'),
        ("/runs/", "requests", ""),
        ("/", "overview", 'aria-current="page"'),
        ("/requests/", "overview", ""),
    ],
)
def test_a_link_knows_where_the_reader_is(path: str, view: str, current: str):
    drawn = render("{% nav_link view 'Somewhere' %}", view=view, request=SimpleNamespace(path=path))
    assert (current in drawn) if current else ("aria-current" not in drawn)


def test_a_link_counts_what_waits_and_says_so():
    request = SimpleNamespace(path="/")
    assert "(3 waiting for you)" in render("{% nav_link 'requests' 'Requests' 3 %}", request=request)
    assert "waiting" not in render("{% nav_link 'requests' 'Requests' 0 %}", request=request)


@pytest.mark.parametrize(
    ("severity", "allowed", "pill"),
    [
        (Severity.ERROR, "", ("Error", "danger", "fail")),
        (Severity.WARNING, "", ("Warning", "warn", "attention")),
        (Severity.NOTE, "", ("Note", "info", "info")),
        (Severity.ERROR, "the table is empty", ("Allowed", "muted", "ok")),
    ],
)
def test_a_severity_has_words_a_tone_and_an_icon(severity: Severity, allowed: str, pill: tuple[str, str, str]) -> None:
    note = Note(severity=severity.value, sentence="x", advice="", line=1, allowed=allowed)
    shown = tags.severity_pill(note)
    assert (shown.label, shown.tone, shown.icon) == pill
