"""The far ends of the benchmark: nats-server with the raw responder, the sink, the source.

Each is a context manager that yields the port to talk to and ends its processes when left. All
listen on 127.0.0.1, on ports the kernel chose.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from prepare import QUESTION_S, Tools, install_server, run
from processes import Child, RunFailed
from programs import BUILD

START_S = 10.0  # until a server has said its port
POLL_S = 0.01


@contextmanager
def request_server(tools: Tools) -> Iterator[int]:
    """Run nats-server and the responder on `svc`; one pair serves all requesters."""
    with nats_server(tools) as port, Child([str(BUILD / "responder"), str(port)]) as responder:
        responder.line(START_S)  # it answers now
        yield port


@contextmanager
def nats_server(tools: Tools) -> Iterator[int]:
    """Run nats-server: by anynats.server when that is installed, else with the same settings."""
    try:
        from anynats.server import Server, find_server
    except ImportError:
        binary = os.environ.get("NATS_SERVER_BIN") or shutil.which("nats-server")
        binary = binary or install_server()
        tools.versions.append(run([binary, "--version"], QUESTION_S))
        with plain_server(binary) as port:
            yield port
        return
    tools.versions.append(run([str(find_server()), "--version"], QUESTION_S))
    with Server() as server:
        yield urlsplit(server.url).port or 4222


@contextmanager
def plain_server(binary: str) -> Iterator[int]:
    """Run a nats-server binary; it writes the port it took into a file."""
    with tempfile.TemporaryDirectory(prefix="anynats-bench-") as folder:
        log = str(Path(folder) / "log")
        command = [binary, "-a", "127.0.0.1", "-p", "-1", "-l", log, "--ports_file_dir", folder]
        with Child(command):
            deadline = time.monotonic() + START_S
            while True:
                for path in Path(folder).glob("*.ports"):
                    text = path.read_text()
                    if text.rstrip().endswith("}"):  # written to its end
                        yield urlsplit(json.loads(text)["nats"][0]).port or 4222
                        return
                if time.monotonic() > deadline:
                    raise RunFailed("nats-server did not say its port in time")
                time.sleep(POLL_S)


def far_end(kind: str, n: int, size: int) -> Child:
    """Start the sink or the source for one run; its first line says the port."""
    if kind == "publish":
        return Child([str(BUILD / "sink")])
    return Child([str(BUILD / "source"), str(n), str(size)])
