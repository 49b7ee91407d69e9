"""Child processes with deadlines: start, read lines of JSON, end by their own pid.

Every wait here has an upper bound and every child is ended when its `with` block is left, also
after Ctrl-C. Output is read from pipes (results) and a temporary file (complaints).
"""

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from types import TracebackType

END_S = 5.0  # between SIGTERM and SIGKILL
COMPLAINT_CHARS = 400  # how much of a failed program's stderr is kept

Line = dict[str, float]


class RunFailed(Exception):
    """A program did not deliver: it says which, why, and how its stderr ends."""


class Child:
    """One program whose standard output is lines of JSON."""

    def __init__(self, command: Sequence[str], env: dict[str, str] | None = None) -> None:
        self._name = os.path.basename(command[0])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by end())
        self._pending = b""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **(env or {})},
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def line(self, seconds: float) -> Line:
        """Return the next line; RunFailed when it does not come in time."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._pending:
            if not self._read(deadline):
                raise RunFailed(f"{self._name} ended without a result{self._complaint()}")
        text, self._pending = self._pending.split(b"\n", 1)
        return self._parse(text)

    def finish(self, seconds: float) -> Line:
        """Wait for the end; return the members of all remaining lines, later ones winning."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        try:
            code = self._process.wait(max(0.0, deadline - time.monotonic()) + 1)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"{self._name} closed its output but did not end") from None
        if code != 0:
            raise RunFailed(f"{self._name} ended with {code}{self._complaint()}")
        result: Line = {}
        for text in self._pending.splitlines():
            result |= self._parse(text)
        return result

    def end(self) -> None:
        """End the process if it still runs, politely first."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(END_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def _read(self, deadline: float) -> bool:
        """Read what is there, waiting for it; False at the end of output."""
        assert self._process.stdout is not None
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
            raise RunFailed(f"{self._name} took too long{self._complaint()}")
        data = os.read(self._process.stdout.fileno(), 65536)
        self._pending += data
        return bool(data)

    def _parse(self, text: bytes) -> Line:
        try:
            line: Line = json.loads(text)
        except ValueError:
            raise RunFailed(f"{self._name} printed {text[:80]!r}, not JSON") from None
        return line

    def _complaint(self) -> str:
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace").strip()
        return f": {text[-COMPLAINT_CHARS:]}" if text else ""
