"""Ctrl-C, fork and exit while a loop runs: asyncio, trio, anyio and gevent."""

import signal
import subprocess
import sys

import pytest
from process_support import PRELUDE, must_succeed

from anynats.server import Server

INTERRUPTED = {
    "asyncio": """
import asyncio, anynats.asyncio
async def main():
    async with anynats.asyncio.connect(URL) as nc, nc.subscribe("x") as sub:
        print("waiting", flush=True)
        await sub.next(timeout=20)
asyncio.run(main())
""",
    "trio": """
import trio, anynats.trio
async def main():
    async with anynats.trio.connect(URL) as nc, nc.subscribe("x") as sub:
        print("waiting", flush=True)
        await sub.next(timeout=20)
trio.run(main)
""",
    "anyio": """
import anyio, anynats.anyio
async def main():
    async with anynats.anyio.connect(URL) as nc, nc.subscribe("x") as sub:
        print("waiting", flush=True)
        await sub.next(timeout=20)
anyio.run(main)
""",
    "gevent": """
import gevent, anynats.gevent
with anynats.gevent.connect(URL) as nc, nc.subscribe("x") as sub:
    print("waiting", flush=True)
    try:
        sub.next(timeout=20)
    except KeyboardInterrupt:
        nc.publish("x", b"still usable")
        assert sub.next(timeout=10).payload == b"still usable"
        raise
""",
}


@pytest.mark.parametrize("loop", INTERRUPTED)
def test_ctrl_c(url: str, loop: str) -> None:
    pytest.importorskip(loop)
    # As a shell starts it: a background job would have SIGINT ignored, and so would we.
    head = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c"]
    command += [head + PRELUDE + INTERRUPTED[loop], url]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "waiting\n"
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=10)
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors


FORKED = {
    "trio": """
import trio, anynats.trio
async def main():
    async with anynats.trio.connect(URL) as nc, nc.subscribe("x") as sub:
        await nc.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                refused(nc.publish_nowait, "child")
                for call in (nc.flush, sub.next, lambda: nc.publish("child")):
                    try:
                        await call()
                    except anynats.ForkError:
                        code = 0
                    else:
                        code = 1
                        break
            finally:
                os._exit(code)
        await trio.to_thread.run_sync(must_end, pid)
        await nc.publish("x", b"parent")
        assert (await sub.next(timeout=10)).payload == b"parent"
        assert nc.counters["reconnects"] == 0
trio.run(main)
""",
    "gevent": """
import gevent, gevent.os, anynats.gevent
def wait(sub):
    try:
        return sub.next(timeout=10)
    except anynats.errors.ForkError:  # the child's copy of this greenlet
        return None
with anynats.gevent.connect(URL) as nc, nc.subscribe("x") as sub:
    nc.flush()
    waiting = gevent.spawn(wait, sub)
    gevent.sleep(0)
    pid = gevent.os.fork()
    if pid == 0:
        code = 1
        try:
            refused(nc.publish, "child")
            refused(nc.request, "child", timeout=5)
            refused(nc.flush, timeout=5)
            refused(sub.next, timeout=5)
            with anynats.gevent.connect(URL) as own:
                own.flush(timeout=10)
            code = 0
        finally:
            os._exit(code)
    must_end(pid)
    nc.publish("x", b"parent")
    assert waiting.get(timeout=10).payload == b"parent"
    assert nc.counters["reconnects"] == 0
""",
}


@pytest.mark.parametrize("loop", FORKED)
def test_fork(url: str, loop: str) -> None:
    pytest.importorskip(loop)
    must_succeed(FORKED[loop], url)


LEFT_OPEN = {
    "trio": """
import trio, anynats.trio
async def main():
    global nc
    nc = await anynats.trio.connect(URL)
    for i in range(1000):
        await nc.publish(sys.argv[2], b"%d" % i)
trio.run(main)
""",
    "blocking with callbacks": """
nc = anynats.connect(URL, on_event=lambda event: None)
nc.subscribe("x", callback=lambda msg: time.sleep(0))
for i in range(1000):
    nc.publish("x", b"busy")
    nc.publish(sys.argv[2], b"%d" % i)
""",
}


@pytest.mark.parametrize("program", LEFT_OPEN)
def test_exit_with_everything_open(program: str) -> None:
    import anynats

    with (
        Server() as server,
        anynats.connect(server.url) as other,
        other.subscribe("numbers") as sub,
    ):
        other.flush()
        must_succeed(LEFT_OPEN[program], server.url, "numbers")
        seen = [int(sub.next(timeout=10).payload) for _ in range(1000)]
    assert seen == list(range(1000))
