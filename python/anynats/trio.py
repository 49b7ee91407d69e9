"""NATS on trio: the same words as in anynats, with `await`.

    import anynats.trio

    async with anynats.trio.connect("nats://127.0.0.1:4222") as nc:
        async with nc.subscribe("greet.*") as sub:
            await nc.publish("greet.joe", b"hello")
            print((await sub.next(timeout=1)).payload)

The tasks that wait read the socket, one of them for all; while none waits, a background thread
sends, answers pings and keeps deadlines. Everything that is awaited is a checkpoint: it looks for
cancellation, and after 64 messages or publishes in a row others have their turn. A cancelled await
loses no message. Callbacks run in the nursery that `async with connect()` opens; `await connect()`
has none. A client belongs to the trio.run it was made in.
"""

import functools
from collections.abc import Awaitable
from typing import Any

try:
    import trio
except ImportError as error:
    raise ImportError("anynats.trio needs trio: pip install 'anynats[trio]'") from error

from anynats import _surface, _tasks
from anynats._events import ConnectionState, Event
from anynats._headers import Headers
from anynats._native import Message
from anynats.errors import *  # noqa: F403
from anynats.errors import ConnectionError, Error, TimeoutError  # noqa: F401

__all__ = [
    "Client",
    "ConnectionState",
    "Event",
    "Headers",
    "Message",
    "Subscription",
    "connect",
]


class _Event:
    """What one task sleeps on, at once: smaller than trio.Event, for tens of thousands of them."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    def wait(self) -> Awaitable[Any]:
        self._task = trio.lowlevel.current_task()
        return trio.lowlevel.wait_task_rescheduled(self._abort)

    def set(self) -> None:
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class Subscription(_tasks.Subscription):
    __doc__ = _surface.Subscription.__doc__


class Client(_tasks.Client):
    __doc__ = _surface.Client.__doc__
    _subscription = Subscription
    _loop = _tasks.Loop(
        name="trio",
        event=_Event,
        wait_readable=trio.lowlevel.wait_readable,
        checkpoint=trio.lowlevel.checkpoint,
        checkpoint_if_cancelled=trio.lowlevel.checkpoint_if_cancelled,
        current=trio.lowlevel.current_trio_token,
        task=trio.lowlevel.current_task,
        group=trio.open_nursery,
    )


@functools.wraps(_surface.connect)
def connect(
    servers: Any = "nats://127.0.0.1:4222", *, on_event: Any = None, **options: Any
) -> _tasks.Connecting:
    return _tasks.Connecting(Client(), servers, on_event, options)
