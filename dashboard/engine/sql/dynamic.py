"""SQL that is put together while it runs, which PostgreSQL calls dynamic commands: the text of the file does not tell
what it does. Found by PostgreSQL's own parser of PL/pgSQL, or else by the word EXECUTE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import postgast

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.sql import plpgsql
from dashboard.engine.sql.do_blocks import constant_string, inner
from dashboard.engine.sql.statements import Statement, split, tree
from dashboard.engine.sql.tokens import TokenKind, tokens
from dashboard.engine.sql.trees import by_kind, constant_of, function_name, options

#: They are given SQL as a text and run it. Whole families are named by how they begin.
_RUN_A_TEXT = ("query_to_xml", "ts_stat", "crosstab", "dblink", "pg_background_launch", "connectby")
#: Which part of which statement of PL/pgSQL is run as a text.
_RUN_BY_BLOCKS: Mapping[str, str] = {
    "PLpgSQL_stmt_dynexecute": "query",
    "PLpgSQL_stmt_dynfors": "query",
    "PLpgSQL_stmt_open": "dynquery",
    "PLpgSQL_stmt_return_query": "dynquery",
}
#: Languages whose bodies are read. Of the others nobody here tells what they do.
_READ_HERE = ("plpgsql", "sql", "c", "internal")
_CAN_HOLD_ONE = re.compile("|".join(["execute", "language", *_RUN_A_TEXT]), re.IGNORECASE)
_SAYS_EXECUTE = re.compile(r"\bexecute\b", re.IGNORECASE)
#: A text that is given as it is may itself hold a block.
_MAY_RUN_MORE = re.compile(r"\b(execute|do)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicCommand:
    """One place that runs a text which is put together at run time."""

    statement: int  # its number in the script
    line: int  # 1-based, in the script
    is_defined_only: bool  # it stands in the body of a function, which runs when something calls it


@lru_cache(maxsize=2048)
def commands_in(sql: str) -> tuple[DynamicCommand, ...]:
    """The places of a whole script. A script that cannot be read has none: nothing of it is sent either."""
    if not _CAN_HOLD_ONE.search(sql):
        return ()
    try:
        statements = split(sql)
    except SqlSyntaxError:
        return ()
    return tuple(command for statement in statements for command in commands(statement))


def commands(statement: Statement) -> tuple[DynamicCommand, ...]:
    lines = _lines(statement.sql, statement.node)
    called = (each.line - statement.line + line for each in (statement, *inner(statement)) for line in _called(each))
    defined = statement.node == "create_function_stmt"
    return tuple(
        DynamicCommand(statement=statement.number, line=statement.line + line, is_defined_only=defined)
        for line in sorted({*lines, *called})
    )


def _called(statement: Statement) -> Iterator[int]:
    parsed = tree(statement)
    if parsed is None:
        return
    for call in by_kind(parsed).get("FuncCall", ()):
        if function_name(call).startswith(_RUN_A_TEXT):
            yield statement.sql.encode()[: call.location].count(b"\n")


@lru_cache(maxsize=512)
def _lines(sql: str, node: str) -> tuple[int, ...]:
    """Lines of the statement, counted from 0."""
    if node not in ("do_stmt", "create_function_stmt"):
        return ()
    body, first_line = _body(sql)
    language = _language(sql, node)
    if language not in _READ_HERE:
        return (first_line,)
    if language != "plpgsql":
        return ()
    blocks = plpgsql.blocks(sql)
    if blocks is None:
        return _lines_that_say_so(body, first_line)
    return tuple(first_line + line - 1 for line in _run_by(blocks))


def _language(sql: str, node: str) -> str:
    parsed = postgast.parse(sql).stmts[0].stmt
    given = options(parsed.do_stmt.args if node == "do_stmt" else parsed.create_function_stmt.options)
    default = "plpgsql" if node == "do_stmt" else "sql"
    return constant_of(given["language"]).lower() if "language" in given else default


def _body(sql: str) -> tuple[str, int]:
    """The longest string of the statement, and the line it begins on, counted from 0."""
    literals = [token for token in tokens(sql) if token.kind is TokenKind.LITERAL]
    if not literals:
        return "", 0
    body = max(literals, key=lambda token: len(token.text))
    return body.text, sql.count("\n", 0, body.offset)


def _lines_that_say_so(body: str, first_line: int) -> tuple[int, ...]:
    return tuple(first_line + body.count("\n", 0, match.start()) for match in _SAYS_EXECUTE.finditer(body))


def _run_by(node: Any) -> Iterator[int]:
    """Lines of the body, counted from 1, on which it runs a text."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        part = _RUN_BY_BLOCKS.get(str(key), "")
        if part and part in value and not _is_plain(value[part]["PLpgSQL_expr"]["query"]):
            yield value.get("lineno", 1)
        if isinstance(value, (dict, list)):
            yield from _run_by(value)


def _is_plain(expression: str) -> bool:
    """The whole text is written there, and is read like the other statements of the script."""
    texts = list(constant_string(expression))
    return bool(texts) and not any(_MAY_RUN_MORE.search(text) for text in texts)
