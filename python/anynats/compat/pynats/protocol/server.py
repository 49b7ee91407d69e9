"""One server: its URL, what it said of itself, and how often it has been tried.

A value that the pool and the protocol change; one thread at a time.
"""

from __future__ import annotations

from urllib.parse import ParseResult, urlparse

from anynats.compat.pynats.protocol.payload import Info


class Server:
    """A server of the pool. Two with the same URL are equal."""

    def __init__(self, uri: ParseResult) -> None:
        self.uri = uri
        self.connect_attempts = 0
        self.reconnect_attempts = 0
        self.did_connect = False
        self.info: Info | None = None

    @classmethod
    def new(cls, url: str) -> Server:
        return cls(urlparse(url))

    def can_attempt_connect(self, limit: int) -> bool:
        """Tell whether one more attempt is within `limit`; a negative one is none."""
        if limit == 0:
            raise ValueError("the limit of attempts to connect must not be 0")
        return limit < 0 or self.connect_attempts < limit

    def can_attempt_reconnect(self, limit: int) -> bool:
        """Tell whether one more attempt is within `limit`: 0 allows none, a negative one all."""
        return limit < 0 or self.reconnect_attempts < limit

    def is_connection_attempt_a_reconnect(self) -> bool:
        """Tell whether there has been a connection to this server."""
        return self.did_connect

    def increment_connect_attempts(self) -> None:
        self.connect_attempts += 1

    def increment_reconnect_attempts(self) -> None:
        self.reconnect_attempts += 1

    def observe_connect(self) -> None:
        self.did_connect = True

    def set_info(self, info: Info) -> None:
        self.info = info

    def __eq__(self, other: object) -> bool:
        return self.uri == other.uri if isinstance(other, Server) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.uri)

    def __repr__(self) -> str:
        place = self.uri.netloc.rpartition("@")[2]  # without credentials
        return f"<Server {self.uri.scheme}://{place}>"
