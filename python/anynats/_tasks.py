"""What faces have whose loops call nobody back (trio, anyio): tasks that wait read for all.

The task that waits first watches the descriptor of the client's seat and makes the turns; when it
has what it waits for, or is cancelled, another takes over. No task of ours exists, and the
background thread is back when none waits. A face adds its loop's words for that (`Loop`).
"""

import contextlib
import itertools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, NamedTuple

from anynats import _async, _face, _native, _surface
from anynats._async import Opening
from anynats._native import Message
from anynats.errors import UsageError

if sys.version_info < (3, 11):  # the loops bring it
    from exceptiongroup import BaseExceptionGroup

_MOST_IN_A_ROW = 64  # messages and publishes, then others have their turn


class Loop(NamedTuple):
    """A loop's own words."""

    name: str
    event: Callable[[], Any]
    wait_readable: Callable[[int], Awaitable[None]]
    checkpoint: Callable[[], Awaitable[None]]
    checkpoint_if_cancelled: Callable[[], Awaitable[None]]
    current: Callable[[], Any]  # the run
    task: Callable[[], Any]  # the task that runs now, hashable
    group: Callable[[], AbstractAsyncContextManager[Any]]


class Subscription(_async.Subscription):
    _client: "Client"

    async def _next(self, timeout: Any) -> Message:
        await self._client._checkpoint()
        return await super()._next(timeout)

    def _told(self) -> None:
        pass

    def __aiter__(self) -> AsyncIterator[Message]:
        return _Iterator(self)


class _Iterator:
    """Every step is a checkpoint."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._iterator = subscription._queue.iterator()

    def __aiter__(self) -> "_Iterator":
        return self

    async def __anext__(self) -> Message:
        await self._subscription._client._checkpoint()
        message = self._iterator.try_next()
        if message is not None:
            return message  # type: ignore[no-any-return]
        return await self._subscription._next_or_stop(self._iterator, False)


class Client(_async.Client):
    _checkpoints = True
    _loop: Loop
    _group: Any = None  # where callbacks run

    async def _connect(self, servers: Any, on_event: Any, options: dict[str, Any]) -> Any:
        self._here = self._loop.current()
        native_options = _face.native_options(servers, options)
        self._native = _native.ThreadsClient(native_options, never_blocks=True)
        self._seat = _native.Seat(self._native)
        self._events: dict[int, Any] = {}  # token -> on what its task sleeps
        self._tokens = itertools.count(1)
        self._watched = False
        self._in_a_row = 0
        return await self._begin(on_event)

    async def publish(
        self, subject: str, payload: Any = b"", *, reply: Any = None, headers: Any = None
    ) -> None:
        await self._checkpoint()
        native = self._native
        native.grant(1)
        while native.publish_in_row(subject, payload, reply, headers) is None:
            await self._run(native.room)
            native.grant(1)

    publish.__doc__ = _surface.Client.publish.__doc__

    def _enter(self) -> None:
        try:
            here = self._loop.current()
        except RuntimeError:
            here = None
        if here != self._here:
            raise UsageError(
                f"this client belongs to another run of {self._loop.name} than what runs here"
            )

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            coroutine.close()
            raise UsageError(
                "callbacks run in the group of tasks that `async with connect(...)` opens; "
                "`await connect(...)` has none"
            )
        self._group.start_soon(_finish, coroutine)

    def _task(self) -> Any:
        return self._loop.task()

    async def _checkpoint(self) -> None:
        self._in_a_row += 1
        if self._in_a_row < _MOST_IN_A_ROW:
            await self._loop.checkpoint_if_cancelled()
        else:
            self._in_a_row = 0
            await self._loop.checkpoint()

    async def _wait(self, operation: Any) -> None:
        if operation.done():
            await self._loop.checkpoint_if_cancelled()
            return
        token = next(self._tokens)
        try:
            self._events[token] = self._loop.event()
            if self._seat.notify_done(operation, token):
                self._seat.flush()
            while not operation.done():
                if self._watched:
                    await self._events[token].wait()
                    self._events[token] = self._loop.event()
                else:
                    await self._watch()
        finally:
            del self._events[token]
            self._seat.forget(token)
            if not self._watched:
                for event in self._events.values():
                    event.set()  # its task watches now
                    break

    async def _watch(self) -> None:
        self._watched = True
        try:
            await self._loop.wait_readable(self._seat.fileno())
        finally:
            self._watched = False
        try:
            for token in self._seat.turn():
                if token in self._events:
                    self._events[token].set()
        except BaseException:  # Ctrl-C came here: who was to wake must not sleep on
            for event in self._events.values():
                event.set()
            raise


async def _finish(coroutine: Coroutine[Any, Any, None]) -> None:
    await coroutine


class Connecting(Opening[Any]):
    """What `connect()` returns: `async with` opens a group of tasks for callbacks too."""

    __slots__ = ("_block", "_client")

    def __init__(self, client: Client, *args: Any) -> None:
        super().__init__(client._connect(*args), "connect")
        self._client = client

    async def __aenter__(self) -> Any:
        self._block = _with_group(self._client, self._coroutine)
        return await self._block.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._block.__aexit__(exc_type, exc, traceback)


@contextlib.asynccontextmanager
async def _with_group(client: Client, connecting: Coroutine[Any, Any, Any]) -> AsyncIterator[Any]:
    problem: BaseException | None = None
    try:
        async with client._loop.group() as client._group:
            try:
                async with await connecting:
                    yield client
            except BaseException as error:
                problem = error
                raise
    except BaseExceptionGroup as group:
        # An error of the body, and of nobody else, stays what it was.
        if group.exceptions != (problem,):
            raise
    if problem is not None:
        raise problem
