"""squawk's findings on migrations, in our words and without those that do not fit how Signalbox runs files.

Rollbacks are not asked about: they must undo what was done, whatever it locks, and the rehearsal measures that. All
scripts go to one process. squawk counts lines from 0 and columns in bytes. Its own ignore comments are hidden from it:
they carry no reason, so they suppress nothing here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dashboard.engine.lint.advice import RULES
from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.parsed import Parsed
from dashboard.engine.lint.rules.concurrently_on_partitioned import is_partitioned
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.lint.settings import changed
from dashboard.engine.migration import Script
from dashboard.engine.sql.columns import typed_columns
from dashboard.engine.sql.objects import DatabaseObject, alter_commands
from dashboard.engine.sql.trees import Name, enum_name, relation_name
from dashboard.engine.sql.type_changes import keeps_rows

_TIMEOUT_S = 60
_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it, with a random name
_PAGE = 4096
_MOMENTARY = ("DropStmt", "VariableSetStmt", "TransactionStmt", "CommentStmt")
_UTC = ("utc", "gmt", "etc/utc")


class SquawkMissing(Exception):
    """squawk is not installed, or did not answer as it should; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What squawk says of one place."""

    rule: str
    line: int  # 1-based
    byte: int  # 0-based, in the line


def read(scripts: Sequence[Script], context: LintContext) -> Mapping[str, tuple[Mark, ...]]:
    """What squawk says of each script, by file. Raises SquawkMissing."""
    marks: dict[str, list[Mark]] = {script.file: [] for script in scripts}
    with TemporaryDirectory(prefix="signalbox-lint-", dir=_place_for(scripts)) as folder:
        names = {f"{number}.sql": script for number, script in enumerate(scripts)}
        for name, script in names.items():
            with open(f"{folder}/{name}", "wb") as file:  # noqa: PTH123 - a Path costs as much as the file
                file.write(script.sql.replace("squawk-ignore", "squawk_ignore").encode())
        for answer in _run(folder, context.pg_major) if scripts else ():
            if answer["rule_name"] in RULES:
                mark = Mark(rule=answer["rule_name"], line=answer["line"] + 1, byte=answer["column"])
                marks[names[answer["file"]].file].append(mark)
    return {file: tuple(of_file) for file, of_file in marks.items()}


def hits(linted: LintedScript, marks: Sequence[Mark], context: LintContext) -> Iterator[tuple[str, Hit]]:
    """(rule, hit) for the marks that make sense here; one for each rule and statement."""
    reported: set[tuple[str, int]] = set()
    by_offset = {parsed.statement.offset: parsed for parsed in reversed(linted.parsed)}  # a block before its inside
    for mark in marks:
        offset = linted.offset_of(mark.line, mark.byte)
        statement = linted.statement_at(offset)
        parsed = by_offset.get(statement.offset) if statement else None
        if parsed is None or (mark.rule, parsed.statement.number) in reported:
            continue
        if hit := _hit(linted, parsed, mark.rule, offset, context):
            reported.add((mark.rule, parsed.statement.number))
            yield mark.rule, hit


# The program


def _place_for(scripts: Sequence[Script]) -> Path | None:
    """In memory where there is room: a disk takes longer to make thousands of small files than squawk to read them."""
    needed = sum(len(script.sql.encode()) + _PAGE for script in scripts)
    has_room = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 2 * needed
    return _MEMORY if has_room else None


def _run(folder: str, pg_major: int) -> list[dict[str, Any]]:
    program = Path(sysconfig.get_path("scripts")) / "squawk"
    config = Path(folder) / "squawk.toml"
    config.touch()
    options = ["--reporter", "json", "--pg-version", str(pg_major), "--assume-in-transaction", "--config", str(config)]
    given = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}  # and no key: others of our user see what it is given
    try:
        done = subprocess.run(
            [program, *options, "*.sql"], cwd=folder, env=given, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
        answer: list[dict[str, Any]] = json.loads(done.stdout)
    except FileNotFoundError:
        raise SquawkMissing("it is not installed") from None
    except subprocess.TimeoutExpired:
        raise SquawkMissing(f"it did not answer within {_TIMEOUT_S} s") from None
    except (OSError, ValueError) as error:
        raise SquawkMissing(f"it did not answer as expected ({type(error).__name__})") from None
    return answer


# What makes sense here


def _hit(linted: LintedScript, parsed: Parsed, rule: str, offset: int, context: LintContext) -> Hit | None:
    advice, table = RULES[rule], _table(parsed)
    if advice.about_rows and table is not None and linted.is_fresh(table):
        return None
    if _is_harmless(linted, parsed, rule):
        return None
    splits = rule == "require-concurrent-index-creation" and table and is_partitioned(table, linted, context)
    in_words = str(table) if table is not None else "the table"
    return Hit(
        severity=advice.severity,
        sentence=advice.sentence.format(table=in_words),
        advice=_PARTITIONED.format(table=in_words) if splits else advice.advice,
        offset=offset,
        statement=parsed.statement.number,
    )


_PARTITIONED = (
    "{table} is partitioned: write CREATE INDEX ... ON ONLY {table} here. Then, in files of their own, CREATE INDEX "
    "CONCURRENTLY on each partition, and last ALTER INDEX ... ATTACH PARTITION for each."
)


def _table(parsed: Parsed) -> Name | None:
    if parsed.tree.DESCRIPTOR.fields_by_name.get("relation") is None or not parsed.tree.HasField("relation"):
        return None
    return relation_name(parsed.tree.relation)


def _is_harmless(linted: LintedScript, parsed: Parsed, rule: str) -> bool:
    match rule:
        case "changing-column-type":
            return _keeps_rows(linted, parsed)
        case "adding-not-nullable-field":
            return _is_proven_not_null(linted, parsed)
        case "constraint-missing-not-valid":  # it names every kind; other rules tell of the others
            return not any(_is_check(constraint) for constraint in parsed.all("Constraint"))
        case "require-concurrent-index-creation":  # nobody writes to a materialized view
            view = DatabaseObject(kind="materialized view", name=relation_name(parsed.tree.relation))
            return linted.earlier.has(view) or view in linted.made
        case "require-concurrent-index-deletion":  # nothing slow in the file holds the lock
            return all(parsed.kind in _MOMENTARY for parsed in linted.parsed)
        case "renaming-table" | "ban-set-schema":  # a view keeps the old name alive
            return DatabaseObject(kind="view", name=relation_name(parsed.tree.relation)) in linted.made
    return False


def _keeps_rows(linted: LintedScript, parsed: Parsed) -> bool:
    changes = [(linted.earlier.type_of(of, column), new) for of, column, new in typed_columns(parsed.tree)]
    if all(keeps_rows(old, new) for old, new in changes):
        return True
    return all(keeps_rows(old, new, in_utc=True) for old, new in changes) and _is_in_utc(linted)


def _is_in_utc(linted: LintedScript) -> bool:
    return any(setting.name == "timezone" and setting.value in _UTC for setting in changed(linted))


def _is_proven_not_null(linted: LintedScript, parsed: Parsed) -> bool:
    """A validated CHECK (column IS NOT NULL) spares PostgreSQL the scan."""
    table = relation_name(parsed.tree.relation)
    commands = (c for c in alter_commands(parsed.tree) if enum_name(c, "subtype") == "AT_SetNotNull")
    return all(linted.earlier.is_checked_not_null(table, command.name) for command in commands)


def _is_check(constraint: Any) -> bool:
    return enum_name(constraint, "contype") == "CONSTR_CHECK" and not constraint.skip_validation
