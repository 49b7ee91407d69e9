"""What the clients raise. `ConnectionError` here is no builtin, as in the original.

Timeouts are the builtin TimeoutError; what a client cannot do is NotImplementedError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anynats.compat.pynats.core import Subscription


class NatsError(Exception):
    """The base of what the clients raise."""


class TransportError(Exception):
    """Something about the transport."""

    def __init__(self, msg: str, transport: object) -> None:
        super().__init__(msg)
        self.transport = transport


class TransportNotConnectedError(TransportError):
    """It is not connected."""

    def __init__(self, transport: object) -> None:
        super().__init__("the transport is not connected", transport)


class TransportTLSUpgradeError(TransportError):
    """It cannot go over to TLS."""

    def __init__(self, transport: object) -> None:
        super().__init__("the transport cannot go over to TLS", transport)


class ConnectionError(NatsError):
    """There is no connection to use."""


class ConnectionClosedError(ConnectionError):
    """The connection is closed."""


class ConnectionClosingError(ConnectionError):
    """The connection is being closed."""


class ConnectionStaleError(ConnectionError):
    """The server does not answer."""


class NatsServerError(NatsError):
    """The server sent an error; `error` is what it said."""

    def __init__(self, error: object) -> None:
        super().__init__(str(error))
        self.error = error


class NatsClientError(NatsError):
    """The client was used in a way that it cannot be used in."""


class BadCallbackTypeError(NatsClientError):
    """Not a callback."""


class SubscriptionNotStartedError(NatsClientError):
    """The subscription has not begun."""


class SubscriptionClosedError(NatsClientError):
    """The subscription has ended."""


class SubscriptionSlowConsumerError(NatsClientError):
    """A subscription dropped messages."""

    def __init__(self, sub: Subscription) -> None:
        super().__init__(f"{sub.subject()!r} dropped messages")
        self.sub = sub


class MsgAlreadyAckdError(NatsClientError):
    """The message has been acknowledged before."""


class NotJetStreamMsgError(NatsClientError):
    """The message is not from JetStream."""


class NoReplySubjectError(NatsClientError):
    """The message asks for no reply."""


class MaxPayloadSizeExceededError(NatsClientError):
    """The message is larger than the server takes."""


class InvalidServerUrlError(NatsClientError):
    """Not the URL of a server."""


class InvalidSubjectError(NatsClientError):
    """Not a subject."""
