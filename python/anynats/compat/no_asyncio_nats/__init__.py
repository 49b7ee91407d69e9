"""The names of the package no_asyncio_nats, over blocking anynats: core NATS, not yet JetStream.

    import anynats.compat.no_asyncio_nats as no_asyncio_nats

Where that package's README and its code disagree, this follows the README: messages are dicts with
attributes, waits end with Ctrl-C, calls of several threads never queue behind each other. Errors
are the builtins that the README names, and RuntimeError too, which the code raised. No protocol
here: everything is a call of anynats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anynats
from anynats.compat.no_asyncio_nats.client import Client
from anynats.compat.no_asyncio_nats.errors import translated
from anynats.compat.no_asyncio_nats.made import (
    JetStream,
    JetStreamPullConsumer,
    JetStreamPullConsumerMessages,
    JetStreamStream,
    PublishAckFuture,
)
from anynats.compat.no_asyncio_nats.message import Message
from anynats.compat.no_asyncio_nats.options import native_options
from anynats.compat.no_asyncio_nats.subscriber import Subscriber

__all__ = [
    "Client",
    "JetStream",
    "JetStreamPullConsumer",
    "JetStreamPullConsumerMessages",
    "JetStreamStream",
    "Message",
    "PublishAckFuture",
    "Subscriber",
    "connect",
    "gevent_connect",
]


def connect(address: str | Sequence[str], options: dict[str, Any] | None = None) -> Client:
    """Connect to a server (a URL, a comma list or a list of URLs) and return the client.

    ConnectionError when that fails, TimeoutError too when it took too long, ValueError for a bad
    URL or option. Durations in `options` are timedelta.
    """
    return _connect(anynats.connect, address, options)


def gevent_connect(address: str | Sequence[str], options: dict[str, Any] | None = None) -> Client:
    """Connect like `connect`, with waits that let other greenlets run. ImportError without gevent.

    With monkey patching or without.
    """
    import anynats.gevent

    return _connect(anynats.gevent.connect, address, options)


def _connect(dial: Callable[..., Any], address: object, options: object) -> Client:
    if not isinstance(address, (str, list, tuple)):
        raise TypeError(f"address: a str or a list is needed, not {type(address).__name__}")
    ours = native_options(options)
    with translated():
        return Client._of(dial(address, **ours))
