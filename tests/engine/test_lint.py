"""Each rule by its cases in cases/lint/<rule>.yml; then what is common to all of them.

A case is the SQL of a migration, or a mapping: `up`, `down`, `earlier` (a migration before it), `context`. A failing
case may say `file`, `line` and `says`, a part of the sentence.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgast
import pytest
import yaml

from dashboard.engine.files import discovery
from dashboard.engine.lint import RULES, Finding, LintContext, advice, lint, lint_folder, rules, squawk
from dashboard.engine.migration import Severity
from dashboard.engine.sql.statements import split
from dashboard.engine.sql.transaction import plan_transaction
from dashboard.engine.sql.trees import ColumnType
from dashboard.engine.sql.type_changes import keeps_rows, narrows
from tests.engine import new_rule

CASES = Path(__file__).parent / "cases" / "lint"
PAGES = Path(__file__).parents[2] / "docs" / "lint"


def cases(kind: str) -> list[Any]:
    listed = []
    for path in sorted(CASES.glob("*.yml")):
        for number, case in enumerate(yaml.safe_load(path.read_text(encoding="utf-8"))[kind], start=1):
            case = {"up": case} if isinstance(case, str) else case
            listed.append(pytest.param(path.stem, case, id=f"{path.stem}-{number}"))
    return listed


def findings_of(folder: Path, case: dict[str, Any]) -> tuple[Finding, ...]:
    """The case as a folder in the seed's format; all findings but those about the earlier migration."""
    if "earlier" in case:
        (folder / "001_earlier.sql").write_text(case["earlier"], encoding="utf-8", newline="")
    (folder / "002_it.sql").write_text(case["up"], encoding="utf-8", newline="")
    if "down" in case:
        (folder / "002_it_rollback.sql").write_text(case["down"], encoding="utf-8", newline="")
    given = {name: frozenset(v) if isinstance(v, list) else v for name, v in case.get("context", {}).items()}
    findings = lint_folder(discovery.read(folder), LintContext(**given))
    return tuple(finding for finding in findings if finding.file != "001_earlier.sql")


@pytest.mark.parametrize(("rule", "case"), cases("fail"))
def test_the_rule_finds(tmp_path: Path, rule: str, case: dict[str, Any]):
    findings = [f for f in findings_of(tmp_path, case) if f.rule == rule]
    assert findings
    assert findings[0].line == case.get("line", findings[0].line)
    assert findings[0].file == case.get("file", findings[0].file)
    assert case.get("says", "") in findings[0].sentence
    for finding in findings:
        assert finding.sentence.endswith(".")
        assert finding.advice.endswith(".")


@pytest.mark.parametrize(("rule", "case"), cases("pass"))
def test_the_rule_leaves_alone(tmp_path: Path, rule: str, case: dict[str, Any]):
    assert [f for f in findings_of(tmp_path, case) if f.rule == rule] == []


# Nothing is forgotten


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_cases_that_pass_and_cases_that_fail(rule: str):
    path = CASES / f"{rule}.yml"
    assert path.exists(), f"write tests/engine/cases/lint/{rule}.yml with the lists pass and fail"
    assert all(yaml.safe_load(path.read_text(encoding="utf-8"))[kind] for kind in ("pass", "fail"))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_page_that_says_what_to_do(rule: str):
    page = PAGES / f"{rule}.md"
    assert page.exists(), f"write docs/lint/{rule}.md; `make new-rule` shows its shape"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {rule}\n")
    assert "\n## What to do instead\n" in text
    assert "\n## How to allow it\n" in text


@pytest.mark.parametrize("rule", RULES)
def test_what_a_page_advises_runs_here_and_is_not_found_again(tmp_path: Path, rule: str):
    """Its SQL in the order of the page: each block is a file, or where that cannot run, each of its statements."""
    for number, sql in enumerate(advised_files(rule), start=100):
        (tmp_path / f"{number}_it.sql").write_text(sql, encoding="utf-8")
        (tmp_path / f"{number}_it_rollback.sql").write_text("SELECT undo();", encoding="utf-8")
    findings = lint_folder(discovery.read(tmp_path), LintContext(supabase=rule == "rls-missing"))
    assert [f for f in findings if f.file and (f.rule == rule or f.severity is Severity.ERROR)] == []


def advised_files(rule: str) -> Iterator[str]:
    advice_text = (PAGES / f"{rule}.md").read_text(encoding="utf-8").split("## What to do instead")[1].split("\n## ")[0]
    for block in re.findall(r"(?:^    .*\n)+", advice_text, re.MULTILINE):
        statements = split(block)
        if plan_transaction(statements, {}).fault:
            yield from (statement.sql for statement in statements)
        elif statements:
            yield block


def test_no_page_and_no_cases_are_left_of_a_rule_that_is_gone():
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    assert pages | {path.stem for path in CASES.glob("*.yml")} == set(RULES)


def test_every_own_rule_states_its_contract():
    assert all((module.__doc__ or "").strip() for module in rules.RULES.values())


def test_what_a_rule_is_about_is_part_of_the_grammar():
    """A name that is misspelt there would keep its rule from every script."""
    named = {kind for rule in rules.RULES.values() for kind in getattr(rule, "KINDS", ())}
    assert named
    assert named <= set(postgast.pg_query_pb2.DESCRIPTOR.message_types_by_name)


def test_no_rule_of_ours_hides_one_of_squawk():
    assert not set(rules.RULES) & set(advice.RULES)


def test_a_new_rule_starts_with_code_a_page_and_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("dashboard/engine/lint/rules", "docs/lint", "tests/engine/cases/lint"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(new_rule, "ROOT", tmp_path)
    new_rule.main("some-rule")
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {
        "dashboard/engine/lint/rules/some_rule.py",
        "docs/lint/some-rule.md",
        "tests/engine/cases/lint/some-rule.yml",
    }
    with pytest.raises(SystemExit, match="is there already"):
        new_rule.main("some-rule")


# Places


def test_a_finding_knows_its_place_in_characters(tmp_path: Path):
    (findings,) = (
        f
        for f in findings_of(tmp_path, {"up": "-- é日本😀\nSELECT 'é日本😀'; CREATE INDEX i ON t (a);\n"})
        if f.rule == "require-concurrent-index-creation"
    )
    assert (findings.line, findings.column, findings.statement) == (2, 16, 2)


def test_a_finding_inside_a_do_block_points_into_the_block(tmp_path: Path):
    body = "BEGIN\n  IF true THEN\n    DROP TABLE users;\n  END IF;\n  EXECUTE 'TRUNCATE orders';\nEND"
    block = f"SELECT 1;\nDO $$\n{body} $$;\n"
    findings = [f for f in findings_of(tmp_path, {"up": block}) if f.rule == "destructive"]
    assert [(f.line, f.column, f.statement) for f in findings] == [(5, 5, 2), (7, 12, 2)]


def test_a_block_that_cannot_be_read_is_left_alone(tmp_path: Path):
    deep = f"DO $$ BEGIN {'IF a THEN ' * 3000} NULL; {'END IF; ' * 3000} END $$;"
    broken = "DO $$ BEGIN what is this END $$; DO LANGUAGE plpgsql 'BEGIN DROP TABLE users; END';"
    findings = [f for f in findings_of(tmp_path, {"up": f"{deep}\n{broken}"}) if f.rule == "destructive"]
    assert [(f.line, f.statement) for f in findings] == [(2, 3)]


# Suppressions


def standing(findings: tuple[Finding, ...]) -> set[str]:
    return {f.rule for f in findings if not f.suppressed and f.rule != "no-rollback"}


@pytest.mark.parametrize(
    "text",
    [
        "-- signalbox:allow destructive moved to archive\nDROP TABLE a;",
        "-- signalbox: allow destructive moved to archive\nDROP TABLE a;",
        "DROP TABLE a; -- signalbox:allow destructive moved to archive",
        "SELECT 1;\nDROP TABLE -- signalbox:allow destructive moved to archive\n  a;",
        "SELECT 1;\n-- signalbox:allow destructive moved to archive\n-- and another comment\nDROP TABLE a;",
        "-- signalbox:allow destructive moved to archive\n\nSELECT 1;\nDROP TABLE a;",
    ],
    ids=["above", "with a colon", "beside", "inside", "stacked", "whole file"],
)
def test_a_suppression_with_a_reason_answers_the_finding(tmp_path: Path, text: str):
    findings = findings_of(tmp_path, {"up": text})
    (answered,) = (f for f in findings if f.rule == "destructive")
    assert answered.suppressed == "moved to archive"
    assert not answered.blocks
    assert "destructive" not in standing(findings)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;\n-- signalbox:allow destructive moved\nSELECT 2;\nDROP TABLE a;",
        "SELECT 1;\n-- signalbox:allow destructive moved\n\nDROP TABLE a;",
        "SELECT '-- signalbox:allow destructive moved';\nDROP TABLE a;",
    ],
    ids=["above another statement", "a blank line between", "in a string"],
)
def test_a_suppression_somewhere_else_does_not(tmp_path: Path, text: str):
    assert "destructive" in standing(findings_of(tmp_path, {"up": text}))


def test_a_suppression_that_suppresses_nothing_is_noted(tmp_path: Path):
    findings = findings_of(tmp_path, {"up": "-- signalbox:allow destructive it is empty\nSELECT 1;"})
    (note,) = (f for f in findings if f.rule == "suppression")
    assert (note.severity, note.line) == (Severity.NOTE, 1)


@pytest.mark.parametrize(
    ("comment", "sentence"),
    [
        ("-- signalbox:allow destructive", "This suppression of destructive does nothing, because it has no reason."),
        ("-- signalbox:allow destructiv moved", "This suppression does nothing: there is no rule called destructiv."),
        ("-- signalbox:allow", "This suppression does nothing: there is no rule named."),
        ("-- squawk-ignore ban-drop-table", "squawk-ignore suppresses nothing here, because it has no reason."),
    ],
)
def test_a_suppression_that_cannot_work_is_a_finding_and_suppresses_nothing(
    tmp_path: Path, comment: str, sentence: str
):
    findings = findings_of(tmp_path, {"up": f"{comment}\nDROP TABLE a;"})
    assert [f.sentence for f in findings if f.rule == "suppression"] == [sentence]
    assert "destructive" in standing(findings)


def test_what_the_reader_refuses_cannot_be_allowed(tmp_path: Path):
    findings = findings_of(tmp_path, {"up": "-- signalbox:allow syntax-error it is fine\n\nCREATE TABEL a ();"})
    assert any(f.rule == "syntax-error" and f.blocks for f in findings)


def test_squawks_own_ignore_comment_hides_nothing(tmp_path: Path):
    findings = findings_of(tmp_path, {"up": "-- squawk-ignore-file\nCREATE INDEX i ON t (a);"})
    assert "require-concurrent-index-creation" in standing(findings)


def test_what_is_said_of_the_whole_file_is_allowed_at_its_head(tmp_path: Path):
    findings = findings_of(tmp_path, {"up": "-- signalbox:allow no-rollback nothing to undo\nSELECT 1;"})
    assert [f.suppressed for f in findings if f.rule == "no-rollback"] == ["nothing to undo"]


# squawk


def test_without_squawk_the_other_rules_are_checked_and_a_note_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(squawk.sysconfig, "get_path", lambda name: str(tmp_path / "nowhere"))
    text = "-- signalbox:allow renaming-table nobody reads it\nALTER TABLE a RENAME TO b;\nDROP TABLE users;"
    findings = findings_of(tmp_path, {"up": text})
    assert [(f.severity, f.file) for f in findings if f.rule == "squawk-missing"] == [(Severity.NOTE, "")]
    assert standing(findings) == {"squawk-missing", "destructive"}


def test_a_squawk_that_answers_nonsense_is_treated_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "squawk"
    program.write_text("#!/bin/sh\necho oops\n")
    program.chmod(0o755)
    monkeypatch.setattr(squawk.sysconfig, "get_path", lambda name: str(tmp_path))
    (tmp_path / "files").mkdir()
    findings = findings_of(tmp_path / "files", {"up": "DROP TABLE users;"})
    assert standing(findings) == {"squawk-missing", "destructive"}


def test_a_folder_is_one_call_of_squawk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: calls.append(args) or real(*args, **kwargs))
    for number in range(10, 40):
        (tmp_path / f"0{number}_file.sql").write_text("CREATE INDEX i ON t (a);")
    findings = lint_folder(discovery.read(tmp_path), LintContext())
    assert len(calls) == 1
    assert sum(f.rule == "require-concurrent-index-creation" for f in findings) == 30


def test_squawk_is_told_the_version_of_the_target(tmp_path: Path):
    adding = "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 1;"
    of_10 = findings_of(tmp_path, {"up": adding, "context": {"pg_major": 10}})
    of_17 = findings_of(tmp_path, {"up": adding})
    assert "adding-field-with-default" in standing(of_10)
    assert "adding-field-with-default" not in standing(of_17)


# One migration, and a folder


def test_one_migration_is_judged_as_in_its_folder(tmp_path: Path):
    (tmp_path / "001_a.sql").write_text("CREATE TABLE t (id bigint, note text);")
    (tmp_path / "002_b.sql").write_text("ALTER TABLE t ALTER note TYPE varchar(10); CREATE INDEX i ON t (id);")
    (tmp_path / "002_rollback.sql").write_text("DROP TABLE t CASCADE;")
    folder = discovery.read(tmp_path)
    first, second = folder.migrations
    alone = lint(second, context=LintContext(), earlier=[first])
    assert alone == tuple(f for f in lint_folder(folder, LintContext()) if f.file.startswith("002"))
    assert {f.rule for f in alone} == {
        "cascade-in-rollback",
        "changing-column-type",
        "destructive",
        "require-concurrent-index-creation",
        "rollback-drops-more",
    }


def test_what_the_reader_finds_wrong_with_the_folder_is_found_too(tmp_path: Path):
    for name in ("001_a.sql", "001_b.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    (tmp_path / "009_rollback.sql").write_text("CREATE TABEL a ();")
    findings = {(f.rule, f.file) for f in lint_folder(discovery.read(tmp_path), LintContext())}
    assert {
        ("duplicate-version", "001_a.sql"),
        ("duplicate-version", "001_b.sql"),
        ("orphan-rollback", "009_rollback.sql"),
        ("syntax-error", "009_rollback.sql"),
    } <= findings


def test_no_finding_quotes_a_secret(tmp_path: Path):
    texts = [case.values[1]["up"] for case in cases("fail") if case.values[0] == "secret-in-sql"]
    (tmp_path / "001_all.sql").write_text("\n;\n".join(texts))
    findings = lint_folder(discovery.read(tmp_path), LintContext())
    assert sum(f.rule == "secret-in-sql" for f in findings) >= len(texts)
    said = " ".join(f"{f.sentence} {f.advice}" for f in findings)
    assert not re.findall(r"s3cr3t|Xk9\w+|eyJ\w+|AKIA\w+|ghp_\w+", said)


def test_lint_talks_to_no_database():
    code = "import dashboard.engine.lint, sys; sys.exit('psycopg' in sys.modules or 'django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Types


@pytest.mark.parametrize(
    ("old", "new", "loses", "free"),
    [
        ("int8", "int4", True, False),
        ("int4", "int8", False, False),
        ("serial", "int2", True, False),
        ("text", "varchar 10", True, False),
        ("varchar 10", "varchar 5", True, False),
        ("varchar 10", "varchar 20", False, True),
        ("varchar 10", "text", False, True),
        ("varchar", "varchar 10", True, False),
        ("text", "varchar", False, True),
        ("numeric 10 2", "numeric 8 2", True, False),
        ("numeric 10 2", "numeric 12 2", False, True),
        ("numeric 10 2", "numeric 12 4", False, False),
        ("numeric 10 2", "numeric 10 4", True, False),
        ("numeric 10 2", "int4", True, False),
        ("numeric 10 2", "numeric", False, True),
        ("timestamptz", "date", True, False),
        ("float8", "float4", True, False),
        ("text", "uuid", False, False),
    ],
)
def test_what_a_change_of_type_does(old: str, new: str, loses: bool, free: bool):
    assert narrows(parsed(old), parsed(new)) is loses
    assert keeps_rows(parsed(old), parsed(new)) is free


def parsed(text: str) -> ColumnType:
    name, *numbers = text.split()
    return ColumnType(name=name, numbers=tuple(map(int, numbers)))
