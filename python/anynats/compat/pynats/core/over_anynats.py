"""How the clients of aio and io stand on clients of anynats: options, states and errors.

One table each. What anynats cannot do yet is refused by name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import anynats
from anynats.compat.pynats import errors
from anynats.compat.pynats.core.client_state import ClientState
from anynats.compat.pynats.protocol.client_options import ClientOptions

SECONDS_BETWEEN_ATTEMPTS = 1.0  # to connect, and to reconnect
_LEAST_READ = 4096
_LEAST_LINE = 512
_NOT_YET = (
    *("tls_required", "tls_handshake_first", "ssl_context"),
    *("jwt_callback", "nkey_callback", "signature_callback"),
)

_STATES = {
    "connecting": ClientState.CONNECTING,
    "connected": ClientState.CONNECTED,
    "reconnecting": ClientState.RECONNECTING,
    "disconnected": ClientState.DISCONNECTED,
    "draining": ClientState.CLOSING,
    "closed": ClientState.CLOSED,
}


def connect_options(options: ClientOptions) -> dict[str, Any]:
    """Return what `connect` of anynats is given. ValueError for what makes no sense."""
    for name in _NOT_YET:
        if getattr(options, name):
            raise NotImplementedError(f"{name} is not supported by this version yet")
    options.new_server_pool()  # checks the URLs
    secrets = {name: getattr(options, name) for name in ("password", "token")}
    secrets["user"] = options.username
    tries = options.max_reconnect_attempts
    return {
        "servers": options.servers,
        **({"name": options.name} if options.name else {}),
        **{name: ask() for name, ask in secrets.items() if ask is not None},
        "connect_timeout": options.connect_timeout,
        "reconnect": tries != 0,
        "max_reconnects": tries if tries > 0 else None,
        "reconnect_wait_min": SECONDS_BETWEEN_ATTEMPTS,
        "reconnect_wait_max": SECONDS_BETWEEN_ATTEMPTS,
        "randomize_servers": not options.no_randomize,
        "echo": not options.no_echo,
        "discovered_servers": "configured_only" if options.no_discovery else "all",
        "verbose": options.verbose,
        "pedantic": options.pedantic,
        "max_control_line": max(_LEAST_LINE, options.max_control_line_size),
        "read_chunk": max(_LEAST_READ, options.rcv_buffer_size),
        "ping_interval": options.ping_interval,
        "max_pings_outstanding": options.max_outstanding_pings,
    }


def pauses(options: ClientOptions) -> Iterator[float]:
    """Yield what to wait before each attempt to connect; a negative number of them has no end."""
    attempt = 0
    while attempt != options.max_connect_attempts:
        yield SECONDS_BETWEEN_ATTEMPTS if attempt else 0.0
        attempt += 1


def state_of(client: Any) -> ClientState:
    """Return the state of a client of anynats; None is one that was never made."""
    return ClientState.CREATED if client is None else _STATES[client.state]


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise the errors of anynats as those of pynats; timeouts are the builtin already."""
    try:
        yield
    except anynats.Error as error:
        if (kind := _kind_of(error)) is None:
            raise
        raise kind(str(error)) from error


def _kind_of(error: anynats.Error) -> type[Exception] | None:
    for ours, theirs in _ERRORS.items():
        if isinstance(error, ours):
            return theirs
    return None


# The first that fits. What is not here is a builtin too: TimeoutError, ValueError.
_ERRORS: dict[type[anynats.Error], type[Exception]] = {
    anynats.MaxPayload: errors.MaxPayloadSizeExceededError,
    anynats.StaleConnection: errors.ConnectionStaleError,
    anynats.Closed: errors.ConnectionClosedError,
    anynats.Draining: errors.ConnectionClosingError,
    anynats.ConnectionError: errors.ConnectionError,
    anynats.NoResponders: errors.NatsServerError,
    anynats.ServerError: errors.NatsServerError,
}


def subscribe_arguments(
    queue: str | None, max_msgs: int, pending_msgs_limit: int, pending_bytes_limit: int
) -> dict[str, Any]:
    """Return what `subscribe` of anynats is given; a limit that is not above 0 is none."""
    return {
        "queue": queue,
        "max_messages": max_msgs if max_msgs > 0 else None,
        "pending_messages": pending_msgs_limit if pending_msgs_limit > 0 else None,
        "pending_bytes": pending_bytes_limit if pending_bytes_limit > 0 else None,
    }
