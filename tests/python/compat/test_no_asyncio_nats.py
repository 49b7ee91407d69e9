"""anynats.compat.no_asyncio_nats does what the README of that package says, on a real server.

The programs are the README's: see readme_no_asyncio_nats.py. Cases S0 but for JetStream.
"""

import contextlib
import gc
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from readme_no_asyncio_nats import PROGRAMS
from readme_support import run_program

import anynats
import anynats.compat.no_asyncio_nats as no_asyncio_nats
from anynats.server import Server

SECOND = timedelta(seconds=1)


@pytest.fixture
def nc(url: str) -> no_asyncio_nats.Client:
    return no_asyncio_nats.connect(url)


@pytest.mark.parametrize("name", ["quick_start", "basic"])
def test_the_first_programs(name: str, shared_server: Server) -> None:
    """S0.1"""
    ran = run_program(PROGRAMS[f"seed0_{name}"], shared_server)
    assert (ran.returncode, ran.stdout) == (0, "Received: b'Hello, World!'\n"), ran.stderr


@contextmanager
def endless(name: str, server: Server) -> Iterator[Callable[..., str]]:
    """Run a program that has no end; give a function that reads a line it prints."""
    text = PROGRAMS[name].replace("4222", str(server.port))
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", text], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=lambda out=process.stdout: [*map(lines.put, out)])
    reader.start()
    try:
        yield lambda seconds=30: lines.get(timeout=seconds)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def test_request_and_response(shared_server: Server, other: anynats.Client) -> None:
    """S0.2: the program asks, then answers for ever."""
    with other.subscribe("service.hello") as service:
        other.flush()
        with endless("seed0_request_response", shared_server) as line:
            request = service.next(timeout=30)
            assert request.payload == b"Hello, Service!"
            service.unsubscribe()
            other.publish(request.reply or "", b"Hello, Client!")
            assert line() == "Response: b'Hello, Client!'\n"
            assert ask(other, "service.hello") == b"Hello, Client!"


def test_queue_groups(shared_server: Server, other: anynats.Client) -> None:
    with endless("seed0_queue_groups", shared_server) as line:
        workers = set()
        deadline = time.monotonic() + 30
        while workers != {"0", "1", "2"}:
            assert time.monotonic() < deadline
            other.publish("tasks", b"x")
            with contextlib.suppress(queue.Empty):
                number, _, rest = line(0.05).removeprefix("Worker ").partition(" ")
                assert rest == "processing: b'x'\n"
                workers.add(number)


def ask(other: anynats.Client, subject: str) -> bytes:
    """Request until somebody is there to answer."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return other.request(subject, b"x", timeout=30).payload
        except anynats.NoResponders:
            assert time.monotonic() < deadline


def test_request_is_answered(nc: no_asyncio_nats.Client, responder: str) -> None:
    reply = nc.request(responder, b"Hello, Service!")
    assert reply["payload"] == b"Hello, Service!"
    assert reply["subject"].startswith("_INBOX.")


def test_headers_arrive_as_a_dict(nc: no_asyncio_nats.Client) -> None:
    headers = {"Content-Type": "application/json", "X-Request-ID": "12345"}
    sub = nc.subscribe("headers")
    nc.publish("headers", b"{}", headers=headers)
    msg = sub.recv_msg(SECOND)
    assert msg is not None
    assert msg["headers"] == headers
    assert msg.headers == headers


def test_keys_that_are_not_set_are_absent(nc: no_asyncio_nats.Client) -> None:
    sub = nc.subscribe("bare")
    nc.publish("bare", b"x")
    msg = sub.recv_msg(SECOND)
    assert msg is not None
    assert set(msg) == {"subject", "payload"}
    with pytest.raises(KeyError):
        msg["reply"]
    assert msg.get("headers") is None
    assert msg.reply is None
    assert type(msg["payload"]) is bytes
    with pytest.raises(ValueError, match="not a JetStream message"):
        msg.ack()


def test_unsubscribe_after_counts_all_deliveries(nc: no_asyncio_nats.Client) -> None:
    sub = nc.subscribe("three")
    sub.unsubscribe_after(3)
    for i in range(5):
        nc.publish("three", b"%d" % i)
    received = [sub.recv_msg() for _ in range(4)]
    assert [m and m.payload for m in received] == [b"0", b"1", b"2", None]
    with pytest.raises(ValueError, match="-1"):
        sub.unsubscribe_after(-1)


def test_the_last_of_several_header_values(
    nc: no_asyncio_nats.Client, shared_server: Server
) -> None:
    sub = nc.subscribe("twice")
    nc.flush()
    block = b"NATS/1.0\r\nA: 1\r\nA: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=5) as raw:
        raw.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
        raw.sendall(b"HPUB twice %d %d\r\n%s\r\n" % (len(block), len(block), block))
        msg = sub.recv_msg(5 * SECOND)
    assert msg is not None
    assert msg["headers"] == {"A": "2"}


def test_a_closed_port_is_a_connection_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ConnectionError) as caught:
        no_asyncio_nats.connect(f"nats://127.0.0.1:{port}")
    assert isinstance(caught.value, RuntimeError)  # for callers who catch what the code raised


@pytest.mark.parametrize(
    ("address", "options", "error", "text"),
    [
        ("nats://127.0.0.1:1", {"bogus_key": 1}, ValueError, "bogus_key"),
        ("nats://127.0.0.1:1", {"ping_interval": 30}, TypeError, "ping_interval"),
        ("nats://127.0.0.1:1", {"ping_interval": timedelta(seconds=-1)}, ValueError, "negative"),
        ("http://x", None, ValueError, "http"),
        (4222, None, TypeError, "address"),
        ("nats://127.0.0.1:1", {"nkey": "SU"}, ValueError, "not supported"),
        ("nats://127.0.0.1:1", {"user_and_password": "ab"}, TypeError, "user_and_password"),
        ("nats://127.0.0.1:1", {"read_buffer_capacity": 70_000}, ValueError, "read_buffer"),
        ("nats://127.0.0.1:1", [1], TypeError, "dict"),
    ],
)
def test_bad_arguments_are_refused_without_dialling(
    address: str, options: dict[str, object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        no_asyncio_nats.connect(address, options)


def test_every_plain_option_is_taken(url: str) -> None:
    options = {
        "name": "compat",
        "ping_interval": timedelta(20),  # 20 days, as in the package's own sample
        "connection_timeout": 2 * SECOND,
        "request_timeout": SECOND,
        "subscription_capacity": 1,
        "read_buffer_capacity": 100,
        "no_echo": True,
        "custom_inbox_prefix": "mine",
        "max_reconnects": 0,
        "ignore_discovered_servers": True,
        "retain_servers_order": True,
        "token": None,
    }
    nc = no_asyncio_nats.connect([url], options)
    assert nc.new_inbox().startswith("mine.")
    kept = nc.subscribe("a")
    with pytest.raises(ValueError, match="max_subscriptions"):
        nc.subscribe("b")
    assert kept.recv_msg(timedelta(0)) is None
    nc.close()


def test_threads_do_not_queue_behind_a_waiting_one(nc: no_asyncio_nats.Client) -> None:
    sub = nc.subscribe("quiet")
    got: list[object] = ["nothing"]
    thread = threading.Thread(target=lambda: got.append(sub.recv_msg()))
    thread.start()
    nc.publish("elsewhere", b"x")
    nc.flush()
    started = time.monotonic()
    sub.unsubscribe()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - started < 2
    assert got[-1] is None


def test_what_was_published_is_sent_at_exit(shared_server: Server, other: anynats.Client) -> None:
    count = 10_000
    sub = other.subscribe("at.exit")
    other.flush()
    ran = run_program(
        "import sys, anynats.compat.no_asyncio_nats as n\n"
        "nc = n.connect('nats://127.0.0.1:4222')\n"
        f"for i in range({count}): nc.publish('at.exit', bytes(1024))\n"
        "sys.exit(0)\n",
        shared_server,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    for _ in range(count):
        assert len(sub.next(timeout=10).payload) == 1024


def test_no_responders_is_a_timeout_that_comes_at_once(nc: no_asyncio_nats.Client) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        nc.request("nobody.home", b"")
    assert isinstance(caught.value, (anynats.NoResponders, RuntimeError))
    assert time.monotonic() - started < 5


def test_recv_msg_waits_as_long_as_told(nc: no_asyncio_nats.Client) -> None:
    sub = nc.subscribe("silence")
    assert sub.recv_msg(timedelta(0)) is None
    assert sub.recv_msg(timedelta(milliseconds=20)) is None
    with pytest.raises(TypeError):
        sub.recv_msg(1)  # type: ignore[arg-type]
    nc.close()
    assert sub.recv_msg() is None


def test_nothing_is_made_by_hand() -> None:
    for made in (no_asyncio_nats.Client, no_asyncio_nats.Subscriber, no_asyncio_nats.JetStream):
        with pytest.raises(TypeError, match="cannot create"):
            made()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("a b", b""), ValueError),
        (("", b""), ValueError),
        (("a", "text"), TypeError),
        (("a", b"", "re ply"), ValueError),
        (("a", b"", None, [("A", "1")]), TypeError),
        (("a", b"", None, {"A:": "1"}), ValueError),
        (("a", b"", None, {"A": "1\r\n"}), ValueError),
        (("a", bytes(2 << 20)), ValueError),
    ],
)
def test_bad_publishes_send_nothing(
    nc: no_asyncio_nats.Client, arguments: tuple[object, ...], error: type[Exception]
) -> None:
    sub = nc.subscribe(">")
    nc.flush()
    with pytest.raises(error):
        nc.publish(*arguments)  # type: ignore[arg-type]
    nc.publish("good", b"")
    msg = sub.recv_msg(5 * SECOND)
    assert msg is not None
    assert msg.subject == "good"


def test_drain_keeps_what_is_on_its_way(nc: no_asyncio_nats.Client, other: anynats.Client) -> None:
    subject = nc.new_inbox()
    sub = nc.subscribe(subject)
    nc.flush()
    for i in range(1000):
        other.publish(subject, b"%d" % i)
    other.flush()
    sub.drain()
    taken = [sub.recv_msg(timeout=timedelta(seconds=5)) for _ in range(1000)]
    assert [message["payload"] for message in taken if message] == [b"%d" % i for i in range(1000)]
    assert sub.recv_msg() is None


def test_after_the_last_reconnect() -> None:
    """What was received can still be taken; then it is an error, not just the end."""
    options = {"max_reconnects": 1, "request_timeout": SECOND}
    with Server() as server:
        nc = no_asyncio_nats.connect(server.url, options)
        sub = nc.subscribe("a")
        nc.publish("a", b"kept")
        nc.flush()
        server.stop()
        message = sub.recv_msg()
        assert message["payload"] == b"kept"
        with pytest.raises(ConnectionError):
            sub.recv_msg()
        with pytest.raises(ConnectionError):
            nc.publish("a", b"")


def test_a_subscription_that_nobody_holds_ends(
    nc: no_asyncio_nats.Client, other: anynats.Client
) -> None:
    subject = other.new_inbox()
    sub = nc.subscribe(subject)
    nc.flush()
    del sub
    nc.flush()
    with pytest.raises(anynats.NoResponders):
        other.request(subject, timeout=10)


def test_what_a_client_makes_keeps_the_connection(url: str, other: anynats.Client) -> None:
    subject = other.new_inbox()
    sub = no_asyncio_nats.connect(url).subscribe(subject)
    gc.collect()
    sub._client.flush()
    other.publish(subject, b"x")
    assert sub.recv_msg(10 * SECOND) is not None


def test_the_options_of_the_readme_are_known() -> None:
    """Certificates come with TLS; nothing falls back in silence."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAMS["seed0_advanced_connection"]],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "option 'tls_root_certificates' is not supported by this version yet" in ran.stderr


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("user: u, password: p", {"user_and_password": ("u", "p")}),
        ("token: t", {"token": "t"}),
    ],
)
def test_user_and_password(config: str, options: dict[str, object]) -> None:
    with Server(config=f"authorization {{ {config} }}") as server:
        with pytest.raises(ConnectionError):
            no_asyncio_nats.connect(server.url)
        with no_asyncio_nats.connect(server.url, options) as nc:
            nc.flush()


def test_closing_and_leaving(url: str, other: anynats.Client) -> None:
    subject = other.new_inbox()
    with other.subscribe(subject) as outside:
        other.flush()
        with no_asyncio_nats.connect(f"nats://127.0.0.1:1,{url}") as nc:
            nc.publish(subject, bytearray(b"x"), headers={"a": "b"})
        assert outside.next(timeout=10).payload == b"x"
        nc.close()
        nc.drain()
        with pytest.raises(ConnectionError):
            nc.flush()
        with pytest.raises(ConnectionError):
            nc.subscribe(subject)
