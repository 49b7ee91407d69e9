"""One connection, for the clients that share it: the dial in the background, and what became of it.

Belongs to the event loop it was made on. It never raises by itself: whoever needs the connection
asks for it, and learns then why there is none.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

import anynats.asyncio
from anynats.compat.nas_pub_sub.types import ConnectionState

LOG = logging.getLogger("anynats.compat.nas_pub_sub")
CONNECT_SECONDS = 5.0  # that `async with` waits


class Link:
    """A client of anynats that is being made, is there, or was given up."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.sids = itertools.count(1)
        self.client: anynats.asyncio.Client | None = None
        self.error: BaseException | None = None  # why it failed
        self.is_closed = False
        self._begun = False
        self._dialling = self.loop.create_task(self._dial(url, options))

    async def _dial(self, url: str, options: dict[str, Any]) -> None:
        self._begun = True
        servers = options.pop("servers", url)
        try:
            self.client = await anynats.asyncio.connect(servers, on_event=_log_event, **options)
        except Exception as error:  # told to whoever uses the client next
            self.error = error

    @property
    def state(self) -> ConnectionState:
        if self.is_closed or not self._begun:
            return ConnectionState.DISCONNECTED
        if self.error is not None:
            return ConnectionState.ERROR
        if self.client is None:
            return ConnectionState.CONNECTING
        if self.client.is_connected:
            return ConnectionState.CONNECTED
        # Closed without being asked to: it gave up.
        is_over = self.client.state == "closed"
        return ConnectionState.ERROR if is_over else ConnectionState.CONNECTING

    async def connected(self) -> None:
        """Wait for the connection. ConnectionError when it fails, or does not come in time."""
        deadline = self.loop.time() + CONNECT_SECONDS
        done, _ = await asyncio.wait({self._dialling}, timeout=CONNECT_SECONDS)
        if done and self.client is not None:
            try:
                await self.client.flush(max(0.001, deadline - self.loop.time()))
            except anynats.Error as error:
                raise self.refusal() from error
        if self.state is not ConnectionState.CONNECTED:
            raise self.refusal()

    def ready(self) -> anynats.asyncio.Client:
        """Return the client, if it is connected just now. ConnectionError if it is not."""
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError("this client belongs to another event loop")
        if self.client is None or self.state is not ConnectionState.CONNECTED:
            raise self.refusal()
        return self.client

    def refusal(self) -> ConnectionError:
        """Return the error that says why there is no connection."""
        cause = self.error or (self.client.last_error if self.client else None)
        error = ConnectionError(f"Client not connected{f': {cause}' if cause else ''}")
        error.__cause__ = cause
        return error

    async def close(self) -> None:
        """End the connection, or the dial. Errors of that are of no interest any more."""
        if self.is_closed:
            return
        self.is_closed = True
        self._dialling.cancel()
        await asyncio.wait({self._dialling})
        if self.client is not None:
            try:
                await self.client.close()
            except anynats.Error as error:
                LOG.debug("close: %s", error)


def _log_event(event: anynats.Event) -> None:
    if event.kind in ("error", "slow_consumer"):
        LOG.warning("%s: %s", event.kind, event.error)
