"""The examples for a CI are what a host takes, and their own lines are run here against real servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci import pipelines, test_deploy
from tests.ci.code_host import TOKEN, CodeHost
from tests.ci.conftest import Pipeline
from tests.fix_postgres import Database

BIN = Path(sys.executable).parent
ON_GITHUB = pipelines.of_github("pull-request.yml", "check")
ON_GITLAB = pipelines.of_gitlab("merge-request.yml", "lint", "rehearse", "comment", always=True)


def linted(*command: str | Path) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", pipelines.files(), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_an_example_fits_the_schema_of_its_host(file: Path) -> None:
    if file.parent.name == "github":
        linted("check-jsonschema", "--builtin-schema", "vendor.github-workflows", file)
    else:
        linted("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", file)


def test_no_workflow_is_unsafe() -> None:
    linted("zizmor", "--offline", "--no-progress", "--quiet", *sorted((pipelines.EXAMPLES / "github").glob("*.yml")))


def test_every_step_is_one_command() -> None:
    for command in (*ON_GITHUB, *ON_GITLAB, *test_deploy.GITHUB, *test_deploy.GITLAB):
        assert not {"&", ";", "|", "\n"} & set(command.line.strip()), command.line


def test_a_pull_request_on_github(pipeline: Pipeline, host: CodeHost, checkout: Path, target_db: Database) -> None:
    variables = host.of_github() | {"REHEARSAL_SERVER": target_db.url}
    filled = {"github.token": TOKEN}
    lint, sarif, rehearse, comment = pipeline(ON_GITHUB, variables=variables, expressions=filled)
    assert [lint.code, sarif.code, rehearse.code, comment.code] == [0, 0, 0, 0], (rehearse.err, comment.err)
    assert "1 of 1 migration proven" in host.comments[1]

    (checkout / "migrations_sql" / "002_bad.sql").write_text("DROP TABLE nowhere;\nSELECT now(\n")
    lint, sarif, rehearse, comment = pipeline(ON_GITHUB, variables=variables, expressions=filled)
    assert [lint.code, sarif.code, rehearse.code, comment.code] == [8, 8, 8, 0], comment.err
    assert "::error file=migrations_sql/002_bad.sql,line=" in lint.out
    assert json.loads((checkout / "signalbox.sarif").read_text())["version"] == "2.1.0"
    assert len(host.comments) == 1
    assert "### Lint: 1 error" in host.comments[1]


def test_a_merge_request_on_gitlab(pipeline: Pipeline, host: CodeHost, checkout: Path, target_db: Database) -> None:
    variables = host.of_gitlab() | {"REHEARSAL_SERVER": target_db.url}
    (checkout / "migrations_sql" / "002_drop.sql").write_text("DROP TABLE nowhere;\n")
    lint, rehearse, comment = pipeline(ON_GITLAB, variables=variables)
    assert [lint.code, rehearse.code, comment.code] == [0, 8, 0], comment.err
    assert {row["check_name"] for row in json.loads((checkout / "lint.json").read_text())} >= {"destructive"}
    assert "1 of 2 migrations proven" in host.comments[1]


# pre-commit


def test_the_hook_is_the_program_of_the_package() -> None:
    (hook,) = pipelines.read(pipelines.ROOT / ".pre-commit-hooks.yaml")
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    assert pipelines.OURS.match(hook["entry"])


def test_the_hook_stops_a_commit_with_an_error(pipeline: Pipeline, checkout: Path) -> None:
    (hook,) = pipelines.read(pipelines.ROOT / ".pre-commit-hooks.yaml")
    command = pipelines.Command(line=hook["entry"])
    assert [done.code for done in pipeline([command], variables={})] == [0]
    (checkout / "migrations_sql" / "002_bad.sql").write_text("SELECT now(\n")
    assert [done.code for done in pipeline([command], variables={})] == [8]
