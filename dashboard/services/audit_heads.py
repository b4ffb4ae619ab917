"""Heads of the audit log, sent out of the database.

A head is the number and the hash of the newest event. Kept where the database cannot reach it, it shows a cut end, a
log that was rewritten as a whole, and a table put in its place: `signalbox audit verify --head`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from dashboard.models import AuditEvent

logger = logging.getLogger(__name__)

#: So many events after which a head goes out, besides the times at which the worker sends it.
EVERY = 100

_HEAD = re.compile(r"\baudit head id=(\d{1,19}) hash=([0-9a-f]{64})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    id: int
    hash: str

    @property
    def line(self) -> str:
        return f"audit head id={self.id} hash={self.hash}"


def current() -> Head | None:
    newest = AuditEvent.objects.order_by("-id").values_list("id", "hash").first()
    return Head(id=newest[0], hash=newest[1]) if newest else None


def publish() -> None:
    """Into the log of this process, and into the file of heads where one is named. Never raises for the file: the deed
    that is told of has happened."""
    head = current()
    if head is None:
        return
    logger.info(head.line)
    if settings.AUDIT_HEAD_FILE:
        _append(Path(settings.AUDIT_HEAD_FILE), head)


def parse(text: str) -> Head | None:
    """`ID:HASH`, as a person types it; None where it is none."""
    number, _, hashed = text.strip().partition(":")
    if not re.fullmatch(r"\d{1,19}", number) or not re.fullmatch(r"[0-9a-f]{64}", hashed):
        return None
    return Head(id=int(number), hash=hashed)


def in_lines(lines: Iterable[str]) -> list[Head]:
    """The heads of a file of heads, or of any log that has such lines among others."""
    matches = (_HEAD.search(line) for line in lines)
    return [Head(id=int(match[1]), hash=match[2]) for match in matches if match]


def _append(path: Path, head: Head) -> None:
    """One write to a file opened for appending, so that web and worker never tear each other's lines."""
    line = f"{timezone.now():%Y-%m-%dT%H:%M:%SZ} {head.line}\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
    except OSError as error:
        logger.error("The head of the audit log could not be written to %s: %s", path, error.strerror)  # noqa: TRY400
