"""What the libraries raise, by the names of `errors`. What a server says is quoted without anything secret."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
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

from dashboard.engine.git.errors import GitFetchFailed, GitPackBroken, GitServerUnusable, GitTooBig
from dashboard.engine.git.meter import megabytes
from dashboard.engine.git.values import FetchLimits, Remote

#: How libraries fail on what nobody has written by hand.
_MALFORMED = (
    *(ApplyDeltaError, ChecksumMismatch, FileFormatException, ObjectMissing, UnresolvedDeltas, zlib.error),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error, EOFError),
)
_LONGEST = 300


@contextmanager
def named(repository: str, remote: Remote, limits: FetchLimits) -> Iterator[None]:
    try:
        yield
    except HangupException as error:
        said = _quoted(remote, error.stderr_lines or [])
        raise GitServerUnusable(repository=repository, reason=f"it hung up{said}") from error
    except GitProtocolError as error:
        raise GitServerUnusable(repository=repository, reason=f"it breaks off{_quoted(remote, error.args)}") from error
    except MemoryError as error:
        raise GitTooBig(
            repository=repository,
            reason=f"reading what it sent takes more than {megabytes(limits.memory)} of memory",
            remedy="Let the server send single folders (git config uploadpack.allowFilter true), or take large files "
            "out of the branch.",
        ) from error
    except _MALFORMED as error:
        reason = f"{type(error).__name__}{_quoted(remote, error.args)}"
        raise GitPackBroken(repository=repository, reason=reason) from error
    except OSError as error:
        reason = f"its pack could not be kept on this machine ({error.strerror})"
        raise GitFetchFailed(repository=repository, reason=reason) from error


def _quoted(remote: Remote, words: object) -> str:
    """As a clause behind another, or nothing."""
    parts = words if isinstance(words, list | tuple) else [words]
    text = " ".join(part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts)
    encoded = base64.b64encode(remote.login.encode()).decode()
    for secret in filter(None, (remote.token, encoded, remote.key)):
        text = text.replace(secret, "…")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f": “{text[:_LONGEST]}”" if text else ""
