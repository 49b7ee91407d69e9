"""Many replies to one request, the round-trip time and a new server pool, on every face."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from face_support import Face

import anynats
from anynats.server import Server


@pytest.fixture
def crowd(other: anynats.Client) -> Iterator[str]:
    """A subject on which three answer: twice each with what was asked, then with nothing."""
    subject = other.new_inbox()
    subs = [other.subscribe(subject) for _ in range(3)]
    other.flush()

    def answer(sub: anynats.Subscription) -> None:
        for msg in sub:
            for payload in (msg.payload, msg.payload, b""):
                other.publish(msg.reply or "", payload, headers={"unit": "C"})

    threads = [threading.Thread(target=answer, args=(sub,)) for sub in subs]
    for thread in threads:
        thread.start()
    yield subject
    for sub in subs:
        sub.unsubscribe()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def ask(face: Face, url: str) -> Callable[..., list[bytes]]:
    """Return the payloads of all replies to one request."""

    def ask(subject: str, **how: Any) -> list[bytes]:
        replies = []

        async def body() -> None:
            async with await face.connect(url) as nc:
                sub = await nc.request_many(subject, b"?", **how)
                async for msg in sub:
                    replies.append(msg.payload)

        face.run(body())
        return replies

    return ask


def test_for_a_time(ask: Callable[..., list[bytes]], crowd: str) -> None:
    assert sorted(ask(crowd, timeout=0.3)) == [b""] * 3 + [b"?"] * 6


def test_until_a_pause(ask: Callable[..., list[bytes]], crowd: str) -> None:
    assert len(ask(crowd, timeout=60, stall=0.3)) == 9


def test_a_number_of_them(ask: Callable[..., list[bytes]], crowd: str) -> None:
    assert len(ask(crowd, timeout=60, max_messages=5)) == 5


def test_until_an_empty_one(ask: Callable[..., list[bytes]], crowd: str) -> None:
    assert set(ask(crowd, timeout=60, sentinel=True, headers={"a": "b"})) == {b"?"}


def test_nobody_listens(ask: Callable[..., list[bytes]], other: anynats.Client) -> None:
    with pytest.raises(anynats.NoResponders):
        ask(other.new_inbox(), timeout=60)


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"timeout": -1}, "timeout"),
        ({"stall": float("nan")}, "stall"),
        ({"max_messages": 0}, "max_messages"),
        ({"headers": {"a b": "c"}}, "header name"),
    ],
)
def test_wrong_arguments_are_named(
    ask: Callable[..., list[bytes]], how: dict[str, Any], named: str
) -> None:
    with pytest.raises(anynats.UsageError, match=named):
        ask("a", **how)


def test_rtt(face: Face, url: str) -> None:
    async def body() -> None:
        async with await face.connect(url) as nc:
            assert 0 < await nc.rtt() < 5

    face.run(body())


def test_another_server_pool(face: Face) -> None:
    async def body() -> None:
        with Server() as first, Server() as second:
            async with await face.connect(first.url) as nc:
                sub = await nc.subscribe("a")
                nc.set_servers([second.url])
                assert nc.servers == [second.url]
                assert nc.server == first.url
                for wrong in ("", [], "nats://", "what://a:1"):
                    with pytest.raises(anynats.UsageError, match=r"servers|URL"):
                        nc.set_servers(wrong)
                await nc.flush()
                nc.reconnect()
                await nc.publish("a", b"1")
                assert (await sub.next(timeout=5)).payload == b"1"
                assert nc.server == second.url
                assert nc.servers == [second.url]

    face.run(body())
