"""Ending in order, on every face and a real server: nothing that was sent, either way, is lost."""

import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from face_support import Face

import anynats
from anynats.server import Server


@pytest.fixture
def run(face: Face, url: str) -> Callable[..., None]:
    """Run a body with a connected client, which it may close."""

    def run(body: Callable[[Face, Any], Awaitable[None]], **options: Any) -> None:
        async def with_client() -> None:
            async with await face.connect(url, **options) as nc:
                await body(face, nc)

        face.run(with_client())

    return run


def test_a_subscription(run: Callable[..., None], other: anynats.Client) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject)
        await nc.flush()
        for i in range(1000):
            other.publish(subject, b"%d" % i)
        other.flush()
        await sub.drain(timeout=5)
        assert sub.ended
        other.publish(subject, b"too late")
        other.flush()
        await nc.flush()
        assert [msg.payload async for msg in sub] == [b"%d" % i for i in range(1000)]
        assert nc.state == "connected"
        await sub.drain()  # again: nothing happens

    run(body)


def test_what_came_is_worked_off_and_answered(
    run: Callable[..., None], face: Face, other: anynats.Client, responder: str
) -> None:
    """Loops that request and publish for each message go on to their last one. I23, B53."""
    n = 300
    inbox = other.new_inbox()
    answers = other.subscribe(inbox)

    async def work(nc: Any, sub: Any) -> None:
        async for msg in sub:
            reply = await nc.request(responder, msg.payload, timeout=5)
            await nc.publish(msg.reply, reply.payload)

    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject)
        await nc.flush()
        for i in range(n):
            other.publish(subject, b"%d" % i, reply=inbox)
        other.flush()
        await face.drain_during(nc, work(nc, sub))
        assert nc.state == "closed"

    run(body)
    got = [answers.next(timeout=5).payload for _ in range(n)]
    assert got == [b"%d" % i for i in range(n)]
    assert answers.pending == 0


def test_nothing_new_begins(run: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject)
        await nc.publish(subject, b"1")
        await nc.flush()

        async def meanwhile() -> None:
            await face.until(nc, lambda: nc.state == "draining")
            assert nc.is_connected
            with pytest.raises(anynats.Draining):
                await nc.subscribe("new")
            await nc.publish(subject, b"still possible")
            assert (await sub.next(timeout=5)).payload == b"1"

        await face.drain_during(nc, meanwhile())
        assert nc.state == "closed"
        await nc.drain()  # again: nothing happens
        with pytest.raises(anynats.Closed):
            await nc.publish(subject, b"")

    run(body)


def test_what_is_left_is_named(run: Callable[..., None]) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject)
        await nc.publish(subject, b"1")
        await nc.flush()
        with pytest.raises(anynats.TimeoutError, match=subject):
            await nc.drain(timeout=0.2)
        assert nc.state == "closed"
        assert (await sub.next()).payload == b"1"

    run(body)


@pytest.mark.not_on("sansio", why="a loop over what is there now ends by itself")
def test_a_loop_that_is_left_is_not_waited_for(run: Callable[..., None], face: Face) -> None:
    async def body(face: Face, nc: Any) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject)
        for _ in range(2):
            await nc.publish(subject, b"")
        await nc.flush()
        async for _ in sub:
            break
        await sub.next(timeout=5)
        await nc.drain(timeout=10)

    run(body)


def test_while_the_server_is_away(face: Face) -> None:
    """What was published meanwhile waits for it; and it waits no longer than it may."""

    async def body() -> None:
        with Server() as server:
            nc = await face.connect(server.url, reconnect_wait_max=0.1)
            sub = await nc.subscribe("a")
            await nc.flush()
            server.stop()
            await face.until(nc, lambda: not nc.is_connected)
            await nc.publish("a", b"")
            starter = threading.Timer(0.2, server.start)
            starter.start()
            await nc.drain(timeout=4)  # far more than a server and a pause of 0.1 s take
            assert sub.ended
            starter.join()
            late = await face.connect(server.url)
            server.stop()
            await face.until(late, lambda: not late.is_connected)
            await late.publish("a", b"")
            with pytest.raises(anynats.TimeoutError):
                await late.drain(timeout=0.3)

    face.run(body())
