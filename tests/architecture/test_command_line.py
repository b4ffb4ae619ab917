"""Every verb of `manage.py signalbox` can be found by someone who reads."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator

import pytest

from dashboard.cli import program
from dashboard.cli import verbs as cli
from dashboard.cli.exits import Exit
from dashboard.management.commands.signalbox import Command
from tests.architecture.enums import ROOT
from tests.architecture.source import text_of


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_is_documented(verb: str) -> None:
    text = text_of("README.md", "docs/**/*.md")
    assert re.search(rf"signalbox {verb}\b|^\| `{verb}\b", text, re.MULTILINE), (
        f"Say in README.md, under the command line, what `signalbox {verb}` does."
    )


def test_no_verb_is_documented_that_is_gone() -> None:
    verbs = set(re.findall(r"manage\.py signalbox ([a-z-]+)", text_of("README.md", "docs/**/*.md")))
    assert verbs <= set(cli.VERBS), f"There is no such verb: {sorted(verbs - set(cli.VERBS))}"


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    assert (cli.VERBS[verb].__doc__ or "").strip(), f"The docstring of dashboard/cli/{verb}.py is its help; write it."


def test_no_option_is_taken_for_a_longer_one() -> None:
    """A short form would mean something else once there is a second option that begins like it."""
    parsers = [*_parsers(Command().create_parser("manage.py", "signalbox"))]
    assert len(parsers) > len(cli.VERBS)
    lenient = [parser.prog for parser in parsers if parser.allow_abbrev]
    assert not lenient, f"Give add_parser allow_abbrev=False: {lenient}"


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _parsers(below)


def test_every_verb_of_the_program_is_documented_with_its_options() -> None:
    for verb, options in program.options_of_verbs().items():
        table = re.search(rf"^\| `{verb}` \|.*\|$", text_of("docs/CLI.md"), re.MULTILINE)
        assert table, verb
        missing = {each for each in options if each != "--help" and each not in table[0]}
        assert not missing, f"Say in docs/CLI.md what options `{verb}` has: {missing}"


def test_every_exit_code_is_documented() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d) \|", text_of("README.md"), re.MULTILINE)}
    missing = set(Exit) - rows
    assert not missing, f"Say in README.md, under the command line, what these exit codes mean: {missing}"
    assert rows <= set(Exit), f"No command ends with these codes any more: {rows - set(Exit)}"


def test_whoever_is_told_to_type_a_command_is_told_how_it_is_called_here() -> None:
    """One place knows that; a text that names it by itself is wrong wherever Signalbox runs in a container."""
    named = re.compile(rf"signalbox (?:{'|'.join(cli.VERBS)})\b")
    by_hand = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "dashboard").rglob("*.py"))
        if path.name != "states.py"  # writes a document of the repository
        for node in sentences(ast.parse(path.read_text(encoding="utf-8")))
        if named.search(node.value) and (node.value not in SESSIONS)
    ]
    by_hand += [path.name for path in (ROOT / "templates").rglob("*.html") if named.search(path.read_text())]
    assert not by_hand, f"Name it through dashboard/models/command_line.py: {by_hand}"


def test_the_list_of_verbs_has_a_whole_sentence_of_each() -> None:
    firsts = {name: (module.__doc__ or "").strip().splitlines()[0] for name, module in cli.VERBS.items()}
    firsts |= {name: program._summary(name) for name in program.VERBS}
    cut = [name for name, first in firsts.items() if not first.endswith((".", "?"))]
    assert not cut, f"The first line of a verb's help is shown alone, so end a sentence on it: {cut}"


#: Names of sessions, as the server lists them, and of a key.
SESSIONS = frozenset({"signalbox doctor", "signalbox demo", "signalbox audit chain"})


def sentences(tree: ast.AST) -> Iterator[ast.Constant]:
    """Its strings without the docstrings, of which the first lines are help of the command line itself."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node
