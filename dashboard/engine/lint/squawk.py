"""squawk's findings on migrations, in our words and without those that do not fit how Signalbox runs files.

Rollbacks are not asked about: they must undo what was done, whatever it locks, and the rehearsal measures that. All
scripts go to one process. squawk counts lines from 0 and columns in bytes. Its own ignore comments are hidden from it:
they carry no reason, so they suppress nothing here.
"""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dashboard.engine.lint.advice import RULES, Advice
from dashboard.engine.lint.findings import Hit, LintContext
from dashboard.engine.lint.knowledge import typed_columns
from dashboard.engine.lint.narrowing import keeps_rows
from dashboard.engine.lint.rules.concurrently_on_partitioned import is_partitioned
from dashboard.engine.lint.settings import changed
from dashboard.engine.lint.subject import Parsed, Subject
from dashboard.engine.lint.things import Thing, alter_commands
from dashboard.engine.lint.trees import Name, enum_name, relation_name
from dashboard.engine.migration import Script

_TIMEOUT_S = 60
_UTC = ("utc", "gmt", "etc/utc")


class SquawkMissing(Exception):
    """squawk is not installed, or did not answer as it should; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What squawk says of one place."""

    rule: str
    offset: int  # 0-based, in characters of the script


def read(scripts: Sequence[Script], context: LintContext) -> Mapping[str, tuple[Mark, ...]]:
    """What squawk says of each script, by file. Raises SquawkMissing."""
    marks: dict[str, list[Mark]] = {script.file: [] for script in scripts}
    with TemporaryDirectory(prefix="signalbox-lint-") as folder:
        names = {f"{number}.sql": script for number, script in enumerate(scripts)}
        for name, script in names.items():
            text = script.sql.replace("squawk-ignore", "squawk_ignore")
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="")
        for found in _run(folder, context.pg_major) if scripts else ():
            if found["rule_name"] in RULES:
                script = names[found["file"]]
                marks[script.file].append(Mark(rule=found["rule_name"], offset=_offset(script.sql, found)))
    return {file: tuple(found) for file, found in marks.items()}


def hits(subject: Subject, marks: Sequence[Mark], context: LintContext) -> Iterator[tuple[str, Hit]]:
    """(rule, hit) for the marks that make sense here; one for each rule and statement."""
    seen: set[tuple[str, int]] = set()
    for mark in marks:
        parsed = _statement_at(subject, mark.offset)
        if parsed is None or (mark.rule, parsed.statement.number) in seen:
            continue
        advice = RULES[mark.rule]
        if hit := _hit(subject, parsed, advice, mark, context):
            seen.add((mark.rule, parsed.statement.number))
            yield mark.rule, hit


# The program


def _run(folder: str, pg_major: int) -> list[dict[str, Any]]:
    program = Path(sysconfig.get_path("scripts")) / "squawk"
    config = Path(folder) / "squawk.toml"
    config.touch()
    options = ["--reporter", "json", "--pg-version", str(pg_major), "--assume-in-transaction", "--config", str(config)]
    try:
        done = subprocess.run(
            [program, *options, "*.sql"], cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
        answer: list[dict[str, Any]] = json.loads(done.stdout)
    except FileNotFoundError:
        raise SquawkMissing("it is not installed") from None
    except subprocess.TimeoutExpired:
        raise SquawkMissing(f"it did not answer within {_TIMEOUT_S} s") from None
    except (OSError, ValueError) as error:
        raise SquawkMissing(f"it did not answer as expected ({type(error).__name__})") from None
    return answer


def _offset(sql: str, found: Mapping[str, Any]) -> int:
    start = 0
    for _ in range(found["line"]):
        start = sql.index("\n", start) + 1
    end = sql.find("\n", start)
    line = sql[start : end if end >= 0 else len(sql)]
    return start + len(line.encode()[: found["column"]].decode(errors="ignore"))


# What makes sense here


def _statement_at(subject: Subject, offset: int) -> Parsed | None:
    top_level = (parsed for parsed in subject.parsed if parsed.statement in subject.script.statements)
    inside = (p for p in top_level if p.statement.offset <= offset <= p.statement.offset + len(p.statement.sql))
    return next(inside, None)


def _hit(subject: Subject, parsed: Parsed, advice: Advice, mark: Mark, context: LintContext) -> Hit | None:
    table = _table(parsed)
    if advice.about_rows and table is not None and (subject.is_fresh(table) or subject.is_temporary(table)):
        return None
    if _is_harmless(subject, parsed, mark.rule):
        return None
    splits = mark.rule == "require-concurrent-index-creation" and table and is_partitioned(table, subject, context)
    in_words = str(table) if table is not None else "the table"
    return Hit(
        severity=advice.severity,
        sentence=advice.sentence.format(table=in_words),
        advice=_PARTITIONED.format(table=in_words) if splits else advice.advice,
        offset=mark.offset,
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


def _is_harmless(subject: Subject, parsed: Parsed, rule: str) -> bool:
    match rule:
        case "changing-column-type":
            return _keeps_rows(subject, parsed)
        case "adding-not-nullable-field":
            return _is_proven_not_null(subject, parsed)
        case "constraint-missing-not-valid":  # it names every kind; other rules tell of the others
            return not any(_is_check(constraint) for constraint in parsed.all("Constraint"))
        case "require-concurrent-index-creation":  # nobody writes to a materialized view
            view = Thing(kind="materialized view", name=relation_name(parsed.tree.relation))
            return subject.knowledge.has(view) or any(made.matches(view) for made in subject.made)
    return False


def _keeps_rows(subject: Subject, parsed: Parsed) -> bool:
    in_utc = any(s.name == "timezone" and s.value in _UTC for s in changed(subject))
    changes = list(typed_columns(parsed.tree))
    return all(
        keeps_rows(subject.knowledge.type_of(table, column), new, in_utc=in_utc) for table, column, new in changes
    )


def _is_proven_not_null(subject: Subject, parsed: Parsed) -> bool:
    """A validated CHECK (column IS NOT NULL) spares PostgreSQL the scan."""
    table = relation_name(parsed.tree.relation)
    commands = (c for c in alter_commands(parsed.tree) if enum_name(c, "subtype") == "AT_SetNotNull")
    return all(subject.knowledge.is_checked_not_null(table, command.name) for command in commands)


def _is_check(constraint: Any) -> bool:
    return enum_name(constraint, "contype") == "CONSTR_CHECK" and not constraint.skip_validation
