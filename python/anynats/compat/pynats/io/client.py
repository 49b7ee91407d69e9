"""The blocking client, over a client of anynats. Any thread may use it.

What waits here waits in anynats.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

import anynats
from anynats.compat.pynats.core.client_state import ClientState, ClientStateMixin
from anynats.compat.pynats.core.over_anynats import (
    connect_options,
    pauses,
    state_of,
    subscribe_arguments,
    translated,
)
from anynats.compat.pynats.core.subscription import (
    DEFAULT_SUB_PENDING_BYTES_LIMIT,
    DEFAULT_SUB_PENDING_MSGS_LIMIT,
)
from anynats.compat.pynats.errors import ConnectionClosedError
from anynats.compat.pynats.io.msg import Msg
from anynats.compat.pynats.io.subscription import SyncSubscriptionIterator
from anynats.compat.pynats.protocol.client_options import ClientOptions

if TYPE_CHECKING:
    from typing_extensions import Self


class Client(ClientStateMixin):
    """A client that blocks. `with` connects and closes it."""

    def __init__(self, options: ClientOptions | None = None) -> None:
        self.options = options or ClientOptions()
        self._client: anynats.Client | None = None

    @property
    def status(self) -> ClientState:
        """What the client does just now."""
        return state_of(self._client)

    def connect(self) -> None:
        """Connect; a second on a connected client does nothing. pynats.errors.ConnectionError."""
        if self._client is not None and not self.is_closed():
            return
        arguments = connect_options(self.options)
        with translated():
            for pause in pauses(self.options):
                time.sleep(pause)
                try:
                    self._client = anynats.connect(**arguments)
                    return
                except anynats.AuthorizationError:
                    raise
                except anynats.ConnectionError as error:
                    last = error
            raise last

    def close(self) -> None:
        """Send what is buffered and close."""
        if self._client is not None:
            with translated():
                self._client.close()

    def _connected(self) -> anynats.Client:
        if self._client is None:
            raise ConnectionClosedError("connect first")
        return self._client

    def flush(self, timeout: float = 10) -> None:
        """Wait until the server has taken everything published before. TimeoutError."""
        with translated():
            self._connected().flush(timeout)

    def rtt(self, timeout: float = 5) -> float:
        """Return how long a PING and its PONG take, in seconds. TimeoutError."""
        with translated():
            return self._connected().rtt(timeout)

    def publish(
        self,
        subject: str,
        payload: bytes | None = None,
        reply: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Queue one message. ValueError for a bad subject or header."""
        with translated():
            self._connected().publish(subject, payload or b"", reply=reply, headers=headers)

    def request(
        self,
        subject: str,
        payload: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,
    ) -> Msg:
        """Publish and return the answer. TimeoutError; NatsServerError when nobody listens."""
        client = self._connected()
        with translated():
            answer = client.request(subject, payload or b"", timeout=timeout, headers=headers)
        return Msg(answer, client)

    def subscribe(
        self,
        subject: str,
        queue: str | None = None,
        max_msgs: int = -1,
        pending_msgs_limit: int = DEFAULT_SUB_PENDING_MSGS_LIMIT,
        pending_bytes_limit: int = DEFAULT_SUB_PENDING_BYTES_LIMIT,
    ) -> SyncSubscriptionIterator:
        """Subscribe. What comes beyond the limits of what may wait is dropped."""
        client = self._connected()
        limits = subscribe_arguments(queue, max_msgs, pending_msgs_limit, pending_bytes_limit)
        with translated():
            return SyncSubscriptionIterator(client.subscribe(subject, **limits), queue, client)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
