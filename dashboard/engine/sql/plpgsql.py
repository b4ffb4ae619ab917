"""What libpg_query reads of PL/pgSQL."""

from __future__ import annotations

from typing import Any

import postgast

from dashboard.engine.errors import OperatorRun
from dashboard.engine.sql.statements import TREE_TOKENS
from dashboard.engine.sql.tokens import TokenKind, token_spans, tokens, unquoted


def blocks(sql: str) -> Any | None:
    """The tree of a DO block, or of a function; None where there is none to be read.

    For the function of a trigger libpg_query 18 writes a text that is no JSON.
    """
    if not _is_shallow(sql):
        return None
    try:
        return postgast.parse_plpgsql(sql)
    except (postgast.PgQueryError, RecursionError, ValueError):
        return None


def _is_shallow(block: str) -> bool:
    """The parser can take it: the block's text is one token to the scanner, so what it says is counted."""
    literals = (token for token in tokens(block) if token.kind is TokenKind.LITERAL)
    try:
        return all(len(token_spans(unquoted(literal.text))) <= TREE_TOKENS for literal in literals)
    except (postgast.PgQueryError, OperatorRun):
        return False
