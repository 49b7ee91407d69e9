"""A local nats-server for demonstrations and tests: started on a free port, ended with its owner.

    from anynats.server import Server

    with Server(jetstream=True) as server:
        nc = anynats.connect(server.url)

On the command line, `python -m anynats.server` runs one until Ctrl-C. With pytest, use the fixtures
of `anynats.pytest_plugin`. The server listens on 127.0.0.1 only, and it ends when this process
does, however this process ends. Not for production: run nats-server itself there.

One thread at a time may use a Server. Its methods block for milliseconds; they wait for the
process, never for NATS traffic. Linux and macOS.
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from anynats._server_binary import Progress, ServerNotFound, find_server

__all__ = ["Server", "ServerFailed", "ServerNotFound", "find_server"]

HOST = "127.0.0.1"
START_SECONDS = 10.0  # until the server answers a connection
STOP_SECONDS = 10.0  # between SIGTERM and SIGKILL
SIGNAL_SECONDS = 10.0  # until the guard process has confirmed a signal
POLL_SECONDS = 0.005  # between two looks at the ports file, which has no other notice
LOG_TAIL_LINES = 20  # of the server's log, quoted in an error


class ServerFailed(RuntimeError):
    """The server did not start, or is not in the state asked for; quotes the end of its log."""


class Server:
    """One nats-server process.

    `port`: None takes a free one, which `restart()` keeps. `config` is the text of a configuration
    file (the port, host and store directory in it are overridden), `args` are further command-line
    arguments. `store_dir` keeps JetStream's files; without it they go with the server. Use it with
    `with`, or call `start()` and `stop()`.
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        jetstream: bool = False,
        config: str | None = None,
        args: Sequence[str] = (),
        store_dir: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._port = port
        self._jetstream = jetstream
        self._config = config
        self._args = list(args)
        self._store_dir = store_dir
        self._progress = progress
        self._scratch: Path | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._last_log = ""

    def __enter__(self) -> "Server":
        return self if self.running else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<anynats.server.Server {self.url if self._port else 'never started'}>"

    @property
    def port(self) -> int:
        """Return the client port; ServerFailed before the first start when none was given."""
        if self._port is None:
            raise ServerFailed("the server has no port yet: it was never started")
        return self._port

    @property
    def url(self) -> str:
        """Return what to pass to `connect`."""
        return f"nats://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Return the server's process id; ServerFailed when it is not running."""
        if not self.running:
            raise ServerFailed(f"the server is not running{self._log_tail()}")
        return self._pid

    @property
    def running(self) -> bool:
        """Say whether the process is there (paused counts)."""
        return self._guard is not None and self._guard.poll() is None

    def log(self) -> str:
        """Return what the server has logged since the first start, also after `stop()`."""
        if self._scratch is None:
            return self._last_log
        return (self._scratch / "log").read_text(errors="replace")

    def start(self) -> "Server":
        """Start the process and wait until it answers; at most 10 s. Returns itself.

        After `stop()` or `kill()` it starts again on the same port; after `kill()` with its
        JetStream files. Raises ServerNotFound or ServerFailed.
        """
        if self.running:
            raise ServerFailed("the server is running already")
        binary = find_server(self._progress)
        if self._guard is not None:
            self._forget_guard()  # the last server ended by itself
        deadline = time.monotonic() + START_SECONDS
        try:
            self._spawn(binary)
            self._wait_until_ready(deadline)
        except BaseException:
            self.stop(timeout=0)
            raise
        return self

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """End the process, politely for `timeout` seconds and then at once; remove its files.

        Does nothing when it is not running.
        """
        self._end(signal.SIGTERM, timeout)
        if self._scratch is not None:
            self._last_log = self.log()
            self._remove_scratch()
            self._scratch = None

    def kill(self) -> None:
        """End the process as a crash would; `start()` then finds its JetStream files again."""
        self._end(signal.SIGKILL, STOP_SECONDS)

    def restart(self) -> None:
        """End the process politely and start it again on the same port with the same files."""
        self._end(signal.SIGTERM, STOP_SECONDS)
        self.start()

    def pause(self) -> None:
        """Freeze the process: connections stay open, nothing answers. See `resume()`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def lame_duck(self) -> None:
        """Make the server announce lame duck mode; it then sheds its clients and ends."""
        self._signal(signal.SIGUSR2)

    def _spawn(self, binary: str) -> None:
        scratch = self._scratch
        if scratch is None:
            scratch = self._scratch = Path(tempfile.mkdtemp(prefix="anynats-server-"))
            # Also at exit, for servers that nobody stopped; not in a forked child.
            self._remove_scratch = weakref.finalize(self, _remove, scratch, os.getpid())
        command = [binary, *self._arguments(scratch)]
        guard = Path(__file__).with_name("_server_guard.py")
        with open(scratch / "log", "ab") as log:
            # -I -S: the guard needs the standard library only, and starts fast. In a session of
            # its own: Ctrl-C in the terminal is for the program, not for the server.
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(guard), str(scratch), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        answer = self._read_guard(START_SECONDS, until=b"\n")
        if not answer.endswith(b"\n"):
            raise ServerFailed(f"cannot run {binary}{self._log_tail()}")
        self._pid = int(answer)

    def _arguments(self, scratch: Path) -> list[str]:
        ports = scratch / "ports"
        shutil.rmtree(ports, ignore_errors=True)  # a killed server leaves its file behind
        ports.mkdir()
        arguments = ["-a", HOST, "-p", str(self._port or -1), "--ports_file_dir", str(ports)]
        if self._config is not None:
            (scratch / "server.conf").write_text(self._config)
            arguments += ["-c", str(scratch / "server.conf")]
        if self._jetstream:
            arguments.append("-js")
        # Always, because the server's own default is one directory for the whole machine.
        arguments += ["-sd", str(self._store_dir or scratch / "store")]
        return arguments + self._args

    def _wait_until_ready(self, deadline: float) -> None:
        """Wait for the file in which the server names its ports, then for INFO on that port."""
        assert self._scratch is not None
        while True:
            if not self.running:
                raise ServerFailed(f"nats-server ended at once{self._log_tail()}")
            port = _port_in(self._scratch / "ports")
            if port and _sends_info(port, deadline):
                self._port = port
                return
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"nats-server did not answer within {START_SECONDS:.0f} s{self._log_tail()}"
                )
            time.sleep(POLL_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal through the guard and wait until it is sent."""
        if not self.running:
            raise ServerFailed(f"{number.name}: the server is not running{self._log_tail()}")
        assert self._guard is not None and self._guard.stdin is not None
        try:
            os.write(self._guard.stdin.fileno(), bytes([number]))
        except BrokenPipeError:
            return  # the server has just ended; whoever asks next is told so
        self._read_guard(SIGNAL_SECONDS, until=b".")

    def _end(self, number: signal.Signals, timeout: float) -> None:
        if self._guard is None:
            return
        if self.running:
            self._signal(number)
        if self.running and number != signal.SIGKILL:
            self._signal(signal.SIGCONT)  # a paused process would not see SIGTERM
            self._read_guard(timeout, until=None)
            if self.running:
                self._signal(signal.SIGKILL)
        self._read_guard(STOP_SECONDS, until=None)
        self._forget_guard()

    def _forget_guard(self) -> None:
        guard, self._guard = self._guard, None
        assert guard is not None and guard.stdin is not None and guard.stdout is not None
        guard.stdin.close()  # should the guard still be there, this ends it
        guard.stdout.close()
        guard.wait(STOP_SECONDS)

    def _read_guard(self, seconds: float, until: bytes | None) -> bytes:
        """Read from the guard up to `until`, its end, or the time limit."""
        assert self._guard is not None and self._guard.stdout is not None
        fd = self._guard.stdout.fileno()
        deadline = time.monotonic() + seconds
        data = b""
        while until is None or not data.endswith(until):
            left = deadline - time.monotonic()
            if not select.select([fd], [], [], max(0.0, left))[0]:
                break
            chunk = os.read(fd, 1)
            if not chunk:
                # End of file comes a moment before the process can be reaped.
                self._guard.wait(STOP_SECONDS)
                break
            data += chunk
        return data

    def _log_tail(self) -> str:
        tail = self.log().splitlines()[-LOG_TAIL_LINES:]
        return "; its log ends:\n  " + "\n  ".join(tail) if tail else "; its log is empty"


def _remove(directory: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def _port_in(directory: Path) -> int:
    """The client port in the server's ports file; 0 while the file is missing or half written."""
    for file in directory.glob("*.ports"):
        try:
            urls = json.loads(file.read_text()).get("nats", [])
        except (OSError, ValueError):
            continue
        for url in urls:
            return int(url.rpartition(":")[2])
    return 0


def _sends_info(port: int, deadline: float) -> bool:
    left = max(POLL_SECONDS, deadline - time.monotonic())
    try:
        with socket.create_connection((HOST, port), timeout=left) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False


def _cli_main() -> None:
    """Run one server until Ctrl-C, and print its URL on standard output."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m anynats.server", description=_cli_main.__doc__)
    parser.add_argument("--port", type=int, help="client port (default: a free one)")
    parser.add_argument("--jetstream", action="store_true", help="with JetStream, in a scratch dir")
    parser.add_argument("--store-dir", help="keep JetStream's files here")
    options = parser.parse_args()

    def on_signal(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, on_signal)
    try:
        with Server(
            options.port,
            jetstream=options.jetstream,
            store_dir=options.store_dir,
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        ) as server:
            print(server.url, flush=True)
            while server.running:
                server._read_guard(3600.0, until=None)
            sys.exit(f"nats-server ended{server._log_tail()}")
    except (ServerNotFound, ServerFailed) as error:
        sys.exit(f"anynats.server: {error}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    _cli_main()
