"""The states of a client, and questions about them.

What the clients of aio and io have in common with the original's.
"""

from __future__ import annotations

from enum import Enum


class ClientState(str, Enum):
    """What a client does just now."""

    CREATED = "CREATED"
    CONNECTED = "CONNECTED"
    CONNECTING = "CONNECTING"
    DISCONNECTED = "DISCONNECTED"
    RECONNECTING = "RECONNECTING"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"


class ClientStateMixin:
    """Questions about `status`."""

    @property
    def status(self) -> ClientState:
        raise NotImplementedError  # each client has its own

    def is_closed(self) -> bool:
        return self.status == ClientState.CLOSED

    def is_closing(self) -> bool:
        return self.status == ClientState.CLOSING

    def is_cancelled(self) -> bool:
        return self.is_closing() or self.is_closed()

    def is_connected(self) -> bool:
        return self.status == ClientState.CONNECTED

    def is_disconnected(self) -> bool:
        return self.status == ClientState.DISCONNECTED

    def is_connecting(self) -> bool:
        return self.status == ClientState.CONNECTING

    def is_reconnecting(self) -> bool:
        return self.status == ClientState.RECONNECTING
