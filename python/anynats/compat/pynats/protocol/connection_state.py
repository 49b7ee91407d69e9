"""The states of a connection, and the table that says which of them follows which.

One thread at a time. `status` may be set from outside, as in the original.
"""

from __future__ import annotations

from enum import IntEnum

from anynats.compat.pynats.protocol.errors import ConnectionStateTransitionError


class ConnectionState(IntEnum):
    """How far a connection has come."""

    WAITING_FOR_SERVER_SELECTION = 0
    WAITING_FOR_SERVER_INFO = 1
    WAITING_FOR_CLIENT_CONNECT = 2
    WAITING_FOR_CLIENT_PING = 3
    WAITING_FOR_SERVER_PONG = 4
    CONNECTED = 5
    CLOSING = 6
    CLOSED = 7


_S = ConnectionState
# A state -> those from which it may be reached.
_REACHED_FROM = {
    _S.WAITING_FOR_SERVER_SELECTION: frozenset({_S.CLOSED}),
    _S.WAITING_FOR_SERVER_INFO: frozenset({_S.WAITING_FOR_SERVER_SELECTION}),
    _S.WAITING_FOR_CLIENT_CONNECT: frozenset({_S.WAITING_FOR_SERVER_INFO}),
    _S.WAITING_FOR_CLIENT_PING: frozenset({_S.WAITING_FOR_CLIENT_CONNECT}),
    _S.WAITING_FOR_SERVER_PONG: frozenset({_S.WAITING_FOR_CLIENT_PING}),
    _S.CONNECTED: frozenset({_S.WAITING_FOR_SERVER_PONG}),
    _S.CLOSING: frozenset(ConnectionState) - {_S.CLOSED},
    _S.CLOSED: frozenset({_S.CLOSING, _S.CLOSED}),
}


class ConnectionStateMixin:
    """A state, questions about it, and the moves that the table allows."""

    def __init__(self, state: ConnectionState | None = None) -> None:
        self.status = _S.WAITING_FOR_SERVER_SELECTION if state is None else state

    def is_waiting_for_server_selection(self) -> bool:
        return self.status == _S.WAITING_FOR_SERVER_SELECTION

    def is_waiting_for_server_info(self) -> bool:
        return self.status == _S.WAITING_FOR_SERVER_INFO

    def is_waiting_for_client_connect(self) -> bool:
        return self.status == _S.WAITING_FOR_CLIENT_CONNECT

    def is_waiting_for_client_ping(self) -> bool:
        return self.status == _S.WAITING_FOR_CLIENT_PING

    def is_waiting_for_server_pong(self) -> bool:
        return self.status == _S.WAITING_FOR_SERVER_PONG

    def is_connecting(self) -> bool:
        return _S.WAITING_FOR_SERVER_INFO <= self.status <= _S.WAITING_FOR_SERVER_PONG

    def is_connected(self) -> bool:
        return self.status == _S.CONNECTED

    def is_closing(self) -> bool:
        return self.status == _S.CLOSING

    def is_closed(self) -> bool:
        return self.status == _S.CLOSED

    def is_cancelled(self) -> bool:
        return self.status >= _S.CLOSING

    def did_not_expect_pong(self) -> bool:
        return self.status <= _S.WAITING_FOR_CLIENT_PING or self.is_closed()

    def did_not_expect_err(self) -> bool:
        return self.did_not_expect_pong()

    def did_not_expect_msg(self) -> bool:
        return self.status <= _S.WAITING_FOR_SERVER_PONG or self.is_closed()

    def mark_as_waiting_for_server_selection(self) -> None:
        """Begin anew: the only way out of CLOSED."""
        self._move_to(_S.WAITING_FOR_SERVER_SELECTION)

    def mark_as_waiting_for_server_info(self) -> None:
        self._move_to(_S.WAITING_FOR_SERVER_INFO)

    def mark_as_waiting_for_client_connect(self) -> None:
        self._move_to(_S.WAITING_FOR_CLIENT_CONNECT)

    def mark_as_waiting_for_client_ping(self) -> None:
        self._move_to(_S.WAITING_FOR_CLIENT_PING)

    def mark_as_waiting_for_server_pong(self) -> None:
        self._move_to(_S.WAITING_FOR_SERVER_PONG)

    def mark_as_connected(self) -> None:
        self._move_to(_S.CONNECTED)

    def mark_as_closing(self) -> None:
        self._move_to(_S.CLOSING)

    def mark_as_closed(self) -> None:
        self._move_to(_S.CLOSED)

    def _move_to(self, state: ConnectionState) -> None:
        if self.status not in _REACHED_FROM[state]:
            raise ConnectionStateTransitionError(
                f"there is no way from {ConnectionState(self.status).name} to {state.name}"
            )
        self.status = state
