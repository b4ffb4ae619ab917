"""The keys of the audit log's hashes. They live outside the database: who can rewrite rows cannot seal them again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

OWN_VARIABLE = "SIGNALBOX_AUDIT_KEY"
FALLBACK_VARIABLE = "SIGNALBOX_SECRET_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKey:
    id: str  # written beside each event; says nothing of the key
    secret: bytes
    variable: str

    @property
    def is_fallback(self) -> bool:
        return self.variable == FALLBACK_VARIABLE


def signing() -> AuditKey | None:
    """What new events are sealed with: the first key. None in a process that was given none."""
    return next(_all(), None)


def known() -> dict[str, AuditKey]:
    """Every key that events may carry, former ones included, by id."""
    return {key.id: key for key in _all()}


def _all() -> Iterator[AuditKey]:
    """The audit log's own keys, then those derived from the secret key, which were used before there were any."""
    for text in settings.AUDIT_KEYS:
        yield _derived(text, OWN_VARIABLE)
    secrets = () if settings.SECRET_KEY_IS_EPHEMERAL else (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    for text in secrets:
        yield _derived(text, FALLBACK_VARIABLE)


def _derived(text: str, variable: str) -> AuditKey:
    secret = hmac.new(text.encode(), b"signalbox audit chain", hashlib.sha256).digest()
    return AuditKey(id=hashlib.sha256(b"id of " + secret).hexdigest()[:12], secret=secret, variable=variable)
