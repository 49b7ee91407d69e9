"""anynats.compat.simple_nats does what that module's README says, on a real server. Cases S3."""

import logging
import queue
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from readme_simple_nats import MSGPACK, PROGRAMS
from readme_support import run_program

import anynats
import anynats.compat.simple_nats as nats
from anynats.server import Server

PATIENCE = 10.0  # seconds; more than anything here takes


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.001)  # why: what is waited for tells nobody when it comes


class Seen(queue.Queue[Any]):
    """A callback that keeps what it gets."""

    def __call__(self, message: nats.Message) -> None:
        self.put(message)

    def take(self) -> Any:
        return self.get(timeout=PATIENCE)


@pytest.fixture
def place(shared_server: Server) -> str:
    return f"127.0.0.1:{shared_server.port}"


@pytest.fixture
def nc(place: str) -> Iterator[nats.NatsClient]:
    client = nats.NatsClient()
    client.connect(place)
    yield client
    client.close()


@pytest.fixture
def echo(other: anynats.Client) -> Iterator[str]:
    """A subject where the payload is answered twice, by two responders."""
    subject = other.new_inbox()
    subs = [
        other.subscribe(subject, callback=lambda m: other.publish(m.reply or "", m.payload))
        for _ in range(2)
    ]
    other.flush()
    yield subject
    for sub in subs:
        sub.unsubscribe()


def test_readme_subscribe(shared_server: Server) -> None:
    ran = run_program(PROGRAMS["simple_subscribe"], shared_server)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "True",
        "{'op': 'MSG', 'subject': 'my.topic', 'sid': 1, 'reply_to': None, "
        "'payload': b'{\"foo\": \"bar\"}'}",
    ]
    ran = run_program(PROGRAMS["simple_unsubscribe"], shared_server)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{}\n", "")


def test_readme_request(
    shared_server: Server, other: anynats.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3.45"""
    (tmp_path / "msgpack.py").write_text(MSGPACK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    worker = other.subscribe(
        "my.topic", callback=lambda m: other.publish(m.reply or "", b'{"was": %s}' % m.payload)
    )
    other.flush()
    ran = run_program(PROGRAMS["simple_request"], shared_server)
    worker.unsubscribe()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "Got answer! {'was': {'foo': 'bar'}}\n"


def test_names() -> None:
    """S3.38"""
    client = nats.NatsClient("ignored", 1)
    assert str(uuid.UUID(client.client_name)) == client.client_name
    assert nats.NatsClient(client_name="my_consumer").client_name == "my_consumer"
    assert client.server_info == {}
    assert client.subscriptions == {}


@pytest.mark.parametrize("scheme", ["", "nats://"])
def test_server_info_is_there_at_once(
    scheme: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3.39"""
    client = nats.NatsClient()
    assert client.connect(scheme + place) is None
    assert client.server_info["server_id"]
    with pytest.raises(ConnectionError, match="already"):
        client.connect(place)
    client.close()
    client.close()
    monkeypatch.setenv("NATS_SERVER", scheme + place)
    client.connect()
    client.publish("a", b"")
    client.close()
    with pytest.raises(ConnectionError):
        client.publish("a", b"")


def test_where_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3.40"""
    client = nats.NatsClient()
    with pytest.raises(ConnectionRefusedError):
        client.connect("127.0.0.1:1")
    began = time.monotonic()
    for call in (client.publish, client.request):
        with pytest.raises(OSError, match="not connected"):
            call("a", b"", **({"cb": print} if call == client.request else {}))
    assert time.monotonic() - began < 5
    with pytest.raises(socket.gaierror):
        client.connect("no.such.host.invalid:4222")
    for bad in ("localhost", "nats://localhost", "localhost:x"):
        with pytest.raises(ValueError):  # noqa: PT011 (int's own words)
            client.connect(bad)
    monkeypatch.delenv("NATS_SERVER", raising=False)
    with pytest.raises(KeyError):
        client.connect()


def test_credentials_in_the_url() -> None:
    with Server(config="authorization { user: u, password: p }") as server:
        place = f"127.0.0.1:{server.port}"
        with pytest.raises(ConnectionError):
            nats.NatsClient().connect(place)
        client = nats.NatsClient()
        client.connect(f"nats://u:p@{place}")
        client.close()


def test_without_a_callback_nothing_happens(nc: nats.NatsClient) -> None:
    """S3.41"""
    assert nc.subscribe("a") is None
    assert nc.subscribe("a", "g", print) is None
    assert nc.request("a", b"") is None  # type: ignore[func-returns-value]
    assert nc.subscriptions == {}
    assert nc.next_sid == 1


def test_bad_publishes_leave_the_client_usable(nc: nats.NatsClient) -> None:
    """S3.42"""
    seen = Seen()
    assert nc.subscribe("a", cb=seen) == 1
    with pytest.raises(TypeError):
        nc.publish("a", "text")  # type: ignore[arg-type]
    for subject, payload in (("a b", b""), ("a\r\n", b""), ("", b""), ("a", bytes(2 << 20))):
        with pytest.raises(ValueError, match=r"subject|bytes"):
            nc.publish(subject, payload)
        with pytest.raises(ValueError, match=r"subject|bytes"):
            nc.request(subject, payload, cb=seen)
    assert list(nc.subscriptions) == [1]
    nc.publish("a", bytearray(b"x"))
    message = seen.take()
    assert message == {"op": "MSG", "subject": "a", "sid": 1, "reply_to": None, "payload": b"x"}
    assert list(message) == ["op", "subject", "sid", "reply_to", "payload"]
    assert type(message) is dict


def test_so_many_messages(nc: nats.NatsClient) -> None:
    """S3.43"""
    seen, end = Seen(), Seen()
    sid = nc.subscribe("a", cb=seen)
    nc.subscribe("end", cb=end)
    assert sid is not None
    for _ in range(5):
        nc.publish("a", b"")
    for _ in range(5):
        seen.take()
    nc.unsubscribe(sid, 20)
    for _ in range(30):
        nc.publish("a", b"")
    nc.publish("end", b"")
    end.take()
    until(lambda: sid not in nc.subscriptions)
    assert seen.qsize() == 15
    nc.unsubscribe(sid)
    nc.unsubscribe(77, 3)


def test_no_callback_after_unsubscribe(nc: nats.NatsClient) -> None:
    entered, gate, seen = threading.Event(), threading.Event(), Seen()

    def slow(message: nats.Message) -> None:
        entered.set()
        assert gate.wait(PATIENCE)
        seen(message)

    sid = nc.subscribe("a", cb=slow)
    end = Seen()
    nc.subscribe("end", cb=end)
    assert sid is not None
    for _ in range(10):
        nc.publish("a", b"")
    assert entered.wait(PATIENCE)
    nc.unsubscribe(sid)
    gate.set()
    nc.publish("end", b"")
    end.take()
    assert seen.qsize() == 1
    assert list(nc.subscriptions) == [2]


def test_subjects_of_answers(nc: nats.NatsClient, echo: str, other: anynats.Client) -> None:
    """S3.44"""
    asked = other.subscribe(echo)
    other.flush()
    answers = Seen()
    for i in range(3):
        nc.request(echo, b"%d" % i, cb=answers)
    got = [answers.take() for _ in range(3)]
    assert sorted(answer["payload"] for answer in got) == [b"0", b"1", b"2"]
    assert [asked.next(timeout=PATIENCE).reply for _ in range(3)] == [
        f"requests.{nc.client_name}.{i}" for i in range(3)
    ]
    assert {answer["subject"] for answer in got} == {
        f"requests.{nc.client_name}.{i}" for i in range(3)
    }
    assert {answer["sid"] for answer in got} == {1, 2, 3}
    assert nc.subscriptions == {}
    nc.subscribe("end", cb=answers)
    nc.publish("end", b"end")
    assert answers.take()["payload"] == b"end"  # two answered each, one was told


def test_nobody_listens(nc: nats.NatsClient) -> None:
    """The server's word for it does not reach the callback."""
    seen = Seen()
    nc.request("nobody", b"", cb=seen)
    until(lambda: not nc.subscriptions)
    nc.subscribe("end", cb=seen)
    nc.publish("end", b"end")
    assert seen.take()["payload"] == b"end"


def test_a_reply_subject_of_digits(nc: nats.NatsClient, shared_server: Server) -> None:
    """S3.46"""
    seen = Seen()
    nc.subscribe("my.topic", cb=seen)
    nc.subscribe("end", cb=Seen())
    until(lambda: nc._client is not None and nc._client.flush() is None)
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=5) as raw:
        raw.sendall(b'CONNECT {"verbose":false}\r\nPUB my.topic 12345 3\r\nabc\r\n')
        first = seen.take()
        raw.sendall(b"PUB my.topic 3\r\ndef\r\n")
        second = seen.take()
    assert (first["reply_to"], first["payload"]) == ("12345", b"abc")
    assert (second["reply_to"], second["payload"]) == (None, b"def")


def test_many_threads_request(nc: nats.NatsClient, echo: str, other: anynats.Client) -> None:
    """S3.47"""
    asked = other.subscribe(echo)
    other.flush()
    answers = Seen()

    def work(number: int) -> None:
        for i in range(500):
            nc.request(echo, b"%d.%d" % (number, i), cb=answers)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    got = [answers.take() for _ in range(4000)]
    for thread in threads:
        thread.join()
    replies = {}
    for _ in range(4000):
        request = asked.next(timeout=PATIENCE)
        replies[request.reply] = request.payload
    assert len(replies) == 4000
    assert {answer["subject"]: answer["payload"] for answer in got} == replies
    until(lambda: not nc.subscriptions)


def test_a_callback_that_raises(nc: nats.NatsClient, caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()

    def failing(message: nats.Message) -> None:
        seen(message)
        raise ValueError("mine")

    nc.subscribe("a", cb=failing)
    nc.publish("a", b"1")
    nc.publish("a", b"2")
    assert [seen.take()["payload"] for _ in range(2)] == [b"1", b"2"]
    until(lambda: caplog.text.count("mine") >= 2)


def test_callbacks_may_use_the_client(nc: nats.NatsClient, echo: str) -> None:
    seen = Seen()

    def asking(message: nats.Message) -> None:
        sid = nc.subscribe("b", cb=seen)
        assert sid is not None
        nc.publish("b", b"published")
        nc.unsubscribe(sid, 1)
        nc.request(echo, b"requested", cb=seen)

    nc.subscribe("a", cb=asking)
    nc.publish("a", b"")
    assert {seen.take()["payload"] for _ in range(2)} == {b"published", b"requested"}


def test_a_callback_that_blocks_holds_up_no_ping() -> None:
    """The server closes a connection that does not answer its pings."""
    gate, entered, seen = threading.Event(), threading.Event(), Seen()
    with Server(config='ping_interval: "100ms", ping_max: 2') as server:
        client = nats.NatsClient()
        client.connect(f"127.0.0.1:{server.port}")

        def blocking(_: nats.Message) -> None:
            entered.set()
            gate.wait(PATIENCE)

        client.subscribe("a", cb=blocking)
        client.subscribe("b", cb=seen)
        client.publish("a", b"")
        assert entered.wait(PATIENCE)
        time.sleep(1)  # why: ten pings of the server, none may be missed
        gate.set()
        client.publish("b", b"x")
        seen.take()
        assert client._client is not None
        assert client._client.counters["reconnects"] == 0
        client.close()


def test_the_server_comes_back() -> None:
    seen = Seen()
    with Server() as server:
        client = nats.NatsClient()
        client.connect(f"127.0.0.1:{server.port}")
        sid = client.subscribe("a", cb=seen)
        assert sid is not None
        client.publish("a", b"before")
        seen.take()
        client.unsubscribe(sid, 3)
        before = client.server_info["server_id"]
        server.stop()
        until(lambda: client._client is not None and not client._client.is_connected)
        for i in range(3):
            client.publish("a", b"%d" % i)  # buffered
        server.start()
        assert [seen.take()["payload"] for _ in range(2)] == [b"0", b"1"]
        until(lambda: sid not in client.subscriptions)
        assert seen.empty()
        assert client.server_info["server_id"] != before
        client.close()


def test_errors_of_the_server_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    config = 'authorization { users = [{user: u, password: p, permissions: {publish: "ok"}}] }'
    with Server(config=config) as server:
        client = nats.NatsClient()
        client.connect(f"u:p@127.0.0.1:{server.port}")
        client.publish("forbidden", b"")
        until(lambda: "forbidden" in caplog.text)
        client.close()


def test_what_was_published_is_sent_at_exit(shared_server: Server, other: anynats.Client) -> None:
    sub = other.subscribe("simple.exit")
    other.flush()
    ran = run_program(
        "import anynats.compat.simple_nats as nats\n"
        "nc = nats.NatsClient()\nnc.connect('127.0.0.1:4222')\nnc.subscribe('x', cb=print)\n"
        "for i in range(1000): nc.publish('simple.exit', bytes(100))\n",
        shared_server,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    for _ in range(1000):
        sub.next(timeout=PATIENCE)


def test_a_dropped_client_leaves(shared_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    client = nats.NatsClient()
    client.connect(f"127.0.0.1:{shared_server.port}")
    inner = client._client
    assert inner is not None
    with caplog.at_level(logging.DEBUG):
        del client
        until(lambda: inner.state == "closed")
    assert not re.search("Error", caplog.text)
