"""The common behaviour of all faces: one body each, run on every face (face_support.py).

Against a real nats-server. Subjects are inboxes, so that tests share a server without meeting.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from face_support import Face

import anynats
from anynats.server import Server

Body = Callable[[Face, Any], Awaitable[None]]


@pytest.fixture
def on(face: Face, url: str) -> Callable[..., None]:
    """Run a body with a connected client, and close it afterwards."""

    def run(body: Body, server: str | None = None, **options: Any) -> None:
        async def with_client() -> None:
            nc = await face.connect(server or url, **options)
            async with nc:
                await body(face, nc)
            assert nc.state == "closed"

        face.run(with_client())

    return run


async def take(sub: Any, n: int) -> list[bytes]:
    return [(await sub.next(timeout=5)).payload for _ in range(n)]


# --- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"x",
        b"\r\n\0",
        bytearray(b"ab"),
        memoryview(b"abcd")[1:3],
        b"y" * 300,
        b"z" * 1_000_000,
    ],
    ids=["empty", "one", "control", "bytearray", "memoryview", "middle", "large"],
)
def test_publish_and_subscribe(on: Callable[..., None], payload: Any) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        async with await nc.subscribe(subject) as sub:
            await nc.publish(subject, payload)
            msg = await sub.next(timeout=5)
            assert (msg.subject, msg.payload) == (subject, bytes(payload))
            assert bytes(memoryview(msg)) == bytes(payload)
            assert msg.payload is msg.payload
            assert (msg.reply, msg.status, msg.description) == (None, None, None)
            assert len(msg.headers) == 0
            assert not msg.headers
            assert msg.raw_headers == b""
            assert msg.header_error is False
            assert msg.sid == sub.sid
            assert sub.subject == subject
            assert sub.pending == 0

    on(body)


def test_order_is_kept(on: Callable[..., None], other: anynats.Client) -> None:
    n = 20_000

    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject, max_messages=n)
        await nc.flush()
        for i in range(n):
            other.publish(subject, b"%d" % i)
        other.flush()
        seen = 0
        async for msg in sub:
            assert msg.payload == b"%d" % seen
            seen += 1
        assert seen == n

    on(body)


def test_wildcards(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        root = nc.new_inbox()
        one = await nc.subscribe(f"{root}.*")
        rest = await nc.subscribe(f"{root}.>")
        await nc.publish(f"{root}.a", b"1")
        await nc.publish(f"{root}.a.b", b"2")
        await nc.publish(f"{root}.c", b"3")
        assert await take(one, 2) == [b"1", b"3"]
        assert await take(rest, 3) == [b"1", b"2", b"3"]
        assert one.try_next() is None

    on(body)


def test_queue_group(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        members = [await nc.subscribe(subject, queue="workers") for _ in range(3)]
        for i in range(300):
            await nc.publish(subject, b"%d" % i)
        await nc.flush()
        counts = [sub.pending for sub in members]
        assert sum(counts) == 300
        assert all(counts)
        seen = [payload for sub in members for payload in await take(sub, sub.pending)]
        assert sorted(map(int, seen)) == list(range(300))

    on(body)


def test_headers(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject)
        given = {"Key": ["1", "2"], "key": "lower", "Ünï".encode().hex(): "grüße", "Empty": ""}
        await nc.publish(subject, b"x", reply="answers", headers=given)
        msg = await sub.next(timeout=5)
        assert msg.reply == "answers"
        assert msg.headers["Key"] == "1"
        assert msg.headers.get_all("Key") == ["1", "2"]
        assert msg.headers["key"] == "lower"
        assert msg.headers["Ünï".encode().hex()] == "grüße"
        assert msg.headers["Empty"] == ""
        assert list(msg.headers) == list(given)
        assert msg.headers.get("KEY") is None
        assert msg.headers.get_all("KEY") == []
        assert msg.headers.raw == msg.raw_headers
        assert msg.payload == b"x"
        await nc.publish(subject, headers=msg.headers)  # every value goes on
        again = await sub.next(timeout=5)
        assert again.raw_headers == msg.raw_headers

    on(body)


# --- requests ------------------------------------------------------------------------------------


def test_request(on: Callable[..., None], responder: str) -> None:
    async def body(face: Face, nc: Any) -> None:
        for i in range(100):
            assert (await nc.request(responder, b"%d" % i, timeout=5)).payload == b"%d" % i
        reply = await nc.request(responder, b"", timeout=timedelta(seconds=5), headers={"a": "b"})
        assert dict(reply.headers) == {"a": "b"}
        assert reply.subject.startswith("_INBOX.")

    on(body)


def test_no_responders(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        start = time.monotonic()
        with pytest.raises(anynats.NoResponders, match="nobody is subscribed"):
            await nc.request(nc.new_inbox(), timeout=5)
        assert time.monotonic() - start < 4

    on(body)


def test_request_timeout(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        with other.subscribe(subject):
            other.flush()
            start = time.monotonic()
            with pytest.raises(TimeoutError) as caught:
                await nc.request(subject, timeout=0.2)
            assert isinstance(caught.value, anynats.TimeoutError)
            assert subject in str(caught.value)
            assert 0.15 < time.monotonic() - start < 4
            with pytest.raises(anynats.TimeoutError):
                await nc.request(subject)  # the option request_timeout

    on(body, request_timeout=0.1)


def test_next_timeout(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        sub = await nc.subscribe(nc.new_inbox())
        for timeout in (0, 0.05):
            start = time.monotonic()
            with pytest.raises(anynats.TimeoutError, match="no message on"):
                await sub.next(timeout=timeout)
            assert timeout * 0.8 <= time.monotonic() - start < 4

    on(body)


# --- limits and ends -----------------------------------------------------------------------------


def test_auto_unsubscribe(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        by_argument = await nc.subscribe(subject, max_messages=3)
        by_call = await nc.subscribe(subject)
        by_call.unsubscribe(4)
        for i in range(6):
            await nc.publish(subject, b"%d" % i)
        await nc.flush()
        assert [m.payload async for m in by_argument] == [b"0", b"1", b"2"]
        assert [m.payload async for m in by_call] == [b"0", b"1", b"2", b"3"]
        assert by_call.ended
        with pytest.raises(anynats.Closed, match="has ended") as caught:
            await by_call.next(timeout=5)
        assert caught.value.__cause__ is None
        assert by_call.try_next() is None

    on(body)


@pytest.mark.parametrize(("policy", "kept"), [("drop_new", range(10)), ("drop_old", range(15, 25))])
def test_limit_of_messages(
    on: Callable[..., None], other: anynats.Client, policy: str, kept: range
) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject, pending_messages=10, slow_consumer=policy)
        await nc.flush()
        for i in range(25):
            other.publish(subject, b"%d" % i)
        other.flush()
        await nc.flush()
        assert (sub.pending, sub.dropped) == (10, 15)
        assert nc.counters["dropped"] == 15
        assert await take(sub, 10) == [b"%d" % i for i in kept]
        await nc.publish(subject, b"room again")
        assert await take(sub, 1) == [b"room again"]
        kinds = [event.kind for event in iter(nc.next_event, None)]
        assert kinds.count("slow_consumer") == 1

    on(body)


def test_limit_of_bytes(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        size = len(subject) + 100
        sub = await nc.subscribe(subject, pending_bytes=3 * size)
        await nc.flush()
        for _ in range(5):
            other.publish(subject, bytes(100))
        other.flush()
        await nc.flush()
        assert (sub.pending, sub.dropped) == (3, 2)

    on(body)


def test_unsubscribe(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject)
        await nc.publish(subject, b"held")
        await nc.flush()
        sub.unsubscribe()
        sub.unsubscribe()
        await nc.publish(subject, b"too late")
        await nc.flush()
        assert [m.payload async for m in sub] == [b"held"]

    on(body)


def test_max_subscriptions(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        subs = [await nc.subscribe("a"), await nc.subscribe("b")]
        with pytest.raises(anynats.UsageError, match="max_subscriptions"):
            await nc.subscribe("c")
        subs[0].unsubscribe()
        await nc.subscribe("c")

    on(body, max_subscriptions=2)


def test_close(face: Face, url: str) -> None:
    async def body() -> None:
        nc = await face.connect(url)
        sub = await nc.subscribe("closing")
        await nc.publish("closing", b"held")
        await nc.flush()
        await nc.close()
        await nc.close()
        assert (nc.state, nc.is_connected) == ("closed", False)
        assert [m.payload async for m in sub] == [b"held"]
        for call in (
            lambda: nc.publish("a"),
            lambda: nc.request("a", timeout=1),
            lambda: nc.flush(timeout=1),
            lambda: nc.subscribe("a"),
        ):
            with pytest.raises(anynats.Closed):
                await call()
        with pytest.raises(anynats.Closed):
            nc.publish_nowait("a")
        sub.unsubscribe()
        assert [event.kind for event in iter(nc.next_event, None)] == ["connected", "closed"]

    face.run(body())


# --- the connection ------------------------------------------------------------------------------


def test_what_a_client_tells(on: Callable[..., None], url: str) -> None:
    async def body(face: Face, nc: Any) -> None:
        assert nc.state == "connected"
        assert nc.is_connected
        assert nc.server == url
        assert nc.server_info["max_payload"] == nc.max_payload == 1 << 20
        assert nc.last_error is None
        assert nc.new_inbox() != nc.new_inbox()
        assert nc.next_event().kind == "connected"
        assert nc.next_event() is None
        await nc.publish("counted", b"12345")
        await nc.flush()
        assert nc.counters["out_messages"] == 1
        assert url in repr(getattr(nc, "inner", nc))

    on(body)


def test_server_restart(face: Face, nats_server_factory: Callable[..., Server]) -> None:
    server = nats_server_factory()

    async def body() -> None:
        fast = {"reconnect_wait_min": 0.01, "reconnect_wait_max": 0.05}
        nc = await face.connect(server.url, **fast)
        sub = await nc.subscribe("again.*", max_messages=3)
        await nc.publish("again.a", b"1")
        assert await take(sub, 1) == [b"1"]
        server.stop()
        await face.until(nc, lambda: nc.state == "reconnecting")
        assert isinstance(nc.last_error, anynats.ConnectionError)
        await nc.publish("again.b", b"2")  # waits in the buffer
        server.start()
        assert await take(sub, 1) == [b"2"]
        assert nc.counters["reconnects"] == 1
        await nc.publish("again.c", b"3")
        await nc.publish("again.d", b"4")
        assert [m.payload async for m in sub] == [b"3"]  # the third, over both connections
        kinds = [event.kind for event in iter(nc.next_event, None)]
        assert [k for k in kinds if k != "error"] == ["connected", "disconnected", "reconnected"]
        await nc.close()

    face.run(body())


def test_reconnect(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        async with await nc.subscribe(subject) as sub:
            await nc.flush()
            nc.reconnect()
            await nc.flush(timeout=10)
            other.publish(subject, b"again")
            assert await take(sub, 1) == [b"again"]
        assert nc.counters["reconnects"] == 1

    on(body)


def test_requests_fail_at_a_disconnect(
    face: Face, nats_server_factory: Callable[..., Server]
) -> None:
    server = nats_server_factory()

    async def body() -> None:
        nc = await face.connect(server.url, reconnect=False)
        sub = await nc.subscribe("silent")
        server.stop()
        await face.until(nc, lambda: nc.state == "closed")
        with pytest.raises(anynats.Closed) as caught:
            await nc.request("silent", timeout=5)
        assert isinstance(caught.value.__cause__, anynats.Disconnected)
        with pytest.raises(anynats.Closed):
            _ = [msg async for msg in sub]
        await nc.close()

    face.run(body())


def test_connect_refused(face: Face) -> None:
    async def body() -> None:
        with pytest.raises(anynats.ConnectFailed) as caught:
            await face.connect("nats://127.0.0.1:1")
        assert isinstance(caught.value, ConnectionError)
        assert "127.0.0.1:1" in str(caught.value)

    face.run(body())


def test_authorization(face: Face, nats_server_factory: Callable[..., Server]) -> None:
    server = nats_server_factory(args=["--user", "ann", "--pass", "s3cret"])

    async def body() -> None:
        for options in ({}, {"user": "ann", "password": "wrong"}):
            with pytest.raises(anynats.AuthorizationError) as caught:
                await face.connect(server.url, **options)
            assert "s3cret" not in str(caught.value)
        nc = await face.connect(server.url, user="ann", password="s3cret")
        await nc.close()
        nc = await face.connect(server.url.replace("//", "//ann:s3cret@"))
        assert "s3cret" not in nc.server
        await nc.close()

    face.run(body())


def test_the_first_server_that_answers(face: Face, url: str) -> None:
    async def body() -> None:
        for servers in (["nats://127.0.0.1:1", url], f"nats://127.0.0.1:1,{url}"):
            nc = await face.connect(servers, randomize_servers=False)
            assert nc.server == url
            await nc.close()

    face.run(body())


# --- bad input -----------------------------------------------------------------------------------

BAD_CALLS: list[tuple[type[Exception], str, Callable[[Any], Any]]] = [
    *(
        (anynats.UsageError, "subject", lambda nc, bad=bad: nc.publish(bad))
        for bad in ("", "a b", "a\tb", "a\r\nPUB x 0", ".a", "a.", "a..b", "a\0b", "a\ud800")
    ),
    *(
        (anynats.UsageError, "subject", lambda nc, bad=bad: nc.subscribe(bad))
        for bad in ("", "a b", "a.>.b", "a.", "a\n")
    ),
    *(
        (TypeError, "subject", lambda nc, bad=bad: nc.publish(bad))
        for bad in (None, 1, b"a", ["a"])
    ),
    *((TypeError, "payload", lambda nc, bad=bad: nc.publish("a", bad)) for bad in ("x", 1, None)),
    *((TypeError, "payload", lambda nc, bad=bad: nc.request("a", bad)) for bad in ("x", 1, None)),
    (anynats.UsageError, "payload", lambda nc: nc.publish("a", memoryview(b"abcdef")[::2])),
    *(
        (anynats.UsageError, "reply", lambda nc, bad=bad: nc.publish("a", reply=bad))
        for bad in ("", "a b", "a\r\n")
    ),
    (TypeError, "reply", lambda nc: nc.publish("a", reply=b"r")),
    *(
        (anynats.UsageError, "queue", lambda nc, q=q: nc.subscribe("a", queue=q))
        for q in ("", "a b")
    ),
    (TypeError, "queue", lambda nc: nc.subscribe("a", queue=1)),
    *(
        (TypeError, "headers", lambda nc, bad=bad: nc.publish("a", headers=bad))
        for bad in ("x", [("a", "b")], 1, {1: "x"}, {"a": 1}, {"a": b"x"}, {"a": [1]}, {"a": None})
    ),
    *(
        (anynats.UsageError, "header", lambda nc, bad=bad: nc.publish("a", headers=bad))
        for bad in (
            {"": "x"},
            {"a:": "x"},
            {"a b": "x"},
            {"a": "x\r\ny: z"},
            {"ä": "x"},
            {"a": "\0"},
        )
    ),
    *(
        (anynats.UsageError, "timeout", lambda nc, bad=bad: nc.request("a", timeout=bad))
        for bad in (-1, -0.1, float("nan"), float("inf"), 10**400, timedelta(seconds=-1))
    ),
    *(
        (TypeError, "timeout", lambda nc, bad=bad: nc.flush(timeout=bad))
        for bad in (True, "1", b"")
    ),
    *(
        (anynats.UsageError, "max_messages", lambda nc, n=n: nc.subscribe("a", max_messages=n))
        for n in (0, -1, 1 << 64)
    ),
    (TypeError, "max_messages", lambda nc: nc.subscribe("a", max_messages=1.5)),
    (anynats.UsageError, "pending_bytes", lambda nc: nc.subscribe("a", pending_bytes=0)),
    (anynats.UsageError, "slow_consumer", lambda nc: nc.subscribe("a", slow_consumer="x")),
    (TypeError, "argument", lambda nc: nc.publish("a", b"", "positional reply")),
    (TypeError, "retry", lambda nc: nc.publish("a", retry=1)),
    (TypeError, "subject", lambda nc: nc.publish()),
]


def test_bad_arguments(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        sent = nc.counters["out_messages"]
        for kind, name, call in BAD_CALLS:
            with pytest.raises(kind, match=name):
                await call(nc)
        sub = await nc.subscribe("a")
        for kind, bad in ((anynats.UsageError, -1), (TypeError, True), (TypeError, "1")):
            with pytest.raises(kind, match="limit"):
                sub.unsubscribe(bad)
            with pytest.raises(kind, match="timeout"):
                await sub.next(timeout=bad)
        with pytest.raises(anynats.UsageError, match="subject"):
            nc.publish_nowait("a b")
        assert nc.counters["out_messages"] == sent
        await nc.flush()  # nothing broke the connection
        assert nc.counters["reconnects"] == 0

    on(body)


def test_max_payload(on: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        largest = bytes(nc.max_payload)
        await nc.publish("a", largest)
        with pytest.raises(anynats.MaxPayload, match="1048576"):
            await nc.publish("a", largest + b"x")
        with pytest.raises(anynats.MaxPayload):
            await nc.publish("a", largest, headers={"a": "b"})
        with pytest.raises(anynats.MaxPayload):
            await nc.request("a", largest + b"x")
        await nc.flush()

    on(body)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (anynats.UsageError, {"ping_interval": 0}),
        (anynats.UsageError, {"ping_interval": -1}),
        (anynats.UsageError, {"connect_timeout": float("nan")}),
        (TypeError, {"connect_timeout": "1"}),
        (TypeError, {"reconnect": 1}),
        (TypeError, {"name": None}),
        (anynats.UsageError, {"name": "two\nlines"}),
        (anynats.UsageError, {"inbox_prefix": "a.>"}),
        (anynats.UsageError, {"pending_limit": -1}),
        (anynats.UsageError, {"slow_consumer": "both"}),
        (TypeError, {"nmae": "x"}),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_bad_options(face: Face, kind: type[Exception], options: dict[str, Any]) -> None:
    async def body() -> None:
        with pytest.raises(kind, match=next(iter(options))):
            await face.connect("nats://127.0.0.1:1", **options)

    face.run(body())


@pytest.mark.parametrize("servers", ["", "http://x", "nats://", "nats://a:99999", [], [1], 1, b"x"])
def test_bad_servers(face: Face, servers: Any) -> None:
    async def body() -> None:
        with pytest.raises((anynats.UsageError, TypeError), match="server"):
            await face.connect(servers)

    face.run(body())
