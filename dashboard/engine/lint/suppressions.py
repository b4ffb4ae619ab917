"""`-- signalbox:allow <rule> <reason>`: a person says why a finding may stand.

Above a statement or on one of its lines it holds for that statement; above the first statement, with a blank line
between, for the whole file and for what is said of the file as a whole. Without a reason it suppresses nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.lint.findings import Finding, Hit
from dashboard.engine.lint.script import LintedScript
from dashboard.engine.migration import Severity
from dashboard.engine.sql.tokens import Token, TokenKind, tokens

#: The rule of findings about suppressions themselves.
RULE = "suppression"

_ALLOW = re.compile(
    r"--\s*signalbox\s*:\s*allow\b[ \t]*(?P<rule>[\w-]*)[ \t]*(?P<reason>.*)", re.IGNORECASE | re.DOTALL
)
_FOREIGN = re.compile(r"squawk-ignore(?:-file)?\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    rule: str
    reason: str
    offset: int
    statements: frozenset[int]  # the numbers of those it holds for
    whole_file: bool
    at_head: bool  # it holds for what is said of the file as a whole


def apply(
    linted: LintedScript, findings: Sequence[Finding], known: Collection[str], judged: Collection[str]
) -> tuple[list[Finding], list[Hit]]:
    """The findings with what is suppressed marked so, and what is wrong with the suppressions.

    `known` are the rules that can be suppressed; of those in `judged` one that suppresses nothing is said to be unused.
    """
    comments = _comments(linted.script.sql)
    if not comments:
        return list(findings), []
    suppressions = list(_read(linted, comments))
    complaints = [hit for s in suppressions if (hit := _complaint(s, known))]
    good = [s for s in suppressions if s.reason and s.rule in known]
    answers = list(map(_answering(good), findings))
    answered = [replace(f, suppressed=s.reason) if s else f for f, s in zip(findings, answers, strict=True)]
    used = {s.offset for s in answers if s}
    unused = [s for s in good if s.offset not in used and s.rule in judged]
    return answered, [*complaints, *map(_unused, unused), *_foreign(comments)]


def _answering(good: Sequence[Suppression]) -> Callable[[Finding], Suppression | None]:
    of_file = {s.rule: s for s in reversed(good) if s.at_head}
    of_all = {s.rule: s for s in reversed(good) if s.whole_file}
    of_one = {(s.rule, number): s for s in reversed(good) for number in s.statements}

    def answer(finding: Finding) -> Suppression | None:
        if finding.statement is None:
            return of_file.get(finding.rule)
        return of_one.get((finding.rule, finding.statement)) or of_all.get(finding.rule)

    return answer


# Reading


def _comments(sql: str) -> list[Token]:
    if "--" not in sql and "/*" not in sql:  # most files: the scanner is spared
        return []
    try:
        return [token for token in tokens(sql) if token.kind is TokenKind.COMMENT]
    except SqlSyntaxError:
        return []


def _read(linted: LintedScript, comments: Sequence[Token]) -> Iterator[Suppression]:
    lines = linted.script.sql.split("\n")
    beside: dict[int, set[int]] = defaultdict(set)  # numbers of the statements that start or end on a line
    above = {statement.line: statement.number for statement in reversed(linted.script.statements)}
    for statement in linted.script.statements:
        beside[statement.line].add(statement.number)
        beside[statement.line + statement.sql.count("\n")].add(statement.number)
    for token in comments:
        if match := _ALLOW.fullmatch(token.text):
            line, _ = linted.place(token.offset)
            around = linted.statement_at(token.offset)
            meant = (
                beside.get(line) or ({around.number} if around else None) or {above.get(_line_below(lines, line), 0)}
            )
            yield _suppression(linted, token, match, frozenset(meant) - {0})


def _suppression(linted: LintedScript, token: Token, match: re.Match[str], meant: frozenset[int]) -> Suppression:
    statements = linted.script.statements
    at_head = not statements or token.offset < statements[0].offset
    return Suppression(
        rule=match["rule"].lower(),
        reason=match["reason"].strip(" \t:-"),
        offset=token.offset,
        statements=meant,
        whole_file=at_head and not meant,
        at_head=at_head,
    )


def _line_below(lines: Sequence[str], line: int) -> int:
    """The first line below that is no comment; a blank one ends the search, so it is no statement's."""
    while line < len(lines) and lines[line].lstrip().startswith("--"):
        line += 1
    return line + 1


# What is wrong with them


def _complaint(suppression: Suppression, known: Collection[str]) -> Hit | None:
    if suppression.rule not in known:
        named = f"no rule called {suppression.rule}" if suppression.rule else "no rule named"
        sentence = f"This suppression does nothing: there is {named}."
        advice = "Write `-- signalbox:allow <rule> <reason>`, with the rule that the finding names."
    elif not suppression.reason:
        sentence = f"This suppression of {suppression.rule} does nothing, because it has no reason."
        advice = f"Say why it may stand: `-- signalbox:allow {suppression.rule} <reason>`."
    else:
        return None
    return Hit(severity=Severity.WARNING, sentence=sentence, advice=advice, offset=suppression.offset)


def _unused(suppression: Suppression) -> Hit:
    return Hit(
        severity=Severity.NOTE,
        sentence=f"This suppression of {suppression.rule} suppresses nothing.",
        advice="Remove it, or move it: it holds for the statement it stands on or directly above, and above the first "
        "statement, with a blank line between, for the whole file.",
        offset=suppression.offset,
    )


def _foreign(comments: Sequence[Token]) -> Iterator[Hit]:
    for token in comments:
        if _FOREIGN.search(token.text):
            yield Hit(
                severity=Severity.NOTE,
                sentence="squawk-ignore suppresses nothing here, because it has no reason.",
                advice="Write `-- signalbox:allow <rule> <reason>`.",
                offset=token.offset,
            )
