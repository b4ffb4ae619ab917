"""One file's bytes to a Script: its statements, its directives, how it runs, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dashboard.engine.errors import OperatorRun, SqlSyntaxError
from dashboard.engine.files import other_tools
from dashboard.engine.files.cache import Cache
from dashboard.engine.files.listing import Limits
from dashboard.engine.files.text import Text, decode, hidden_characters
from dashboard.engine.migration import Problem, Readable, Script, Severity
from dashboard.engine.sql import backslashes, directives
from dashboard.engine.sql.excerpts import locate
from dashboard.engine.sql.statements import GRAMMAR, Statement, split
from dashboard.engine.sql.tokens import (
    Token,
    TokenKind,
    checksum_tokens,
    tokens,
)
from dashboard.engine.sql.transaction import TransactionMode, TransactionShape, plan_transaction

_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_][\w.:-]*\}|\{\{-?\s*[A-Za-z_.][\w.\s|-]*\}\}|\{%.{0,200}?%\}")
_TEMPLATE = re.compile(r"\{\{.{0,200}?\}\}|\$\{.{0,200}?\}|\{%.{0,200}?%\}")
_PSQL_VARIABLE = re.compile(r":(['\"]?)[A-Za-z_]\w*\1")
_PSQL_COMMAND = re.compile(r"\\[^\s\\]*")
_STDIN = re.compile(r"\bstdin\b", re.IGNORECASE)
_COPY_END = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)

#: How much text may be parsed again to find every psql command of a file, not only the first.
_REREAD_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A Script and what is wrong with it. `says_nothing`: it was read, and holds no statement at all. `undone_below`:
    what is wrong besides where it is run forward."""

    script: Script
    problems: tuple[Problem, ...]
    says_nothing: bool = False
    undone_below: Problem | None = None


#: The readings of some 30,000 files of usual size; of larger ones fewer, so that memory has a limit.
_READINGS: Cache[tuple[str, bytes | Text, Limits], Reading] = Cache(bytes_at_most=64 * 1024 * 1024)


def read_entry(entry: Readable, limits: Limits, *, file: str = "", ending: bytes = b"") -> Reading:
    """What the entry holds, under its own name or as `file`; `ending` is sent after it, as if it stood there."""
    file = file or entry.name
    try:
        content = entry.content(limits.file_bytes + 1)
    except OSError as error:
        return unreadable(file, error.strerror or "it is gone")
    return read(file, content + ending, limits)


def read(file: str, content: bytes, limits: Limits) -> Reading:
    """Parsed once: whoever reads a folder again finds what has not changed."""
    return _READINGS.get((file, content, limits), len(content), lambda: _read(file, content, limits))


def read_part(file: str, whole: Text, sql: str, limits: Limits) -> Reading:
    """What is run of a file, where that is not all of it: `sql`, with the checksum of the whole."""
    text = replace(whole, sql=sql)
    return _READINGS.get((file, text, limits), len(sql), lambda: _of_text(file, text, limits))


def _read(file: str, content: bytes, limits: Limits) -> Reading:
    return _of_text(file, decode(file, content, limits), limits)


def _of_text(file: str, text: Text, limits: Limits) -> Reading:
    if text.sql is None:
        return unusable(file, text)
    scanned = _tokens(text.sql)
    asked = directives.read(scanned)
    is_outside = directives.TRANSACTION in asked.values
    foreign = other_tools.in_script(file, text.sql, scanned)
    if foreign := foreign or other_tools.unheeded(file, text.sql, scanned, is_outside=is_outside):
        script = Script(
            file=file, sql=text.sql, checksum=text.checksum, checksum_sql=checksum_tokens(scanned), statements=()
        )
        return Reading(script=script, problems=(foreign,))
    statements, faults = _statements(file, text.sql)
    problems = [*text.problems, *faults]
    problems += [_problem(c.code, file, text.sql, c.offset, c.sentence, c.advice) for c in asked.complaints]
    problems += hidden_characters(file, text.sql, scanned)
    problems += _placeholders(file, text.sql, scanned)
    problems += _statement_problems(file, text.sql, statements, asked, limits)
    problems += _switched_strings(file, text.sql, scanned)
    halves = other_tools.halves(file, text.sql, scanned)
    problems += [halves.problem] if halves and halves.marked else []
    script = Script(
        file=file,
        sql=text.sql,
        checksum=text.checksum,
        checksum_sql=checksum_tokens(scanned),
        statements=statements,
        directives=asked.values,
    )
    return Reading(
        script=script,
        problems=_in_order(problems),
        says_nothing=not statements and not faults,
        undone_below=halves.problem if halves and not halves.marked else None,
    )


def unusable(file: str, text: Text) -> Reading:
    """A reading of bytes that are no text."""
    script = Script(file=file, sql="", checksum=text.checksum, checksum_sql="")
    return Reading(script=script, problems=text.problems)


def unreadable(file: str, reason: str) -> Reading:
    problem = Problem(
        code="unreadable",
        severity=Severity.ERROR,
        file=file,
        sentence=f"The file cannot be read: {reason}.",
        advice="Give the user that runs Signalbox read permission on it.",
    )
    return Reading(script=Script(file=file, sql="", checksum="", checksum_sql=""), problems=(problem,))


def _tokens(sql: str) -> tuple[Token, ...]:
    try:
        return tuple(tokens(sql))
    except SqlSyntaxError:
        return ()  # an unterminated quote or comment; splitting reports it


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """What cannot be seen comes first: what the parser says of it shows only text that looks right."""
    if len(problems) < 2:
        return tuple(problems)
    severities = list(Severity)
    hidden = "hidden_character"
    return tuple(
        sorted(problems, key=lambda p: (severities.index(p.severity), p.code != hidden, p.line or 0, p.column or 0))
    )


# What the parser refuses


def _statements(file: str, sql: str) -> tuple[tuple[Statement, ...], list[Problem]]:
    """The statements, or none and every reason. psql's own syntax is blanked out and reading goes on behind it."""
    psql_commands: list[tuple[int, str]] = []
    problems: list[Problem] = []
    text = sql
    for _ in range(1 + _REREAD_CHARACTERS // (len(sql) + 1)):
        try:
            statements = split(text)
        except SqlSyntaxError as error:
            rest = _step_over(file, sql, text, error, psql_commands, problems)
        else:
            rest = None
            if not psql_commands and not problems:
                return statements, []
        if rest is None:
            break
        text = rest
    if psql_commands:
        problems.append(_psql_problem(file, sql, psql_commands))
    return (), problems


def _step_over(
    file: str,
    sql: str,
    text: str,
    error: SqlSyntaxError,
    psql_commands: list[tuple[int, str]],
    problems: list[Problem],
) -> str | None:
    """Note why `text` was refused; the text without that part, or None where reading cannot go on."""
    at = _index(text, error)
    if copy := _open_copy(text, at):
        problems.append(_client_copy_problem(file, sql, copy))
        end = _COPY_END.search(text, at)
        return _blanked(text, copy.offset, end.end()) if end else None
    if command := _PSQL_COMMAND.match(text, at):
        psql_commands.append((at, command[0]))
        line_end = text.find("\n", at)
        return _blanked(text, at, line_end if line_end >= 0 else len(text))
    problems.append(_placeholder_problem(file, sql, at) or _syntax_problem(file, error))
    return None


def _index(text: str, error: SqlSyntaxError) -> int:
    start = 0
    for _ in range(error.facts["line"] - 1):
        start = text.index("\n", start) + 1
    return start + int(error.facts["column"]) - 1


def _open_copy(text: str, at: int) -> Statement | None:
    """The COPY ... FROM STDIN whose data the parser stumbled over at `at`."""
    if not _STDIN.search(text, 0, at):
        return None
    try:
        before = split(text[: text.rfind(";", 0, at) + 1])
    except SqlSyntaxError:
        return None
    return before[-1] if before and before[-1].client_copy else None


def _blanked(text: str, start: int, end: int) -> str:
    """`text` with a part made blank, line ends kept, and the statement before it closed."""
    part = "".join("\n" if char == "\n" else " " for char in text[start:end])
    return text[:start] + ";" + part[1:] + text[end:]


def _syntax_problem(file: str, error: SqlSyntaxError) -> Problem:
    if isinstance(error, OperatorRun):
        return Problem(
            code=error.code,
            severity=Severity.ERROR,
            file=file,
            sentence=f"Line {error.facts['line']} has {error.facts['message']}.",
            advice=error.next_step,
            line=error.facts["line"],
            column=error.facts["column"],
            excerpt=error.facts["excerpt"],
        )
    return Problem(
        code=error.code,
        severity=Severity.ERROR,
        file=file,
        sentence=f"The parser of PostgreSQL {GRAMMAR} refuses the file: {error.facts['message']}.",
        advice=f"{error.next_step} If your server is another version and takes it, write it so that {GRAMMAR} "
        "does, too: a name that is a keyword there goes into double quotes. A plan asks the server itself, and so does "
        "lint with --env.",
        line=error.facts["line"],
        column=error.facts["column"],
        excerpt=error.facts["excerpt"],
    )


_OF_PG_DUMP = ("\\restrict", "\\unrestrict")
_DUMPED = "pg_dump writes \\restrict and \\unrestrict for psql alone. Remove both lines; nothing needs them."


def _psql_problem(file: str, sql: str, commands: list[tuple[int, str]]) -> Problem:
    at, command = commands[0]
    more = f" (and {len(commands) - 1} more like it)" if len(commands) > 1 else ""
    return _problem(
        "psql_command",
        file,
        sql,
        at,
        f"{command}{more} is a command of the program psql; PostgreSQL does not understand it.",
        _DUMPED
        if command in _OF_PG_DUMP
        else "Remove these lines, or write them as SQL. A check meant for psql belongs in a file named test_*.sql.",
    )


def _client_copy_problem(file: str, sql: str, statement: Statement) -> Problem:
    return _problem(
        "client_copy",
        file,
        sql,
        statement.offset,
        f"{statement.summary} moves rows over the connection, beside the SQL; a migration cannot do that.",
        "Write the rows as INSERT ... VALUES, as `pg_dump --inserts` does, or load them with psql before or after "
        "the migration.",
    )


def _placeholder_problem(file: str, sql: str, at: int) -> Problem | None:
    start = sql.rfind("\n", 0, at) + 1
    end = sql.find("\n", at)
    line = sql[start : end if end >= 0 else len(sql)]
    for match in (*_TEMPLATE.finditer(line), *_PSQL_VARIABLE.finditer(line)):
        if match.start() <= at - start <= match.end():
            return _unreplaced(file, sql, start + match.start(), match[0], Severity.ERROR)
    return None


# What the parser accepts and we do not


def _placeholders(file: str, sql: str, scanned: tuple[Token, ...]) -> Iterator[Problem]:
    """A placeholder in a string may be meant; one in a quoted name never is."""
    severities = {TokenKind.LITERAL: Severity.WARNING, TokenKind.QUOTED_NAME: Severity.ERROR}
    reported: set[str] = set()
    for token in scanned:
        match = _PLACEHOLDER.search(token.text) if token.kind in severities else None
        if match and match[0] not in reported:
            reported.add(match[0])
            yield _unreplaced(file, sql, token.offset + match.start(), match[0], severities[token.kind])


def _switched_strings(file: str, sql: str, scanned: tuple[Token, ...]) -> Iterator[Problem]:
    """The file would be cut into statements by one rule and read by another."""
    if (token := backslashes.ambiguous(scanned)) and backslashes.is_switched_off(scanned):
        yield _problem(
            "backslash",
            file,
            sql,
            token.offset,
            f"The file sets {backslashes.SETTING}, so what the backslash in this string means hangs on who reads it.",
            f"{backslashes.REMEDY} And leave the setting alone.",
        )


def _unreplaced(file: str, sql: str, at: int, placeholder: str, severity: Severity) -> Problem:
    problem = _problem(
        "placeholder",
        file,
        sql,
        at,
        f"{placeholder} looks like a placeholder that nothing has replaced.",
        "Signalbox sends files as they are. Write the value itself, or read it in SQL with current_setting().",
    )
    return replace(problem, severity=severity)


def _statement_problems(
    file: str, sql: str, statements: tuple[Statement, ...], asked: directives.Directives, limits: Limits
) -> Iterator[Problem]:
    if len(statements) > limits.statements:
        yield _problem(
            "too_many_statements",
            file,
            sql,
            statements[limits.statements].offset,
            f"The file holds {len(statements)} statements; {limits.statements} are accepted.",
            "Split it. Load bulk data with a tool made for it, like psql and COPY.",
        )
    for statement in statements:
        if statement.client_copy:
            yield _client_copy_problem(file, sql, statement)
    yield from _shape_problems(file, sql, plan_transaction(statements, asked.values))


def _shape_problems(file: str, sql: str, shape: TransactionShape) -> Iterator[Problem]:
    if shape.fault:
        fault = shape.fault
        yield _problem(fault.code, file, sql, fault.statement.offset, fault.sentence, fault.advice)
    elif shape.absorbed:
        yield Problem(
            code="own_transaction",
            severity=Severity.NOTE,
            file=file,
            sentence="The file's own BEGIN and COMMIT are not sent: all its statements, those after COMMIT too, "
            "run in one transaction of Signalbox.",
            advice="Nothing needs to be done.",
        )
    elif shape.mode is TransactionMode.NONE and shape.sent:
        problem = _problem(
            "non_transactional",
            file,
            sql,
            shape.sent[0].offset,
            "The file runs outside a transaction: each statement is committed by itself.",
            "If it fails, the statements before the failure stay. Write it so that it can be run again.",
        )
        yield replace(problem, severity=Severity.WARNING)


def _problem(code: str, file: str, sql: str, at: int, sentence: str, advice: str) -> Problem:
    place = locate(sql, at + 1)
    return Problem(
        code=code,
        severity=Severity.ERROR,
        file=file,
        sentence=sentence,
        advice=advice,
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )
