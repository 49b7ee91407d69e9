"""For tests of a process's life: programs of their own, and a server that records every byte."""

import contextlib
import socket
import subprocess
import sys
import threading
from types import TracebackType

from stalled_server import INFO

# What each program begins with: children whose exit code tells how they did.
PRELUDE = """
import os, sys, threading, time
import anynats
URL = sys.argv[1]
def in_child(body):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        except BaseException as error:
            print("child:", repr(error), file=sys.stderr, flush=True)
        os._exit(code)
    return pid
def must_end(pid):
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
def refused(call, *args, **keywords):
    try:
        result = call(*args, **keywords)
    except anynats.ForkError:
        return
    raise AssertionError(f"{call} is not refused: {result!r}")
"""


def run(
    program: str, *arguments: str, seconds: float = 30, dev: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program, whose warnings are errors, to its end; `dev`: in Python's development mode."""
    mode = ["-X", "dev"] if dev else []
    command = [sys.executable, *mode, "-W", "error", "-c", PRELUDE + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds)


def must_succeed(program: str, *arguments: str, seconds: float = 30, dev: bool = True) -> str:
    """Run a program that must end well and complain of nothing; return what it prints."""
    done = run(program, *arguments, seconds=seconds, dev=dev)
    if done.returncode or done.stderr:
        raise AssertionError(f"exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class RecordingServer:
    """Greets, answers pings, and keeps every byte of every connection apart."""

    def __init__(self) -> None:
        self.connections: list[bytearray] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._listener.getsockname()[1]}"

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            received = bytearray()
            self.connections.append(received)
            self._sockets.append(connection)
            self._start(self._serve, connection, received)

    def _serve(self, connection: socket.socket, received: bytearray) -> None:
        answered = 0
        try:
            connection.sendall(INFO)
            while data := connection.recv(65_536):
                received += data
                asked = received.count(b"PING\r\n")
                connection.sendall(b"PONG\r\n" * (asked - answered))
                answered = asked
        except OSError:
            return

    def __enter__(self) -> "RecordingServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._sockets:
            with contextlib.suppress(OSError):  # the client has closed it
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        for connection in self._sockets:
            connection.close()
