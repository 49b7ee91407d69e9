"""The names of the module nats of the package simple-nats, over blocking anynats with callbacks.

    import anynats.compat.simple_nats as nats

Callbacks run one at a time on a thread of the client's own. Where the module's README and its code
disagree, this follows the README; it reconnects, and what a callback raises is logged and ends
nothing. No protocol here: everything is a call of anynats.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, overload

import anynats

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["NatsClient"]

_LOG = logging.getLogger("anynats.compat.simple_nats")


class Message(TypedDict):
    """What a callback gets: a plain dict with exactly these keys."""

    op: str
    subject: str
    sid: int
    reply_to: str | None
    payload: bytes


Callback = Callable[[Message], object]


@dataclass
class _Entry:
    """A subscription: its callback, and how often it has been called."""

    callback: Callback
    subscription: anynats.Subscription | None = None
    delivered: int = 0
    limit: int | None = None


class NatsClient:
    """A client; any thread may use it, callbacks too.

    `client_name` should be unique, for requests are answered on `requests.<client_name>.<n>`; a
    random one is taken if it is None.
    """

    def __init__(self, *args: object, client_name: str | None = None) -> None:
        self.client_name = client_name or str(uuid.uuid4())
        self.next_sid = 1
        self.response_inbox = 0
        self._lock = threading.Lock()
        self._entries: dict[int, _Entry] = {}
        self._client: anynats.Client | None = None

    @property
    def server_info(self) -> dict[str, Any]:
        """What the server last said of itself; empty before `connect`."""
        return self._client.server_info if self._client else {}

    @property
    def subscriptions(self) -> dict[int, Callback]:
        """The callbacks, by sid."""
        with self._lock:
            return {sid: entry.callback for sid, entry in self._entries.items()}

    def connect(self, server: str | None = None) -> None:
        """Connect to `host:port` or `nats://host:port`; None takes the variable NATS_SERVER.

        OSError when that fails: ConnectionRefusedError, socket.gaierror or ConnectionError.
        ValueError without a port, KeyError without the variable.
        """
        if self._client is not None and self._client.state != "closed":
            raise ConnectionError("connected already")
        place = os.environ["NATS_SERVER"] if server is None else server
        place = place.removeprefix("nats://")
        host, _, port = place.rpartition(":")
        if not host:
            raise ValueError(f"no port in {place!r}")
        int(port)
        self._entries.clear()
        try:
            self._client = anynats.connect(
                f"nats://{place}", name=self.client_name, pedantic=True, on_event=_log_event
            )
        except anynats.ConnectFailed as error:
            raise _of_system(error) from error

    def _connected(self) -> anynats.Client:
        if self._client is None:
            raise ConnectionError("not connected")
        return self._client

    @overload
    def subscribe(
        self, subject: str, queue_group: str | None = None, *args: object, cb: Callback
    ) -> int: ...
    @overload
    def subscribe(
        self, subject: str, queue_group: str | None = None, *args: object, cb: None = None
    ) -> None: ...
    def subscribe(
        self,
        subject: str,
        queue_group: str | None = None,
        *args: object,
        cb: Callback | None = None,
    ) -> int | None:
        """Subscribe, and return the sid; without `cb` do nothing and return None.

        Members of one `queue_group` share the messages. ValueError for a bad subject.
        """
        return None if cb is None else self._subscribe(subject, queue_group, cb, None)

    def _subscribe(
        self, subject: str, queue_group: str | None, cb: Callback, limit: int | None
    ) -> int:
        client = self._connected()
        entry = _Entry(cb, limit=limit)
        with self._lock:
            sid = self.next_sid
            self.next_sid += 1
            self._entries[sid] = entry
        try:
            entry.subscription = client.subscribe(
                subject,
                queue=queue_group,
                max_messages=limit,
                callback=functools.partial(self._deliver, sid),
            )
        except BaseException:
            with self._lock:
                del self._entries[sid]
            raise
        return sid

    def _deliver(self, sid: int, message: anynats.Message) -> None:
        with self._lock:
            entry = self._entries.get(sid)
            if entry is None:
                return
            entry.delivered += 1
            if entry.delivered == entry.limit:
                del self._entries[sid]
        if message.status is not None and not message.payload:
            return  # the server's word that nobody listens; there was none in this module
        entry.callback(
            {
                "op": "MSG",
                "subject": message.subject,
                "sid": sid,
                "reply_to": message.reply,
                "payload": message.payload,
            }
        )

    def unsubscribe(self, sid: int, max_messages: int | None = None) -> None:
        """End a subscription: now, or after `max_messages` in all since it began.

        An unknown sid is passed over. No callback begins after this has returned.
        """
        with self._lock:
            entry = self._entries.get(sid)
            if entry is None:
                return
            if not max_messages or entry.delivered >= max_messages:
                del self._entries[sid]
            entry.limit = max_messages or None
        if entry.subscription is not None:
            entry.subscription.unsubscribe(max_messages or None)

    def publish(self, subject: str, payload: Buffer) -> None:
        """Publish one message. ValueError for a bad subject or size, ConnectionError."""
        self._connected().publish(subject, payload)

    def request(
        self, subject: str, payload: Buffer, *args: object, cb: Callback | None = None
    ) -> None:
        """Publish, and call `cb` with the first answer when it comes; without `cb` do nothing."""
        if cb is None:
            return
        with self._lock:
            inbox = f"requests.{self.client_name}.{self.response_inbox}"
            self.response_inbox += 1
        sid = self._subscribe(inbox, None, cb, 1)
        try:
            self._connected().publish(subject, payload, reply=inbox)
        except BaseException:
            self.unsubscribe(sid)
            raise

    def close(self) -> None:
        """Send what is buffered and close; no callback comes any more. Ours, not the module's."""
        with self._lock:
            self._entries.clear()
        if self._client is not None:
            self._client.close()

    def __del__(self) -> None:
        if not sys.is_finalizing():
            with contextlib.suppress(Exception):
                self.close()


def _log_event(event: anynats.Event) -> None:
    if event.kind in ("error", "slow_consumer"):
        _LOG.warning("%s: %s", event.kind, event.error)


def _of_system(error: anynats.ConnectFailed) -> OSError:
    """Return the class that a socket would have raised, as far as the words tell it."""
    words = str(error)
    if words.endswith(os.strerror(errno.ECONNREFUSED)):
        return ConnectionRefusedError(errno.ECONNREFUSED, words)
    if "looking up" in words:
        return socket.gaierror(socket.EAI_NONAME, words)
    return error
