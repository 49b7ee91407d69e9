"""Bytes that wait to be sent, up to a size.

One thread at a time. It refuses nothing by itself: ask `can_fit` first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class PendingBuffer:
    """Parts to be sent in order; those with priority before all others."""

    __slots__ = ("data", "max_size", "size")

    def __init__(self, max_size: int) -> None:
        self.data: list[bytes] = []
        self.size = 0
        self.max_size = max_size

    def append(self, data: bytes, priority: bool = False) -> None:
        self.extend([data], priority)

    def extend(self, data: list[bytes], priority: bool = False) -> None:
        place = 0 if priority else len(self.data)
        self.data[place:place] = data
        self.size += sum(map(len, data))

    @contextlib.contextmanager
    def borrow(self) -> Iterator[list[bytes]]:
        """Lend what waits; it is gone afterwards, but for an exception."""
        lent = self.data
        yield lent
        del self.data[: len(lent)]
        self.size = sum(map(len, self.data))

    def clear(self) -> None:
        self.data.clear()
        self.size = 0

    def is_empty(self) -> bool:
        return not self.data

    def is_full(self) -> bool:
        return self.size >= self.max_size

    def can_fit(self, size: int) -> bool:
        return self.size + size <= self.max_size
