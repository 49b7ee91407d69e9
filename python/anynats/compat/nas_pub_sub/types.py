"""What nas_pub_sub hands to its user: messages and states.

Values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class ConnectionState(Enum):
    """What a client does just now."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    ERROR = "error"


@dataclass
class Message:
    """A message of a subscription, or the answer to a request."""

    topic: str
    """The subject it was published to."""
    payload: bytes
    timestamp: datetime
    """When it was received, in local time and without a zone."""
    reply_to: str | None = None
    sid: str | None = None
    """What `subscribe` returned; None for an answer."""
