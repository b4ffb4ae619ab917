"""Results kept up to a size in bytes, those used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

#: What one entry takes beside its content.
_OVERHEAD = 1024


class Cache[Key: Hashable, Value]:
    """For pure functions: two threads may compute the same result, and either is kept."""

    def __init__(self, *, bytes_at_most: int) -> None:
        self._limit = bytes_at_most
        self._size = 0
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, size: int, compute: Callable[[], Value]) -> Value:
        """The value of `key`, computed where it is not kept; `size` is that of the content it is computed from."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key][0]
        value = compute()
        with self._lock:
            self._keep(key, value, size + _OVERHEAD)
        return value

    def _keep(self, key: Key, value: Value, size: int) -> None:
        if key in self._entries:
            return
        self._entries[key] = (value, size)
        self._size += size
        while self._size > self._limit:
            _, (_, freed) = self._entries.popitem(last=False)
            self._size -= freed
