"""NATS, blocking: any thread may use a client at any time, and waits in its own name.

    import anynats

    with anynats.connect("nats://127.0.0.1:4222") as nc, nc.subscribe("greet.*") as sub:
        nc.publish("greet.joe", b"hello")
        print(sub.next(timeout=1).payload)

The same words with `await` are in anynats.asyncio, without any I/O in anynats.sansio; these, and
anynats.server, are imported when first used. Ctrl-C ends any wait.
"""

import functools
from typing import Any

from anynats import _face, _native, _surface
from anynats._headers import Headers
from anynats._native import Message
from anynats._surface import ConnectionState, Event
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
_LAZY = ("asyncio", "errors", "sansio", "server")


class Subscription(_surface.Subscription):
    __doc__ = _surface.Subscription.__doc__

    def _next(self, timeout: Any) -> Message:
        return self._queue.next(timeout)

    def _run(self, start: Any, *args: Any) -> Any:
        return start(*args).result()


class Client(_surface.Client):
    __doc__ = _surface.Client.__doc__

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

    def _open(self, start: Any, *args: Any) -> Subscription:
        subscription = Subscription()
        subscription._queue = start(*args)
        return subscription


@functools.wraps(_surface.connect)
def connect(servers: Any = "nats://127.0.0.1:4222", **options: Any) -> Client:
    native = _native.ThreadsClient(_face.native_options(servers, options))
    native.connect().result()
    return Client._of(native)


def _load(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return importlib.import_module(f"anynats.{name}")
    raise AttributeError(f"module 'anynats' has no attribute {name!r}")


# Not as functions of these names: a stub that has them would let any attribute pass.
__getattr__ = _load
__dir__ = lambda: sorted({*globals(), *_LAZY})  # noqa: E731
