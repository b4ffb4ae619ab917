"""What the libraries raise, by the names of `errors`. What a server says is quoted without anything secret."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dulwich.errors import (
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    GitProtocolError,
    HangupException,
    ObjectMissing,
)
from dulwich.pack import UnresolvedDeltas

from dashboard.engine.git.errors import GitFetchFailed, GitPackBroken, GitTooBig
from dashboard.engine.git.meter import SPARE_THE_REST, megabytes
from dashboard.engine.git.values import FetchLimits, Remote

#: How libraries fail on what nobody has written by hand.
MALFORMED = (
    *(ApplyDeltaError, ChecksumMismatch, FileFormatException, ObjectMissing, UnresolvedDeltas, zlib.error),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error, EOFError),
)
_LONGEST = 300


@contextmanager
def named(repository: str, remote: Remote, limits: FetchLimits) -> Iterator[None]:
    try:
        yield
    except GitProtocolError as error:
        reason = f"the server broke off{quoted(remote, words_of(error))}"
        raise GitFetchFailed(repository=repository, reason=reason) from error
    except MemoryError as error:
        raise GitTooBig(
            repository=repository,
            reason=f"reading what it sent takes more than {megabytes(limits.memory)} of memory",
            remedy=SPARE_THE_REST,
        ) from error
    except MALFORMED as error:
        reason = f"{type(error).__name__}{quoted(remote, error.args)}"
        raise GitPackBroken(repository=repository, reason=reason) from error
    except OSError as error:
        reason = f"its pack could not be kept on this machine ({error.strerror})"
        raise GitFetchFailed(repository=repository, reason=reason) from error


def words_of(error: GitProtocolError) -> Sequence[object]:
    """What the server said; of a hang-up what it said beside the protocol."""
    return (error.stderr_lines or ()) if isinstance(error, HangupException) else error.args


def quoted(remote: Remote, words: Sequence[object]) -> str:
    """As a clause behind another, or nothing; without what is secret, and without control characters."""
    text = " ".join(part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in words)
    encoded = base64.b64encode(remote.login.encode()).decode()
    for secret in filter(None, (remote.token.strip(), encoded, remote.key.strip())):
        text = text.replace(secret, "…")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f": “{text[:_LONGEST]}”" if text else ""
