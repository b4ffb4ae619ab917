"""Each import contract in pyproject.toml is broken by the import it is there to forbid."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

DOWNWARD = "Imports only go downward"
ENGINE = "Imports inside the engine only go downward"
CIRCLE = "There is no circle of imports"
NO_DJANGO = "The engine knows no Django and no queue"
NO_CONTROL = "What works without a control database knows no Django"
PURE = "What decides never talks to a database"
ONLY_THE_ENGINE = "Only the engine talks to targets and parses SQL"
ONLY_SQL = "Inside the engine only sql/ parses SQL"

PLANTED = [
    pytest.param("models/audit.py", "dashboard.selectors.audit", {DOWNWARD, CIRCLE}, id="a model reads"),
    pytest.param(
        "presenters/pills.py", "dashboard.forms.audit", {DOWNWARD, CIRCLE, NO_CONTROL}, id="a presenter takes a form"
    ),
    pytest.param("attic.py", "json", {DOWNWARD}, id="a module without a layer"),
    pytest.param("engine/files/format.py", "dashboard.engine.lint.findings", {ENGINE}, id="files ask lint"),
    pytest.param("engine/forecast/values.py", "dashboard.engine.lint.findings", {ENGINE}, id="forecast asks lint"),
    pytest.param("engine/attic.py", "json", {ENGINE}, id="a room of the engine without a layer"),
    pytest.param("engine/sql/excerpts.py", "dashboard.engine.sql.tokens", {CIRCLE}, id="a circle in a package"),
    pytest.param("engine/plan.py", "django", {NO_DJANGO, NO_CONTROL}, id="the engine uses Django"),
    pytest.param("local/folders.py", "django", {NO_CONTROL}, id="a local verb uses Django"),
    pytest.param("engine/lint/findings.py", "psycopg", {PURE}, id="lint talks to a database"),
    pytest.param("services/queue.py", "psycopg", {ONLY_THE_ENGINE}, id="a service talks to a target"),
    pytest.param("views/audit.py", "postgast", {ONLY_THE_ENGINE}, id="a view parses SQL"),
    pytest.param("engine/lint/findings.py", "postgast", {ONLY_SQL}, id="lint parses SQL by itself"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("contracts")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in ("config", "dashboard"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    return copy


@pytest.fixture
def plant(tree: Path) -> Iterator[object]:
    """Write an import into a module of the copy; afterwards the module is as it was."""
    changed: dict[Path, str | None] = {}

    def write(module: str, imported: str) -> None:
        path = tree / "dashboard" / module
        changed[path] = path.read_text() if path.exists() else None
        path.write_text(f"{changed[path] or ''}\nimport {imported}\n")

    yield write
    for path, text in changed.items():
        path.write_text(text) if text is not None else path.unlink()


def broken(tree: Path) -> set[str]:
    result = subprocess.run(
        [LINT_IMPORTS, "--no-logo"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    answers = re.findall(r"^(.+) (KEPT|BROKEN)$", result.stdout, re.MULTILINE)
    assert {name for name, _ in answers} == set(contracts()), result.stdout + result.stderr
    return {name for name, answer in answers if answer == "BROKEN"}


def contracts() -> dict[str, dict[str, list[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["name"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def test_the_tree_as_it_is_keeps_every_contract(tree: Path):
    assert broken(tree) == set()


@pytest.mark.parametrize(("module", "imported", "expected"), PLANTED)
def test_a_forbidden_import_breaks_its_contract(tree: Path, plant, module: str, imported: str, expected: set[str]):
    plant(module, imported)
    assert broken(tree) == expected


def test_every_contract_has_an_import_that_breaks_it():
    assert set().union(*(case.values[2] for case in PLANTED)) == set(contracts())


def test_every_module_of_the_engine_that_reaches_no_database_is_listed():
    graph = grimp.build_graph("dashboard", include_external_packages=True, cache_dir=None)
    listed = contracts()[PURE]["source_modules"]
    within = {*listed, *(inner for module in listed for inner in graph.find_descendants(module))}
    modules = {m for m in graph.find_descendants("dashboard.engine") if not graph.find_children(m)}
    pure = {module for module in modules if "psycopg" not in graph.find_upstream_modules(module)}
    assert not pure - within, f"list them in the contract {PURE!r} of pyproject.toml"


def test_the_engine_loads_without_django():
    code = "import dashboard.engine.rehearsal, sys; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
