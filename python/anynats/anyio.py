"""NATS on anyio, whatever loop is below it: the same words as in anynats, with `await`.

    import anynats.anyio

    async with anynats.anyio.connect("nats://127.0.0.1:4222") as nc:
        async with nc.subscribe("greet.*") as sub:
            await nc.publish("greet.joe", b"hello")
            print((await sub.next(timeout=1)).payload)

The tasks that wait read the socket, one of them for all; while none waits, a background thread
sends, answers pings and keeps deadlines. Everything that is awaited is a checkpoint: it looks for
cancellation, and after 64 messages or publishes in a row others have their turn. A cancelled await
loses no message. Callbacks run in the task group that `async with connect()` opens; `await
connect()` has none. A client belongs to the run it was made in.
"""

import functools
from typing import Any

try:
    import anyio
    import anyio.lowlevel
except ImportError as error:
    raise ImportError("anynats.anyio needs anyio: pip install 'anynats[anyio]'") from error

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


class Subscription(_tasks.Subscription):
    __doc__ = _surface.Subscription.__doc__


class Client(_tasks.Client):
    __doc__ = _surface.Client.__doc__
    _subscription = Subscription
    _loop = _tasks.Loop(
        name="anyio",
        event=anyio.Event,
        wait_readable=anyio.wait_readable,
        checkpoint=anyio.lowlevel.checkpoint,
        checkpoint_if_cancelled=anyio.lowlevel.checkpoint_if_cancelled,
        current=anyio.lowlevel.current_token,
        task=lambda: anyio.get_current_task().id,
        group=anyio.create_task_group,
    )


@functools.wraps(_surface.connect)
def connect(
    servers: Any = "nats://127.0.0.1:4222", *, on_event: Any = None, **options: Any
) -> _tasks.Connecting:
    return _tasks.Connecting(Client(), servers, on_event, options)
