"""What the protocol raises: for calls in a wrong state, and for what a server should not have sent.

`ConnectionError` here is no builtin, as in the original.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The base of what the protocol raises."""


class ProtocolParserError(ProtocolError):
    """The server sent something that cannot be taken."""


class InvalidProtocolMessageError(ProtocolParserError):
    """It is not NATS."""


class UnexpectedProtocolMessageError(ProtocolParserError):
    """It is NATS, but not at this time."""


class ConnectionError(ProtocolError):
    """The call does not fit the state of the connection."""


class ConnectionStateTransitionError(ConnectionError):
    """There is no way from this state to that one."""


class ConnectionNotEstablishedError(ConnectionError):
    """Too early."""


class ConnectionAlreadyEstablishedError(ConnectionError):
    """Too late."""


class ConnectionClosedError(ConnectionError):
    """The connection is closed."""


class ConnectionServerPoolEmpty(ConnectionClosedError):
    """No server is left to try."""


class ConnectionClosingError(ConnectionError):
    """The connection is being closed."""
