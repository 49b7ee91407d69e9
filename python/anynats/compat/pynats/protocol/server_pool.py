"""The servers to choose from, each until it has been tried too often.

One thread at a time. A success does not bring attempts back, as in the original.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable

from anynats.compat.pynats.protocol.payload import Info
from anynats.compat.pynats.protocol.server import Server

SCHEMES = ("nats", "tls", "ws", "wss")
MOST_DISCOVERED = 1000  # in the pool, explicit ones included


class ServerPool:
    """Servers of one scheme, each place (host and port) once."""

    def __init__(
        self,
        servers: Iterable[Server],
        randomized: bool = True,
        max_connect_attempts: int = 3,
        max_reconnect_attempts: int = 60,
    ) -> None:
        self.randomized = randomized
        self.max_connect_attempts = max_connect_attempts
        self.max_reconnect_attempts = max_reconnect_attempts
        self._servers: dict[str, Server] = {}
        self._turn = 0
        for server in servers:
            self.add(server)

    @classmethod
    def from_urls(
        cls,
        urls: Iterable[str],
        randomized: bool = True,
        max_connect_attempts: int = 3,
        max_reconnect_attempts: int = 60,
    ) -> ServerPool:
        servers = map(Server.new, urls)
        return cls(servers, randomized, max_connect_attempts, max_reconnect_attempts)

    def empty(self) -> bool:
        return not self._servers

    def add(self, server: str | Server) -> Server:
        """Add a server, or return the one that is there. ValueError for a wrong scheme."""
        server = _as_server(server)
        scheme = server.uri.scheme
        if scheme not in SCHEMES or not server.uri.netloc:
            raise ValueError(f"no URL of a server: {server.uri.geturl()!r}")
        if any(other.uri.scheme != scheme for other in self._servers.values()):
            raise ValueError(f"{scheme} is not the scheme of the other servers")
        return self._servers.setdefault(_place(server), server)

    def discover(self, source: Server, info: Info) -> None:
        """Add the servers that `source` tells of, with its scheme and its credentials."""
        scheme = source.uri.scheme
        credentials = "".join(source.uri.netloc.rpartition("@")[:2])
        urls = info.ws_connect_urls if scheme in ("ws", "wss") else info.connect_urls
        for url in urls or ():
            if len(self._servers) >= MOST_DISCOVERED:
                return
            with contextlib.suppress(ValueError):  # not ours to complain of
                self.add(f"{scheme}://{credentials}{url}")

    def contains(self, server: str | Server) -> Server | None:
        """Return the server that is at this place, or None."""
        return self._servers.get(_place(_as_server(server)))

    def remove(self, server: str | Server) -> None:
        """Remove a server, if it is there; whose turn it is begins anew."""
        if self._servers.pop(_place(_as_server(server)), None) is not None:
            self._turn = 0

    def next(self) -> Server | None:
        """Choose a server and count the attempt; None when all have been tried too often."""
        for server in list(self._servers.values()):
            if not self._may_try(server):
                self.remove(server)
        if self.empty():
            return None
        servers = list(self._servers.values())
        if self.randomized:
            chosen = random.choice(servers)
        else:
            chosen = servers[self._turn % len(servers)]
            self._turn += 1
        if chosen.is_connection_attempt_a_reconnect():
            chosen.increment_reconnect_attempts()
        else:
            chosen.increment_connect_attempts()
        return chosen

    def _may_try(self, server: Server) -> bool:
        if server.is_connection_attempt_a_reconnect():
            return server.can_attempt_reconnect(self.max_reconnect_attempts)
        return server.can_attempt_connect(self.max_connect_attempts)


def _as_server(server: str | Server) -> Server:
    return Server.new(server) if isinstance(server, str) else server


def _place(server: Server) -> str:
    return server.uri.netloc.rpartition("@")[2]
