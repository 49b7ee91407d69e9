"""Subscriber: the messages of one subject, one after the other.

Threads may share it; what waits, waits in anynats.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, overload

import anynats
from anynats.compat.no_asyncio_nats.errors import translated
from anynats.compat.no_asyncio_nats.made import Made
from anynats.compat.no_asyncio_nats.message import Message
from anynats.compat.no_asyncio_nats.options import count_of, duration


class Subscriber(Made):
    """The messages of one subject. Threads may share it: each message goes to one of them."""

    _sub: anynats.Subscription
    _client: anynats.Client

    # Without a timeout it is None only after the end, which no example of the README looks for.
    @overload
    def recv_msg(self, timeout: None = None) -> Message | Any: ...
    @overload
    def recv_msg(self, timeout: timedelta) -> Message | None: ...
    def recv_msg(self, timeout: timedelta | None = None) -> Message | None:
        """Return the next message; None after `timeout`, or when the subscription has ended.

        Without a timeout it waits until one of the two. ConnectionError when the connection was
        given up for good.
        """
        seconds = None if timeout is None else duration("timeout", timeout)
        with translated():
            try:
                if seconds == timedelta(0):
                    message = self._sub.try_next()
                    return None if message is None else Message._of(message)
                return Message._of(self._sub.next(timeout=seconds))
            except anynats.TimeoutError:
                return None
            except anynats.Closed as error:
                if error.__cause__ is not None:
                    raise
                return None

    def unsubscribe(self) -> None:
        """End the subscription now; what has been received can still be taken."""
        self._sub.unsubscribe()

    def drain(self) -> None:
        """End the subscription; what is on its way or here can still be taken. Does not wait."""
        with translated():
            # It goes on by itself, without the operation.
            self._sub._queue.drain(None)  # type: ignore[attr-defined]

    def unsubscribe_after(self, count: int) -> None:
        """End the subscription after `count` messages in all; at once if so many have come."""
        self._sub.unsubscribe(count_of("count", count) or None)
