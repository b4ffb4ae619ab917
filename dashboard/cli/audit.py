"""Verify the audit log: walk its hash chain from the first event."""

from __future__ import annotations

import argparse
import sys

from django.db import Error

from dashboard.cli.exits import Exit
from dashboard.services import audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["verify"])


def run(options: argparse.Namespace) -> int:
    try:
        count, broken = audit.verify()
    except Error as error:
        print(f"signalbox: The control database cannot be asked: {' '.join(str(error).split())}", file=sys.stderr)
        print("  Nothing was verified. Check SIGNALBOX_DATABASE_URL, and run manage.py migrate.", file=sys.stderr)
        return Exit.UNREACHABLE
    if broken is None:
        print(f"{count} events, the chain is intact.")
        return Exit.OK
    print(f"The chain breaks at event {broken.pk} ({broken}), after {count} events that hold.", file=sys.stderr)
    return Exit.ATTENTION
