"""Every remedy of the folder's reader and of a plan, with a case that shows it: `pytest -s` prints them to be read.

No remedy tells a rollback to become a migration, or a file that is no SQL to be called .sql.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dashboard.engine import scoping
from dashboard.engine.files import discovery
from dashboard.engine.files.listing import Limits
from dashboard.engine.migration import Problem, Severity

FORMATS = Path(__file__).parents[2] / "docs" / "FORMATS.md"
UP = "CREATE TABLE a (id int);"

type Files = Mapping[str, str | bytes]

CASES: Mapping[str, Files] = {
    "ambiguous_rollback": {"001_a.sql": UP, "001_rollback.sql": UP, "rollback-001.sql": UP},
    "bad_scope": {"001_a.sql": f"-- signalbox: environments=a\n-- signalbox: except=b\n{UP}"},
    "missing_number": {"001_a.sql": UP, "003_c.sql": UP, "tern.conf": ""},
    "narrower_dependency": {
        "001_a.sql": f"-- signalbox: environments=a\n{UP}",
        "002_b.sql": f"-- signalbox: depends=001\n{UP}",
    },
    "unknown_environment": {"001_a.sql": f"-- signalbox: environments=c\n{UP}"},
    "backslash": {"001_a.sql": f"SET standard_conforming_strings = off;\n{UP}\nSELECT 'c:\\temp';"},
    "bad_journal": {"sqitch.plan": "a 2024-01-01T00:00:00Z A <a@b.c> # a"},
    "bad_marks": {"001_a.sql": f"{UP}\n-- migrate:up\n"},
    "bad_directive": {"001_a.sql": f"-- signalbox: lock_timeout=soon\n{UP}"},
    "bad_metadata": {"1_a/up.sql": UP, "1_a/metadata.toml": "run_in_transaction = 1"},
    "byte_order_mark": {"001_a.sql": b"\xef\xbb\xbfSELECT 1;"},
    "callback": {"V1__a.sql": UP, "afterMigrate.sql": UP},
    "client_copy": {"001_a.sql": "COPY a FROM STDIN;"},
    "crlf": {"001_a.sql": b"SELECT 1;\r\n"},
    "duplicate_version": {"001_a.sql": UP, "001_b.sql": UP, "003_c.sql": UP},
    "empty_folder": {},
    "empty_rollback": {"001_a.sql": UP, "001_rollback.sql": "--"},
    "hidden_character": {"001_a.sql": "SELECT\u00a01;"},
    "lone_cr": {"001_a.sql": b"-- a\rSELECT 1;"},
    "metadata": {"1_a/up.sql": UP, "1_a/metadata.toml": "run_in_transaction = false"},
    "mixed_transaction_control": {"001_a.sql": "BEGIN; SELECT 1;"},
    "no_rollback": {"001_a.sql": UP},
    "no_statement": {"001_a.sql": "-- withdrawn"},
    "no_up_file": {"1_a/up.sql": UP, "2_b/down.sql": UP},
    "non_transactional": {"001_a.sql": "VACUUM a;"},
    "non_transactional_mixed": {"001_a.sql": "SELECT 1; VACUUM a;"},
    "not_a_file": {"001_a.sql": UP},
    "not_a_migration": {"001_a.sql": f"-- migrate:up\n{UP}", "schema.sql": UP},
    "not_sql": {"README.md": ""},
    "not_utf8": {"001_a.sql": b"SELECT '\xe9';"},
    "nul_byte": {"001_a.sql": b"SELECT 1;\0"},
    "operator_run": {"001_a.sql": f"SELECT 1 {'+' * 256} 1;"},
    "orphan_rollback": {"001_rollback.sql": UP},
    "other_hash": {"1.sql": "--! Previous: -\n--! Hash: sha1:0\n\n" + UP},
    "unused_rollback": {"001_a.sql": "-- signalbox: repeatable\n" + UP, "001_rollback.sql": UP},
    "other_order": {"9_a/up.sql": UP, "10_b/up.sql": UP, "11_c/up.sql": UP},
    "other_system": {"20240101000000_a/migration.sql": UP, "migration_lock.toml": 'provider = "mysql"'},
    "other_tool": {
        "001_a.sql": f"-- migrate:up\n{UP}\n-- migrate:down\nDROP TABLE a;",
        "003_c.sql": UP,
        "004_d.sql": UP,
        "U1__a.sql": UP,
        "002_b.go": "",
        "20240101000000_c/migration.sql": UP,
    },
    "own_transaction": {"001_a.sql": "BEGIN; SELECT 1; COMMIT;"},
    "placeholder": {"001_a.sql": "CREATE TABLE ${a} (id int);"},
    "psql_command": {"001_a.sql": "\\set a 1\n"},
    "same_number": {"8_a.sql": UP, "008_b.sql": UP},
    "subfolder": {"old/a.sql": UP},
    "symlink": {"001_a.sql": UP},
    "syntax_error": {"001_a.sql": "CREATE TABEL a (id int);"},
    "template": {"001_a.sql": "{{ .name }}", "tern.conf": ""},
    "too_large": {"001_a.sql": "SELECT 1;" * 100},
    "too_many_statements": {"001_a.sql": "SELECT 1;SELECT 2;SELECT 3;"},
    "two_halves": {"001_a.sql": f"-- up\n{UP}\n-- down\nDROP TABLE a;"},
    "unknown_directive": {"001_a.sql": f"-- signalbox: fast=yes\n{UP}"},
    "unreadable": {"1_a/up.sql": UP, "2_b/up.sql": UP},
    "utf16": {"001_a.sql": "SELECT 1;".encode("utf-16")},
    "verify_file": {"test_a.sql": UP},
    "wrong_name": {
        "001_a.up.sql": UP,
        "002_b_down.sql": UP,
        "003-c.sql": UP,
        "004_d.undo.sql": UP,
        "005_e.sql.bak": UP,
        "006_f.txt": "",
        ".007_g.sql": UP,
    },
}
LIMITS = Limits(file_bytes=400, statements=2)


def problems(source: Path, code: str) -> list[Problem]:
    for name, content in CASES[code].items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    if code == "symlink":
        (source / "002_b.sql").symlink_to(source / "001_a.sql")
    if code == "not_a_file":
        os.mkfifo(source / "002_b.sql")
    if code == "unreadable":
        (source / "1_a" / "up.sql").unlink()
        (source / "1_a" / "up.sql").symlink_to(source / "2_b" / "up.sql")
    folder = scoping.judged(discovery.read(source, LIMITS), declared=("a", "b"), sharing=("a", "b"))
    return [p for p in folder.problems if p.code == code]


def test_every_problem_has_a_case() -> None:
    documented = set(re.findall(r"^\| `([a-z_0-9]+)` \|", FORMATS.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(CASES) == documented


@pytest.mark.parametrize("code", [code for code in CASES if code != "unreadable"])  # as root everything is readable
def test_a_remedy_says_one_next_step_and_does_no_harm(code: str, tmp_path: Path) -> None:
    shown = problems(tmp_path, code)
    assert shown, f"the case of {code} does not show it"
    for problem in shown:
        sys.stdout.write(f"{code}: {problem.file}: {problem.sentence}\n    {problem.advice}\n")
        assert problem.sentence.endswith(".")
        assert problem.advice.endswith((".", "`."))
        assert problem.severity is not Severity.NOTE or problem.advice.startswith("Nothing needs to be done")
        if re.search(r"down|undo|rollback|^U[0-9]", problem.file):
            assert not re.search(r"ename it to \S*(?<!rollback)(?<!down)\.sql if it is a migration", problem.advice)
            assert not re.search(r"ename it to \S+\.up\.sql", problem.advice)
        if not re.search(r"sql", problem.file):
            assert not re.search(r"ename it to \S+\.sql", problem.advice)
