"""The audit log: walk its chain from the first event, or print its head."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from django.db import Error

from dashboard.cli import controlled
from dashboard.cli.exits import Exit
from dashboard.local.workspace import Workspace
from dashboard.models import command_line
from dashboard.presenters import audit as presenter
from dashboard.services import audit_chain, audit_guard, audit_heads
from dashboard.services.audit_heads import Head


def add_arguments(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(dest="deed", metavar="verify|head|writer", required=True)
    verify = deeds.add_parser("verify", help="whether the log is as it was written", allow_abbrev=False)
    verify.add_argument("--head", metavar="ID:HASH", action="append", default=[], help="a head kept elsewhere")
    verify.add_argument("--head-file", metavar="PATH", type=Path, help="a file of heads, or a log that holds some")
    verify.set_defaults(answer=_verify)
    head = deeds.add_parser("head", help="the number and the hash of the newest event", allow_abbrev=False)
    head.set_defaults(answer=_head)
    writer = deeds.add_parser(
        "writer",
        help="let a role add and read events and do no more; as the owner of the tables",
        allow_abbrev=False,
    )
    writer.add_argument("role", help="the role that web and worker connect as")
    writer.set_defaults(answer=_writer)


def run(options: argparse.Namespace, workspace: Workspace) -> int:
    try:
        code: int = options.answer(options)
    except Error as error:
        return controlled.complain_of(error, done="Nothing was verified.")
    return code


def _verify(options: argparse.Namespace) -> int:
    heads, refused = _heads_of(options)
    if refused:
        print(f"signalbox: {refused}", file=sys.stderr)
        return Exit.USAGE
    check = audit_chain.verify({head.id: head.hash for head in heads})
    chain = presenter.chain(check)
    if check.fault:
        print(chain.sentence, file=sys.stderr)
        return Exit.ATTENTION
    print(chain.sentence)
    print(presenter.power(audit_guard.look()).sentence)
    return Exit.OK


def _heads_of(options: argparse.Namespace) -> tuple[list[Head], str]:
    """The heads to compare with, or why there are none to be understood."""
    heads = [audit_heads.parse(text) for text in options.head]
    if None in heads:
        head = command_line.of("audit head")
        return [], f"A head is ID:HASH, the number and the 64 hexadecimal digits that {head} prints."
    if options.head_file:
        try:
            lines = options.head_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            return [], f"The heads cannot be read from {options.head_file}: {error.strerror}."
        in_file = audit_heads.in_lines(lines)
        if not in_file:
            return [], f"There is no line “audit head id=… hash=…” in {options.head_file}."
        heads += in_file
    return [head for head in heads if head], ""


def _head(options: argparse.Namespace) -> int:
    head = audit_heads.current()
    if head is None:
        print("signalbox: The audit log has no event yet, so it has no head.", file=sys.stderr)
        return Exit.ATTENTION
    print(f"{head.id}:{head.hash}")
    return Exit.OK


def _writer(options: argparse.Namespace) -> int:
    power = audit_guard.let_write(options.role)
    if power is None:
        print(f"signalbox: There is no role {options.role}. Create it first; docs/DEPLOY.md says how.", file=sys.stderr)
        return Exit.USAGE
    print(presenter.power(power).sentence)
    return Exit.ATTENTION if power.owner or power.superuser else Exit.OK
