"""Subscriptions of the asynchronous client: one to iterate over, one that calls back.

They belong to the loop of their client, which waits for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anynats
from anynats.compat.pynats.aio.msg import Msg
from anynats.compat.pynats.core.over_anynats import translated
from anynats.compat.pynats.core.subscription import Subscription as BaseSubscription
from anynats.compat.pynats.errors import SubscriptionClosedError

if TYPE_CHECKING:
    from typing_extensions import Self


class Subscription(BaseSubscription):
    """What both have in common. `async with` ends it with the block."""

    async def unsubscribe(self, limit: int = 0) -> None:
        """End it: now, or after `limit` messages in all."""
        self._subscription.unsubscribe(limit or None)

    async def drain(self) -> None:
        """End it when everything on its way has come; that is still delivered."""
        with translated():
            await self._subscription.drain()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.unsubscribe()


class QueueSubscriptionIterator(Subscription):
    """The messages of one subject. Iteration ends with the subscription."""

    def __init__(self, subscription: Any, queue: str | None, client: Any) -> None:
        super().__init__(subscription, queue)
        self._client = client

    async def messages(self) -> AsyncIterator[Msg]:
        """Yield the messages as they come."""
        while True:
            try:
                message = await self.next_message()
            except SubscriptionClosedError:
                return
            yield message

    async def next_message(self) -> Msg:
        """Return the next message. SubscriptionClosedError after the last."""
        with translated():
            try:
                message = await self._subscription.next()
            except anynats.Closed as error:
                if error.__cause__ is not None:
                    raise
                raise SubscriptionClosedError(f"{self.subject()!r} has ended") from error
        self._delivered += 1
        return Msg(message, self._client)


class QueueSubscriptionWorker(Subscription):
    """A subscription whose callback gets the messages, one after the other."""
