"""The command line: `manage.py signalbox <verb>`. Data on stdout, everything else on stderr.

Exit codes: 0 fine · 1 failed · 2 wrong usage (also a missing folder) · 3 something is pending (with --exit-code) ·
4 a second person has to approve · 5 a run is under way · 6 not allowed ·
7 a target or a repository cannot be reached · 8 a file or a history needs attention.
"""

from __future__ import annotations

import argparse

from dashboard.cli import (
    accept,
    audit,
    baseline,
    demo,
    doctor,
    drift,
    fetch,
    import_history,
    lint,
    mark_applied,
    picture,
    plan,
    rehearse,
    skip,
    states,
    status,
    unskip,
)

#: Each verb is a module with a docstring (its help), `add_arguments(parser)` and `run(options) -> exit code`.
VERBS = {
    "status": status,
    "lint": lint,
    "rehearse": rehearse,
    "plan": plan,
    "drift": drift,
    "fetch": fetch,
    "import": import_history,
    "skip": skip,
    "unskip": unskip,
    "mark-applied": mark_applied,
    "baseline": baseline,
    "accept": accept,
    "doctor": doctor,
    "audit": audit,
    "states": states,
    "picture": picture,
    "demo": demo,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="verb", required=True)
    for name, module in VERBS.items():
        help_text = (module.__doc__ or "").strip()
        verb = verbs.add_parser(name, help=help_text.splitlines()[0], description=help_text, allow_abbrev=False)
        module.add_arguments(verb)


def run(options: argparse.Namespace) -> int:
    code: int = VERBS[options.verb].run(options)
    return code
