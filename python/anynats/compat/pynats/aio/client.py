"""The asynchronous client, over a client of anynats for the loop that runs.

It belongs to that loop. What waits here waits in anynats.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

import anynats
from anynats.compat.pynats.aio.msg import Msg
from anynats.compat.pynats.aio.subscription import (
    QueueSubscriptionIterator,
    QueueSubscriptionWorker,
)
from anynats.compat.pynats.aio.waiting import face, sleep
from anynats.compat.pynats.core.client_state import ClientState, ClientStateMixin
from anynats.compat.pynats.core.over_anynats import (
    connect_options,
    pauses,
    state_of,
    subscribe_arguments,
    translated,
)
from anynats.compat.pynats.core.subscription import (
    DEFAULT_SUB_PENDING_BYTES_LIMIT,
    DEFAULT_SUB_PENDING_MSGS_LIMIT,
)
from anynats.compat.pynats.errors import BadCallbackTypeError, ConnectionClosedError
from anynats.compat.pynats.protocol.client_options import ClientOptions

if TYPE_CHECKING:
    from typing_extensions import Self

Callback = Callable[[Msg], Awaitable[None]]


class Client(ClientStateMixin):
    """A client for `await`. `async with` connects and closes it; on trio callbacks need it."""

    def __init__(self, options: ClientOptions | None = None) -> None:
        self.options = options or ClientOptions()
        self._client: Any = None
        self._opening: Any = None

    @property
    def status(self) -> ClientState:
        """What the client does just now."""
        return state_of(self._client)

    async def connect(self) -> None:
        """Connect; a second on a connected client does nothing. pynats.errors.ConnectionError."""

        async def plain(opening: Any) -> Any:
            return await opening

        await self._connect(plain)

    async def _connect(self, enter: Callable[[Any], Awaitable[Any]]) -> None:
        if self._client is not None and not self.is_closed():
            return
        arguments = connect_options(self.options)
        connect = face().connect
        with translated():
            for pause in pauses(self.options):
                await sleep(pause)
                try:
                    self._client = await enter(connect(**arguments))
                    return
                except anynats.AuthorizationError:
                    raise
                except anynats.ConnectionError as error:
                    last = error
            raise last

    async def close(self) -> None:
        """Send what is buffered and close."""
        if self._client is not None:
            with translated():
                await self._client.close()

    async def wait_until_closed(self) -> None:
        """Return when the client is closed, by whomever; at once if it is."""
        if self._client is None or self.is_closed():
            return
        try:  # a subscription that nobody publishes to ends with its client
            async with self._client.subscribe(self._client.new_inbox()) as nothing:
                async for _ in nothing:
                    pass
        except anynats.Closed:
            pass

    def _connected(self) -> Any:
        if self._client is None:
            raise ConnectionClosedError("connect first")
        return self._client

    async def flush(self, timeout: float = 10) -> None:
        """Wait until the server has taken everything published before. TimeoutError."""
        with translated():
            await self._connected().flush(timeout)

    async def rtt(self, timeout: float = 5) -> float:
        """Return how long a PING and its PONG take, in seconds. TimeoutError."""
        with translated():
            return await self._connected().rtt(timeout)  # type: ignore[no-any-return]

    async def publish(
        self,
        subject: str,
        payload: bytes | None = None,
        reply: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,
    ) -> None:
        """Queue one message. Waits while too much waits to be sent. ValueError, TimeoutError."""
        client = self._connected()
        deadline = time.monotonic() + timeout
        with translated():
            while True:
                try:
                    client.publish_nowait(subject, payload or b"", reply=reply, headers=headers)
                    break
                except anynats.WouldBlock:
                    await client.flush(max(0.001, deadline - time.monotonic()))
        await sleep(0)

    async def request(
        self,
        subject: str,
        payload: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,
    ) -> Msg:
        """Publish and return the answer. TimeoutError; NatsServerError when nobody listens."""
        client = self._connected()
        with translated():
            answer = await client.request(subject, payload or b"", timeout=timeout, headers=headers)
        return Msg(answer, client)

    @overload
    async def subscribe(
        self,
        subject: str,
        cb: None = None,
        *,
        queue: str | None = None,
        max_msgs: int = -1,
        pending_msgs_limit: int = DEFAULT_SUB_PENDING_MSGS_LIMIT,
        pending_bytes_limit: int = DEFAULT_SUB_PENDING_BYTES_LIMIT,
    ) -> QueueSubscriptionIterator: ...
    @overload
    async def subscribe(
        self,
        subject: str,
        cb: Callback,
        *,
        queue: str | None = None,
        max_msgs: int = -1,
        pending_msgs_limit: int = DEFAULT_SUB_PENDING_MSGS_LIMIT,
        pending_bytes_limit: int = DEFAULT_SUB_PENDING_BYTES_LIMIT,
    ) -> QueueSubscriptionWorker: ...
    async def subscribe(
        self,
        subject: str,
        cb: Callback | None = None,
        *,
        queue: str | None = None,
        max_msgs: int = -1,
        pending_msgs_limit: int = DEFAULT_SUB_PENDING_MSGS_LIMIT,
        pending_bytes_limit: int = DEFAULT_SUB_PENDING_BYTES_LIMIT,
    ) -> QueueSubscriptionIterator | QueueSubscriptionWorker:
        """Subscribe, to iterate, or with `cb`, which is called with one Msg after the other.

        What comes beyond the limits of what may wait is dropped. What `cb` raises is logged.
        """
        client = self._connected()
        limits = subscribe_arguments(queue, max_msgs, pending_msgs_limit, pending_bytes_limit)
        if cb is None:
            with translated():
                subscription = await client.subscribe(subject, **limits)
            return QueueSubscriptionIterator(subscription, queue, client)
        return await self._subscribe_worker(subject, cb, queue, limits)

    async def _subscribe_worker(
        self, subject: str, cb: Callback, queue: str | None, limits: dict[str, Any]
    ) -> QueueSubscriptionWorker:
        client = self._connected()
        if not callable(cb):
            raise BadCallbackTypeError(f"cb: {cb!r} cannot be called")
        worker = QueueSubscriptionWorker(None, queue)

        async def deliver(message: anynats.Message) -> None:
            worker._delivered += 1
            await cb(Msg(message, client))

        with translated():
            worker._subscription = await client.subscribe(subject, **limits, callback=deliver)
        return worker

    async def __aenter__(self) -> Self:
        async def with_group(opening: Any) -> Any:
            client = await opening.__aenter__()
            self._opening = opening
            return client

        await self._connect(with_group)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opening, self._opening = self._opening, None
        if opening is None:
            await self.close()
        else:
            with translated():
                await opening.__aexit__(exc_type, exc, traceback)
