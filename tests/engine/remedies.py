"""docs/remedies.md: every remedy, beside the case that shows it. `python -m tests.engine.remedies` writes it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from dashboard.engine import errors, scoping
from dashboard.engine.errors import EngineError
from dashboard.engine.files import discovery
from dashboard.engine.git import errors as git
from dashboard.engine.lint import RULES, Finding, LintContext, lint_folder
from dashboard.engine.migration import Folder, Problem
from dashboard.engine.plan import Action, Step
from dashboard.engine.run import failures
from dashboard.engine.sql.statements import split
from dashboard.services import errors as refusals
from tests.engine import remedies_in_code
from tests.engine.remedies_in_code import RemedyInCode

PAGE = Path(__file__).parents[2] / "docs" / "remedies.md"
_FORMATS = Path(__file__).parents[2] / "docs" / "FORMATS.md"
_LINT = Path(__file__).parent / "cases" / "lint"

HEAD = """# Remedies: what is advised, and the case that shows it

Made by `python -m tests.engine.remedies` from the code and from the cases of the tests; the suite fails where this page
is out of date, or where something that can go wrong has no case here. Whoever changes a sentence sees here what it is
said of. A remedy names the culprit and one next step, and following it must do no harm: no rename makes a migration of
a rollback, or moves a file behind what needs it. Of what is put together in the code of the engine, an entry names the
test that carries the remedy out; where it has `-` instead, nothing but the words was looked at.
"""

_UP = "CREATE TABLE a (id int);\n"
_DOWN = "DROP TABLE a;\n"
#: By the code of the problem: files by name. A name that ends in "->" is a link, one in "|" a pipe.
FILES: Mapping[str, Mapping[str, str | bytes]] = {
    "ambiguous_rollback": {"001_a.sql": _UP, "001_rollback.sql": _DOWN, "rollback_001.sql": _DOWN},
    "backslash": {"001_a.sql": "SET standard_conforming_strings = off;\nSELECT 'a\\nb';\n"},
    "bad_journal": {"0000_a.sql": _UP, "meta/_journal.json": "{"},
    "bad_marks": {"1_a.sql": "-- migrate:down\n" + _DOWN + "-- migrate:up\n" + _UP},
    "callback": {"V1__a.sql": _UP, "afterMigrate.sql": "SELECT 1;\n"},
    "bad_scope": {"001_a.sql": "-- signalbox: environments=staging\n-- signalbox: except=production\n" + _UP},
    "missing_number": {"001_a.sql": _UP, "003_c.sql": _UP, "tern.conf": ""},
    "narrower_dependency": {
        "001_a.sql": "-- signalbox: except=production\n" + _UP,
        "002_b.sql": "-- signalbox: depends=001\n" + _UP,
    },
    "unknown_environment": {"001_a.sql": "-- signalbox: environments=stagign\n" + _UP},
    "bad_directive": {"001_a.sql": "-- signalbox: lock_timeout=soon\n" + _UP},
    "bad_metadata": {"001_a/up.sql": _UP, "001_a/metadata.toml": "run_in_transaction = 3\n"},
    "byte_order_mark": {"001_a.sql": b"\xef\xbb\xbf" + _UP.encode()},
    "client_copy": {"001_a.sql": "COPY a FROM STDIN;\n"},
    "crlf": {"001_a.sql": "CREATE TABLE a (id int);\r\n"},
    "duplicate_version": {"001_a.sql": _UP, "001_b.sql": "CREATE TABLE b (id int);\n", "002_c.sql": "SELECT 1;\n"},
    "empty_folder": {},
    "empty_rollback": {"001_a.sql": _UP, "001_rollback.sql": "-- nothing\n"},
    "hidden_character": {"001_a.sql": "CREATE TABLE\u00a0a (id int);\n"},
    "lone_cr": {"001_a.sql": "-- first\rDROP TABLE a;\n"},
    "metadata": {"001_a/up.sql": _UP, "001_a/metadata.toml": "run_in_transaction = false\n"},
    "mixed_transaction_control": {"001_a.sql": "BEGIN;\n" + _UP + "COMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;\n"},
    "no_rollback": {"001_a.sql": _UP},
    "no_statement": {"001_a.sql": "-- done by hand\n"},
    "no_up_file": {"001_a/down.sql": _DOWN, "002_b/up.sql": _UP},
    "non_transactional": {"001_a.sql": "CREATE INDEX CONCURRENTLY i ON a (id);\n"},
    "non_transactional_mixed": {"001_a.sql": _UP + "CREATE INDEX CONCURRENTLY i ON a (id);\n"},
    "not_a_migration": {"B1__a.sql": _UP, "V1__a.sql": _UP, "V2__b.sql": "SELECT 1;\n"},
    "other_system": {"1_a/migration.sql": _UP, "migration_lock.toml": 'provider = "mysql"\n'},
    "not_a_file": {"001_a.sql|": "", "002_b.sql": _UP},
    "not_sql": {"001_a.sql": _UP, "notes.txt": "later"},
    "not_utf8": {"001_a.sql": b"SELECT '\xe9';\n"},
    "nul_byte": {"001_a.sql": b"SELECT 1;\0\n"},
    "operator_run": {"001_a.sql": "/*" * 200 + "*/" * 200 + _UP},
    "orphan_rollback": {"001_a.sql": _UP, "009_rollback.sql": _DOWN},
    "other_hash": {"1.sql": "--! Previous: -\n--! Hash: sha1:0\n\n" + _UP},
    "unused_rollback": {"001_a.sql": "-- signalbox: repeatable\n" + _UP, "001_rollback.sql": _DOWN},
    "other_order": {"2_a/up.sql": _UP, "10_b/up.sql": "SELECT 1;\n"},
    "other_tool": {"001_a.py": "def upgrade():\n", "002_b.sql": _UP},
    "own_transaction": {"001_a.sql": "BEGIN;\n" + _UP + "COMMIT;\n"},
    "placeholder": {"001_a.sql": "CREATE TABLE ${schema}.a (id int);\n"},
    "psql_command": {"001_a.sql": "\\set x 1\n" + _UP},
    "same_number": {"1_a.sql": _UP, "001_b.sql": "SELECT 1;\n"},
    "subfolder": {"001_a.sql": _UP, "old/000_z.sql": "SELECT 1;\n"},
    "symlink": {"001_a.sql->": "/dev/null", "002_b.sql": _UP},
    "syntax_error": {"001_a.sql": "CREATE TABEL a (id int);\n"},
    "template": {"1_a.sql": "-- +goose Up\n-- +goose ENVSUB ON\nCREATE TABLE ${NAME} (id int);\n"},
    "too_large": {"001_a.sql": "-- " + "x" * (2 * 1024 * 1024) + "\n" + _UP},
    "too_many_statements": {"001_a.sql": "SELECT 1;\n" * 5001},
    "two_halves": {"001_a.sql": _UP + "-- down\n" + _DOWN},
    "unknown_directive": {"001_a.sql": "-- signalbox: speed=fast\n" + _UP},
    "utf16": {"001_a.sql": _UP.encode("utf-16")},
    "verify_file": {"001_a.sql": _UP, "test_001_a.sql": "SELECT 1;\n"},
    "wrong_name": {"001_a.sql": _UP, "002-b.sql": "CREATE TABLE b (id int);\n"},
}
#: A file that nobody may open cannot be made by a suite that runs as root: `test_files` takes the right away otherwise.
WITHOUT_A_CASE = frozenset({"unreadable"})

_ENVIRONMENTS = ("development", "staging", "production")

#: By the name of the explanation or its SQLSTATE: what the server answers so.
REFUSALS: Mapping[str, str] = {
    "25001": "SELECT pg_create_logical_replication_slot('s', 'pgoutput'), after a row was written",
    "25P01": "LOCK TABLE a, in a file with `transaction=none`",
    "2D000": "DO $$ BEGIN COMMIT; END $$",
    "42501": "ALTER TABLE a ADD b int, where another role owns a",
    "53100": "any statement that writes, where the disk is full",
    "55P03": "ALTER TABLE a ADD b int, while another session has read a and keeps its transaction open",
    "55P04": "ALTER TYPE mood ADD VALUE 'calm'; INSERT INTO days VALUES ('calm')",
    "40001": "an UPDATE, where the role is `serializable` by default and another session writes the same row",
    "40P01": "two ALTER TABLE of which another session holds one and waits for the other",
    "ALREADY_THERE": "CREATE TABLE a (id int), where a exists",
    "ROLLBACK_FAILED": "DROP TABLE a as a rollback, where somebody has dropped a",
    "NO_SUCH_EXTENSION": "CREATE EXTENSION vector, where the server does not have it",
    "NOT_EXPLAINED": "SELECT 1 / 0",
    "NOT_COPIED": "a rollback that saves rows first, where the role may not read them",
    "LOCK_RELEASED": "SELECT pg_advisory_unlock_all()",
    "COPY_FROM_CLIENT": "COPY a FROM STDIN that slipped through",
    "TRANSACTION_CONTROL": "a COMMIT that slipped through",
}

#: By the place of a remedy in the code and how it begins: the test that carries it out and sees what it promises.
CARRIED_OUT: Mapping[tuple[str, str], str] = {
    ("database/adoption::_of_table", "ALTER TABLE {table} RENAME"): "engine/test_advice::"
    "test_a_view_that_another_tool_keeps_is_renamed_and_the_tables_are_made_beside_it",
    ("database/adoption::_of_table", "ALTER TABLE {table} ADD PRIMARY KEY"): "engine/test_adoption::"
    "test_what_to_alter_makes_it_the_history_that_goes_on",
    ("database/adoption::_of_column", "ALTER TABLE"): "engine/test_adoption::"
    "test_what_to_alter_makes_it_the_history_that_goes_on",
    ("database/doctor::_rights", "GRANT CREATE ON DATABASE"): "engine/test_guest::"
    "test_a_role_that_may_make_no_schema_is_told_the_very_grant",
    ("database/doctor::_rights", "GRANT USAGE, CREATE ON SCHEMA"): "engine/test_doctor::"
    "test_what_a_role_lacks_is_named_with_the_grant_that_gives_it",
    ("database/doctor::_not_granted", "{how}"): "engine/test_doctor::"
    "test_what_a_first_migration_lacks_is_named_with_statements_that_can_be_run",
    ("database/guards::remedy_of", "Signalbox keeps its history"): "engine/test_guest::"
    "test_a_migration_that_makes_our_schema_is_told_who_was_first",
    ("planner/obstacles::modified", "Restore the file"): "engine/test_advice::"
    "test_an_edited_file_is_restored_and_its_change_becomes_a_migration",
    ("run/failures", "A block or procedure commits"): "engine/test_advice::"
    "test_what_refuses_a_transaction_runs_with_the_line_that_is_advised",
    ("run/failures", "A value that was added to an enum"): "engine/test_advice::"
    "test_a_value_of_an_enum_is_used_once_it_has_a_file_of_its_own",
    ("run/failures::left_half_done", "The way on"): "services/test_leftovers::"
    "test_it_is_named_as_left_by_that_run_with_its_way_on",
    ("run/failures::invalid_index_in_the_way", "Drop it first"): "engine/test_autocommit::"
    "test_an_invalid_index_in_the_way_is_refused_instead_of_skipped",
}


def carried_out_by(remedy: RemedyInCode) -> str:
    """The test; empty where a remedy is only described."""
    of_place = ((begins, test) for (place, begins), test in CARRIED_OUT.items() if place == remedy.place)
    return next((test for begins, test in of_place if remedy.advised.startswith(begins)), "")


def document() -> str:
    sections = (("Files", _of_files()), ("Lint", _of_lint()), ("Refused by the server", _of_server()))
    in_code = ("Databases, plans, rehearsals, servers", _in_code())
    parts = [
        f"\n## {title}\n\n" + "\n".join(entries) for title, entries in (*sections, in_code, ("Errors", _of_errors()))
    ]
    return HEAD + "".join(parts)


def codes() -> list[str]:
    """Every code of a problem of a file, as docs/FORMATS.md has them."""
    return re.findall(r"^\| `(\w+)` \| (?:error|warning|note)", _FORMATS.read_text(encoding="utf-8"), re.MULTILINE)


def problems(files: Mapping[str, str | bytes]) -> tuple[Problem, ...]:
    return _read(files).problems


def _read(files: Mapping[str, str | bytes]) -> Folder:
    with TemporaryDirectory() as home:
        source = Path(home) / "migrations"
        source.mkdir()
        for name, text in files.items():
            path = source / name.rstrip("|->")
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("->"):
                path.symlink_to(str(text))
            elif name.endswith("|"):
                os.mkfifo(path)
            else:
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return scoping.judged(discovery.read(source), declared=_ENVIRONMENTS, sharing=_ENVIRONMENTS)


def _of_files() -> Iterator[str]:
    for code, files in FILES.items():
        problem = next(each for each in problems(files) if each.code == code)
        yield _entry(code, _shown(files), _anywhere(problem.sentence), problem.advice)


def _anywhere(sentence: str) -> str:
    """Without the folder that the case was made in."""
    return re.sub(r"/\S+/migrations\b", "migrations", sentence)


def _shown(files: Mapping[str, str | bytes]) -> str:
    parts = [f"`{name.rstrip('|->')}`{_text(text)}" for name, text in files.items()]
    return ", ".join(parts) or "an empty folder"


def _text(text: str | bytes) -> str:
    shown = text if isinstance(text, str) else repr(text)[2:-1]
    shown = " ".join(shown.replace("\r", "\\r").replace("\u00a0", "\\u00a0").split())
    return f" `` {shown if len(shown) <= 120 else shown[:60] + '…'} ``" if shown else ""


def _of_lint() -> Iterator[str]:
    for rule in RULES:
        case = yaml.safe_load((_LINT / f"{rule}.yml").read_text(encoding="utf-8"))["fail"][0]
        case = {"up": case} if isinstance(case, str) else case
        finding = next(each for each in _findings(case) if each.rule == rule)
        shown = {name: case[name] for name in ("earlier", "up", "down") if name in case}
        yield _entry(rule, _shown(shown), finding.sentence, finding.advice)


def _findings(case: Mapping[str, Any]) -> tuple[Finding, ...]:
    names = {"earlier": "001_earlier.sql", "up": "002_it.sql", "down": "002_it_rollback.sql"}
    folder = _read({file: case[part] for part, file in names.items() if part in case})
    given = {name: frozenset(v) if isinstance(v, list) else v for name, v in case.get("context", {}).items()}
    return lint_folder(folder, LintContext(**given))


def _of_server() -> Iterator[str]:
    step = Step(action=Action.APPLY, version="001", name="a", key="001", file="001_a.sql", sql="", checksum="")
    (statement,) = split("SELECT 1")
    for name, case in REFUSALS.items():
        known = failures.RUN_BY_HAND if name == "ALREADY_THERE" else getattr(failures, name, None)
        explanation = known or failures.EXPLANATIONS[name]
        error = failures.failed(step, failures.at(statement, name, "refused"), explanation)
        yield _entry(name.lower(), f"`` {case} ``", error.state_now, error.remedy)


def _in_code() -> Iterator[str]:
    """What is put together where it is said; errors and rules of lint have sections of their own."""
    elsewhere = ("errors::", "git/errors::", "lint/rules/")
    for remedy in remedies_in_code.all_of_them():
        if not remedy.place.startswith(elsewhere):
            case = f"carried out by `{test}`" if (test := carried_out_by(remedy)) else "-"
            yield _entry(f"`{remedy.place}`", case, remedy.said or "(what was found there)", remedy.advised)


def _of_errors() -> Iterator[str]:
    for kind in sorted(_kinds(), key=lambda each: each.code):
        case = (kind.__doc__ or "").partition("Facts:")[0].strip()
        yield _entry(kind.code, " ".join(case.split()) or "-", kind.sentence, kind.advice)


def _kinds() -> Iterator[type[EngineError]]:
    for module in (errors, git, refusals):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, EngineError) and kind.__module__ == module.__name__:
                yield from [kind] if kind not in {EngineError, refusals.Refused} else []


def _entry(name: str, case: str, said: str, advised: str) -> str:
    return f"**{name}**: {case}\n\n> {said}\n>\n> {advised or '(what the cause asks for)'}\n"


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
