"""Text is for people: nothing decides by what a sentence says. What a program needs to know is a fact of its own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sentences import readers

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "dashboard"

#: The one module that reads what a server tells in no other way; it gives the others facts.
MESSAGES = "dashboard/engine/database/messages.py"
#: What only changes the wording, and decides nothing.
REWORDING = {"dashboard/engine/lint/problems.py: _STRING.sub(\"'…'\", sentence)"}


def test_nothing_decides_by_what_a_sentence_says() -> None:
    steered = {
        f"{path.relative_to(ROOT)}: {code}"
        for folder in ("config", "dashboard")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for code in readers(path.read_text(encoding="utf-8"))
    }
    there = {place for place in steered if place.startswith(f"{MESSAGES}:")}
    assert steered - there == REWORDING, "give it a fact of its own, beside the text"
    assert there, f"{MESSAGES} reads nothing any more"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("remedy = error.next_step if 'invalid index' in error.next_step else ''", id="in an attribute"),
        pytest.param("'standby' in str(error).lower()", id="in an error"),
        pytest.param("'standby' in f'{exc}'", id="in an f-string"),
        pytest.param("'lock' in f'{error.message} {error.table}'", id="in an f-string of an attribute"),
        pytest.param("'lock' not in error.message + error.detail", id="in a sum"),
        pytest.param("'lock' in (error.diag.message_primary or '')", id="in what may be missing"),
        pytest.param("'lock' in ' '.join(str(error).split())", id="in one line"),
        pytest.param("'lock' in error.args[0]", id="in an argument"),
        pytest.param("str(exc) == 'gone'", id="equal to an error"),
        pytest.param("failure.get('remedy', '') == 'Install one.'", id="equal to a key"),
        pytest.param("error.message != 'gone'", id="unequal"),
        pytest.param("failure['sentence'].startswith('It left')", id="startswith"),
        pytest.param("error.diag.message_primary.partition(':')", id="partition"),
        pytest.param("re.sub('^Nothing', '', advice)", id="re.sub"),
        pytest.param("re.search('gone', str(error))", id="re.search"),
        pytest.param("re.match('gone', error.message)", id="re.match"),
        pytest.param("_GONE.search(error.sentence)", id="a pattern"),
        pytest.param("_GONE.fullmatch(error.message)", id="a whole pattern"),
        pytest.param("'locks' in process.stderr", id="in what a program wrote"),
        pytest.param("match error.message:\n    case 'gone':\n        pass", id="match"),
        pytest.param("text = str(error)\n'gone' in text", id="by another name"),
        pytest.param("if (text := error.message) and 'gone' in text: pass", id="by a name on the way"),
        pytest.param("def f(text):\n    return 'gone' in text\nf(str(error))", id="as an argument"),
        pytest.param("def f(*, text):\n    return 'gone' in text\nf(text=error.message)", id="as a keyword"),
        pytest.param("def f(error):\n    return str(error)\n'gone' in f(1)", id="as what a function returns"),
    ],
)
def test_it_would_be_seen(source: str) -> None:
    assert list(readers(source))


@pytest.mark.parametrize(
    "source",
    [
        "error.sqlstate == '42P06'",
        "'fuse' in error.constraint",
        "isinstance(error, Gone)",
        "if error.remedy: pass",
        "' '.join(str(error).split())",
        "text = 'gone'\n'x' in text",
        "def f(text):\n    return 'gone' in text\nf(sql)",
    ],
)
def test_a_fact_may_be_asked(source: str) -> None:
    assert not list(readers(source))


#: Phrases that have to be read twice, as regular expressions.
READ_TWICE = re.compile(r"heard of\b|\b(?:to|can) be had\b|\bby then\b")


def test_no_phrase_has_to_be_read_twice() -> None:
    files = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "templates").rglob("*.html"), *DASHBOARD.rglob("*.py")]
    places = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*sorted(files), *sorted(ROOT.glob("*.md"))]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if READ_TWICE.search(line)
    ]
    assert not places, "say it plainly: sends no sign of life, can be rolled back, what is there when it runs"


def test_no_docstring_begins_with_a_bare_of() -> None:
    """It would say what it belongs to before it says what it is."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef)
    begins = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
        for path in sorted(DASHBOARD.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, owners) and (ast.get_docstring(node) or "").startswith("Of ")
    ]
    assert not begins, "say first what it is: the runs that..., for a statement that..."
