"""Say on the pull request what lint and the rehearsal show: in one comment, which is edited with every push.

Lints the folder, and reads what `rehearse --json` has printed, from the file of --rehearsal. Knows a job of GitHub and
of GitLab; with --print it prints the text and comments nowhere.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboard.cli import code_review
from dashboard.cli import environments as chosen_environments
from dashboard.cli.exits import Exit
from dashboard.engine.lint import Finding, LintContext, lint_folder
from dashboard.engine.migration import Severity
from dashboard.engine.rehearsal.report import Verdict
from dashboard.local.workspace import Workspace

#: What Markdown and HTML would take for more than a letter, and what would call people or name other requests.
_SAFE = {ord(letter): f"&#{ord(letter)};" for letter in "&<>|`*_~[]()!@#\\"}
#: Behind what begins a link or an address of somebody stands a comment, which nobody sees: an escape alone is undone
#: before both hosts look for these.
_LINKING = re.compile(r"www(?=\.)|:(?=//)|&#64;", re.IGNORECASE)
_MOST = 50
#: By these a line is recognised.
_OF_A_PROOF = frozenset({"version", "name", "verdict", "because", "up", "down", "again", "reversible"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_source(parser)
    parser.add_argument("--rehearsal", type=Path, metavar="FILE", help="what `rehearse --json` has printed")
    parser.add_argument("--print", action="store_true", help="print it, and comment nowhere")
    parser.add_argument(
        "--pg", type=int, default=LintContext().pg_major, metavar="MAJOR", help="the targets' PostgreSQL"
    )


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    proofs = _proofs(options.rehearsal)
    if proofs is None:
        return Exit.USAGE
    folder = chosen_environments.folder(options, workspace)
    findings = lint_folder(folder, LintContext(pg_major=options.pg))
    text = "\n".join([*_of_lint(findings, len(folder.migrations)), "", *_of_rehearsal(proofs, options.rehearsal)])
    if options.print:
        print(text)
        return Exit.OK
    try:
        address = code_review.of_job(os.environ).write(text)
    except code_review.NoComment as error:
        print(f"signalbox: no comment was written: {error}", file=sys.stderr)
        return Exit.FAILED
    print(address or "The comment was written.")
    return Exit.OK


def _proofs(file: Path | None) -> Sequence[Mapping[str, Any]] | None:
    """Line by line. None where that is no such file; what is not there yet is no error: the rehearsal may not have
    begun."""
    if file is None or not file.exists():
        return ()
    try:
        proofs = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError):
        proofs = [None]
    if not all(isinstance(proof, dict) and proof.keys() >= _OF_A_PROOF for proof in proofs):
        print(
            f"signalbox: {file} does not hold one JSON object a line, as `rehearse --json` prints it.", file=sys.stderr
        )
        return None
    return proofs


def _of_lint(findings: Iterable[Finding], migrations: int) -> Iterator[str]:
    standing = [finding for finding in findings if not finding.suppressed]
    counts = ", ".join(_number(sum(f.severity is each for f in standing), each.value) for each in Severity)
    yield f"### Lint: {counts} in {_number(migrations, 'migration')}"
    if standing:
        yield from ("", "| | where | |", "| --- | --- | --- |")
    for finding in standing[:_MOST]:
        where = f"{finding.file}:{finding.line}" if finding.file else "the folder"
        yield f"| {finding.severity} | {_safe(where)} | {_safe(finding.sentence)} {_safe(finding.advice)} |"
    if len(standing) > _MOST:
        yield f"\nThe first {_MOST} of {len(standing)}."


def _of_rehearsal(proofs: Sequence[Mapping[str, Any]], file: Path | None) -> Iterator[str]:
    if not proofs:
        yield "### Rehearsal: none" if file is None else "### Rehearsal: nothing was rehearsed"
        return
    proven = sum(proof["verdict"] == Verdict.PROVEN.value for proof in proofs)
    yield f"### Rehearsal: {proven} of {_number(len(proofs), 'migration')} proven"
    yield from ("", "| migration | | its rollback | |", "| --- | --- | --- | --- |")
    for proof in proofs[-_MOST:]:
        named = f"{proof['version']} {proof['name']}"
        yield f"| {_safe(named)} | {_safe(str(proof['verdict']))} | {_rollback(proof)} | {_safe(_why(proof))} |"
    if len(proofs) > _MOST:
        yield f"\nThe last {_MOST} of {len(proofs)}."


def _rollback(proof: Mapping[str, Any]) -> str:
    if proof["down"] is None:
        return "not run"
    if proof["down"]["error"]:
        return "ended in an error"
    if proof["reversible"] is None:
        return "not compared"
    return "restores the schema" if proof["reversible"] else "does not restore the schema"


def _why(proof: Mapping[str, Any]) -> str:
    errors = [proof[part]["error"] for part in ("up", "down", "again") if proof[part] and proof[part]["error"]]
    return str(proof["because"] or "; ".join(map(str, errors)) or "")


def _number(count: int, named: str) -> str:
    return f"{count} {named}{'' if count == 1 else 's'}"


def _safe(text: str) -> str:
    return _LINKING.sub(r"\g<0><!-- -->", " ".join(text.split()).translate(_SAFE))
