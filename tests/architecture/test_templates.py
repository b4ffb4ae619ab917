"""What every template keeps to: short lines, no style or script of its own, nothing missing and nothing left over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
COMPONENTS = TEMPLATES / "_components"
FILES = sorted(TEMPLATES.rglob("*.html"))
LONGEST = 120

INCLUDED = re.compile(r"""{% (?:include|extends) (["'])(?P<name>[^"'#]+)(?:#(?P<partial>[\w-]+))?\1""")
COMMENT = re.compile(r"{% comment %}.*?{% endcomment %}|{#.*?#}", re.DOTALL)
#: What the content security policy refuses (a style, a handler), and what would let markup of a stranger through.
FORBIDDEN = {
    "inline style": re.compile(r"""<[^>]*\sstyle=|<style[\s>]""", re.IGNORECASE),
    "inline handler": re.compile(r"""<[^>]*\son[a-z]+\s*=""", re.IGNORECASE),
    "inline script": re.compile(r"""<script(?![^>]*\ssrc=)[\s>]""", re.IGNORECASE),
    "unescaped value": re.compile(r"\|\s*safe\b|{% autoescape off|\bsafeseq\b"),
}


def _name(file: Path) -> str:
    return file.relative_to(TEMPLATES).as_posix()


def _code(file: Path) -> str:
    """The template without its comments, each line where it was."""
    return COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), file.read_text())


def _matches(pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Each place of it, as `file:line`."""
    for file in FILES:
        code = _code(file)
        for match in pattern.finditer(code):
            yield f"{_name(file)}:{code.count('\n', 0, match.start()) + 1}", match


def test_no_line_is_longer_than_a_reader_can_take_in():
    too_long = [
        f"{_name(file)}:{number} has {len(line)} characters"
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > LONGEST
    ]
    assert not too_long, f"break them: one attribute or one sentence a line, where no blank becomes visible: {too_long}"


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_styles_scripts_and_markup_come_from_elsewhere(kind: str):
    places = [place for place, _ in _matches(FORBIDDEN[kind])]
    assert not places, f"{kind}: use a class, a file below static/, or format_html: {places}"


def test_every_template_and_partial_that_is_named_is_there():
    missing = [f"{place} says {match[0]}" for place, match in _matches(INCLUDED) if not _is_there(match)]
    assert not missing, f"make these templates, or correct their names: {missing}"


def _is_there(included: re.Match[str]) -> bool:
    file = TEMPLATES / included["name"]
    if not file.exists():
        return included["name"] == "admin/base.html"  # Django's own
    return not included["partial"] or f"{{% partialdef {included['partial']}" in _code(file)


def test_every_partial_is_shown_somewhere():
    """In its own template, in another one, or by a view as `template.html#partial`."""
    python = "\n".join(file.read_text() for file in sorted((ROOT / "dashboard").rglob("*.py")))
    used = {match[1] for _, match in _matches(re.compile(r"{% partial ([\w-]+)"))}
    used |= {match["partial"] for _, match in _matches(INCLUDED)}
    used |= {match[1] for _, match in _matches(re.compile(r"{% partialdef ([\w-]+) inline"))}
    unused = [
        f"{place} defines {match[1]}"
        for place, match in _matches(re.compile(r"{% partialdef ([\w-]+)"))
        if match[1] not in used and f"#{match[1]}" not in python
    ]
    assert not unused, f"show these partials, or remove them: {unused}"


def test_every_component_is_used():
    python = "\n".join(file.read_text() for file in sorted((ROOT / "dashboard").rglob("*.py")))
    used = {match["name"] for _, match in _matches(INCLUDED)}
    unused = [
        _name(file)
        for file in sorted(COMPONENTS.glob("*.html"))
        if _name(file) not in used and f'"{_name(file)}"' not in python
    ]
    assert not unused, f"include these components somewhere, or remove them: {unused}"


def test_every_stylesheet_is_linked():
    css = ROOT / "dashboard" / "static" / "dashboard" / "css"
    linked = {match[1] for _, match in _matches(re.compile(r"{% static 'dashboard/css/([^']+)' %}"))}
    files = {file.relative_to(css).as_posix() for file in css.rglob("*.css")}
    assert linked - files == set(), "these stylesheets are linked and are not there: make them, or correct the link"
    assert files - linked == set(), "nothing links these stylesheets: link them, or remove them"


def test_an_empty_state_is_written_once():
    places = {_name(file) for file in FILES if "_components/siding.html" in _code(file) or "empty-state" in _code(file)}
    assert places == {"_components/empty_state.html"}, "include _components/empty_state.html"
