"""What a client tells of its connection: its states, and its events.

The same for every face, and for what is called back. Nothing here waits.
"""

from typing import Literal, NamedTuple, TypeAlias

from anynats.errors import Error

ConnectionState: TypeAlias = Literal[
    "disconnected", "connecting", "connected", "reconnecting", "draining", "closed"
]
EventKind: TypeAlias = Literal[
    "connected",
    "disconnected",
    "reconnected",
    "discovered_servers",
    "lame_duck",
    "slow_consumer",
    "error",
    "closed",
]


class Event(NamedTuple):
    """Something that became known about the connection; see `Client.next_event`."""

    kind: EventKind
    server: str
    """The server, shown without credentials; may be empty."""
    error: Error | None
    """Why, for disconnected, error, slow_consumer and closed."""
    sid: int
    """The subscription, for slow_consumer; else 0."""
