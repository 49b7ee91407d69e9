"""What a connection tells its user: one class for each kind, with `type` and mostly `body`.

An event equals its type, so that both `event.type == X` and `event == X` can be written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Literal, Union

from anynats.compat.pynats.protocol.payload import Error, Info, Message


class EventType(str, Enum):
    """The kinds of events."""

    CONNECT_REQUEST = "CONNECT_REQUEST"
    CONNECTED = "CONNECTED"
    PONG = "PONG"
    MSG = "MSG"
    ERROR = "ERROR"
    INFO = "INFO"
    CLOSED = "CLOSED"


class BaseEvent:
    """What all events have in common."""

    __slots__ = ()
    type: ClassVar[EventType]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, EventType):
            return self.type is other
        if not isinstance(other, BaseEvent):
            return NotImplemented
        return self.type is other.type and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.type)


@dataclass(eq=False)
class ConnectionRequestEvent(BaseEvent):
    """The first INFO: the server waits for `connect` and `ping`."""

    type: ClassVar[Literal[EventType.CONNECT_REQUEST]] = EventType.CONNECT_REQUEST
    body: Info


@dataclass(eq=False)
class ConnectedEvent(BaseEvent):
    """The first PONG: the connection is made."""

    type: ClassVar[Literal[EventType.CONNECTED]] = EventType.CONNECTED


@dataclass(eq=False)
class PongEvent(BaseEvent):
    """A later PONG."""

    type: ClassVar[Literal[EventType.PONG]] = EventType.PONG


@dataclass(eq=False)
class MsgEvent(BaseEvent):
    """A message of a subscription."""

    type: ClassVar[Literal[EventType.MSG]] = EventType.MSG
    body: Message


@dataclass(eq=False)
class ErrorEvent(BaseEvent):
    """An -ERR."""

    type: ClassVar[Literal[EventType.ERROR]] = EventType.ERROR
    body: Error


@dataclass(eq=False)
class InfoEvent(BaseEvent):
    """A later INFO."""

    type: ClassVar[Literal[EventType.INFO]] = EventType.INFO
    body: Info


@dataclass(eq=False)
class ClosedEvent(BaseEvent):
    """The connection is over."""

    type: ClassVar[Literal[EventType.CLOSED]] = EventType.CLOSED


ConnectRequestEvent = ConnectionRequestEvent  # as the README has it
Event = Union[  # noqa: UP007 (an alias that is read at run time on Python 3.10 too)
    ConnectionRequestEvent,
    ConnectedEvent,
    PongEvent,
    MsgEvent,
    ErrorEvent,
    InfoEvent,
    ClosedEvent,
]

PONG_EVENT = PongEvent()
CONNECTED_EVENT = ConnectedEvent()
CLOSED_EVENT = ClosedEvent()
