"""The files in examples/ as a runner reads them: which commands of ours, in which order, with which variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OURS = re.compile(r"\s*signalbox ")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One line of a pipeline. `always`: after a failure too; `may_fail`: a failure of it is none."""

    line: str
    variables: Mapping[str, str] = field(default_factory=dict)
    always: bool = False
    may_fail: bool = False


def of_github(name: str, job: str) -> list[Command]:
    declared = read(EXAMPLES / "github" / name)
    return list(_steps(declared["jobs"][job], declared.get("env", {})))


def of_gitlab(name: str, *jobs: str, always: bool = False) -> list[Command]:
    """Of several jobs, as they follow each other; with `always` each whatever became of the one before."""
    declared = read(EXAMPLES / "gitlab" / name)
    return [
        Command(line=line, variables=declared[job].get("variables", {}), always=always)
        for job in jobs
        for line in declared[job]["script"]
        if OURS.match(line)
    ]


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _steps(job: Mapping[str, Any], of_all: Mapping[str, str]) -> Iterator[Command]:
    for step in job["steps"]:
        if OURS.match(step.get("run", "")):
            yield Command(
                line=step["run"],
                variables={**of_all, **job.get("env", {}), **step.get("env", {})},
                always="always()" in step.get("if", ""),
                may_fail=step.get("continue-on-error", False),
            )


def files() -> list[Path]:
    return sorted(EXAMPLES.rglob("*.yml"))
