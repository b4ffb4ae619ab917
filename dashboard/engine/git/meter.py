"""Counts what a server sends, so that one that never ends is left."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.engine.git.errors import GitTooBig
from dashboard.engine.git.values import MEGABYTE, FetchLimits

#: What helps where the files of interest are few and the rest is large.
SPARE_THE_REST = (
    "Let the server leave out what is not asked for, as GitHub and GitLab do: there, git config uploadpack.allowFilter "
    "true in the repository, and over SSH AcceptEnv GIT_PROTOCOL for the daemon. Or take what is large out of the "
    "branch."
)
#: Bytes between two times that `tell` is called.
_STEP = MEGABYTE


class Meter:
    """`tell` hears now and then how much has come."""

    def __init__(self, repository: str, limits: FetchLimits, tell: Callable[[int], None]) -> None:
        self.repository = repository
        self.limits = limits
        self.received = 0
        self._tell = tell
        self._told = 0
        self._ceiling = limits.listed

    def expect_list(self) -> None:
        self._ceiling = self.received + self.limits.listed

    def expect_pack(self) -> None:
        self._ceiling = self.received + self.limits.received

    def count(self, data: bytes) -> bytes:
        """The data, as it came. Raises GitTooBig."""
        self.received += len(data)
        if self.received - self._told >= _STEP:
            self._told = self.received
            self._tell(self.received)
        if self.received > self._ceiling:
            raise GitTooBig(
                repository=self.repository,
                reason=f"it had sent {megabytes(self.received)} and was still sending",
                remedy=SPARE_THE_REST,
            )
        return data


def megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.1f} MB" if size < 10 * MEGABYTE else f"{size // MEGABYTE} MB"
