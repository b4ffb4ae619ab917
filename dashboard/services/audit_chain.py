"""The chain of the audit log: how an event is sealed, and whether all of them are as they were written.

Each hash covers every column of its event, its number and its place in the count included, and the hash before it. It
is an HMAC, so only a process that has the key can make one. Events of before there was a key carry a plain hash; they
stand in front of the event `audit.keyed`, whose hash holds them fast.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dashboard.models import AuditEvent, ChangeRequest, Run
from dashboard.services import audit_keys
from dashboard.services.audit_keys import AuditKey

#: The hash before the first row.
GENESIS = "0" * 64


class ChainFault(StrEnum):
    """Why a chain does not hold; the first is named."""

    CONTENT = "event changed"  # the event was changed
    LINK = "predecessor changed"  # what stands before it was changed, removed, put in between or reordered
    COUNT = "count differs"  # so many events do not stand before it as it says
    KEY_DROPPED = "key dropped"  # a plain hash after keyed ones
    KEY_MISSING = "key missing"  # its key is not among those of this process
    NEVER_KEYED = "never keyed"  # there is a key, and no event carries one
    OTHER_THAN_HEAD = "other than head"  # a head that was kept elsewhere names another hash for it
    HEAD_GONE = "head gone"  # a head that was kept elsewhere names an event that is not in the log
    EMPTY = "log empty"  # no event, and yet there are requests or runs, which each have theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCheck:
    count: int = 0  # events that hold, from the first on
    keyed: int = 0  # those among them that carry a key
    heads: int = 0  # heads kept elsewhere that were found again
    fault: ChainFault | None = None
    event: AuditEvent | None = None  # where it breaks
    event_id: int | None = None  # its number, also where it is not in the log
    key: AuditKey | None = None  # what new events are sealed with


def seal(row: AuditEvent, key: AuditKey | None) -> None:
    """Give the event its hash, once everything else of it is set."""
    row.key_id = key.id if key else ""
    row.hash = _keyed_hash(row, key) if key else _plain_hash(row)


def verify(heads: Mapping[int, str] | None = None) -> ChainCheck:
    """Walk the chain from the first event on. `heads` are hashes by event number, kept outside the database."""
    walk = _Walk(heads=dict(heads or {}), keys=audit_keys.known())
    for row in _in_order():
        if fault := walk.step(row):
            return walk.result(fault, row)
    return walk.result(*walk.end())


class _Walk:
    def __init__(self, *, heads: dict[int, str], keys: Mapping[str, AuditKey]) -> None:
        self._heads, self._keys = heads, keys
        self._expected_heads = len(heads)
        self._previous: AuditEvent | None = None
        self._count = self._keyed = 0

    def step(self, row: AuditEvent) -> ChainFault | None:
        if fault := self._fault(row):
            return fault
        self._heads.pop(row.pk, None)
        self._previous = row
        self._count += 1
        self._keyed += bool(row.key_id)
        return None

    def end(self) -> tuple[ChainFault | None, int | None]:
        """What only shows once every event was seen."""
        if self._heads:
            return ChainFault.HEAD_GONE, min(self._heads)
        if not self._count:
            return (ChainFault.EMPTY if _deeds_exist() else None), None
        return (ChainFault.NEVER_KEYED if self._keys and not self._keyed else None), None

    def result(self, fault: ChainFault | None, where: AuditEvent | int | None) -> ChainCheck:
        event = where if isinstance(where, AuditEvent) else None
        return ChainCheck(
            count=self._count,
            keyed=self._keyed,
            heads=self._expected_heads - len(self._heads),
            fault=fault,
            event=event,
            event_id=event.pk if event else where if isinstance(where, int) else None,
            key=audit_keys.signing(),
        )

    def _fault(self, row: AuditEvent) -> ChainFault | None:
        if self._heads.get(row.pk, row.hash) != row.hash:
            return ChainFault.OTHER_THAN_HEAD
        if row.previous_hash != (self._previous.hash if self._previous else GENESIS):
            return ChainFault.LINK
        if not row.key_id:
            return self._fault_of_plain(row)
        key = self._keys.get(row.key_id)
        if key is None:
            return ChainFault.KEY_MISSING
        if not hmac.compare_digest(row.hash, _keyed_hash(row, key)):
            return ChainFault.CONTENT
        return None if row.position == self._count + 1 else ChainFault.COUNT

    def _fault_of_plain(self, row: AuditEvent) -> ChainFault | None:
        if self._keyed:
            return ChainFault.KEY_DROPPED
        return None if row.hash == _plain_hash(row) else ChainFault.CONTENT


def _in_order() -> Iterator[AuditEvent]:
    return AuditEvent.objects.order_by("id").iterator(chunk_size=1000)


def _deeds_exist() -> bool:
    return Run.objects.exists() or ChangeRequest.objects.exists()


def _keyed_hash(row: AuditEvent, key: AuditKey) -> str:
    columns = [row.pk, row.position, row.key_id, *_facts(row)]
    return hmac.new(key.secret, _canonical(columns), hashlib.sha256).hexdigest()


def _plain_hash(row: AuditEvent) -> str:
    return hashlib.sha256(_canonical(_facts(row))).hexdigest()


def _facts(row: AuditEvent) -> list[Any]:
    return [
        row.previous_hash,
        _instant(row.at),
        row.kind,
        row.actor,
        row.actor_id,
        row.environment,
        row.request_id,
        row.run_id,
        row.source_ip,
        row.data,
    ]


def _canonical(columns: list[Any]) -> bytes:
    return json.dumps(columns, sort_keys=True, ensure_ascii=True).encode()


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
