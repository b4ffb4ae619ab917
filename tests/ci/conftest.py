from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ci import code_host
from tests.ci.code_host import CodeHost
from tests.ci.pipelines import ROOT, Command
from tests.program.conftest import WITHOUT_DJANGO

#: What both hosts put in the place of an expression or a variable: names, as the examples write them.
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of one command."""

    line: str
    code: int
    out: str
    err: str


type Pipeline = Callable[..., list[Ran]]


@pytest.fixture
def host() -> Iterator[CodeHost]:
    with code_host.running() as running:
        yield running


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The repository of somebody else, with one migration."""
    folder = tmp_path / "checkout" / "migrations_sql"
    folder.mkdir(parents=True)
    (folder / "001_users.sql").write_text("CREATE TABLE users (id bigint, name text);\n")
    (folder / "001_rollback.sql").write_text("DROP TABLE users;\n")
    return folder.parent


@pytest.fixture
def pipeline(checkout: Path, tmp_path: Path) -> Pipeline:
    """`pipeline(commands, variables=…, expressions=…)` runs them as a runner does, with the program `signalbox` and no
    Django, until one fails; after that those that run always. `variables` replace what the example declares."""
    program = tmp_path / "bin" / "signalbox"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{WITHOUT_DJANGO}" "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    basis = {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}

    def run(
        commands: Iterable[Command], *, variables: Mapping[str, str], expressions: Mapping[str, str] | None = None
    ) -> list[Ran]:
        ran: list[Ran] = []
        failed = False
        for command in commands:
            if failed and not command.always:
                continue
            declared = {name: _filled(value, expressions or {}) for name, value in command.variables.items()}
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", _filled(command.line, expressions or {})],
                cwd=checkout,
                env=basis | declared | dict(variables),
                capture_output=True,
                text=True,
                timeout=180,
                check=False,
            )
            ran.append(Ran(line=command.line, code=done.returncode, out=done.stdout, err=done.stderr))
            failed = failed or (done.returncode != 0 and not command.may_fail)
        return ran

    return run


def _filled(text: str, expressions: Mapping[str, str]) -> str:
    return EXPRESSION.sub(lambda named: expressions[named[1]], text)
