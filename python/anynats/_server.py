"""The Server of `anynats.server`: one nats-server process, its files, its signals.

It is started through a guard process (_server_guard.py), so that it ends when this process does,
however this process ends. One thread at a time.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from anynats._server_binary import Progress, find_server
from anynats._server_probe import HOST, info_of, port_of, ports_in

START_SECONDS = 10.0  # until the server answers a connection
STOP_SECONDS = 10.0  # between SIGTERM and SIGKILL
SIGNAL_SECONDS = 10.0  # until the guard process has confirmed a signal
RELOAD_SECONDS = 10.0  # until the log says what became of a new configuration
POLL_SECONDS = 0.005  # between two looks at the ports file, which has no other notice
LOG_TAIL_LINES = 20  # of the server's log, quoted in an error


class ServerFailed(RuntimeError):
    """The server did not start, or is not in the state asked for; quotes the end of its log."""


class Server:
    """One nats-server process.

    `port`: None takes a free one, which `restart()` keeps. `config` is the text of a configuration
    file (the port, host and store directory in it are overridden), `args` are further command-line
    arguments. `store_dir` keeps JetStream's files; without it they go with the server. `monitor`
    serves the monitoring pages at `monitoring_url`. Use it with `with`, or call `start()` and
    `stop()`.
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        jetstream: bool = False,
        monitor: bool = False,
        config: str | None = None,
        args: Sequence[str] = (),
        store_dir: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._port = port
        self._jetstream = jetstream
        self._monitor = monitor
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
    def monitoring_url(self) -> str:
        """Return where its pages are, as `monitoring_url + "/connz"`; needs `monitor=True`."""
        pages = self._ports().get("monitoring", []) if self.running else []
        if not pages:
            raise ServerFailed("the server has no monitoring: it needs monitor=True, and to run")
        return pages[0]

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

    def reload(self, config: str) -> None:
        """Give the running server a new configuration text and wait until it has taken it.

        Needs a server that was started with `config`. ServerFailed when it refuses the new text;
        it then goes on with the old one.
        """
        if self._config is None or self._scratch is None:
            raise ServerFailed("only a running server that was started with config can reload")
        file = self._scratch / "server.conf"
        file.write_text(config)
        begin = len(self.log())
        self._signal(signal.SIGHUP)
        deadline = time.monotonic() + RELOAD_SECONDS
        while "Reloaded server configuration" not in self.log()[begin:]:
            if "Failed to reload" in self.log()[begin:] or time.monotonic() > deadline:
                file.write_text(self._config)
                raise ServerFailed(f"the new configuration was not taken{self._log_tail()}")
            time.sleep(POLL_SECONDS)
        self._config = config

    def _ports(self) -> dict[str, list[str]]:
        assert self._scratch is not None
        return ports_in(self._scratch / "ports")

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
        if self._monitor:
            arguments += ["-m", "-1"]
        # Always, because the server's own default is one directory for the whole machine.
        arguments += ["-sd", str(self._store_dir or scratch / "store")]
        return arguments + self._args

    def _wait_until_ready(self, deadline: float) -> None:
        """Wait for the file in which the server names its ports, then for INFO on that port."""
        while True:
            if not self.running:
                raise ServerFailed(f"nats-server ended at once{self._log_tail()}")
            port = port_of(self._ports().get("nats", []))
            if port and info_of(port, deadline):
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
        self._forward(number)

    def _forward(self, number: signal.Signals) -> None:
        """Send a signal to a server that may be about to end, or has ended just now."""
        assert self._guard is not None and self._guard.stdin is not None
        try:
            os.write(self._guard.stdin.fileno(), bytes([number]))
        except BrokenPipeError:
            return  # whoever asks next is told so
        self._read_guard(SIGNAL_SECONDS, until=b".")

    def _end(self, number: signal.Signals, timeout: float) -> None:
        if self._guard is None:
            return
        self._forward(number)
        if number != signal.SIGKILL:
            self._forward(signal.SIGCONT)  # a paused process would not see SIGTERM
            self._read_guard(timeout, until=None)
            self._forward(signal.SIGKILL)
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
