"""What a user may set, and what follows from it for CONNECT.

Values and checks; nothing here waits or dials.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from anynats.compat.pynats.core.pending_buffer import PendingBuffer
from anynats.compat.pynats.protocol.payload import ConnectOpts, Info
from anynats.compat.pynats.protocol.server import Server
from anynats.compat.pynats.protocol.server_pool import ServerPool

_Secret = Callable[[], str]


@dataclass
class ClientOptions:
    """The options of a client; durations in seconds, sizes in bytes.

    The callables without arguments return a secret when it is needed; `signature_callback` signs
    a nonce.
    """

    servers: list[str] = field(default_factory=lambda: ["nats://localhost:4222"])
    name: str | None = None
    connect_timeout: float = 2
    max_connect_attempts: int = 3
    max_reconnect_attempts: int = 60
    no_randomize: bool = False
    no_echo: bool = False
    no_discovery: bool = False
    verbose: bool = False
    pedantic: bool = False
    max_control_line_size: int = 4096
    rcv_buffer_size: int = 4096
    pending_buffer_size: int = 65536
    ping_interval: float = 60
    max_outstanding_pings: int = 3
    tls_required: bool = False
    tls_handshake_first: bool = False
    ssl_context: Callable[[], ssl.SSLContext] | None = None
    username: _Secret | None = None
    password: _Secret | None = None
    token: _Secret | None = None
    jwt_callback: _Secret | None = None
    nkey_callback: _Secret | None = None
    signature_callback: Callable[[str], str] | None = None

    def new_server_pool(self) -> ServerPool:
        """Return a pool of `servers`. ValueError for what cannot be one."""
        if not self.servers:
            raise ValueError("there must be at least one server")
        if self.max_connect_attempts == 0:
            raise ValueError("max_connect_attempts must not be 0")
        return ServerPool.from_urls(
            self.servers,
            not self.no_randomize,
            self.max_connect_attempts,
            self.max_reconnect_attempts,
        )

    def new_pending_buffer(self) -> PendingBuffer:
        """Return a buffer of `pending_buffer_size` for what is to be sent."""
        return PendingBuffer(self.pending_buffer_size)

    def verify_server_info(self, info: Info, server: Server | None = None) -> None:
        """Compare with what a server asks for. ValueError when these options cannot give it."""
        if self.tls_required and not (info.tls_available or info.tls_required):
            raise ValueError("tls_required is set, and the server has no TLS")
        if info.tls_required and self.ssl_context is None:
            raise ValueError("the server requires TLS, and there is no ssl_context")
        if info.auth_required and not self._has_credentials(server):
            raise ValueError("the server requires authentication, and there are no credentials")

    def _has_credentials(self, server: Server | None) -> bool:
        own = (self.username, self.token, self.jwt_callback, self.nkey_callback)
        return any(own) or bool(server and server.uri.username)

    def get_connect_opts(self, server: Server) -> ConnectOpts:
        """Return what to tell this server. ValueError for credentials that contradict."""
        has_headers = server.info is None or server.info.headers
        opts = ConnectOpts(
            verbose=self.verbose,
            pedantic=self.pedantic,
            tls_required=self.tls_required,
            echo=not self.no_echo,
            headers=has_headers,
            no_responders=has_headers,
            name=self.name,
        )
        self._set_login(opts, server)
        self._set_keys(opts, server.info.nonce if server.info else None)
        return opts

    def _set_login(self, opts: ConnectOpts, server: Server) -> None:
        uri = server.uri
        if self.username or self.password:
            if self.token:
                raise ValueError("either username and password, or a token")
            if (self.username and uri.username) or (self.password and uri.password):
                raise ValueError("username or password are in the options and in the URL")
            opts.user = self.username() if self.username else uri.username
            opts.password = self.password() if self.password else uri.password
        elif self.token:
            if uri.username:
                raise ValueError("either a token, or a user in the URL")
            opts.auth_token = self.token()
        elif uri.username and uri.password:
            opts.user, opts.password = uri.username, uri.password
        elif uri.username:
            opts.auth_token = uri.username

    def _set_keys(self, opts: ConnectOpts, nonce: str | None) -> None:
        if self.jwt_callback and self.nkey_callback:
            raise ValueError("either a JWT or an nkey")
        if self.jwt_callback:
            opts.jwt = self.jwt_callback()
        if self.nkey_callback:
            opts.nkey = self.nkey_callback()
        if self.signature_callback and nonce:
            opts.sig = self.signature_callback(nonce)
