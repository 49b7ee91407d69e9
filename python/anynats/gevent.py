"""NATS on gevent: the same words as in anynats; what waits lets other greenlets run.

    import anynats.gevent

    with anynats.gevent.connect("nats://127.0.0.1:4222") as nc, nc.subscribe("greet.*") as sub:
        nc.publish("greet.joe", b"hello")
        print(sub.next(timeout=1).payload)

With monkey patching or without. The hub on which greenlets wait reads the socket; while none
waits, a background thread sends, answers pings and keeps deadlines, and wakes hubs. Any thread may
use a client, each on its own hub. Names are looked up without blocking a hub. gevent.Timeout and
kill() lose no message. A callback runs in a greenlet of its subscription.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

try:
    import gevent
except ImportError as error:
    raise ImportError("anynats.gevent needs gevent: pip install 'anynats[gevent]'") from error

from anynats import _callbacks, _face, _native, _surface
from anynats._events import ConnectionState, Event
from anynats._headers import Headers
from anynats._native import Message
from anynats.errors import *  # noqa: F403
from anynats.errors import Closed, ConnectionError, Error, TimeoutError, WouldBlock  # noqa: F401

__all__ = [
    "Client",
    "ConnectionState",
    "Event",
    "Headers",
    "Message",
    "Subscription",
    "connect",
]
_MOST_IN_A_ROW = 64  # messages of one loop, then other greenlets have their turn
_READ = 1  # for loop.io


class Subscription(_surface.Subscription):
    __doc__ = _surface.Subscription.__doc__
    _client: "Client"

    def _next(self, timeout: Any) -> Message:
        if timeout is not None:
            _native.seconds(timeout, "timeout")
        message = self._queue.try_next()
        if message is None:
            message = self._client._run(self._queue.start_next, timeout)
        return message  # type: ignore[no-any-return]

    def _run(self, start: Any, *args: Any) -> Any:
        return self._client._run(start, *args)

    def __iter__(self) -> Iterator[Message]:
        return _Iterator(self)


class _Iterator:
    """No generator: that would be over after the first gevent.Timeout."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._iterator = subscription._queue.iterator()
        self._in_a_row = 0

    def __iter__(self) -> "_Iterator":
        return self

    def __next__(self) -> Message:
        self._in_a_row += 1
        if self._in_a_row >= _MOST_IN_A_ROW:
            self._in_a_row = 0
            gevent.sleep(0)
        message = self._iterator.try_next()
        if message is not None:
            return message  # type: ignore[no-any-return]
        self._in_a_row = 0
        try:
            return self._subscription._run(self._iterator.start_next)  # type: ignore[no-any-return]
        except Closed:
            if self._subscription._queue.failed:
                raise
        raise StopIteration


class Client(_surface.Client):
    __doc__ = _surface.Client.__doc__

    @classmethod
    def _of(cls, native: Any) -> "Client":
        self = cls()
        self._native = native
        self._places: dict[Any, _Place] = {}  # by hub
        self._greenlets: set[Any] = set()  # those of callbacks
        self._caller = _callbacks.Caller(native)
        return self

    def publish(
        self, subject: str, payload: Any = b"", *, reply: Any = None, headers: Any = None
    ) -> None:
        while True:
            try:
                self._native.publish_nowait(subject, payload, reply=reply, headers=headers)
            except WouldBlock:
                self._run(self._native.room)
            else:
                return

    publish.__doc__ = _surface.Client.publish.__doc__

    def _run(self, start: Any, *args: Any) -> Any:
        operation = start(*args)
        try:
            if not operation.done():
                self._place().wait(operation)
        except BaseException:  # Ctrl-C comes anywhere, and its traceback keeps the operation alive
            operation.cancel()
            raise
        return operation.result()

    def _place(self) -> "_Place":
        hub = gevent.get_hub()
        place = self._places.get(hub)
        if place is None:
            for gone in [known for known in self._places if known.dead]:
                del self._places[gone]
            place = self._places[hub] = _Place(self._native, hub)
        return place

    def _open(self, callback: Any, start: Any, *args: Any) -> Subscription:
        subscription = Subscription()
        subscription._queue = start(*args)
        subscription._client = self
        if callback is not None:
            self._call_back(_callbacks.Messages(subscription._queue, callback))
        return subscription

    def drain(self, timeout: Any = None) -> None:
        if gevent.getcurrent() in self._greenlets:
            _callbacks.refuse_drain()
        super().drain(timeout)

    def close(self) -> None:
        self._caller.stopped = True
        super().close()
        gevent.joinall(self._greenlets - {gevent.getcurrent()})

    def _call_back(self, known: Any) -> None:
        greenlet = gevent.spawn(self._live, known)
        self._greenlets.add(greenlet)
        greenlet.link(self._greenlets.discard)

    def _live(self, known: Any) -> None:
        goes_on = True
        while goes_on:
            operation = known.begin()
            if not operation.done():
                self._place().wait(operation)
            goes_on = known.turn(self._caller, operation)


class _Place:
    """A client's place in one hub: who waits there."""

    def __init__(self, native: Any, hub: Any) -> None:
        self._hub = hub
        self._seat = _native.Seat(native)
        self._watcher = hub.loop.io(self._seat.fileno(), _READ)
        self._waiting: dict[int, Any] = {}  # token -> the greenlet that waits
        self._tokens = itertools.count(1)

    def wait(self, operation: Any) -> None:
        """Let others run until `operation` is done."""
        token = next(self._tokens)
        self._waiting[token] = gevent.getcurrent()
        try:
            # What the loop calls is native, so that Ctrl-C does not come in it: a watcher whose
            # callback raises is ended by its loop, and who waits would sleep on.
            if len(self._waiting) == 1:
                self._watcher.start(self._hub.loop.run_callback, self._turn)
            if self._seat.notify_done(operation, token):
                self._hub.loop.run_callback(self._seat.flush)
            while not operation.done():
                self._hub.switch()
                if self._hub.dead:  # Ctrl-C came as it began, and gevent has no other
                    self._seat.sleep()
                    self._seat.turn()
        finally:
            del self._waiting[token]
            self._seat.forget(token)
            if not self._waiting:
                self._watcher.stop()

    def _turn(self) -> None:
        try:
            self._wake(self._seat.turn())
        except BaseException as error:
            # Ctrl-C came here, and may have kept those from waking who were to wake.
            self._hub.loop.run_callback(self._wake, list(self._waiting))
            self._hub.handle_system_error(type(error), error)

    def _wake(self, tokens: list[int]) -> None:
        for token in tokens:
            if token in self._waiting:
                self._waiting[token].switch()


@functools.wraps(_surface.connect)
def connect(
    servers: Any = "nats://127.0.0.1:4222", *, on_event: Any = None, **options: Any
) -> Client:
    native_options = _face.native_options(servers, options)
    client = Client._of(_native.ThreadsClient(native_options, never_blocks=True))
    if on_event is not None:
        client._call_back(_callbacks.Events(client, on_event))
    client._run(client._native.connect)
    return client
