"""SQL text as PostgreSQL's own parser sees it: statements, places, and how a script may run.

The only module that knows postgast. The grammar is PostgreSQL 18's, so a text that an older server refuses can
pass here. Positions inside postgast are counted in bytes for statements and tokens, in characters for errors.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import postgast
from google.protobuf.message import DecodeError

from dashboard.engine.errors import SqlSyntaxError


class TransactionControl(StrEnum):
    BEGIN = "begin"  # BEGIN or START TRANSACTION without options
    COMMIT = "commit"  # COMMIT or END
    OTHER = "other"  # ROLLBACK, COMMIT AND CHAIN, PREPARE or SET TRANSACTION ...: not the script's business


class TransactionMode(StrEnum):
    SINGLE = "single"  # all statements in one transaction, the tracking row with them
    NONE = "none"  # statement by statement in autocommit; a failure leaves what came before it


class TokenKind(StrEnum):
    COMMENT = "comment"
    LITERAL = "literal"  # a string in any spelling, a function body in dollar quotes too
    QUOTED_NAME = "quoted name"  # "..."
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    kind: TokenKind
    text: str
    offset: int  # 0-based, in characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a text; line and column are 1-based. The excerpt numbers its lines and points with a caret."""

    line: int
    column: int
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a script.

    `sql` is exactly the text that is sent: from its first token to its last, comments and blanks around it and
    the semicolon left out. `offset` is where that text starts, so `offset` plus an error position inside the
    statement is the position in the script.
    """

    number: int  # 1-based
    sql: str
    offset: int  # 0-based, in characters
    line: int  # 1-based
    column: int  # 1-based
    node: str  # the parser's name for it, like "create_stmt"; "" when too long or too deep for a tree
    control: TransactionControl | None
    transactional: bool  # PostgreSQL accepts it inside a transaction block
    client_copy: bool  # COPY ... FROM STDIN or TO STDOUT: its rows would travel beside the script
    summary: str  # one line, at most 100 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeFault:
    """Why a script has no safe way to run."""

    code: str  # mixed_transaction_control or non_transactional_mixed
    sentence: str
    advice: str
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionShape:
    """How a script runs: which statements are sent, in file order, and in what kind of transaction."""

    mode: TransactionMode
    sent: tuple[Statement, ...]
    absorbed: bool = False  # the script's own BEGIN ... COMMIT is replaced by the runner's transaction
    fault: ShapeFault | None = None  # set: the script must not run


def split(sql: str) -> tuple[Statement, ...]:
    """The statements of `sql`, in order. Raises SqlSyntaxError where the parser refuses any part of it."""
    if "\0" in sql:
        raise _syntax_error(sql, "NUL byte in the text", sql.index("\0") + 1)
    try:
        pieces = postgast.split(sql)
        spans = _token_spans(sql)
    except postgast.PgQueryError as error:
        raise _syntax_error(sql, error.message, error.cursorpos) from error
    return tuple(_statements(sql, pieces, spans))


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of `sql`, comments included. Raises SqlSyntaxError on an unterminated quote or comment."""
    try:
        spans = _token_spans(sql)
    except postgast.PgQueryError as error:
        raise _syntax_error(sql, error.message, error.cursorpos) from error
    text = _Bytes(sql)
    for start, end, kind in spans:
        piece = text.between(start, end)
        yield Token(kind=_token_kind(kind, piece), text=piece, offset=text.characters_before(start))


def checksum_sql(sql: str) -> str:
    """sha256 hex of the tokens of `sql`, comments and blanks left out; "" where it has no readable tokens."""
    try:
        return checksum_tokens(tokens(sql))
    except SqlSyntaxError:
        return ""


def checksum_tokens(found: Iterable[Token]) -> str:
    texts = [token.text for token in found if token.kind is not TokenKind.COMMENT]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest() if texts else ""


def locate(sql: str, position: int) -> Location:
    """The place of the 1-based character `position`; one behind the end means just after the last visible text."""
    index = position - 1 if position <= len(sql) else len(sql.rstrip())
    index = max(index, 0)
    line = sql.count("\n", 0, index) + 1
    column = index - (sql.rfind("\n", 0, index) + 1) + 1
    return Location(line=line, column=column, excerpt=_excerpt(sql, line, column))


def plan_transaction(statements: tuple[Statement, ...], directives: Mapping[str, str]) -> TransactionShape:
    """Decide how a script runs.

    With `transaction=none` every statement runs by itself, so transaction control has no place in it. Otherwise
    one BEGIN ... COMMIT pair around or inside the script is absorbed: neither is sent, all else runs in file order
    in one transaction. A script of nothing but non-transactional statements runs without one.
    """
    if directives.get("transaction") == TransactionMode.NONE:
        return _statement_by_statement(statements)
    fault = _control_fault(statements)
    sent = tuple(s for s in statements if s.control is None)
    absorbed = fault is None and len(sent) < len(statements)
    outside = [s for s in sent if not s.transactional]
    if not outside:
        return TransactionShape(mode=TransactionMode.SINGLE, sent=sent, absorbed=absorbed, fault=fault)
    if absorbed:
        fault = _wrapped_fault(outside[0])
    elif len(outside) < len(sent):
        fault = fault or _mixed_fault(outside[0])
    return TransactionShape(mode=TransactionMode.NONE, sent=sent, fault=fault)


def tree(statement: Statement) -> Any | None:
    """The parse tree of `statement`, to be read only: a message like CreateStmt; None where none can be built."""
    return _read(statement.sql)[1] if statement.node else None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexBuild:
    """What CREATE INDEX CONCURRENTLY builds: the name (empty where the server chooses it) and its table, as in SQL."""

    name: str
    table: str
    index: str  # qualified, quoted


def concurrent_index(statement: Statement) -> IndexBuild | None:
    """The index a statement builds concurrently; None for every other statement."""
    if statement.node != "index_stmt" or statement.transactional:
        return None
    _, tree = _read(statement.sql)
    if tree is None:
        return None
    schema = f"{_quoted(tree.relation.schemaname)}." if tree.relation.schemaname else ""
    return IndexBuild(
        name=tree.idxname, table=schema + _quoted(tree.relation.relname), index=schema + _quoted(tree.idxname)
    )


def concurrently_dropped(statement: Statement) -> str:
    """The index that DROP INDEX CONCURRENTLY drops, qualified and quoted; empty for every other statement."""
    if statement.node != "drop_stmt" or statement.transactional:
        return ""
    _, tree = _read(statement.sql)
    if tree is None or len(tree.objects) != 1:
        return ""
    return ".".join(_quoted(item.string.sval) for item in tree.objects[0].list.items)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# Statements

#: No tree is built of a longer statement. Trees are written out by recursion: at some 10,000 levels that overflows
#: the stack and ends the process. Splitting and scanning do not recurse.
_TREE_TOKENS = 4000


def _statements(sql: str, pieces: list[str], spans: list[_Span]) -> Iterator[Statement]:
    """Find each of the parser's pieces again: it starts at a token and its length is known.

    The parser gives the pieces in order, each from its first token on; only semicolons, comments and blanks lie
    between two of them.
    """
    text = _Bytes(sql)
    code = [span for span in spans if span[2] not in _COMMENTS]
    at = 0
    for number, piece in enumerate(pieces, start=1):
        while code[at][2] == _SEMICOLON:
            at += 1
        first = at
        limit = code[first][0] + len(piece.encode())
        while at < len(code) and code[at][1] <= limit:
            at += 1
        yield _statement(number, sql, text, code[first:at])


def _statement(number: int, sql: str, text: _Bytes, spans: list[_Span]) -> Statement:
    body = text.between(spans[0][0], spans[-1][1])
    offset = text.characters_before(spans[0][0])
    node, tree = _read(body) if len(spans) <= _TREE_TOKENS else ("", None)
    return Statement(
        number=number,
        sql=body,
        offset=offset,
        line=text.line_of(offset),
        column=offset - (sql.rfind("\n", 0, offset) + 1) + 1,
        node=node,
        control=_control(tree) if tree is not None else None,
        transactional=_is_transactional(node, tree) if tree is not None else not _says_concurrently(text, spans),
        client_copy=tree is not None and node == "copy_stmt" and not tree.filename and not tree.is_program,
        summary=_summary(text, spans),
    )


def _read(body: str) -> tuple[str, Any]:
    """The node's name and tree, or ("", None): protobuf refuses trees deeper than about 50 nested expressions."""
    try:
        wrapper = postgast.parse(body).stmts[0].stmt
    except DecodeError:
        return "", None
    node = wrapper.WhichOneof("node") or ""
    return node, getattr(wrapper, node)


def _says_concurrently(text: _Bytes, spans: list[_Span]) -> bool:
    return any(text.between(start, end).lower() == "concurrently" for start, end, _ in spans)


_WITH_PASSWORD = re.compile(r"password\s*=|://[^\s:/@]+:[^\s@]+@", re.IGNORECASE)


def _summary(text: _Bytes, spans: list[_Span]) -> str:
    """It goes to lists, logs and sentences, so a literal that is or holds a password is not in it."""
    words = ""
    behind = spans[0][0]
    word = ""
    for start, end, number in spans:
        before, word = word, text.between(start, min(end, start + 400))
        secret = number in _LITERALS and (before.lower() == "password" or _WITH_PASSWORD.search(word))
        words += (" " if start > behind else "") + ("'…'" if secret else word)
        behind = end
        if len(words) > 200:
            break
    return _one_line(words, limit=100)


def _one_line(text: str, *, limit: int) -> str:
    line = "".join(_visible(char) for char in " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


# DO blocks

_SQL_STATEMENT = 0  # libpg_query's parseMode of a whole statement; others are expressions and assignments


def _is_shallow(block: str) -> bool:
    """The block's text is one token to the scanner, so what it says is counted."""
    literals = (token for token in tokens(block) if token.kind is TokenKind.LITERAL)
    try:
        return all(len(_token_spans(_unquoted(literal.text))) <= _TREE_TOKENS for literal in literals)
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
        _, select = _read(f"SELECT {expression}")
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
            found = split(query)
        except SqlSyntaxError:
            continue
        for statement in found:
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


# Transaction control

_PLAIN_BEGIN = ("TRANS_STMT_BEGIN", "TRANS_STMT_START")
_INSIDE_A_TRANSACTION = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")
_TRANSACTION_SETTINGS = ("TRANSACTION", "transaction_isolation", "transaction_read_only", "transaction_deferrable")


def _control(tree: Any) -> TransactionControl | None:
    match tree.DESCRIPTOR.name:
        case "TransactionStmt":
            return _transaction_control(tree)
        case "VariableSetStmt" if tree.name in _TRANSACTION_SETTINGS:
            return TransactionControl.OTHER
    return None


def _transaction_control(tree: Any) -> TransactionControl | None:
    kind = _enum_name(tree, "kind")
    if kind in _INSIDE_A_TRANSACTION:
        return None
    if kind in _PLAIN_BEGIN and not tree.options:
        return TransactionControl.BEGIN
    if kind == "TRANS_STMT_COMMIT" and not tree.chain:
        return TransactionControl.COMMIT
    return TransactionControl.OTHER


# What PostgreSQL refuses inside a transaction block (SQLSTATE 25001), by node. Two cases cannot be told from the
# text: REINDEX and CLUSTER of a partitioned table. The server refuses them and nothing is changed.


def _always(tree: Any) -> bool:
    return True


def _concurrent(tree: Any) -> bool:
    return bool(tree.concurrent)


def _reindexes_much_or_concurrently(tree: Any) -> bool:
    wide = ("REINDEX_OBJECT_SCHEMA", "REINDEX_OBJECT_SYSTEM", "REINDEX_OBJECT_DATABASE")
    return _enum_name(tree, "kind") in wide or _option_is_on(tree.params, "concurrently")


def _detaches_concurrently(tree: Any) -> bool:
    commands = (cmd.alter_table_cmd for cmd in tree.cmds if cmd.HasField("alter_table_cmd"))
    detached = (getattr(c, "def").partition_cmd for c in commands if _enum_name(c, "subtype") == "AT_DetachPartition")
    return any(partition.concurrent for partition in detached)


def _moves_tablespace(tree: Any) -> bool:
    return any(option.def_elem.defname == "tablespace" for option in tree.options)


def _refreshes_subscription(tree: Any) -> bool:
    kind = _enum_name(tree, "kind")
    changes_publications = kind.endswith(("_SET_PUBLICATION", "_ADD_PUBLICATION", "_DROP_PUBLICATION"))
    return kind.endswith("_REFRESH") or (changes_publications and not _option_is_off(tree.options, "refresh"))


NON_TRANSACTIONAL: Mapping[str, Callable[[Any], bool]] = {
    "index_stmt": _concurrent,
    "drop_stmt": _concurrent,
    "reindex_stmt": _reindexes_much_or_concurrently,
    "alter_table_stmt": _detaches_concurrently,
    "vacuum_stmt": lambda tree: bool(tree.is_vacuumcmd),
    "cluster_stmt": lambda tree: not tree.HasField("relation"),
    "createdb_stmt": _always,
    "dropdb_stmt": _always,
    "alter_database_stmt": _moves_tablespace,
    "create_table_space_stmt": _always,
    "drop_table_space_stmt": _always,
    "create_subscription_stmt": _always,
    "drop_subscription_stmt": _always,
    "alter_subscription_stmt": _refreshes_subscription,
    "alter_system_stmt": _always,
    "discard_stmt": lambda tree: _enum_name(tree, "target") == "DISCARD_ALL",
}


def _is_transactional(node: str, tree: Any) -> bool:
    rule = NON_TRANSACTIONAL.get(node)
    return rule is None or not rule(tree)


def _option_is_on(options: Any, name: str) -> bool:
    return any(option.def_elem.defname == name for option in options) and not _option_is_off(options, name)


def _option_is_off(options: Any, name: str) -> bool:
    return any(option.def_elem.defname == name and _is_false(option.def_elem) for option in options)


def _is_false(option: Any) -> bool:
    if option.arg.HasField("integer"):
        return not option.arg.integer.ival
    if option.arg.HasField("boolean"):
        return not option.arg.boolean.boolval
    return option.arg.HasField("string") and option.arg.string.sval.lower() in ("off", "false", "no", "0")


def _enum_name(tree: Any, field: str) -> str:
    descriptor = tree.DESCRIPTOR.fields_by_name[field].enum_type
    return str(descriptor.values_by_number[getattr(tree, field)].name)


# Shapes


def _statement_by_statement(statements: tuple[Statement, ...]) -> TransactionShape:
    control = next((s for s in statements if s.control or s.node == "transaction_stmt"), None)
    fault = _needless_control_fault(control) if control else None
    return TransactionShape(mode=TransactionMode.NONE, sent=statements, fault=fault)


def _needless_control_fault(statement: Statement) -> ShapeFault:
    return ShapeFault(
        code="mixed_transaction_control",
        sentence=f"{statement.summary} on line {statement.line} cannot run in a file that says transaction=none.",
        advice="Remove it, or remove the directive so that the whole file runs in one transaction.",
        statement=statement,
    )


def _control_fault(statements: tuple[Statement, ...]) -> ShapeFault | None:
    """Any transaction control but nothing at all, or BEGIN followed by COMMIT."""
    controls = [s for s in statements if s.control]
    expected = (TransactionControl.BEGIN, TransactionControl.COMMIT)
    for place, statement in enumerate(controls):
        if place >= len(expected) or statement.control is not expected[place]:
            return _control_fault_at(statement, opened=place == 1)
    if len(controls) == 1:
        return ShapeFault(
            code="mixed_transaction_control",
            sentence=f"BEGIN on line {controls[0].line} is never followed by COMMIT.",
            advice="Remove BEGIN, or add the missing COMMIT. Signalbox opens a transaction for every file by itself.",
            statement=controls[0],
        )
    return None


def _control_fault_at(statement: Statement, *, opened: bool) -> ShapeFault:
    if statement.control is TransactionControl.COMMIT:
        why = "has no BEGIN before it, or is a second one"
    elif statement.control is TransactionControl.BEGIN:
        why = "opens a second transaction"
    elif opened:
        why = "stands where only COMMIT may end the transaction"
    else:
        why = "would take the transaction out of Signalbox's hands"
    return ShapeFault(
        code="mixed_transaction_control",
        sentence=f"{statement.summary} on line {statement.line} {why}, so this file cannot run as one transaction.",
        advice="Remove it. Signalbox runs each file in one transaction of its own; one plain BEGIN ... COMMIT pair "
        "is accepted. Put what must be committed separately into files of their own.",
        statement=statement,
    )


def _wrapped_fault(statement: Statement) -> ShapeFault:
    return ShapeFault(
        code="non_transactional_mixed",
        sentence=f"PostgreSQL refuses {statement.summary} (line {statement.line}) inside a transaction, "
        "and this file runs as one because of its BEGIN and COMMIT.",
        advice="Put this statement alone into a file of its own, without BEGIN and COMMIT.",
        statement=statement,
    )


def _mixed_fault(statement: Statement) -> ShapeFault:
    return ShapeFault(
        code="non_transactional_mixed",
        sentence=f"PostgreSQL refuses {statement.summary} (line {statement.line}) inside a transaction, "
        "but the other statements of this file need one.",
        advice="Move it into a file of its own. Or write `-- signalbox: transaction=none` at the top: then every "
        "statement is committed by itself, and a failure leaves the ones before it in place.",
        statement=statement,
    )


# Places

_CONTEXT_LINES = 2
_EXCERPT_WIDTH = 100


def _excerpt(sql: str, line: int, column: int) -> str:
    first = max(line - _CONTEXT_LINES, 1)
    shown = _lines_between(sql, first, line + _CONTEXT_LINES)
    while len(shown) > line - first + 1 and not shown[-1].strip():
        shown.pop()
    gutter = len(str(first + len(shown) - 1))
    rows = []
    for number, content in enumerate(shown, start=first):
        window = column if number == line else 1
        text, before = _cut(content, window)
        rows.append(f"{number:>{gutter}} | {text}".rstrip())
        if number == line:
            rows.append(f"{'':>{gutter}} | {' ' * before}^")
    return "\n".join(rows)


def _lines_between(sql: str, first: int, last: int) -> list[str]:
    """Lines `first` to `last` without splitting the whole text."""
    start = 0
    for _ in range(first - 1):
        start = sql.index("\n", start) + 1
    return sql[start:].split("\n", last - first + 1)[: last - first + 1]


def _cut(content: str, column: int) -> tuple[str, int]:
    """The line made visible and at most _EXCERPT_WIDTH characters around `column`; the width before the caret."""
    start = 0 if column <= _EXCERPT_WIDTH * 3 // 4 else column - 1 - _EXCERPT_WIDTH // 2
    end = start + _EXCERPT_WIDTH
    left = "…" if start else ""
    right = "…" if end < len(content) else ""
    before = left + "".join(_visible(char) for char in content[start : column - 1])
    after = "".join(_visible(char) for char in content[column - 1 : end])
    return before + after + right, _width(before)


def _visible(char: str) -> str:
    """A tab as four blanks; what a reader cannot see as its escape, so that nothing on a page hides or reorders."""
    if char == "\t":
        return "    "
    if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp"):
        return f"\\u{ord(char):04x}"
    return char


def _width(text: str) -> int:
    """Columns `text` takes in a fixed-width font."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _syntax_error(sql: str, message: str, position: int) -> SqlSyntaxError:
    place = locate(sql, position or 1)
    message = _one_line(message, limit=200)
    return SqlSyntaxError(message=message, line=place.line, column=place.column, excerpt=place.excerpt)


# Tokens

_Span = tuple[int, int, int]  # first byte, byte after the last, postgast's token number

_Numbers = postgast.pg_query_pb2
_COMMENTS = (_Numbers.SQL_COMMENT, _Numbers.C_COMMENT)
_SEMICOLON = _Numbers.ASCII_59
_LITERALS = (_Numbers.SCONST, _Numbers.USCONST, _Numbers.BCONST, _Numbers.XCONST)


def _token_spans(sql: str) -> list[_Span]:
    return [(token.start, token.end, token.token) for token in postgast.scan(sql).tokens]


def _token_kind(number: int, text: str) -> TokenKind:
    if number in _COMMENTS:
        return TokenKind.COMMENT
    if number in _LITERALS:
        return TokenKind.LITERAL
    return TokenKind.QUOTED_NAME if text.endswith('"') else TokenKind.CODE


class _Bytes:
    """Byte positions to characters, for positions asked in rising order."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._data = sql.encode()
        self._ascii = len(self._data) == len(sql)
        self._byte = 0
        self._char = 0
        self._line_at = 0
        self._line = 1

    def between(self, start: int, end: int) -> str:
        return self._data[start:end].decode(errors="ignore")

    def characters_before(self, byte: int) -> int:
        if self._ascii:
            return byte
        self._char += len(self._data[self._byte : byte].decode())
        self._byte = byte
        return self._char

    def line_of(self, character: int) -> int:
        self._line += self._sql.count("\n", self._line_at, character)
        self._line_at = character
        return self._line
