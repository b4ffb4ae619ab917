"""Counts what a server sends, so that one that never ends is left."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.engine.git.errors import GitTooBig
from dashboard.engine.git.values import MEGABYTE, FetchLimits

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
                remedy="Let the server send single folders (git config uploadpack.allowFilter true; GitHub, GitLab, "
                "Gitea and Bitbucket do so by themselves), or take what is large out of the branch.",
            )
        return data


def megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.1f} MB" if size < 10 * MEGABYTE else f"{size // MEGABYTE} MB"
