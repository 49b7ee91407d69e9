"""NATS, blocking: any thread may use a client at any time, and waits in its own name.

    import anynats

    with anynats.connect("nats://127.0.0.1:4222") as nc, nc.subscribe("greet.*") as sub:
        nc.publish("greet.joe", b"hello")
        print(sub.next(timeout=1).payload)

The same words with `await` are in anynats.asyncio, anynats.trio and anynats.anyio, for greenlets in
anynats.gevent, without any I/O in anynats.sansio; these, and anynats.server, are imported when
first used. Ctrl-C ends any wait.
"""

import functools
from typing import Any

from anynats import _callbacks, _face, _native, _surface
from anynats._events import ConnectionState, Event
from anynats._headers import Headers
from anynats._native import Message
from anynats.errors import *  # noqa: F403
from anynats.errors import ConnectionError, Error, TimeoutError  # noqa: F401

__version__: str = _native.__version__

# The errors are here too, but not in __all__: some shadow builtins, and `import *` must not change
# what `except` catches.
__all__ = [
    "Client",
    "ConnectionState",
    "Event",
    "Headers",
    "Message",
    "Subscription",
    "connect",
]


class Subscription(_surface.Subscription):
    __doc__ = _surface.Subscription.__doc__

    def _next(self, timeout: Any) -> Message:
        return self._queue.next(timeout)

    def _run(self, start: Any, *args: Any) -> Any:
        return start(*args).result()


class Client(_surface.Client):
    __doc__ = _surface.Client.__doc__
    _callback_thread: _callbacks.CallbackThread | None = None

    @classmethod
    def _of(cls, native: Any) -> "Client":
        self = cls()
        self._native = native
        if cls.publish is _surface.Client.publish:
            # Straight to the native function: this is called once per message.
            self.publish = native.publish  # type: ignore[method-assign]
        return self

    def _run(self, start: Any, *args: Any) -> Any:
        return start(*args).result()

    def _open(self, callback: Any, start: Any, *args: Any) -> Subscription:
        subscription = Subscription()
        subscription._queue = start(*args)
        if callback is not None:
            self._call_back(_callbacks.Messages(subscription._queue, callback))
        return subscription

    def _call_back(self, known: Any) -> None:
        if self._callback_thread is None:
            self._callback_thread = _callbacks.CallbackThread(self._native)
        self._callback_thread.add(known)

    def drain(self, timeout: Any = None) -> None:
        if self._callback_thread is not None and self._callback_thread.is_current():
            _callbacks.refuse_drain()
        super().drain(timeout)

    def close(self) -> None:
        if self._callback_thread is not None:
            self._callback_thread.stopped = True
        super().close()
        if self._callback_thread is not None:
            self._callback_thread.join()


@functools.wraps(_surface.connect)
def connect(
    servers: Any = "nats://127.0.0.1:4222", *, on_event: Any = None, **options: Any
) -> Client:
    client = Client._of(_native.ThreadsClient(_face.native_options(servers, options)))
    if on_event is not None:
        client._call_back(_callbacks.Events(client, on_event))
    client._run(client._native.connect)
    return client


def _load(name: str) -> Any:
    """Import a public submodule when it is first used."""
    if name.isidentifier() and not name.startswith("_"):
        import importlib

        try:
            return importlib.import_module(f"anynats.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"anynats.{name}":
                raise
    raise AttributeError(f"module 'anynats' has no attribute {name!r}")


def _names() -> list[str]:
    import pkgutil

    return sorted(
        {*globals(), *(module.name for module in pkgutil.iter_modules(globals()["__path__"]))}
    )


# Not as functions of these names: a stub that has them would let any attribute pass.
__getattr__, __dir__ = _load, _names
