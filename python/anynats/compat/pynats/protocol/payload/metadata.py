"""What JetStream tells beside the payload: in the reply subject, and in status messages.

Values only; `serialization` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class ControlType(str, Enum):
    """What a message with the status 100 is for."""

    HEARTBEAT = "Idle"
    FLOW = "Flow"
    NONE = ""


@dataclass
class Sequence:
    """Numbers of one message."""

    stream: int
    consumer: int


@dataclass
class Metadata:
    """What the reply subject of a message from JetStream tells."""

    stream: str
    consumer: str
    sequence: Sequence
    num_pending: int
    num_delivered: int
    timestamp: datetime
    """When the stream stored it, in UTC; the last three digits of its nanoseconds are lost."""
    domain: str | None
    """None when the subject does not tell it, empty when there is none."""
