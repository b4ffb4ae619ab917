"""The SQL inside DO blocks, as far as the text tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import postgast

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.sql import plpgsql
from dashboard.engine.sql.statements import Statement, read, split


def inner(statement: Statement) -> tuple[Statement, ...]:
    """The SQL that a DO block runs, as far as its text tells: what EXECUTE puts together at run time is not seen.

    Their `number` is that of the block, their place is in the script.
    """
    tree = plpgsql.blocks(statement.sql) if statement.node == "do_stmt" else None
    return () if tree is None else tuple(_placed_inside(statement, list(_plpgsql_queries(tree))))


def conditions(block: Statement) -> Iterator[Any]:
    """Trees of the expressions by which a DO block decides: its conditions, and what it assigns to variables."""
    tree = plpgsql.blocks(block.sql) if block.node == "do_stmt" else None
    yield from _trees(() if tree is None else _deciding(tree))


def expressions(block: Statement) -> Iterator[Any]:
    """Trees of all that a DO block works out by itself, as SELECTs: whole statements are not among them."""
    tree = plpgsql.blocks(block.sql) if block.node == "do_stmt" else None
    yield from _trees(() if tree is None else _worked_out(tree))


def _trees(expressions: Iterable[str]) -> Iterator[Any]:
    for expression in expressions:
        try:
            _, parsed = read(f"SELECT {expression}")
        except postgast.PgQueryError:
            continue
        if parsed is not None:
            yield parsed


_DECIDING = {"PLpgSQL_stmt_if", "PLpgSQL_if_elsif", "PLpgSQL_stmt_while", "PLpgSQL_stmt_case", "PLpgSQL_case_when"}
_ASSIGNING = {"PLpgSQL_stmt_assign", "PLpgSQL_var", "PLpgSQL_stmt_exit", "PLpgSQL_stmt_assert"}


def _deciding(node: Any) -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key in _DECIDING | _ASSIGNING:
            own = (value.get(part) for part in ("cond", "t_expr", "expr", "default_val"))
            queries = (each["PLpgSQL_expr"] for each in own if each and "PLpgSQL_expr" in each)
            yield from (_right_side(query) for query in queries)
        if isinstance(value, (dict, list)):
            yield from _deciding(value)


def _worked_out(node: Any) -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key == "PLpgSQL_expr" and value.get("parseMode", _SQL_STATEMENT) != _SQL_STATEMENT:
            yield _right_side(value)
        elif isinstance(value, (dict, list)):
            yield from _worked_out(value)


def _right_side(expression: Mapping[str, Any]) -> str:
    """Only what is assigned, where it is an assignment."""
    text = str(expression["query"])
    return text.partition(":=")[2] if ":=" in text and expression.get("parseMode", 0) > _EXPRESSION else text


_EXPRESSION = 2  # libpg_query's parseMode of an expression; greater ones are assignments
_SQL_STATEMENT = 0  # libpg_query's parseMode of a whole statement; others are expressions and assignments


def _plpgsql_queries(node: Any) -> Iterator[str]:
    """Whole statements, and strings given to EXECUTE, in the order of the text."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key == "PLpgSQL_stmt_dynexecute":
            yield from constant_string(value["query"]["PLpgSQL_expr"]["query"])
        elif key == "PLpgSQL_expr" and value.get("parseMode", _SQL_STATEMENT) == _SQL_STATEMENT:
            yield value["query"]
        elif isinstance(value, (dict, list)):
            yield from _plpgsql_queries(value)


def constant_string(expression: str) -> Iterator[str]:
    """The text that an expression of PL/pgSQL is, where it is nothing but a text."""
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
