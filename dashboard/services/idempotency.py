"""The key Idempotency-Key: the same call under the same key gets the same answer, and does nothing again."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.utils import timezone

from dashboard.models import ApiToken, IdempotentCall
from dashboard.services.errors import CallUnderWay, KeyUsedAgain

#: How long an answer is kept.
KEPT = timedelta(hours=24)
#: After it a call without an answer is one whose process is gone.
LOST = timedelta(minutes=2)


def fingerprint(*parts: bytes) -> str:
    return sha256(b"\0".join(sha256(part).digest() for part in parts)).hexdigest()


def begin(token: ApiToken, key: str, mark: str) -> IdempotentCall:
    """With its `status` and the rest of the answer where the call was answered before; else this is the first, which
    then ends with `keep` or `forget`.

    Raises KeyUsedAgain, CallUnderWay.
    """
    now = timezone.now()
    IdempotentCall.objects.filter(begun_at__lt=now - KEPT).delete()
    IdempotentCall.objects.filter(token=token, key=key, status=None, begun_at__lt=now - LOST).delete()
    try:
        with transaction.atomic():
            return IdempotentCall.objects.create(token=token, key=key, fingerprint=mark, begun_at=now)
    except IntegrityError:
        return _before(token, key, mark)


def keep(call: IdempotentCall, *, status: int, content: str, headers: dict[str, str]) -> None:
    """A call that took so long that it was given up writes nothing into the row of the next one."""
    IdempotentCall.objects.filter(pk=call.pk).update(status=status, content=content, headers=headers)


def forget(call: IdempotentCall) -> None:
    """It may be sent again: it was answered with "not now", or broke off."""
    IdempotentCall.objects.filter(pk=call.pk, status=None).delete()


def _before(token: ApiToken, key: str, mark: str) -> IdempotentCall:
    row = IdempotentCall.objects.filter(token=token, key=key).first()
    if row is not None and row.fingerprint != mark:
        raise KeyUsedAgain
    if row is None or row.status is None:
        raise CallUnderWay
    return row
