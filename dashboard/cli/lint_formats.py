"""Findings of lint as the programs of others read them: GitHub, GitLab, and whatever takes SARIF."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dashboard.engine.lint import Finding
from dashboard.engine.migration import Folder, Severity


def write(as_what: str, findings: Iterable[Finding], folder: Folder) -> str:
    """`as_what` is one of NAMES. What a file allows is left out, but in SARIF, which has a place for the reason."""
    return _WRITERS[as_what](findings, folder.source)


def _path(finding: Finding, source: str) -> str:
    """From where it is called, which in a CI is the root of the repository; the folder where no file is meant."""
    return os.path.relpath(Path(source, finding.file)).replace(os.sep, "/")


# GitHub

_COMMANDS: Mapping[Severity, str] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def _github(findings: Iterable[Finding], source: str) -> str:
    return "\n".join(_command(finding, source) for finding in findings if not finding.suppressed)


def _command(finding: Finding, source: str) -> str:
    place = {"file": _path(finding, source), "line": finding.line, "col": finding.column, "title": finding.rule}
    named = ",".join(f"{name}={_property(str(value))}" for name, value in place.items())
    return f"::{_COMMANDS[finding.severity]} {named}::{_message(f'{finding.sentence} {finding.advice}')}"


def _message(text: str) -> str:
    """On one line, and no command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


# GitLab

_SEVERITIES: Mapping[Severity, str] = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def _gitlab(findings: Iterable[Finding], source: str) -> str:
    return json.dumps([_quality(finding, source) for finding in findings if not finding.suppressed], indent=2)


def _quality(finding: Finding, source: str) -> dict[str, Any]:
    path = _path(finding, source)
    place = finding.statement or f"line {finding.line}"
    same = "\0".join((finding.rule, path, str(place), finding.sentence))
    return {
        "description": f"{finding.sentence} {finding.advice}",
        "check_name": finding.rule,
        "fingerprint": hashlib.sha256(same.encode()).hexdigest(),
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": path, "lines": {"begin": finding.line}},
    }


# SARIF


def _sarif(findings: Iterable[Finding], source: str) -> str:
    results = [_result(finding, source) for finding in findings]
    rules = [{"id": rule} for rule in sorted({result["ruleId"] for result in results})]
    run = {"tool": {"driver": {"name": "Signalbox", "rules": rules}}, "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(finding: Finding, source: str) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(_path(finding, source))},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.rule,
        "level": finding.severity.value,  # the same words
        "message": {"text": f"{finding.sentence} {finding.advice}"},
        "locations": [{"physicalLocation": place}],
        "suppressions": [{"kind": "inSource", "justification": finding.suppressed}] if finding.suppressed else [],
    }


_WRITERS: Mapping[str, Callable[[Iterable[Finding], str], str]] = {
    "github": _github,  # commands of a workflow, which annotate the lines of a pull request
    "gitlab": _gitlab,  # a report of code quality
    "sarif": _sarif,  # 2.1.0
}
NAMES = tuple(_WRITERS)
