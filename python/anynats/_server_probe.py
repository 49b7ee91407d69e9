"""What a nats-server tells of itself: its ports file, and INFO on its client port.

For anynats.server only. Nothing here waits longer than the deadline it is given.
"""

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


def ports_in(directory: Path) -> dict[str, list[str]]:
    """Return the URLs in the server's ports file, by what listens there ("nats", "cluster", ...).

    Empty while the file is missing or half written.
    """
    for file in directory.glob("*.ports"):
        with contextlib.suppress(OSError, ValueError):
            return json.loads(file.read_text())  # type: ignore[no-any-return]
    return {}


def port_of(urls: list[str]) -> int:
    """Return the port of the first URL, 0 when there is none."""
    return int(urls[0].rpartition(":")[2]) if urls else 0


def info_of(port: int, deadline: float) -> dict[str, Any]:
    """Return what the server says first to a client (INFO); empty when it does not answer."""
    data = b""
    try:
        left = max(0.005, deadline - time.monotonic())
        with socket.create_connection((HOST, port), timeout=left) as connection:
            while not data.endswith(b"\r\n"):
                chunk = connection.recv(65_536)
                if not chunk:
                    return {}
                data += chunk
        return json.loads(data.removeprefix(b"INFO "))  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return {}
