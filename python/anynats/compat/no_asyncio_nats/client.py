"""Client: publish, subscribe, request. Any thread may use it at any time.

Over a client of anynats, of the blocking face or of gevent's; everything here is one call of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any

import anynats
from anynats.compat.no_asyncio_nats.errors import not_yet, translated
from anynats.compat.no_asyncio_nats.made import JetStream, Made
from anynats.compat.no_asyncio_nats.message import Message
from anynats.compat.no_asyncio_nats.options import duration
from anynats.compat.no_asyncio_nats.subscriber import Subscriber


class Client(Made):
    """A connection; made by `connect`. Any thread may use it at any time."""

    _client: anynats.Client

    @classmethod
    def _of(cls, client: anynats.Client) -> Client:
        self: Client = object.__new__(cls)
        self._client = client
        return self

    def publish(
        self,
        subject: str,
        data: bytes,
        reply: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Queue one message. ValueError for a bad subject, header or size."""
        with translated():
            self._client.publish(subject, data, reply=reply, headers=_headers(headers))

    def flush(self) -> None:
        """Wait until the server has taken everything published before, at most request_timeout."""
        with translated():
            self._client.flush()

    def subscribe(self, subject: str) -> Subscriber:
        """Subscribe; what is published on this client afterwards will be seen."""
        return self._subscribe(subject, None)

    def queue_subscribe(self, subject: str, queue_group: str) -> Subscriber:
        """Subscribe as a member of a group whose members share the messages."""
        if not isinstance(queue_group, str):
            raise TypeError("queue_group: a str is needed")
        if not queue_group:
            raise ValueError("queue_group: is empty")
        return self._subscribe(subject, queue_group)

    def _subscribe(self, subject: str, queue: str | None) -> Subscriber:
        subscriber: Subscriber = object.__new__(Subscriber)
        with translated():
            subscriber._sub = self._client.subscribe(subject, queue=queue)
        subscriber._client = self._client  # a subscriber keeps its connection
        return subscriber

    def request(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,
    ) -> Message:
        """Publish and return the reply. TimeoutError after request_timeout, or when nobody is
        subscribed to the subject (then at once)."""
        seconds = None if timeout is None else duration("timeout", timeout)
        with translated():
            return Message._of(
                self._client.request(subject, data, headers=_headers(headers), timeout=seconds)
            )

    def new_inbox(self) -> str:
        """Return a subject that nobody else uses."""
        return self._client.new_inbox()

    def jetstream(self) -> JetStream:
        """Return a JetStream context; comes with a later version."""
        not_yet("jetstream()")

    def drain(self) -> None:
        """Send what is buffered and close; what has been received can still be taken."""
        self.close()

    def close(self) -> None:
        """Send what is buffered and close. Closing what is closed does nothing."""
        with translated():
            self._client.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _headers(headers: object) -> Any:
    if headers is None:
        return None
    if not isinstance(headers, dict):
        raise TypeError(f"headers: a dict is needed, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, (str, list)):
            raise TypeError("headers: names and values are str")
    return headers
