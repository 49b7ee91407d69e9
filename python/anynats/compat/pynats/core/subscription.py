"""What subscriptions of aio and io have in common: who they are, and what they count.

The accessors are methods, as in the original. No waiting here.
"""

from __future__ import annotations

from typing import Any

DEFAULT_SUB_PENDING_MSGS_LIMIT = 100
DEFAULT_SUB_PENDING_BYTES_LIMIT = 8 * 1024 * 1024


class SubscriptionStatistics:
    """What waits in a subscription, and what has been taken out of it."""

    __slots__ = ("delivered", "pending_msgs")

    def __init__(self, pending_msgs: int = 0, delivered: int = 0) -> None:
        self.pending_msgs = pending_msgs
        self.delivered = delivered


class Subscription:
    """A subscription, over one of anynats."""

    def __init__(self, subscription: Any, queue: str | None) -> None:
        self._subscription = subscription
        self._queue = queue
        self._delivered = 0

    def sid(self) -> int:
        return self._subscription.sid  # type: ignore[no-any-return]

    def subject(self) -> str:
        return self._subscription.subject  # type: ignore[no-any-return]

    def queue(self) -> str | None:
        return self._queue

    def statistics(self) -> SubscriptionStatistics:
        return SubscriptionStatistics(self._subscription.pending, self._delivered)
