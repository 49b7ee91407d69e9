"""Finding, losing and finding servers again on every face, and what outlives what.

One body each, against real servers of the test's own (face_support.py).
"""

import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest
from face_support import Face
from stalled_server import StalledServer

import anynats
from anynats.server import Server

Start = Callable[..., Server]
FAST = {"reconnect_wait_min": 0.001, "reconnect_wait_max": 0.02}


async def payloads(sub: Any, n: int) -> list[bytes]:
    return [(await sub.next(timeout=5)).payload for _ in range(n)]


# --- addresses -----------------------------------------------------------------------------------


def test_a_server_is_found_by_name(face: Face, url: str) -> None:
    async def body() -> None:
        nc = await face.connect(url.replace("127.0.0.1", "localhost"))
        async with nc:
            await nc.flush()
            assert nc.server.startswith("nats://localhost:")
        with pytest.raises(anynats.ConnectFailed, match="no-such-host"):
            await face.connect("nats://no-such-host.invalid")

    face.run(body())


def test_ipv6(face: Face, nats_server_factory: Start) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    server = nats_server_factory(args=["-a", "::"])

    async def body() -> None:
        nc = await face.connect(f"nats://[::1]:{server.port}")
        async with nc, await nc.subscribe("six") as sub:
            await nc.publish("six", b"::1")
            assert await payloads(sub, 1) == [b"::1"]

    face.run(body())


# --- losing and finding --------------------------------------------------------------------------


def test_nothing_is_forgotten(face: Face, nats_server_factory: Start) -> None:
    server = nats_server_factory()

    async def body() -> None:
        nc = await face.connect(server.url, **FAST)
        async with nc:
            sub, three = await nc.subscribe("s.*"), await nc.subscribe("three")
            over = await nc.subscribe("over")
            three.unsubscribe(3)
            await nc.publish("three", b"0")
            await nc.flush()
            over.unsubscribe()
            server.kill()
            await face.until(nc, lambda: nc.state == "reconnecting")
            for n in range(100):
                await nc.publish("s.x", b"%d" % n)
            for n in range(1, 5):
                await nc.publish("three", b"%d" % n)
            await nc.publish("over")
            later = await nc.subscribe("later")
            await nc.publish("later", b"subscribed while disconnected")
            server.start()
            await nc.flush(timeout=10)
            assert await payloads(sub, 100) == [b"%d" % n for n in range(100)]
            assert [msg.payload async for msg in three] == [b"0", b"1", b"2"]
            assert [msg.payload async for msg in over] == []
            assert await payloads(later, 1) == [b"subscribed while disconnected"]
            assert (nc.counters["reconnects"], nc.counters["lost_publishes"]) == (1, 0)
            assert nc.counters["unknown_sid"] == 0, "the server was asked for too many"
            with pytest.raises(anynats.NoResponders):
                await nc.request("nobody.home", timeout=5)

    face.run(body())


def test_another_server_takes_over(face: Face, nats_server_factory: Start) -> None:
    first, second = nats_server_factory(), nats_server_factory()

    async def body() -> None:
        nc = await face.connect([first.url, second.url], randomize_servers=False, **FAST)
        async with nc:
            assert nc.server == first.url
            sub = await nc.subscribe("x")
            await nc.flush()
            first.stop()
            await face.until(nc, lambda: nc.counters["reconnects"] == 1)
            await nc.flush()
            assert nc.server == second.url
            with anynats.connect(second.url) as other:
                other.publish("x", b"from the second")
                assert await payloads(sub, 1) == [b"from the second"]

    face.run(body())


def test_a_server_is_given_up(face: Face, nats_server_factory: Start) -> None:
    server = nats_server_factory()

    async def body() -> None:
        for options, why in (
            ({"reconnect": False}, anynats.Disconnected),
            ({"max_reconnects": 2, **FAST}, anynats.NoServers),
        ):
            nc = await face.connect(server.url, **options)
            async with nc:
                sub = await nc.subscribe("x")
                await nc.flush()
                server.kill()
                await face.until(nc, lambda nc=nc: nc.state == "closed")
                assert isinstance(nc.last_error, why)
                with pytest.raises(anynats.Closed) as caught:
                    await sub.next(timeout=5)
                assert caught.value.__cause__
            server.start()

    face.run(body())


def test_a_server_may_come_later(face: Face, nats_server_factory: Start) -> None:
    server = nats_server_factory()
    server.kill()

    async def body() -> None:
        nc = await face.connect(server.url, retry_on_failed_connect=True, **FAST)
        async with nc:
            assert nc.state == "connecting"
            sub = await nc.subscribe("early")
            await nc.publish("early", b"bird")
            server.start()
            assert await payloads(sub, 1) == [b"bird"]
            assert nc.counters["reconnects"] == 0

    face.run(body())


# --- what is sent and held -----------------------------------------------------------------------


def test_no_echo(face: Face, url: str, other: anynats.Client) -> None:
    async def body() -> None:
        nc = await face.connect(url, echo=False)
        async with nc, await nc.subscribe(nc.new_inbox()) as sub:
            await nc.publish(sub.subject, b"mine")
            await nc.flush()
            other.publish(sub.subject, b"another's")
            assert await payloads(sub, 1) == [b"another's"]

    face.run(body())


def test_a_full_buffer_refuses(face: Face) -> None:
    """publish_nowait at pending_limit; once the server reads on, all that was accepted goes out."""

    async def body() -> None:
        with StalledServer() as server:
            nc = await face.connect(server.url, pending_limit=1 << 20, close_timeout=5)
            fill = [bytes(500_000)] * 100
            with pytest.raises(anynats.WouldBlock, match="pending_limit"):
                _ = [nc.publish_nowait("a", chunk) for chunk in fill]
            accepted = nc.counters["out_messages"]
            assert 0 < accepted < 100
            assert nc.is_connected
            server.read_on()
            await nc.flush(timeout=10)
            nc.publish_nowait("a", bytes(500_000))
            await nc.close()
            assert nc.counters["lost_publishes"] == 0
            assert nc.counters["out_messages"] == accepted + 1

    face.run(body())


def test_a_dropped_subscription_ends(face: Face, url: str, other: anynats.Client) -> None:
    async def body() -> None:
        nc = await face.connect(url)
        async with nc:
            subject = nc.new_inbox()
            sub = await nc.subscribe(subject)
            await nc.flush()
            del sub
            gc.collect()
            await nc.flush()
            with pytest.raises(anynats.NoResponders):
                other.request(subject, timeout=5)

    face.run(body())


def test_messages_outlive_everything(face: Face, url: str) -> None:
    sizes = (10, 250, 3_000, 200_000)

    async def body() -> list[Any]:
        nc = await face.connect(url)
        async with nc, await nc.subscribe(nc.new_inbox()) as sub:
            kept = []
            for size in sizes:
                await nc.publish(sub.subject, b"p" * size, headers={"n": str(size)})
                kept.append(await sub.next(timeout=5))
            return kept

    messages: list[Any] = []

    async def keep() -> None:
        messages.extend(await body())

    face.run(keep())
    gc.collect()
    for msg, size in zip(messages, sizes, strict=True):
        assert bytes(memoryview(msg)) == msg.payload == b"p" * size
        assert msg.headers["n"] == str(size)
        assert msg.subject.startswith("_INBOX.")
