"""What only the blocking face has: threads, Ctrl-C, the end of the process."""

import gc
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from stalled_server import StalledServer

import anynats

LONG = bool(os.environ.get("ANYNATS_LONG"))


@pytest.fixture
def nc(url: str) -> Iterator[anynats.Client]:
    with anynats.connect(url) as client:
        yield client


def python(program: str, *arguments: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds)


# --- threads -------------------------------------------------------------------------------------


def test_threads_share_a_subscription(nc: anynats.Client) -> None:
    n = 5_000
    subject = nc.new_inbox()
    sub = nc.subscribe(subject, max_messages=n)
    taken: queue.SimpleQueue[int] = queue.SimpleQueue()

    def take() -> None:
        for msg in sub:
            taken.put(int(msg.payload))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(n):
        nc.publish(subject, b"%d" % i)
    nc.flush()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert sorted(taken.get() for _ in range(n)) == list(range(n))
    assert taken.empty()


def test_threads_request_at_once(nc: anynats.Client, responder: str) -> None:
    wrong: list[Any] = []

    def ask(name: int) -> None:
        for i in range(200):
            payload = b"%d %d" % (name, i)
            if nc.request(responder, payload, timeout=10).payload != payload:
                wrong.append(payload)

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert wrong == []


@pytest.mark.parametrize("end", ["unsubscribe", "close"])
def test_ending_beats_waiting(url: str, end: str) -> None:
    nc = anynats.connect(url)
    sub = nc.subscribe(nc.new_inbox())
    ended: list[type[BaseException]] = []

    def wait() -> None:
        try:
            sub.next()
        except anynats.Error as error:
            ended.append(type(error))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    while nc.counters["out_bytes"] == 0:
        time.sleep(0.01)  # why: the threads should be asleep in next()
    sub.unsubscribe() if end == "unsubscribe" else nc.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert ended == [anynats.Closed] * 3
    nc.close()


def fill(nc: anynats.Client, chunk: bytes) -> None:
    for _ in range(100):
        nc.publish_nowait("a", chunk)


def test_publish_waits_for_room() -> None:
    with StalledServer() as server:
        nc = anynats.connect(server.url, pending_limit=1 << 20, close_timeout=0)
        chunk = bytes(500_000)
        with pytest.raises(anynats.WouldBlock):
            fill(nc, chunk)
        threading.Timer(0.2, server.read_on).start()
        start = time.monotonic()
        for _ in range(5):
            nc.publish("a", chunk)
        assert time.monotonic() - start < 20
        nc.flush()
        nc.close()


# --- Ctrl-C --------------------------------------------------------------------------------------


@contextmanager
def interrupted_after(seconds: float) -> Iterator[list[float]]:
    """Send this process a Ctrl-C and expect the block to end by it; yields how long it took."""
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    timer = threading.Timer(seconds, interrupt)
    timer.start()
    took: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        yield took
    took.append(time.monotonic() - sent[0])
    timer.join()
    assert took[0] < 1.0


@contextmanager
def somebody_leads(nc: anynats.Client) -> Iterator[None]:
    """Have another thread read the socket all the while."""
    sub = nc.subscribe(nc.new_inbox())

    def read() -> None:
        for _ in sub:
            pass

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.05)  # why: it should have the lead before we wait
    yield
    sub.unsubscribe()
    thread.join(10)
    assert not thread.is_alive()


WAITS: dict[str, Callable[[anynats.Client, anynats.Subscription], Any]] = {
    "next": lambda nc, sub: sub.next(),
    "next_timeout": lambda nc, sub: sub.next(timeout=20),
    "iteration": lambda nc, sub: list(sub),
    "request": lambda nc, sub: nc.request(sub.subject, timeout=20),
}


@pytest.mark.parametrize("follows", [False, True], ids=["leads", "follows"])
@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c(nc: anynats.Client, wait: str, follows: bool) -> None:
    subject = nc.new_inbox()
    if follows:
        with somebody_leads(nc):
            check_ctrl_c(nc, WAITS[wait], subject)
    else:
        check_ctrl_c(nc, WAITS[wait], subject)


def check_ctrl_c(nc: anynats.Client, wait: Callable[..., Any], subject: str) -> None:
    with nc.subscribe(subject) as sub:
        for _ in range(3):
            with interrupted_after(0.15):
                wait(nc, sub)
        while sub.try_next():  # the requests themselves
            pass
        nc.publish(subject, b"after")  # the client stays usable, and no message is lost
        assert sub.next(timeout=5).payload == b"after"


def test_ctrl_c_while_others_make_traffic(nc: anynats.Client, other: anynats.Client) -> None:
    busy = other.new_inbox()
    stop = threading.Event()

    def shout() -> None:
        while not stop.is_set():
            other.publish(busy, b"x")
            other.flush()

    thread = threading.Thread(target=shout)
    thread.start()
    with nc.subscribe(busy, pending_messages=10), nc.subscribe(nc.new_inbox()) as quiet:
        for _ in range(10 if LONG else 3):
            with interrupted_after(0.1):
                quiet.next(timeout=20)
    stop.set()
    thread.join(10)


def test_ctrl_c_while_connecting() -> None:
    with StalledServer(silent=True) as server, interrupted_after(0.2):
        anynats.connect(server.url, connect_timeout=20)


def test_ctrl_c_in_flush_and_publish() -> None:
    with StalledServer() as server:
        nc = anynats.connect(server.url, pending_limit=1 << 20, close_timeout=0)
        with interrupted_after(0.2):
            nc.flush(timeout=20)
        with interrupted_after(0.3):
            while True:
                nc.publish("a", bytes(500_000))
        nc.close()


def test_a_handler_that_returns_does_not_end_the_wait(nc: anynats.Client) -> None:
    subject = nc.new_inbox()
    ran: list[int] = []

    def handle(*_: object) -> None:
        ran.append(1)
        nc.publish(subject, b"from the handler")

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with nc.subscribe(subject) as sub:
            main = threading.main_thread().ident or 0
            timer = threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGUSR1))
            timer.start()
            assert sub.next(timeout=10).payload == b"from the handler"
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ran == [1]


def test_a_handler_may_wait(nc: anynats.Client) -> None:
    subject = nc.new_inbox()

    def handle(*_: object) -> None:
        nc.publish(subject, b"from the handler")
        nc.flush(timeout=5)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with nc.subscribe(subject) as sub:
            main = threading.main_thread().ident or 0
            timer = threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGUSR1))
            timer.start()
            assert sub.next(timeout=10).payload == b"from the handler"
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


# --- the end of the process ----------------------------------------------------------------------

DAEMONS = """
import sys, threading, anynats
nc = anynats.connect(sys.argv[1])
other = anynats.connect(sys.argv[1])
sub = nc.subscribe("daemon.silent")
nc.flush()  # the server knows of it before the other asks for it
def iterate():
    for msg in sub: pass
for target in (sub.next, iterate, lambda: nc.request("daemon.silent", timeout=60),
               lambda: other.request("daemon.silent", timeout=60)):
    threading.Thread(target=target, daemon=True).start()
nc.flush()
def shout():
    while True:
        other.publish("daemon.silent", b"x")
        other.flush()
threading.Thread(target=shout, daemon=True).start()
if sys.argv[2] == "raise": raise SystemExit(3)
"""


@pytest.mark.parametrize("how", ["end", "raise"])
def test_exit_with_daemon_threads(url: str, how: str) -> None:
    for _ in range(100 if LONG else 10):
        done = python(DAEMONS, url, how)
        assert (done.returncode, done.stdout, done.stderr) == (3 if how == "raise" else 0, "", "")


def test_exit_flushes(url: str, other: anynats.Client) -> None:
    program = (
        "import sys, anynats\n"
        "nc = anynats.connect(sys.argv[1])\n"
        "for i in range(10_000): nc.publish(sys.argv[2], bytes(1024))\n"
        "sys.exit(0)\n"
    )
    subject = other.new_inbox()
    with other.subscribe(subject) as sub:
        other.flush()
        done = python(program, url, subject)
        assert (done.returncode, done.stderr) == (0, "")
        for _ in range(10_000):
            assert len(sub.next(timeout=5).payload) == 1024


def test_exit_does_not_wait_for_a_dead_server() -> None:
    with StalledServer() as server:
        program = "import sys, anynats\nnc = anynats.connect(sys.argv[1])\nnc.publish('a', b'x')\n"
        start = time.monotonic()
        done = python(program, server.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert time.monotonic() - start < 15


def test_importing_is_light() -> None:
    program = (
        "import sys, anynats\n"
        "heavy = {'asyncio', 'uvloop', 'trio', 'gevent', 'json', 'ssl', 'subprocess'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "anynats.asyncio.connect, anynats.server.Server, anynats.errors.Error\n"
    )
    done = python(program)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# --- lifetimes -----------------------------------------------------------------------------------


def test_children_keep_the_connection(url: str) -> None:
    sub = anynats.connect(url).subscribe("kept")
    gc.collect()
    with anynats.connect(url) as nc:
        nc.flush()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            nc.publish("kept", b"x")
            try:
                assert sub.next(timeout=0.1).payload == b"x"
            except anynats.TimeoutError:
                continue
            return
    raise AssertionError("the subscription died with its client")


def test_publish_is_the_native_function(nc: anynats.Client) -> None:
    assert type(nc.publish).__name__ == "builtin_function_or_method"
    assert "pending_limit" in (anynats.Client.publish.__doc__ or "")
