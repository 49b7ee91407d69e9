"""What a server means by -ERR: a type by the first words, and an exception for each type.

Recoverable are those after which the server keeps the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NoReturn


class ErrorType(str, Enum):
    """The kinds of errors, with the words that they begin with."""

    UNKNOWN = ""
    UNKNOWN_PROTOCOL_OPERATION = "unknown protocol operation"
    ATTEMPTED_TO_CONNECT_TO_ROUTE_PORT = "attempted to connect to route port"
    AUTHORIZATION_VIOLATION = "authorization violation"
    AUTHORIZATION_TIMEOUT = "authorization timeout"
    INVALID_CLIENT_PROTOCOL = "invalid client protocol"
    MAXIMUM_CONTROL_LINE_EXCEEDED = "maximum control line exceeded"
    PARSER_ERROR = "parser error"
    SECURE_CONNECTION_TLS_REQUIRED = "secure connection - tls required"
    STALE_CONNECTION = "stale connection"
    MAXIMUM_CONNECTIONS_EXCEEDED = "maximum connections exceeded"
    SLOW_CONSUMER = "slow consumer"
    MAXIMUM_PAYLOAD_VIOLATION = "maximum payload violation"
    INVALID_SUBJECT = "invalid subject"
    PERMISSION_VIOLATION_FOR_SUBSCRIPTION = "permissions violation for subscription to"
    PERMISSION_VIOLATION_FOR_PUBLISH = "permissions violation for publish to"


class ServerError(Exception):
    """A server sent -ERR; its words are the text."""


class RecoverableServerError(ServerError):
    """The connection stays."""


class UnrecoverableServerError(ServerError):
    """The server closes the connection."""


class UnknownServerError(UnrecoverableServerError):
    """Words that are not in the list."""


class UnknownProtocolOperationError(UnrecoverableServerError): ...


class AttemptedToConnectToRoutePortError(UnrecoverableServerError): ...


class AuthorizationViolationError(UnrecoverableServerError): ...


class AuthorizationTimeoutError(UnrecoverableServerError): ...


class InvalidClientProtocolError(UnrecoverableServerError): ...


class MaximumControlLineExceededError(UnrecoverableServerError): ...


class ParserError(UnrecoverableServerError): ...


class SecureConnectionTLSRequiredError(UnrecoverableServerError): ...


class StaleConnectionError(UnrecoverableServerError): ...


class MaximumConnectionsExceededError(UnrecoverableServerError): ...


class SlowConsumerError(UnrecoverableServerError): ...


class MaximumPayloadViolationError(UnrecoverableServerError): ...


class InvalidSubjectError(RecoverableServerError): ...


class PermissionViolationForSubscriptionError(RecoverableServerError): ...


class PermissionViolationForPublishError(RecoverableServerError): ...


_EXCEPTIONS: dict[ErrorType, type[ServerError]] = {
    ErrorType.UNKNOWN: UnknownServerError,
    ErrorType.UNKNOWN_PROTOCOL_OPERATION: UnknownProtocolOperationError,
    ErrorType.ATTEMPTED_TO_CONNECT_TO_ROUTE_PORT: AttemptedToConnectToRoutePortError,
    ErrorType.AUTHORIZATION_VIOLATION: AuthorizationViolationError,
    ErrorType.AUTHORIZATION_TIMEOUT: AuthorizationTimeoutError,
    ErrorType.INVALID_CLIENT_PROTOCOL: InvalidClientProtocolError,
    ErrorType.MAXIMUM_CONTROL_LINE_EXCEEDED: MaximumControlLineExceededError,
    ErrorType.PARSER_ERROR: ParserError,
    ErrorType.SECURE_CONNECTION_TLS_REQUIRED: SecureConnectionTLSRequiredError,
    ErrorType.STALE_CONNECTION: StaleConnectionError,
    ErrorType.MAXIMUM_CONNECTIONS_EXCEEDED: MaximumConnectionsExceededError,
    ErrorType.SLOW_CONSUMER: SlowConsumerError,
    ErrorType.MAXIMUM_PAYLOAD_VIOLATION: MaximumPayloadViolationError,
    ErrorType.INVALID_SUBJECT: InvalidSubjectError,
    ErrorType.PERMISSION_VIOLATION_FOR_SUBSCRIPTION: PermissionViolationForSubscriptionError,
    ErrorType.PERMISSION_VIOLATION_FOR_PUBLISH: PermissionViolationForPublishError,
}


@dataclass
class Error:
    """One -ERR: its type, and the server's words without their quotes."""

    type: ErrorType
    message: str

    @classmethod
    def of(cls, message: str) -> Error:
        """Return the error that begins with these words, in whatever case."""
        words = message.lower()
        known = (kind for kind in ErrorType if kind.value and words.startswith(kind.value))
        return cls(next(known, ErrorType.UNKNOWN), message)

    def is_recoverable(self) -> bool:
        """Tell whether the connection stays."""
        return issubclass(_EXCEPTIONS[self.type], RecoverableServerError)

    def throw(self) -> NoReturn:
        """Raise the exception of this type."""
        raise _EXCEPTIONS[self.type](self.message)
