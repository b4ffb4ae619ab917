"""What looks risky in the migrations, file by file. Exit code 8 where an error is found that no file allows.

Exit code 8 also where no migration was read.
Reads the folder only, and needs no control database. With --env the server of that target is asked whether its grammar
takes the files; it is sent nothing to run.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from dashboard.cli import environments as chosen_environments
from dashboard.cli import lint_formats
from dashboard.cli.exits import Exit
from dashboard.engine.lint import Finding, LintContext, lint_folder
from dashboard.engine.migration import Folder, Severity
from dashboard.local.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen_environments.add_source(parser)
    as_what = parser.add_mutually_exclusive_group()
    as_what.add_argument("--json", action="store_true", help="one JSON object a line, one for each finding")
    as_what.add_argument(
        "--format",
        choices=lint_formats.NAMES,
        help="as a CI reads it: GitHub's annotations, GitLab's code quality, SARIF",
    )
    parser.add_argument(
        "--pg", type=int, default=LintContext().pg_major, metavar="MAJOR", help="the targets' PostgreSQL"
    )
    parser.add_argument(
        "--env", metavar="NAME", nargs=1, dest="environments", help="ask the server of this environment, too"
    )
    parser.add_argument("--supabase", action="store_true", help="the schema public is served by Supabase's API")


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    folder = _folder(options, workspace)
    findings = lint_folder(folder, LintContext(pg_major=options.pg, supabase=options.supabase))
    if options.format:
        print(lint_formats.write(options.format, findings, folder))
    else:
        for finding in findings:
            print(json.dumps(asdict(finding)) if options.json else _text(finding))
    if not folder.migrations:
        print(f"Nothing was linted: {folder.source} holds no migration that could be read.", file=sys.stderr)
        return Exit.ATTENTION
    if not options.json and not options.format:
        print(_summary(len(folder.migrations), findings))
    return Exit.ATTENTION if any(finding.blocks for finding in findings) else Exit.OK


def _folder(options: argparse.Namespace, workspace: Workspace) -> Folder:
    if not options.environments:
        return chosen_environments.folder(options, workspace)
    (environment,) = chosen_environments.chosen(options, workspace)
    return workspace.judged(environment, chosen_environments.folder(options, workspace, environment))


def _text(finding: Finding) -> str:
    where = ":".join(str(part) for part in (finding.file, finding.line, finding.column)) if finding.file else "lint"
    said = f"{where}: {finding.severity}: {finding.sentence} ({finding.rule})"
    if finding.suppressed:
        return f"{said}\n    allowed: {finding.suppressed}"
    return f"{said}\n    {finding.advice}"


def _summary(migrations: int, findings: tuple[Finding, ...]) -> str:
    standing = [finding.severity for finding in findings if not finding.suppressed]
    counts = ", ".join(f"{standing.count(s)} {s}{'' if standing.count(s) == 1 else 's'}" for s in Severity)
    allowed = len(findings) - len(standing)
    files = "1 migration" if migrations == 1 else f"{migrations} migrations"
    return f"{files}: {counts}" + (f", {allowed} allowed in the files" if allowed else "")
