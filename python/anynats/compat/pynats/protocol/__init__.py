"""A connection to NATS without I/O, under the names of pynats.protocol.

All that the snippets of its README name is here.
"""

from anynats.compat.pynats.protocol.client_options import ClientOptions
from anynats.compat.pynats.protocol.connection import ConnectionProtocol
from anynats.compat.pynats.protocol.connection_state import ConnectionState
from anynats.compat.pynats.protocol.errors import ProtocolError
from anynats.compat.pynats.protocol.events import (
    ClosedEvent,
    ConnectionRequestEvent,
    ConnectRequestEvent,
    Event,
    EventType,
)
from anynats.compat.pynats.protocol.payload import (
    Error,
    ErrorType,
    Info,
    Message,
    Metadata,
    Sequence,
    Version,
)
from anynats.compat.pynats.protocol.serialization import (
    encode_headers,
    parse_control_type,
    parse_error,
    parse_headers,
    parse_info,
    parse_metadata,
    parse_sequence,
)
from anynats.compat.pynats.protocol.server import Server

__all__ = [
    "ClientOptions",
    "ClosedEvent",
    "ConnectRequestEvent",
    "ConnectionProtocol",
    "ConnectionRequestEvent",
    "ConnectionState",
    "Error",
    "ErrorType",
    "Event",
    "EventType",
    "Info",
    "Message",
    "Metadata",
    "ProtocolError",
    "Sequence",
    "Server",
    "Version",
    "encode_headers",
    "parse_control_type",
    "parse_error",
    "parse_headers",
    "parse_info",
    "parse_metadata",
    "parse_sequence",
]
