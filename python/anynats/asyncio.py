"""NATS on asyncio or uvloop: the same words as in anynats, with `await`.

    import anynats.asyncio

    async with anynats.asyncio.connect("nats://127.0.0.1:4222") as nc:
        async with nc.subscribe("greet.*") as sub:
            await nc.publish("greet.joe", b"hello")
            print((await sub.next(timeout=1)).payload)

The running loop drives: it watches one descriptor and one deadline, and makes one turn of the
connection at the end of its own. No thread, and no Task or Queue per message. A client belongs to
the loop it was made on. A cancelled await loses no message and leaves nothing behind.
"""

import asyncio
import functools
import itertools
import time
from collections.abc import Awaitable, Coroutine, Generator
from types import TracebackType
from typing import Any, TypeVar

from anynats import _face, _native, _surface
from anynats._headers import Headers
from anynats._native import Message
from anynats._surface import ConnectionState, Event
from anynats.errors import *  # noqa: F403
from anynats.errors import (  # noqa: F401
    Closed,
    ConnectionError,
    Error,
    ForkError,
    TimeoutError,
    UsageError,
)

__all__ = [
    "Client",
    "ConnectionState",
    "Event",
    "Headers",
    "Message",
    "Subscription",
    "connect",
]

_T = TypeVar("_T")
_LOOK_AT_CLOCK = 64  # publishes between two looks
_LONGEST_ROW = 0.001  # seconds of publishing in a row, then the loop makes a turn
# While an `async for` is behind, nothing more is read, so that TCP slows the sender down; but for
# no longer than so many seconds, because others wait for their messages and the server for pongs.
_READ_LATER = 0.5
_READ_LATER_IF_AWAITED = 0.002


class _Opening(Awaitable[_T]):
    """What `connect()` and `subscribe()` return: for `await`, or for `async with`."""

    __slots__ = ("_coroutine", "_opened")

    def __init__(self, coroutine: Coroutine[Any, Any, _T], name: str) -> None:
        coroutine.__qualname__ = name  # "coroutine 'connect' was never awaited"
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, _T]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> _T:
        self._opened: Any = await self._coroutine
        return self._opened  # type: ignore[no-any-return]

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._opened.__aexit__(exc_type, exc, traceback)


@_face.face_of(_surface.Subscription)
class Subscription:
    _queue: Any
    _client: "Client"

    async def _next(self, timeout: Any, take: Any = None, in_a_row: bool = False) -> Message:
        take = take or self.try_next
        seconds = None if timeout is None else _native.seconds(timeout, "timeout")
        deadline = None if seconds is None else time.monotonic() + seconds
        if in_a_row:
            self._client._behind = self._queue.pending > 0
            await asyncio.sleep(0)
        while True:
            # Taken in the step that returns it: a cancelled wait has taken nothing.
            message = take()
            if message is not None:
                return message  # type: ignore[no-any-return]
            if self._queue.ended:
                raise self._queue.ending()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError(f"no message on {self._queue.subject!r} within {seconds} s")
            notify = self._client._native.notify_message
            message = await self._client._wait(notify, self._queue, seconds=left, take=take)
            if message is not None:
                return message  # type: ignore[no-any-return]

    async def _next_or_stop(self, iterator: Any, in_a_row: bool) -> Message:
        if self._client._draining:
            self._told()  # that the loop came back may be what is waited for
        try:
            return await self._next(None, iterator.try_next, in_a_row)
        except Closed:
            if self._queue.failed:
                raise
        raise StopAsyncIteration

    def try_next(self) -> Message | None:
        if self._client._draining:
            self._told()
        return self._queue.try_next()  # type: ignore[no-any-return]

    async def _run(self, start: Any, *args: Any) -> Any:
        return await self._client._run(start, *args)

    def _told(self) -> None:
        self._client._told()

    def __aiter__(self) -> Any:
        return self._queue.async_iterator(self._next_or_stop)

    async def __aenter__(self) -> "Subscription":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._queue.unsubscribe(None)
        self._told()


@_face.face_of(_surface.Client)
class Client:
    _native: Any
    _loop: asyncio.AbstractEventLoop

    @classmethod
    async def _connect(cls, servers: Any, options: dict[str, Any]) -> "Client":
        self = cls()
        self._loop = asyncio.get_running_loop()
        self._native = native = _native.LoopClient(_face.native_options(servers, options))
        self._publish_in_row = native.publish_in_row
        self._waiting: dict[int, asyncio.Future[None]] = {}  # token -> who waits
        self._tokens = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # when the timer rings, if there is one
        self._draining = False
        self._asked = False  # a turn of the connection will come at the end of the loop's turn
        self._row_began = 0.0  # when it was asked for
        self._behind = False  # an `async for` took messages in a row and there are more
        self._read_at = 0.0  # when the socket was last read
        self._loop.add_reader(native.fileno(), self._readable)
        try:
            await self._run(native.connect)
        except BaseException:
            native.close(0)
            self._leave()
            raise
        return self

    def publish(
        self, subject: str, payload: Any = b"", *, reply: Any = None, headers: Any = None
    ) -> Coroutine[Any, Any, None]:
        done = self._publish_in_row(subject, payload, reply, headers)
        return done or self._publish_first(subject, payload, reply, headers)

    def _publish_first(self, *args: Any) -> Coroutine[Any, Any, None]:
        """Publish the first of a row, or what finds no room; not awaited, it is sent too."""
        is_long = self._asked and time.monotonic() - self._row_began > _LONGEST_ROW
        self._told()
        self._native.grant(_LOOK_AT_CLOCK)
        done = self._publish_in_row(*args)
        if done is None:
            return self._publish_later(*args)
        return asyncio.sleep(0) if is_long else done  # type: ignore[no-any-return]

    async def _publish_later(self, *args: Any) -> None:
        done = None
        while done is None:
            await self._wait(self._native.notify_room)
            self._native.grant(1)
            done = self._publish_in_row(*args)

    async def drain(self, timeout: Any = None) -> None:
        self._draining = True
        try:
            await self._run(self._native.drain, timeout)
        finally:
            if self._native.state == "closed":
                self._leave()

    async def close(self) -> None:
        if self._is_parents():  # and so is the loop, whose epoll instance we share with it
            return
        await self._run(self._native.close, None)
        self._leave()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # --- waiting ---------------------------------------------------------------------------------

    async def _run(self, start: Any, *args: Any) -> Any:
        self._told()
        operation = start(*args)
        if not operation.done():
            try:
                await self._wait(self._native.notify_done, operation)
            except BaseException:
                operation.cancel()
                raise
        return operation.result()

    def _open(self, start: Any, *args: Any) -> _Opening[Subscription]:
        return _Opening(self._subscribe(start, *args), "Client.subscribe")

    async def _subscribe(self, start: Any, *args: Any) -> Subscription:
        self._told()
        subscription = Subscription()
        subscription._queue = start(*args)
        subscription._client = self
        return subscription

    async def _wait(
        self, notify: Any, *about: Any, seconds: float | None = None, take: Any = None
    ) -> Any:
        """Wait until `notify` tells of news, or for `seconds`; then return what `take` finds."""
        self._told()
        self._behind = False
        future = self._loop.create_future()
        token = next(self._tokens)
        self._waiting[token] = future
        timer = None if seconds is None else self._loop.call_later(seconds, _end, future)
        try:
            notify(*about, token)
            await future
            return take and take()
        finally:
            if timer is not None:
                timer.cancel()
            del self._waiting[token]
            # News that are left, or that a cancelled wait did not take, go to the next who waits.
            self._native.forget(token)
            self._tell_waiting()

    # --- the loop's side -------------------------------------------------------------------------

    def _told(self) -> None:
        """Ask for a turn of the connection at the end of the loop's turn, unless one is coming."""
        if self._asked:
            return
        if asyncio._get_running_loop() is not self._loop:
            if self._is_parents():
                raise self._native.last_error
            raise UsageError(
                "this client belongs to another event loop than the one that runs here"
                + (", which is closed" if self._loop.is_closed() else "")
            )
        self._loop.call_soon(self._write)
        self._asked = True
        self._row_began = time.monotonic()

    def _write(self) -> None:
        self._asked = False
        self._native.write()
        self._end_turn()

    def _readable(self) -> None:
        if self._behind:
            later = _READ_LATER_IF_AWAITED if self._waiting else _READ_LATER
            if time.monotonic() - self._read_at < later:
                return
        self._turn()

    def _turn(self) -> None:
        """Let the connection do what is to be done: read, keep deadlines, write."""
        self._behind = False
        self._read_at = time.monotonic()
        if self._native.drive():
            self._loop.call_soon(self._readable)
        self._end_turn()

    def _tell_waiting(self) -> None:
        for token in self._native.take_completions():
            if token in self._waiting:
                _end(self._waiting[token])

    def _end_turn(self) -> None:
        self._tell_waiting()
        due = self._native.next_timeout()
        # A timer that rings early costs less than one that is set anew for each request.
        if due is not None and (self._timer is None or due < self._due):
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._loop.call_later(max(0, due - time.monotonic()), self._time)

    def _time(self) -> None:
        self._timer = None
        self._turn()

    def _is_parents(self) -> bool:
        return isinstance(self._native.last_error, ForkError)

    def _leave(self) -> None:
        self._turn()
        self._loop.remove_reader(self._native.fileno())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _end(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


@functools.wraps(_surface.connect)
def connect(servers: Any = "nats://127.0.0.1:4222", **options: Any) -> _Opening[Client]:
    return _Opening(Client._connect(servers, options), "connect")
