"""Subscriptions as the protocol counts them: by sid, which the caller chooses.

One thread at a time. They say when enough has been delivered, and nothing more.
"""

from __future__ import annotations


class Subscription:
    """How many messages one sid has had, and how many it may have (0: any number)."""

    __slots__ = ("delivered", "limit", "server_counts", "sid", "subject")

    def __init__(self, sid: int, limit: int = 0, subject: str = "") -> None:
        self.sid = sid
        self.limit = limit
        self.subject = subject
        self.delivered = 0
        self.server_counts = False  # the server knows the limit

    def set_limit(self, limit: int) -> None:
        self.limit = limit

    def increment_delivered(self) -> None:
        self.delivered += 1

    def should_unsubscribe(self) -> bool:
        return 0 < self.limit <= self.delivered


class SubscriptionMap:
    """The subscriptions of one connection."""

    __slots__ = ("_by_sid",)

    def __init__(self) -> None:
        self._by_sid: dict[int, Subscription] = {}

    def get(self, sid: int) -> Subscription | None:
        return self._by_sid.get(sid)

    def add(self, sid: int, limit: int = 0, subject: str = "") -> None:
        """Add a subscription. ValueError when the sid is taken."""
        if sid in self._by_sid:
            raise ValueError(f"sid {sid} is taken")
        self._by_sid[sid] = Subscription(sid, limit, subject)

    def remove(self, sid: int) -> None:
        self._by_sid.pop(sid, None)

    def clear(self) -> None:
        self._by_sid.clear()

    def sids_of(self, subject: str) -> list[int]:
        """Return the sids subscribed to exactly this subject."""
        return [sid for sid, sub in self._by_sid.items() if sub.subject == subject]
