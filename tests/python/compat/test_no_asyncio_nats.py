"""anynats.compat.no_asyncio_nats does what the README of that package says, on a real server.

The programs are the README's as printed, with the import line changed and the test server's port.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

import anynats
import anynats.compat.no_asyncio_nats as no_asyncio_nats
from anynats.server import Server

QUICK_START = """\
import anynats.compat.no_asyncio_nats as no_asyncio_nats
import datetime

# Connect to NATS
nc = no_asyncio_nats.connect("nats://localhost:4222")

# Subscribe to a subject
sub = nc.subscribe('my.subject')

# Publish a message
nc.publish('my.subject', b'Hello, World!')

# Receive a message
message = sub.recv_msg()
print(f"Received: {message['payload']}")

# Close the connection
sub.unsubscribe()
"""
SECOND = timedelta(seconds=1)


def run_program(text: str, timeout: float = 5) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        timeout=timeout + 5,  # the interpreter itself may be slow to start under a sanitizer
        check=False,
        env=dict(os.environ),
    )


@pytest.fixture
def nc(url: str) -> no_asyncio_nats.Client:
    return no_asyncio_nats.connect(url)


def test_quick_start_runs_with_only_the_import_changed(shared_server: Server) -> None:
    ran = run_program(QUICK_START.replace("4222", str(shared_server.port)))
    assert (ran.returncode, ran.stdout) == (0, "Received: b'Hello, World!'\n"), ran.stderr


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


def test_what_was_published_is_sent_at_exit(url: str, other: anynats.Client) -> None:
    count = 10_000
    sub = other.subscribe("at.exit")
    other.flush()
    ran = run_program(
        "import sys, anynats.compat.no_asyncio_nats as n\n"
        f"nc = n.connect({url!r})\n"
        f"for i in range({count}): nc.publish('at.exit', bytes(1024))\n"
        "sys.exit(0)\n"
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
