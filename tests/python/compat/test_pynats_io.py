"""anynats.compat.pynats.io: the blocking client under pynats' names, on a real server."""

import threading
import time
from collections.abc import Callable

import pytest

import anynats
from anynats.compat.pynats import errors
from anynats.compat.pynats.core import ClientState
from anynats.compat.pynats.io import Client, ClientOptions, Msg
from anynats.server import Server


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.001)  # why: what is waited for tells nobody when it comes


def test_publish_and_subscribe(url: str) -> None:
    client = Client(ClientOptions(servers=[url], name="mine"))
    assert client.status == ClientState.CREATED
    with pytest.raises(errors.ConnectionClosedError):
        client.publish("a")
    with client:
        assert client.is_connected()
        sub = client.subscribe("a.*", max_msgs=2)
        assert (sub.subject(), sub.queue(), sub.sid() > 0) == ("a.*", None, True)
        client.publish("a.b", b"x", reply="r", headers={"k": "v"})
        client.publish("a.c")
        client.publish("a.d")
        client.flush()
        assert client.rtt() < 5
        first, second = sub
        assert isinstance(first, Msg)
        assert (first.subject(), first.data(), first.size()) == ("a.b", b"x", 1)
        assert (first.reply(), first.headers(), first.sid()) == ("r", {"k": "v"}, sub.sid())
        assert (second.reply(), second.data()) == ("", b"")
        assert sub.statistics().delivered == 2
        with pytest.raises(errors.SubscriptionClosedError):
            sub.next()
        with pytest.raises(errors.NoReplySubjectError):
            second.respond(b"")
    assert client.is_closed()
    with pytest.raises(errors.ConnectionClosedError):
        client.publish("a")
    client.close()


def test_requests(url: str) -> None:
    with Client(ClientOptions(servers=[url])) as client:
        service = client.subscribe("svc")

        def answer() -> None:
            for msg in service:
                msg.respond(msg.data().upper(), {"was": msg.data().decode()})

        thread = threading.Thread(target=answer)
        thread.start()
        reply = client.request("svc", b"x")
        assert (reply.data(), reply.headers()) == (b"X", {"was": "x"})
        service.drain()
        thread.join(10)
        assert not thread.is_alive()
        with pytest.raises(errors.NatsServerError):
            client.request("nobody")
        silent = client.subscribe("silent")
        with pytest.raises(TimeoutError):
            client.request("silent", timeout=0.05)
        assert silent.next(5).reply()
        silent.unsubscribe()
        with pytest.raises(errors.SubscriptionClosedError):
            silent.next_message(5)


def test_clients_do_not_see_each_others_answers(url: str) -> None:
    """The original has the same inbox in all of them."""
    with Client(ClientOptions(servers=[url])) as one, Client(ClientOptions(servers=[url])) as two:
        sub = one.subscribe("who")
        one.flush()
        answers: list[bytes] = []
        threads = [
            threading.Thread(target=lambda c=c: answers.append(c.request("who", b"").data()))
            for c in (one, two)
        ]
        for thread in threads:
            thread.start()
        asked = [sub.next(10) for _ in threads]
        assert len({msg.reply().rpartition(".")[0] for msg in asked}) == 2
        for msg in asked:
            msg.respond(msg.reply().encode())
        for thread in threads:
            thread.join(10)
        assert len(set(answers)) == 2


def test_what_is_refused(url: str) -> None:
    with Client(ClientOptions(servers=[url])) as client:
        with pytest.raises(ValueError, match="subject"):
            client.publish("a b")
        with pytest.raises(errors.MaxPayloadSizeExceededError):
            client.publish("a", bytes(2 << 20))
    for options in (
        ClientOptions(tls_required=True),
        ClientOptions(nkey_callback=lambda: ""),
        ClientOptions(jwt_callback=lambda: ""),
    ):
        with pytest.raises(NotImplementedError, match="not supported"):
            Client(options).connect()


def test_attempts_to_connect() -> None:
    options = ClientOptions(servers=["nats://127.0.0.1:1"], max_connect_attempts=2)
    began = time.monotonic()
    with pytest.raises(errors.ConnectionError):
        Client(options).connect()
    assert 1 <= time.monotonic() - began < 10  # a second between them
    with Server(config="authorization { token: t }") as server:
        began = time.monotonic()
        with pytest.raises(errors.ConnectionError):
            Client(ClientOptions(servers=[server.url], max_connect_attempts=100)).connect()
        assert time.monotonic() - began < 20  # it would be refused again
        with Client(ClientOptions(servers=[server.url], token=lambda: "t")) as client:
            assert client.is_connected()


def test_no_attempt_to_reconnect() -> None:
    with Server() as server:
        client = Client(ClientOptions(servers=[server.url], max_reconnect_attempts=0))
        client.connect()
        server.stop()
        until(client.is_closed)
        with pytest.raises(errors.ConnectionClosedError):
            client.publish("a")


def test_the_server_comes_back(url: str) -> None:
    with Server() as server, Client(ClientOptions(servers=[server.url])) as client:
        sub = client.subscribe("a")
        server.restart()
        until(lambda: client._client is not None and client._client.counters["reconnects"] == 1)
        with anynats.connect(server.url) as other:
            other.publish("a", b"again")
            assert sub.next(10).data() == b"again"
