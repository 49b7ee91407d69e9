"""A subscription of the blocking client: iterate over it, or ask for the next message.

Threads may share it: each message goes to one of those who wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anynats
from anynats.compat.pynats.core.over_anynats import translated
from anynats.compat.pynats.core.subscription import Subscription
from anynats.compat.pynats.errors import SubscriptionClosedError
from anynats.compat.pynats.io.msg import Msg

if TYPE_CHECKING:
    from typing_extensions import Self


class SyncSubscriptionIterator(Subscription):
    """The messages of one subject. Iteration ends with the subscription."""

    _subscription: anynats.Subscription

    def __init__(
        self, subscription: anynats.Subscription, queue: str | None, client: anynats.Client
    ) -> None:
        super().__init__(subscription, queue)
        self._client = client

    def next(self, timeout: float | None = None) -> Msg:
        """Return the next message. TimeoutError, and SubscriptionClosedError after the last."""
        with translated():
            try:
                message = self._subscription.next(timeout)
            except anynats.Closed as error:
                if error.__cause__ is not None:
                    raise
                raise SubscriptionClosedError(f"{self.subject()!r} has ended") from error
        self._delivered += 1
        return Msg(message, self._client)

    next_message = next

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Msg:
        try:
            return self.next()
        except SubscriptionClosedError:
            raise StopIteration from None

    def unsubscribe(self, limit: int = 0) -> None:
        """End it: now, or after `limit` messages in all."""
        self._subscription.unsubscribe(limit or None)

    def drain(self) -> None:
        """End it when everything on its way has come; that can still be taken."""
        with translated():
            self._subscription.drain()

    close = unsubscribe
