"""Callbacks of messages and events, the same bodies on every face that runs them."""

import logging
import threading
import time
from typing import Any

import pytest
from face_support import Face

import anynats

pytestmark = pytest.mark.not_on("sansio", why="nobody runs callbacks for a bare session")


def test_each_message_in_order(face: Face, url: str) -> None:
    async def body() -> None:
        seen: list[int] = []
        async with face.open(url) as nc:
            subject = nc.new_inbox()
            await nc.subscribe(subject, callback=lambda msg: seen.append(int(msg.payload)))
            for i in range(1_000):
                await nc.publish(subject, b"%d" % i)
            await face.until(nc, lambda: len(seen) == 1_000)
        assert seen == list(range(1_000))

    face.run(body())


def test_a_callback_may_publish_and_subscribe(face: Face, url: str) -> None:
    async def body() -> None:
        async with face.open(url) as nc:
            subject = nc.new_inbox()
            await nc.subscribe(
                subject, callback=lambda msg: nc.publish_nowait(msg.reply, msg.payload)
            )
            for i in range(20):
                assert (await nc.request(subject, b"%d" % i, timeout=10)).payload == b"%d" % i

    face.run(body())


def test_a_callback_may_wait(face: Face, url: str, responder: str) -> None:
    async def body() -> None:
        async with face.open(url) as nc:
            subject = nc.new_inbox()
            answers: list[bytes] = []

            async def ask(msg: anynats.Message) -> None:
                answers.append((await nc.request(responder, msg.payload, timeout=10)).payload)

            await nc.subscribe(subject, callback=face.callback(ask))
            for i in range(5):
                await nc.publish(subject, b"%d" % i)
            await face.until(nc, lambda: len(answers) == 5)
            assert answers == [b"0", b"1", b"2", b"3", b"4"]

    face.run(body())


def test_what_it_raises_is_logged_and_told(
    face: Face, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with face.open(url) as nc:
            subject = nc.new_inbox()
            seen: list[bytes] = []

            def fail(msg: anynats.Message) -> None:
                seen.append(msg.payload)
                if msg.payload == b"bad":
                    raise ValueError("not that one")

            await nc.subscribe(subject, callback=fail)
            await nc.publish(subject, b"bad")
            await nc.publish(subject, b"good")
            await face.until(nc, lambda: len(seen) == 2)
            await face.until(nc, lambda: nc.counters["callback_errors"] == 1)
            events = []
            while event := nc.next_event():
                events.append(event)
            (told,) = [event for event in events if event.kind == "error"]
            assert "not that one" in str(told.error)
            assert subject in str(told.error)

    with caplog.at_level(logging.ERROR, logger="anynats"):
        face.run(body())
    (record,) = [record for record in caplog.records if record.name == "anynats"]
    assert record.exc_info
    assert isinstance(record.exc_info[1], ValueError)


def test_it_ends_with_its_subscription(face: Face, url: str) -> None:
    async def body() -> None:
        async with face.open(url) as nc:
            subject = nc.new_inbox()
            seen: list[bytes] = []
            sub = await nc.subscribe(
                subject, max_messages=2, callback=lambda msg: seen.append(msg.payload)
            )
            other = await nc.subscribe(subject, callback=lambda msg: None)
            for i in range(3):
                await nc.publish(subject, b"%d" % i)
            await face.until(nc, lambda: sub.ended and len(seen) == 2)
            other.unsubscribe()
            await nc.publish(subject, b"nobody hears it")
            await nc.flush()
            # And another one after there was none.
            await nc.subscribe(subject, callback=lambda msg: seen.append(msg.payload))
            await nc.publish(subject, b"3")
            await face.until(nc, lambda: len(seen) == 3)
            assert seen == [b"0", b"1", b"3"]

    face.run(body())


def test_close_ends_them_and_drain_waits_for_them(face: Face, url: str) -> None:
    async def body() -> None:
        seen: list[bytes] = []
        async with face.open(url) as nc:
            subject = nc.new_inbox()
            await nc.subscribe(subject, callback=lambda msg: seen.append(msg.payload))
            for i in range(500):
                await nc.publish(subject, b"%d" % i)
            await nc.drain(timeout=30)
            assert len(seen) == 500
            assert nc.state == "closed"
        async with face.open(url) as nc:
            await nc.subscribe(subject, callback=lambda msg: seen.append(msg.payload))
        assert not [t for t in threading.enumerate() if t.name == "anynats-callbacks"]

    face.run(body())


def test_it_must_not_drain_its_client(face: Face, url: str) -> None:
    async def body() -> None:
        async with face.open(url) as nc:
            refused: list[str] = []

            async def drain(msg: anynats.Message) -> None:
                try:
                    await nc.drain(timeout=30)
                except anynats.UsageError as error:
                    refused.append(str(error))

            await nc.subscribe("drain.me", callback=face.callback(drain))
            await nc.publish("drain.me")
            await face.until(nc, lambda: refused)
            assert refused == ["drain() in a callback would wait for that callback"]
            await nc.drain(timeout=30)

    face.run(body())


def test_events(face: Face, url: str) -> None:
    events: list[Any] = []

    async def body() -> None:
        async with face.open(url, on_event=events.append) as nc:
            await face.until(nc, lambda: [e.kind for e in events] == ["connected"])
            nc.reconnect()
            await face.until(nc, lambda: events[-1].kind == "reconnected")
        await face.until(nc, lambda: events[-1].kind == "closed")

    face.run(body())
    assert [event.kind for event in events] == [
        *("connected", "disconnected", "reconnected", "closed")
    ]


def test_events_of_a_connect_that_fails(face: Face) -> None:
    events: list[Any] = []

    async def body() -> None:
        with pytest.raises(anynats.ConnectFailed):
            async with face.open("nats://127.0.0.1:1", on_event=events.append):
                pass

    face.run(body())


def test_their_subject_must_be_right(face: Face, url: str) -> None:
    async def body() -> None:
        async with face.open(url) as nc:
            with pytest.raises(anynats.UsageError, match="subject"):
                await nc.subscribe("a b", callback=print)

    face.run(body())


def test_the_socket_is_read_while_a_callback_blocks(url: str, other: anynats.Client) -> None:
    """On the blocking face, whose callback thread would be the one to read."""
    entered, gate = threading.Event(), threading.Event()

    def block(_: anynats.Message) -> None:
        entered.set()
        gate.wait(20)

    with anynats.connect(url) as nc, nc.subscribe("a", callback=block), nc.subscribe("b") as sub:
        nc.publish("a", b"")
        assert entered.wait(10)
        other.publish("b", b"")
        deadline = time.monotonic() + 10
        while not sub.pending:
            assert time.monotonic() < deadline, "nobody reads"
            time.sleep(0.001)  # why: to ask with a wait would be to read
        gate.set()
