"""`-- signalbox:allow <rule> <reason>`: a person says why a finding may stand.

Above a statement or on one of its lines it holds for that statement; above the first statement, with a blank line
between, for the whole file and for what is said of the file as a whole. Without a reason it suppresses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from dashboard.engine.errors import SqlSyntaxError
from dashboard.engine.lint.findings import Finding, Hit
from dashboard.engine.migration import Script, Severity
from dashboard.engine.statements import Statement, Token, TokenKind, tokens

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


def read(script: Script) -> tuple[Suppression, ...]:
    lines = script.sql.split("\n")
    return tuple(_suppression(script, lines, token, match) for token, match in _allows(script.sql))


def apply(
    script: Script, findings: Sequence[Finding], known: Collection[str], judged: Collection[str]
) -> tuple[list[Finding], list[Hit]]:
    """The findings with what is suppressed marked so, and what is wrong with the suppressions.

    `known` are the rules that can be suppressed; of those in `judged` one that suppresses nothing is said to be unused.
    """
    suppressions = read(script)
    complaints = [hit for s in suppressions if (hit := _complaint(s, known))]
    good = [s for s in suppressions if s.reason and s.rule in known]
    answered = [_answered(finding, good) for finding in findings]
    used = {s for s in good for finding in findings if _covers(s, finding)}
    complaints += [_unused(s) for s in good if s not in used and s.rule in judged]
    return answered, [*complaints, *_foreign(script.sql)]


def _answered(finding: Finding, good: Sequence[Suppression]) -> Finding:
    reason = next((s.reason for s in good if _covers(s, finding)), "")
    return replace(finding, suppressed=reason) if reason else finding


def _covers(suppression: Suppression, finding: Finding) -> bool:
    if suppression.rule != finding.rule:
        return False
    if finding.statement is None:
        return suppression.at_head
    return suppression.whole_file or finding.statement in suppression.statements


# Reading


def _allows(sql: str) -> Iterator[tuple[Token, re.Match[str]]]:
    for token in _comments(sql):
        if match := _ALLOW.fullmatch(token.text):
            yield token, match


def _comments(sql: str) -> list[Token]:
    try:
        return [token for token in tokens(sql) if token.kind is TokenKind.COMMENT]
    except SqlSyntaxError:
        return []


def _suppression(script: Script, lines: Sequence[str], token: Token, match: re.Match[str]) -> Suppression:
    line = script.sql.count("\n", 0, token.offset) + 1
    beside = {s.number for s in script.statements if s.line <= line <= _last_line(s)}
    meant = beside or {s.number for s in script.statements if s.line == _line_below(lines, line)}
    at_head = not script.statements or token.offset < script.statements[0].offset
    return Suppression(
        rule=match["rule"].lower(),
        reason=match["reason"].strip(" \t:-"),
        offset=token.offset,
        statements=frozenset(meant),
        whole_file=at_head and not meant,
        at_head=at_head,
    )


def _line_below(lines: Sequence[str], line: int) -> int:
    """The first line below that is no comment; a blank one ends the search, so it is no statement's."""
    while line < len(lines) and lines[line].lstrip().startswith("--"):
        line += 1
    return line + 1


def _last_line(statement: Statement) -> int:
    return statement.line + statement.sql.count("\n")


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


def _foreign(sql: str) -> Iterator[Hit]:
    for token in _comments(sql):
        if _FOREIGN.search(token.text):
            yield Hit(
                severity=Severity.NOTE,
                sentence="squawk-ignore suppresses nothing here, because it has no reason.",
                advice="Write `-- signalbox:allow <rule> <reason>`.",
                offset=token.offset,
            )
