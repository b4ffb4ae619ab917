"""The SQL inside DO blocks, as far as the text tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import postgast

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.sql.statements import TREE_TOKENS, Statement, read, split
from dashboard.engine.sql.tokens import TokenKind, token_spans, tokens


def inner(statement: Statement) -> tuple[Statement, ...]:
    """The SQL that a DO block runs, as far as its text tells: what EXECUTE puts together at run time is not seen.

    Their `number` is that of the block, their place is in the script.
    """
    if statement.node != "do_stmt" or not _is_shallow(statement.sql):
        return ()
    try:
        queries = list(_plpgsql_queries(postgast.parse_plpgsql(statement.sql)))
    except (postgast.PgQueryError, RecursionError):
        return ()
    return tuple(_placed_inside(statement, queries))


_SQL_STATEMENT = 0  # libpg_query's parseMode of a whole statement; others are expressions and assignments


def _is_shallow(block: str) -> bool:
    """The block's text is one token to the scanner, so what it says is counted."""
    literals = (token for token in tokens(block) if token.kind is TokenKind.LITERAL)
    try:
        return all(len(token_spans(_unquoted(literal.text))) <= TREE_TOKENS for literal in literals)
    except postgast.PgQueryError:
        return False


def _unquoted(literal: str) -> str:
    quote = literal[: literal.index("$", 1) + 1] if literal.startswith("$") else "'"
    return literal.removeprefix(quote).removesuffix(quote)


def _plpgsql_queries(node: Any) -> Iterator[str]:
    """Whole statements, and strings given to EXECUTE, in the order of the text."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key == "PLpgSQL_stmt_dynexecute":
            yield from _constant_string(value["query"]["PLpgSQL_expr"]["query"])
        elif key == "PLpgSQL_expr" and value.get("parseMode", _SQL_STATEMENT) == _SQL_STATEMENT:
            yield value["query"]
        elif isinstance(value, (dict, list)):
            yield from _plpgsql_queries(value)


def _constant_string(expression: str) -> Iterator[str]:
    try:
        _, select = read(f"SELECT {expression}")
    except postgast.PgQueryError:
        return
    target = select.target_list[0].res_target.val if select is not None and select.target_list else None
    if target is not None and target.HasField("a_const") and target.a_const.HasField("sval"):
        yield target.a_const.sval.sval


def _placed_inside(block: Statement, queries: list[str]) -> Iterator[Statement]:
    behind = 0
    for query in queries:
        at, behind = _find_query(block.sql, query, behind)
        try:
            statements = split(query)
        except SqlSyntaxError:
            continue
        for statement in statements:
            offset = block.offset + at + statement.offset
            line = block.line + block.sql.count("\n", 0, at + statement.offset)
            yield replace(statement, number=block.number, offset=offset, line=line)


def _find_query(text: str, query: str, behind: int) -> tuple[int, int]:
    """Where `query` starts in `text`, and where to look on. The parser writes PERFORM as SELECT, and blanks INTO."""
    if (at := text.find(query, behind)) >= 0:
        return at, at + len(query)
    performed = query.removeprefix("SELECT ")
    if (at := text.find(performed, behind)) >= 0:
        return at - len("SELECT "), at + len(performed)
    return 0, behind
