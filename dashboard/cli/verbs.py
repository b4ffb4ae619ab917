"""The verbs of `manage.py signalbox`."""

from __future__ import annotations

import argparse

from dashboard.cli import (
    accept,
    audit,
    baseline,
    comment,
    controlled,
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

VERBS = {
    "status": status,
    "lint": lint,
    "rehearse": rehearse,
    "comment": comment,
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
    code: int = VERBS[options.verb].run(options, controlled.workspace())
    return code
