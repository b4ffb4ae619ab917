"""Files and layouts of other migration tools. Sent as plain SQL they would do what nobody meant: the part that undoes a
migration would run right behind the part that makes it.

A mark counts where its tool reads it: in a line comment that begins its line, never in a string, a function body or a
block comment. Between statements, behind one of them in its line, it is an error too: somebody meant it. `halves` finds
what no tool is known for: comments of one word, like `-- down`, that part a file in two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboard.engine.migration import MigrationId, Problem, Severity
from dashboard.engine.sql.excerpts import locate
from dashboard.engine.sql.tokens import Token, TokenKind

CODE = "other_tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tool:
    name: str
    mark: re.Pattern[str]
    what: str  # what it means to the tool, after "as ... reads it"
    advice: str
    at_top: bool = False  # it counts only above the first statement


_SPLIT = (
    "Put what stands under {up} into a file of its own, like 001_name.up.sql, and what stands under {down} into "
    "001_name.down.sql, both without these lines. Or go on running this folder with {tool}."
)
_WHOLE = "Write the file as plain SQL, without these lines, or go on running this folder with {tool}."


def _in_two(name: str, mark: str, up: str, down: str) -> _Tool:
    return _Tool(
        name=name,
        mark=re.compile(mark),
        what="parts the file into what is run and what undoes it",
        advice=_SPLIT.format(up=up, down=down, tool=name),
    )


def _whole(name: str, mark: str, meaning: str, advice: str = _WHOLE, *, at_top: bool = False) -> _Tool:
    return _Tool(name=name, mark=re.compile(mark), what=meaning, advice=advice.format(tool=name), at_top=at_top)


_TOOLS = (
    _in_two("dbmate", r"--\s*migrate:(up|down)(\s.*)?", "`-- migrate:up`", "`-- migrate:down`"),
    _in_two(
        "goose",
        r"(?i:--\s*\+goose\s+(up|down|statementbegin|statementend|no\s+transaction|envsub)\b.*)",
        "`-- +goose Up`",
        "`-- +goose Down`",
    ),
    _in_two(
        "sql-migrate",
        r"(?i:--\s*\+migrate\s+(up|down|statementbegin|statementend)\b.*)",
        "`-- +migrate Up`",
        "`-- +migrate Down`",
    ),
    _in_two("rambler", r"--\s*rambler\s+(up|down)\s*", "`-- rambler up`", "`-- rambler down`"),
    _in_two(
        "micrate",
        r"(?i:--\s*\+micrate\s+(up|down|statementbegin|statementend)\b.*)",
        "`-- +micrate Up`",
        "`-- +micrate Down`",
    ),
    _in_two("Play", r"--[\s-]*!(Ups|Downs)\s*", "`!Ups`", "`!Downs`"),
    _whole(
        "MyBatis Migrations or dbdeploy",
        r"(?i:--\s*//\s*@undo\b.*)",
        "parts the file into what is run and what undoes it",
        "Put what stands above that line into a file of its own, like 001_name.sql, and what stands below it into "
        "001_name_rollback.sql. Or go on running this folder with {tool}.",
    ),
    _whole(
        "tern",
        r"----\s*(create above\s*/\s*drop below|tern:.*?)\s*----\s*",
        "parts the file into what is run and what undoes it",
        "Put what stands above that line into a file of its own, like 001_name.up.sql, and what stands below it into "
        "001_name.down.sql. Or go on running this folder with {tool}.",
    ),
    _whole(
        "Liquibase",
        r"(?i:--\s*(liquibase\s+formatted\s+sql|changeset\s+\S+:\S+).*)",
        "makes the file a list of change sets, each recorded by itself",
        "Put each change set into a file of its own, like 001_name.sql, as plain SQL; what stands behind --rollback "
        "belongs into 001_name_rollback.sql, and a line with nothing but a delimiter such as / goes. Or go on running "
        "this folder with {tool}.",
    ),
    _whole(
        "Sqitch",
        r"--\s*(Deploy|Revert|Verify)\s+\S+\s+(to|from|on)\s+\S+\s*",
        "makes the file one script of a change, whose order sqitch.plan gives",
        "Number the scripts as sqitch.plan orders them: deploy/name.sql becomes 001_name.sql and revert/name.sql "
        "001_name_rollback.sql, without this line. Or go on running this folder with {tool}.",
        at_top=True,
    ),
    _whole(
        "graphile-migrate",
        r"--!\s*(?i:previous|hash|allowinvalidhash|message|include|no-transaction)\b.*",
        "chains the file to the one before it",
    ),
    _whole(
        "yoyo",
        r"--\s*(transactional:\s*\w+|depends:(\s+[\w.-]*[0-9][\w.-]*)*)\s*",
        "decides on the order of the files or on their transaction",
        "Write `-- signalbox: depends=<version>` or `-- signalbox: transaction=none` instead, or remove the line where "
        "it changes nothing. Or go on running this folder with {tool}.",
        at_top=True,
    ),
)

_OUTSIDE = (
    "Write `-- signalbox: transaction=none` in its place where the file has to run outside a transaction, or remove "
    "the line. Or let the source be read as {tool}'s: `format` in its declaration."
)
#: By its tool: a line that decides on the transaction, and means nothing where the file says the same in our words.
_DIRECTIVES = (
    _whole("Atlas", r"--\s*atlas:txmode\s+none\s*", "runs the file outside a transaction", _OUTSIDE),
    _whole("sqlx", r"-- no-transaction.*", "runs the file outside a transaction", _OUTSIDE, at_top=True),
)
#: Lines that part a file for their tool, and do no harm to what tells one tool from another.
_PARTING = (
    _whole(
        "Atlas",
        r"--\s*atlas:(?:(?:checkpoint|txtar|import|assert)\b|delimiter\s+(?!(?:\\n)+\s*\Z)).*",
        "makes more of the file than the SQL in it",
    ),
    _whole("Drizzle", r"-->\s*statement-breakpoint\b.*", "ends a statement"),
)

_NODE_UP = re.compile(r"(?i:--[\s-]*up\s+migration.*)")
_NODE_DOWN = re.compile(r"(?i:--[\s-]*down\s+migration.*)")
_NODE = _in_two("node-pg-migrate", "", "`-- Up Migration`", "`-- Down Migration`")


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineComment:
    """A line comment, for the most part one that begins its line."""

    text: str
    offset: int
    is_below_code: bool
    is_above_code: bool
    is_between: bool  # no statement goes on over it


def in_script(file: str, sql: str, tokens: Sequence[Token]) -> Problem | None:
    """The first mark of another tool in the text; `tokens` are empty where it has no readable ones."""
    mark = _first_mark(sql, tokens) or _behind_code(sql, tokens)
    return _problem(file, sql, *mark) if mark else None


def unheeded(file: str, sql: str, tokens: Sequence[Token], *, is_outside: bool) -> Problem | None:
    """A line that asks something of its tool which nobody here would do. `is_outside`: the file runs outside a
    transaction, because it says so in our words or its format has read that line."""
    if "--" not in sql:
        return None
    for token in tokens:
        if token.kind is not TokenKind.COMMENT or not token.text.startswith("--"):
            continue
        for tool in (*_PARTING, *(() if is_outside else _DIRECTIVES)):
            if tool.mark.fullmatch(token.text.rstrip()) and not (tool.at_top and token.offset):
                return _problem(file, sql, _at(token), tool)
    return None


def _at(token: Token) -> _LineComment:
    return _LineComment(
        text=token.text.rstrip(), offset=token.offset, is_below_code=False, is_above_code=True, is_between=True
    )


def tool_of(sql: str, tokens: Sequence[Token]) -> str:
    """The tool whose mark comes first in the text; "" where none has one."""
    mark = _first_mark(sql, tokens)
    return mark[1].name if mark else ""


def may_be_marked(sql: str) -> bool:
    """Whether a look at its lines alone shows a mark, wherever it stands: in a string, too."""
    comments = [match[1] for match in _LINE.finditer(sql)]
    marks = (*(tool.mark for tool in _TOOLS), _NODE_DOWN)
    return any(mark.fullmatch(comment) for comment in comments for mark in marks)


def _first_mark(sql: str, tokens: Sequence[Token]) -> tuple[_LineComment, _Tool] | None:
    if "--" not in sql:
        return None
    lines = [*(_comments(sql, tokens) if tokens else _lines(sql))]
    for line in lines:
        for tool in _TOOLS:
            if tool.mark.fullmatch(line.text) and not (tool.at_top and line.is_below_code):
                return line, tool
    return _node_pg_migrate(lines)


def _behind_code(sql: str, tokens: Sequence[Token]) -> tuple[_LineComment, _Tool] | None:
    """A mark between statements that stands behind one in its line is read by no tool, and was meant all the same."""
    for line in _comments(sql, tokens, begin_lines=False) if tokens else ():
        for tool in _TOOLS:
            if tool.mark.fullmatch(line.text) and line.is_above_code and not tool.at_top:
                return line, tool
    return None


def _comments(
    sql: str, tokens: Sequence[Token], starts: tuple[str, ...] = ("--",), *, begin_lines: bool = True
) -> Iterator[_LineComment]:
    """Those that begin their lines, or those that do not."""
    code = [token.offset for token in tokens if token.kind is not TokenKind.COMMENT]
    first, last = (code[0], code[-1]) if code else (len(sql), -1)
    before = ";"  # the last that is no comment
    for token in tokens:
        if token.kind is not TokenKind.COMMENT:
            before = token.text
        elif token.text.startswith(starts) and _begins_its_line(sql, token.offset) is begin_lines:
            yield _LineComment(
                text=token.text.rstrip(),
                offset=token.offset,
                is_below_code=first < token.offset,
                is_above_code=token.offset < last,
                is_between=before == ";",
            )


def _begins_its_line(sql: str, offset: int) -> bool:
    """Play writes a # before its marks."""
    return not sql[sql.rfind("\n", 0, offset) + 1 : offset].strip(" \t\r\f\v#")


_LINE = re.compile(r"^[ \t#]*(--.*)$", re.MULTILINE)


def _lines(sql: str) -> Iterator[_LineComment]:
    """For a text with a quote or a comment that never ends; it cannot run as it is either way."""
    for match in _LINE.finditer(sql):
        yield _LineComment(
            text=match[1].rstrip(), offset=match.start(1), is_below_code=False, is_above_code=True, is_between=True
        )


def _node_pg_migrate(lines: Sequence[_LineComment]) -> tuple[_LineComment, _Tool] | None:
    """Its marks are plain words, so a heading is none: only where they part a file in two do they mean something."""
    ups = [line for line in lines if _NODE_UP.fullmatch(line.text)]
    downs = [line for line in lines if _NODE_DOWN.fullmatch(line.text)]
    parting = [line for line in downs if ups or (line.is_below_code and line.is_above_code)]
    return (min((*ups, *parting), key=lambda line: line.offset), _NODE) if parting else None


def _problem(file: str, sql: str, line: _LineComment, tool: _Tool) -> Problem:
    place = locate(sql, line.offset + 1)
    return Problem(
        code=CODE,
        severity=Severity.ERROR,
        file=file,
        sentence=f"{file} is written for {tool.name}: `{line.text[:60]}` {tool.what}. Signalbox would run all of it, "
        "so it runs none of it.",
        advice=tool.advice,
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
        tool=tool.name,
    )


# Halves of no known tool

_BESIDE = r"(?:migrat(?:e|ions?)|sql|scripts?|sections?|part|statements?|begin|start|here)"
_UP_WORD = r"(?:ups?|upgrade|apply|forwards?)"
_DOWN_WORD = r"(?:downs?|downgrade|undo|roll[ _-]?backs?|revert|reverse|backwards?|unapply)"


def _mark(word: str) -> re.Pattern[str]:
    """A comment that says this and no more, in whatever signs; or `+tool down`, `@tool down`, `tool:down`."""
    plain = rf"(?:{_BESIDE}[\W_]+)*{word}(?:[\W_]+{_BESIDE})*"
    return re.compile(rf"(?i:[\W_]*(?:{plain}|[+@!]\s*[a-z]\w*\s+{word}|[a-z]\w*:{word})[\W_]*)")


_UP, _DOWN = _mark(_UP_WORD), _mark(_DOWN_WORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """`marked`: the comments name both halves, which is wrong in any file. Otherwise only one that undoes is named,
    behind statements: wrong in a file that is run forward, where a rollback may call its parts so."""

    problem: Problem
    marked: bool


def halves(file: str, sql: str, tokens: Sequence[Token]) -> Halves | None:
    """Whether the text may be two files in one: a comment of one word stands between statements, or two such above."""
    if not tokens:
        return None
    lines = [
        line
        for line in _comments(sql, tokens, ("--", "/*"))
        if line.is_between and line.is_above_code and len(line.text) <= _LONGEST_MARK
    ]
    ups = [line for line in lines if _UP.fullmatch(line.text)]
    downs = [line for line in lines if _DOWN.fullmatch(line.text) and not _heads_comment(sql, line)]
    parting = [line for line in downs if ups or line.is_below_code]
    return Halves(problem=_two_halves(file, sql, parting[0]), marked=bool(ups)) if parting else None


_LONGEST_MARK = 100

#: Lines of it are counted, so that a text of nothing but such comments is read in linear time.
_COMMENTED_OUT = re.compile(r"[^\n]*\n(?:[ \t]*--[^\n]*\n){0,50}?[ \t]*--[^\n]*;[ \t\r]*(?:\n[ \t\r]*(?:\n|\Z)|\Z)")


def _heads_comment(sql: str, line: _LineComment) -> bool:
    """Right below it stands SQL that is commented out, then a blank line."""
    return bool(_COMMENTED_OUT.match(sql, line.offset))


def _two_halves(file: str, sql: str, line: _LineComment) -> Problem:
    place = locate(sql, line.offset + 1)
    return Problem(
        code="two_halves",
        severity=Severity.ERROR,
        file=file,
        sentence=f"{file} may be two halves in one file: `{line.text[:60]}` stands above statements that seem to undo "
        "the others. Signalbox would run all of them, so it runs none.",
        advice="Put what makes the change into a file of its own, like 001_name.sql, and what undoes it into "
        "001_name_rollback.sql. If that comment is only a heading, and all of it should run, say more in it, like "
        "`-- Remove what the old rollback left`.",
        line=place.line,
        column=place.column,
        excerpt=place.excerpt,
    )


# Names

_FLYWAY = re.compile(r"(?:(?P<kind>[VUB])(?P<version>[0-9]+(?:[._][0-9]+)*)|(?P<again>R))__(?P<name>.+)\.sql")
_PRISMA = re.compile(r"[0-9]{14}_.+")
_NUMBERED = re.compile(r"(?=[0-9]+[._-]|[VUBM][0-9][0-9._]*_|R__|(?:Version|Migration)[0-9]).+\.(?P<ending>\w+)")
_LANGUAGES = {
    "go": "Go",
    "js": "JavaScript",
    "cjs": "JavaScript",
    "mjs": "JavaScript",
    "ts": "TypeScript",
    "cts": "TypeScript",
    "mts": "TypeScript",
    "py": "Python",
    "rb": "Ruby",
    "java": "Java",
    "kt": "Kotlin",
    "php": "PHP",
    "ex": "Elixir",
    "exs": "Elixir",
    "rs": "Rust",
    "cs": "C#",
    "pl": "Perl",
    "sh": "shell",
    "xml": "XML",
    "yaml": "YAML",
    "yml": "YAML",
    "json": "JSON",
    "fizz": "Fizz",
}


def named_so(file: str) -> Problem | None:
    """What is wrong with a .sql file that is named as Flyway has it."""
    match = _FLYWAY.fullmatch(file)
    return (
        _named(file, f"{file} is named as Flyway has it, and is not read here.", _flyway_advice(match))
        if match
        else None
    )


def is_named_by_flyway(file: str) -> bool:
    return bool(_FLYWAY.fullmatch(file))


def position(file: str) -> str:
    """The number in a name of Flyway, by which such a file has its place among the others; "" without one."""
    match = _FLYWAY.fullmatch(file)
    return re.split("[._]", match["version"])[0] if match and match["version"] else ""


def _flyway_advice(match: re.Match[str]) -> str:
    name, keep = match["name"], "Or go on running this folder with Flyway."
    if match["again"]:
        return (
            f"Rename it to <version>_{name}.sql, with a number behind what it needs, and write "
            f"`-- signalbox: repeatable` into it. {keep}"
        )
    version = match["version"]
    if not version.isdigit():
        version = "<version>"
    ending = "_rollback.sql" if match["kind"] == "U" else ".sql"
    better = f"{MigrationId(version, name).label}{ending}"
    numbers = "; a version is digits alone, in the order in which Flyway runs the files" if "<" in version else ""
    return f"Rename it to {better}{numbers}. {keep}"


def language_of(file: str) -> str:
    """What a numbered file that is no SQL is written in; "" where that is not known."""
    match = _NUMBERED.fullmatch(file)
    return _LANGUAGES.get(match["ending"].lower(), "") if match else ""


def language_of_program(file: str) -> str:
    """What a file is written in, whatever its name; "" where that is no language of migrations."""
    return _LANGUAGES.get(file.rpartition(".")[2].lower(), "")


def in_language(file: str, language: str) -> Problem:
    return _named(
        file,
        f"{file} is a migration in {language}, which Signalbox cannot run.",
        "Write what it does as SQL under the same number. Where its own tool has run it everywhere already, "
        "move it out of the folder.",
    )


def is_prisma(directory: str, files: frozenset[str]) -> bool:
    return bool(_PRISMA.fullmatch(directory)) and "migration.sql" in files


def prisma(directory: str) -> Problem:
    return _named(
        directory,
        f"{directory} is a migration as Prisma and Drizzle have it, and its migration.sql is not read.",
        "Rename migration.sql in it to up.sql, in every such directory, and write down.sql beside it where the "
        "migration can be undone. Or go on running this folder with Prisma or Drizzle.",
    )


def sqitch(file: str) -> Problem:
    return _named(
        file,
        f"{file} belongs to Sqitch, which keeps the order of the changes in sqitch.plan; it is not read.",
        "Number the scripts as sqitch.plan orders them: deploy/name.sql becomes 001_name.sql and revert/name.sql "
        "001_name_rollback.sql. Or go on running this folder with Sqitch.",
    )


def _named(file: str, sentence: str, advice: str) -> Problem:
    return Problem(code="other_tool", severity=Severity.ERROR, file=file, sentence=sentence, advice=advice)
