from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.environments import Environment
from config.sources import Source
from tests.cli.conftest import Signalbox
from tests.fix_project import Project

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

MANAGE = Path(__file__).parents[2] / "manage.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "001_users.sql").write_text("CREATE TABLE users (id bigint);")
    (tmp_path / "001_rollback.sql").write_text("DROP TABLE users;")
    return tmp_path


def test_it_has_nothing_to_say_of_a_sound_folder(signalbox: Signalbox, folder: Path):
    answer = signalbox("lint", "--source", str(folder))
    assert (answer.code, answer.out) == (0, "1 migration: 0 errors, 0 warnings, 0 notes\n")
    assert signalbox("lint", "--source", str(folder), "--json").out == ""


def test_each_finding_is_a_line_that_editors_can_follow(signalbox: Signalbox, folder: Path):
    (folder / "002_drop.sql").write_text("-- signalbox: irreversible=gone\nSELECT 1;\n  DROP TABLE users;")
    answer = signalbox("lint", "--source", str(folder))
    assert answer.code == 0
    first, advice, summary = answer.out.splitlines()
    assert first == "002_drop.sql:3:3: warning: This drops table users; its data are gone. (destructive)"
    assert advice.startswith("    Check that nothing reads it")
    assert summary == "2 migrations: 0 errors, 1 warning, 0 notes"


def test_json_is_one_object_a_line(signalbox: Signalbox, folder: Path):
    (folder / "002_bad.sql").write_text("CREATE TABEL a ();\n")
    answer = signalbox("lint", "--source", str(folder), "--json")
    assert answer.code == 8
    rows = [json.loads(line) for line in answer.out.splitlines()]
    error = next(row for row in rows if row["severity"] == "error")
    assert (error["rule"], error["file"], error["line"], error["column"]) == ("syntax-error", "002_bad.sql", 1, 8)
    assert set(error) == {
        "rule", "severity", "file", "line", "column", "sentence", "advice", "statement", "suppressed",
    }  # fmt: skip


def test_an_error_that_the_file_allows_is_shown_and_does_not_count(signalbox: Signalbox, folder: Path):
    allowed = "-- signalbox:allow ends-sessions only the retired batch user"
    (folder / "002_end.sql").write_text(
        f"-- signalbox: irreversible=gone\nSELECT 1;\n{allowed}\nSELECT pg_cancel_backend(1);"
    )
    answer = signalbox("lint", "--source", str(folder))
    assert answer.code == 0
    assert "    allowed: only the retired batch user" in answer.out
    assert "0 errors, 0 warnings, 0 notes, 1 allowed in the files" in answer.out


def test_supabase_and_the_version_are_told_to_the_rules(signalbox: Signalbox, folder: Path):
    assert signalbox("lint", "--source", str(folder), "--supabase").code == 8
    (folder / "001_users.sql").write_text("ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 1;")
    assert "is rewritten" in signalbox("lint", "--source", str(folder), "--pg", "10").out
    assert "is rewritten" not in signalbox("lint", "--source", str(folder), "--pg", "17").out


def test_problems_of_the_folder_are_findings(signalbox: Signalbox, folder: Path):
    (folder / "001_other.sql").write_text("SELECT 1;")
    answer = signalbox("lint", "--source", str(folder), "--json")
    assert answer.code == 8
    assert {json.loads(line)["rule"] for line in answer.out.splitlines()} >= {"duplicate-version"}


def test_a_missing_folder_is_wrong_usage(signalbox: Signalbox, tmp_path: Path):
    answer = signalbox("lint", "--source", str(tmp_path / "gone"))
    assert (answer.code, answer.out) == (2, "")
    assert "There is no migrations folder" in answer.err


def test_it_needs_no_control_database(folder: Path):
    environment = os.environ | {"SIGNALBOX_DATABASE_URL": "postgresql://nobody:s3cret@127.0.0.1:1/gone"}
    command = [sys.executable, MANAGE, "signalbox", "lint", "--source", folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_has_read_enough_ends_it_quietly(tmp_path: Path):
    for number in range(1, 400):
        (tmp_path / f"{number:03}_a.sql").write_text("DROP TABLE a;")
    command = [sys.executable, str(MANAGE), "signalbox", "lint", "--json", "--source", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as lint:
        assert lint.stdout is not None
        assert lint.stderr is not None
        lint.stdout.readline()
        lint.stdout.close()
        assert b"Traceback" not in lint.stderr.read()


def test_the_server_of_an_environment_is_asked_too(signalbox: Signalbox, two_files: Project):
    two_files.write(_003_t="CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) VIRTUAL);")
    source = ("--source", str(two_files.folder), "--json")
    assert "of Staging" not in signalbox("lint", *source).out
    answer = signalbox("lint", *source, "--env", "staging")
    assert answer.code == 8
    rows = [json.loads(line) for line in answer.out.splitlines()]
    (finding,) = [each for each in rows if each["rule"] == "syntax-error"]
    assert (finding["file"], finding["line"]) == ("003_t.sql", 1)
    assert "of Staging refuses the file" in finding["sentence"]


def test_a_server_that_is_not_there_is_named(
    signalbox: Signalbox, two_files: Project, unreachable: Callable[[Environment], Environment]
):
    unreachable(two_files.staging)
    answer = signalbox("lint", "--source", str(two_files.folder), "--env", "staging")
    assert answer.code == 7
    assert "Staging cannot be reached" in answer.err


def test_a_folder_without_a_migration_is_no_success(signalbox: Signalbox, tmp_path: Path):
    answer = signalbox("lint", "--source", str(tmp_path))
    assert answer.code == 8
    assert "Nothing was linted" in answer.err


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        ("environments=staging", "environments=production", 0),
        ("environments=staging", "except=staging,development", 0),
        ("environments=staging", "except=production", 8),
        ("except=staging", "except=production", 8),
        ("environments=staging,production", "environments=production", 8),
    ],
)
def test_files_of_one_number_that_no_environment_has_together_are_no_conflict(
    signalbox: Signalbox, tmp_path: Path, one: str, other: str, code: int
):
    for name, said in (("b", one), ("c", other)):
        (tmp_path / f"002_{name}.sql").write_text(
            f"-- signalbox: {said}\nCREATE TABLE {name} (id bigint PRIMARY KEY);\n"
        )
        (tmp_path / f"002_{name}_rollback.sql").write_text(f"DROP TABLE {name};\n")
    assert signalbox("lint", "--source", str(tmp_path)).code == code


# Which files


def declare(project: Project, settings: SettingsWrapper, *names: str) -> None:
    """Each has a folder with one file, and each environment takes its files from the last."""
    for name in names:
        (project.folder.parent / name).mkdir()
        (project.folder.parent / name / f"001_{name}.sql").write_text("SELECT 1;")
    settings.SOURCES = tuple(Source(name=name, folder=project.folder.parent / name) for name in names)
    settings.ENVIRONMENTS = tuple(replace(each, source=names[-1]) for each in settings.ENVIRONMENTS)


def test_where_no_environment_has_the_default_source_the_only_one_is_meant(
    signalbox: Signalbox, project: Project, settings: SettingsWrapper
):
    declare(project, settings, "blog")
    assert "001_blog.sql" in signalbox("lint").out


@pytest.mark.parametrize("verb", [("lint",), ("rehearse", "--from-scratch")])
def test_of_several_it_has_to_be_said_which(
    signalbox: Signalbox, project: Project, settings: SettingsWrapper, verb: tuple[str, ...]
):
    declare(project, settings, "blog", "shop")
    answer = signalbox(*verb)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "signalbox: several sources are declared. Say which with --source: blog, shop.\n"
    assert "001_blog.sql" in signalbox("lint", "--source", "blog").out


# Formats


@pytest.fixture
def with_findings(folder: Path) -> Path:
    (folder / "002_drop, 5%.sql").write_text("-- signalbox: irreversible=gone\nSELECT 1;\n  DROP TABLE users;")
    (folder / "003_end.sql").write_text(
        "-- signalbox: irreversible=gone\nSELECT 1;\n-- signalbox:allow ends-sessions only the batch user\n"
        "SELECT pg_cancel_backend(1);"
    )
    return folder


def test_github_annotates_the_line(signalbox: Signalbox, with_findings: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(with_findings.parent)
    out = signalbox("lint", "--source", with_findings.name, "--format", "github").out
    (line,) = out.splitlines()
    where = f"file={with_findings.name}/002_drop%2C 5%25.sql,line=3,col=3,title=destructive"
    assert line.startswith(f"::warning {where}::This drops table users")


def test_gitlab_gets_a_report_of_code_quality(signalbox: Signalbox, with_findings: Path):
    (row,) = json.loads(signalbox("lint", "--source", str(with_findings), "--format", "gitlab").out)
    assert set(row) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert (row["check_name"], row["severity"], row["location"]["lines"]) == ("destructive", "minor", {"begin": 3})


def test_sarif_has_what_is_allowed_too_with_its_reason(signalbox: Signalbox, with_findings: Path):
    log = json.loads(signalbox("lint", "--source", str(with_findings), "--format", "sarif").out)
    (run,) = log["runs"]
    results = {result["ruleId"]: result for result in run["results"]}
    assert log["version"] == "2.1.0"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == set(results) == {"destructive", "ends-sessions"}
    assert results["destructive"]["suppressions"] == []
    assert results["ends-sessions"]["suppressions"] == [{"kind": "inSource", "justification": "only the batch user"}]
    place = results["destructive"]["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 3, "startColumn": 3}
    assert place["artifactLocation"]["uri"].endswith("002_drop%2C%205%25.sql")


@pytest.mark.parametrize("as_what", ["gitlab", "sarif"])
def test_a_folder_without_findings_is_an_empty_report(signalbox: Signalbox, folder: Path, as_what: str):
    report = json.loads(signalbox("lint", "--source", str(folder), "--format", as_what).out)
    assert (report if as_what == "gitlab" else report["runs"][0]["results"]) == []


@pytest.mark.parametrize("as_what", ["github", "gitlab", "sarif"])
def test_every_format_ends_with_8_where_a_finding_is_an_error(signalbox: Signalbox, folder: Path, as_what: str):
    (folder / "002_bad.sql").write_text("CREATE TABEL a ();\n")
    assert signalbox("lint", "--source", str(folder), "--format", as_what).code == 8
