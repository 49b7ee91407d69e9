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
import math
import time
from collections.abc import Coroutine
from typing import Any

from anynats import _async, _face, _native, _surface
from anynats._async import Opening as _Opening
from anynats._events import ConnectionState, Event
from anynats._headers import Headers
from anynats._native import Message
from anynats.errors import *  # noqa: F403
from anynats.errors import ConnectionError, Error, TimeoutError, UsageError  # noqa: F401

__all__ = [
    "Client",
    "ConnectionState",
    "Event",
    "Headers",
    "Message",
    "Subscription",
    "connect",
]

_LOOK_AT_CLOCK = 64  # publishes between two looks
_LONGEST_ROW = 0.001  # seconds of publishing in a row, then the loop makes a turn
# While an `async for` is behind, nothing more is read, so that TCP slows the sender down; but for
# no longer than so many seconds, because others wait for their messages and the server for pongs.
_READ_LATER = 0.5
_READ_LATER_IF_AWAITED = 0.002


class Subscription(_async.Subscription):
    __doc__ = _surface.Subscription.__doc__


class Client(_async.Client):
    __doc__ = _surface.Client.__doc__
    _subscription = Subscription

    @classmethod
    async def _connect(cls, servers: Any, on_event: Any, options: dict[str, Any]) -> "Client":
        self = cls()
        self._loop = asyncio.get_running_loop()
        self._native = native = _native.LoopClient(_face.native_options(servers, options))
        self._publish_in_row = native.publish_in_row
        self._waiting: dict[int, asyncio.Future[None]] = {}  # token -> who waits
        self._tokens = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()  # those of callbacks
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf  # when the timer rings
        self._asked = False  # a turn of the connection will come at the end of the loop's turn
        self._row_began = 0.0  # when it was asked for
        self._behind = False  # an `async for` took messages in a row and there are more
        self._read_at = 0.0  # when the socket was last read
        self._loop.add_reader(native.fileno(), self._readable)
        await self._begin(on_event)
        return self

    def publish(
        self, subject: str, payload: Any = b"", *, reply: Any = None, headers: Any = None
    ) -> Coroutine[Any, Any, None]:
        done = self._publish_in_row(subject, payload, reply, headers)
        return done or self._publish_first(subject, payload, reply, headers)

    publish.__doc__ = _surface.Client.publish.__doc__

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
            await self._run(self._native.room)
            self._native.grant(1)
            done = self._publish_in_row(*args)

    async def _let_others(self, behind: bool) -> None:
        self._behind = behind
        await asyncio.sleep(0)

    async def _wait(self, operation: Any) -> None:
        self._behind = False
        token = next(self._tokens)
        future = self._waiting[token] = self._loop.create_future()
        try:
            self._plan(self._native.notify_done(operation, token))
            await future
        finally:
            del self._waiting[token]
            self._native.forget(token)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _task(self) -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    async def _join(self) -> None:
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)

    # --- the loop's side -------------------------------------------------------------------------

    def _enter(self) -> None:
        if asyncio._get_running_loop() is not self._loop:
            if self._is_parents():
                raise self._native.last_error
            raise UsageError(
                "this client belongs to another event loop than the one that runs here"
                + (", which is closed" if self._loop.is_closed() else "")
            )

    def _told(self) -> None:
        if not self._asked:
            self._enter()
            self._ask()

    def _ask(self) -> None:
        """Write at the end of the loop's turn."""
        self._loop.call_soon(self._write)
        self._asked = True
        self._row_began = time.monotonic()

    def _plan(self, due: float) -> None:
        """Give the connection a turn when it is due; 0 is at the end of this one."""
        # A timer that rings early costs less than one that is set anew for each request.
        if due >= self._due:
            return
        if not due:
            if not self._asked:
                self._ask()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_later(max(0, due - time.monotonic()), self._time)

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

    def _end_turn(self) -> None:
        for token in self._native.take_completions():
            if token in self._waiting and not self._waiting[token].done():
                self._waiting[token].set_result(None)
        self._plan(self._native.due())

    def _time(self) -> None:
        self._timer = None
        self._due = math.inf
        self._turn()

    def _leave(self) -> None:
        self._turn()
        self._loop.remove_reader(self._native.fileno())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._due = math.inf


@functools.wraps(_surface.connect)
def connect(
    servers: Any = "nats://127.0.0.1:4222", *, on_event: Any = None, **options: Any
) -> _Opening[Client]:
    return _Opening(Client._connect(servers, on_event, options), "connect")
