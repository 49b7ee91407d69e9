"""A server that greets one client and then reads nothing until it is told to: sockets fill up."""

import socket
import threading
from types import TracebackType

INFO = b'INFO {"server_id":"S","version":"2.15.0","max_payload":1048576,"headers":true}\r\n'


class StalledServer:
    """Use it with `with`; `url` is for connect, `read_on()` makes it read."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent  # it does not even greet
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._go = threading.Event()
        self._stop = threading.Event()
        self._tail = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._listener.getsockname()[1]}"

    def read_on(self) -> None:
        self._go.set()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(0.05)
            if not self._silent:
                connection.sendall(INFO)
                self._read(connection, b"PING\r\n")
                connection.sendall(b"PONG\r\n")
            while not self._stop.is_set():
                if self._go.wait(0.05) and self._read(connection, b"\0never"):
                    return

    def _read(self, connection: socket.socket, until: bytes) -> bool:
        """Read until something comes, or the end, or it is told to stop; answer pings."""
        while not self._stop.is_set():
            try:
                data = connection.recv(1 << 20)
            except TimeoutError:
                continue
            except OSError:
                return True
            if not data:
                return True
            self._tail = (self._tail + data)[-16:]
            if self._tail.endswith(until):
                return False
            if self._tail.endswith(b"PING\r\n"):
                connection.sendall(b"PONG\r\n")
        return True

    def __enter__(self) -> "StalledServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._go.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()
