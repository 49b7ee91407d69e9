"""The end of a process, in whatever state it is in: the right exit code, at once, no complaint."""

import os
import subprocess
import sys
import time

import pytest
from process_support import PRELUDE, must_succeed, run
from stalled_server import StalledServer

import anynats

SANITIZED = "san.so" in os.environ.get("LD_PRELOAD", "")
RUNS = 100 if os.environ.get("ANYNATS_LONG") else 1 if SANITIZED else 3
SECONDS = 8.0 if not SANITIZED else 25.0  # for a process; what ends at once takes a tenth of one

# What runs at the end of the main program, by name; `daemon` has begun and is where it is to be.
DAEMON = """
def daemon(call):
    begun = threading.Event()
    def body():
        begun.set()
        while True:
            try:
                call()
            except anynats.TimeoutError:
                pass
    threading.Thread(target=body, daemon=True).start()
    begun.wait()
nc = anynats.connect(URL)
sub = nc.subscribe("exit.silent")
nc.flush()
"""

BUSY = {
    "next": "daemon(sub.next)",
    "next with timeouts": "daemon(lambda: sub.next(timeout=0.0001))",
    "iteration": "daemon(lambda: list(sub))",
    "request": "daemon(lambda: nc.request('exit.silent', timeout=60))",
    "requests": """
def ask():
    try:
        nc.request('exit.nobody')
    except anynats.NoResponders:
        pass
for _ in range(3): daemon(ask)
""",
    "flush": "for _ in range(3): daemon(nc.flush)",
    "publish": "daemon(lambda: nc.publish('exit.silent', bytes(100)))",
    "connect": """
import socket
hole = socket.create_server(("127.0.0.1", 0))  # connects, and never says a word
where = "nats://127.0.0.1:%d" % hole.getsockname()[1]
daemon(lambda: anynats.connect(where, connect_timeout=60))
""",
    "connect and close": "daemon(lambda: anynats.connect(URL).close())",
    "everything": """
def shout():
    nc.publish("exit.silent", b"x")
    nc.flush()
for call in (sub.next, sub.next, shout, lambda: nc.request('exit.silent', timeout=60),
             lambda: anynats.connect(URL).close(), lambda: list(sub), shout): daemon(call)
""",
}


def ends(program: str, code: int = 0, error: str = "", *arguments: str) -> None:
    start = time.monotonic()
    done = run(program, *arguments, seconds=30)
    took = time.monotonic() - start
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr == error or (error and error in done.stderr), done.stderr
    assert took < SECONDS


@pytest.mark.parametrize("state", BUSY)
def test_daemon_threads(url: str, state: str) -> None:
    for _ in range(RUNS):
        ends(DAEMON + BUSY[state], 0, "", url)


@pytest.mark.parametrize("sleeps", [False, True])
def test_daemon_in_a_publish_that_waits(sleeps: bool) -> None:
    """Before, in and after the wait for room in a socket that is full."""
    program = """
nc = anynats.connect(URL, pending_limit=1 << 20)
def fill():
    while True: nc.publish("a", bytes(100_000))
threading.Thread(target=fill, daemon=True).start()
while nc.counters["out_messages"] == 0: time.sleep(0.001)
if len(sys.argv) > 2:
    before = -1
    while before != (before := nc.counters["out_messages"]): time.sleep(0.05)
"""
    for _ in range(max(1, RUNS // 10)):  # each waits as long as a flush at exit may
        with StalledServer() as server:
            ends(program, 0, "", server.url, *(["sleeps"] if sleeps else []))


HELD = {
    "global": "nc = anynats.connect(URL)\nsub = nc.subscribe('x')\nit = iter(sub)",
    "cycle": """
class Node: pass
def make():
    node = Node()
    node.self, node.nc = node, anynats.connect(URL)
    node.sub = node.nc.subscribe("x")
import gc
gc.disable()
make()
""",
    "ContextVar": """
import contextvars
var = contextvars.ContextVar("nc")
var.set(anynats.connect(URL))
""",
    "thread local": """
local = threading.local()
local.nc = anynats.connect(URL)
""",
    "operation": """
nc = anynats.connect(URL)
operation = nc._native.request("x", b"", 60, None)
""",
    "used when Python is gone": """
import atexit
def late(): nc.publish("exit.late", b"x"); nc.flush()
class Last:
    def __init__(self): self.nc = anynats.connect(URL)
    def __del__(self): self.nc.publish("x", b"y"); self.nc.close()
nc = anynats.connect(URL)
atexit.register(late)
sys.last_one = Last()
""",
    "not closed": "anynats.connect(URL).publish('x', b'y')",
    "with": "nc = anynats.connect(URL).__enter__()\nnc.subscribe('x').__enter__()",
    "asyncio, not closed": """
import asyncio, anynats.asyncio
async def main():
    global nc, sub, task
    nc = await anynats.asyncio.connect(URL)
    sub = await nc.subscribe("x")
    await nc.publish("x", b"y")
asyncio.run(main())
""",
    "asyncio, loop not closed": """
import asyncio, anynats.asyncio, warnings
warnings.simplefilter("ignore", ResourceWarning)  # that of the loop
loop = asyncio.new_event_loop()
async def main():
    global nc, sub, task
    nc = await anynats.asyncio.connect(URL)
    sub = await nc.subscribe("x")
loop.run_until_complete(main())
""",
}


@pytest.mark.parametrize("holder", HELD)
def test_held_to_the_end(url: str, holder: str) -> None:
    for _ in range(RUNS):
        ends(HELD[holder], 0, "", url)


WAYS = {
    "sys.exit": ("sys.exit(3)", 3, ""),
    "exception": ("raise RuntimeError('unhandled')", 1, "RuntimeError: unhandled"),
    "_exit": ("os._exit(4)", 4, ""),
    "sys.exit in a thread": (
        "thread = threading.Thread(target=lambda: (nc.flush(), sys.exit(5)))\n"
        "thread.start()\nthread.join()\nnc.flush()",
        0,
        "",
    ),
    "SIGINT": (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()\n"
        "sub.next(timeout=20)",
        -2,
        "KeyboardInterrupt",
    ),
    "loop in a thread": (
        "import asyncio, anynats.asyncio\n"
        "async def main():\n"
        "    async with anynats.asyncio.connect(URL) as nc, nc.subscribe('y') as sub:\n"
        "        begun.set()\n"
        "        while True: await nc.flush()\n"
        "begun = threading.Event()\n"
        "threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()\n"
        "begun.wait()",
        0,
        "",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_end(url: str, way: str) -> None:
    program, code, error = WAYS[way]
    for _ in range(RUNS):
        ends(DAEMON + "daemon(lambda: list(nc.subscribe('x')))\n" + program, code, error, url)


@pytest.mark.parametrize("waits", ["blocking", "asyncio"])
def test_what_was_published_arrives(url: str, other: anynats.Client, waits: str) -> None:
    """Also what a loop that stopped had not sent yet."""
    blocking = """
nc = anynats.connect(URL)
for i in range(8_000): nc.publish(sys.argv[2], bytes(1024))
"""
    loop = """
import asyncio, anynats.asyncio, warnings
warnings.simplefilter("ignore", ResourceWarning)  # that of the loop
async def main():
    global nc
    nc = await anynats.asyncio.connect(URL)
    for i in range(8_000): await nc.publish(sys.argv[2], bytes(1024))
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
"""
    subject = other.new_inbox()
    with other.subscribe(subject) as sub:
        other.flush()
        must_succeed(blocking if waits == "blocking" else loop, url, subject)
        for _ in range(8_000):
            assert len(sub.next(timeout=5).payload) == 1024


def test_a_server_that_is_gone_is_not_waited_for() -> None:
    program = """
import socket
server = socket.create_server(("127.0.0.1", 0))
nc = anynats.connect("nats://127.0.0.1:%d" % server.getsockname()[1],
                     retry_on_failed_connect=True)
peer, _ = server.accept()
peer.sendall(b'INFO {"max_payload":1000000}\\r\\n')
while nc.state != "connected":
    peer.sendall(b"PONG\\r\\n")
    time.sleep(0.01)
nc.publish("a", b"x")
peer.close()
server.close()
while nc.state == "connected": time.sleep(0.001)
nc.publish("a", b"y")
"""
    start = time.monotonic()
    must_succeed(program, "")
    assert time.monotonic() - start < SECONDS


def test_a_server_that_says_nothing_is_waited_for_two_seconds() -> None:
    with StalledServer() as server:
        start = time.monotonic()
        must_succeed("nc = anynats.connect(URL)\nnc.publish('a', b'x')\n", server.url)
        assert 2 <= time.monotonic() - start < SECONDS


def test_a_killed_interpreter_is_no_business_of_ours(url: str) -> None:
    """SIGTERM ends it as it would without us: no handler, no thread that takes signals."""
    program = PRELUDE + DAEMON + "daemon(sub.next)\nprint('ready', flush=True)\nsub.next()\n"
    with subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(10) == -15
