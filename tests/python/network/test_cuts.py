"""P-05, P-06, P-07 and damaged bytes: connections that end or break anywhere, under load.

What the user did and saw is held against what was really said (wire_log.balance).
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
from face_support import Face
from fault_proxy import Event, FaultProxy, Plan, Way
from network_support import LONG, SOON, work_behind
from wire_log import Books, balance, flush

import anynats

Behind = Callable[..., FaultProxy]


@pytest.mark.parametrize("seed", range(500 if LONG else 8))
def test_p05_reset_anywhere(
    face: Face, behind: Behind, other: anynats.Client, responder: str, seed: int
) -> None:
    """RST at random offsets of either direction, four times (core NATS, without TLS)."""
    draw = random.Random(seed)
    plans = []
    for _ in range(4):
        way = Way(events=[Event(draw.randrange(1, 6_000), "reset")])
        plans.append(Plan(up=way) if draw.random() < 0.5 else Plan(down=way))
    proxy = behind(plans)
    counters: dict[str, int] = {}

    async def body() -> None:
        counters.update(await work_behind(face, proxy, other, responder))

    face.run(body())
    assert len(proxy.conversations) == counters["attempts"] > 1


@pytest.mark.parametrize("seed", range(20 if LONG else 2))
def test_p05_reset_of_a_full_socket(
    face: Face, behind: Behind, other: anynats.Client, seed: int
) -> None:
    """RST while a message is half written: it is lost and counted, never continued (I03, I05);
    what waits behind it arrives."""
    draw = random.Random(seed)
    stop = Event(draw.randrange(1_000, 600_000), "pause", 3_600)
    proxy = behind([Plan(up=Way(events=[stop]))], buffer=65_536)

    async def body() -> None:
        books = Books()
        nc = await face.connect(proxy.url, pending_limit=64 << 20, **SOON)
        async with nc:
            witness = other.subscribe(nc.new_inbox())
            other.flush()
            for _ in range(40):
                # What is left of it would be understood as frames, if it were sent.
                payload = books.next_payload() + b"PUB y 1\r\nz\r\n" * draw.randint(20_000, 30_000)
                books.accepted.append((0, payload))
                await nc.publish(witness.subject, payload)
            await face.sleep(nc, 0.02)
            proxy.cut("reset")
            await face.until(nc, lambda: nc.counters["reconnects"] == 1)
            await flush(nc, books)
            other.flush()
            books.witnessed += [msg.payload for msg in iter(witness.try_next, None)]
            witness.unsubscribe()
            balance(books, proxy, nc.counters, sid=0)
            assert nc.counters["lost_publishes"] == 1
            assert 5 < len(books.witnessed) < 40

    face.run(body())


@pytest.mark.parametrize("how", ["close", "end"])
@pytest.mark.parametrize("where", [b"in the hea", b"in the pay"], ids=["header", "payload"])
def test_p06_fin_in_mid_message(
    face: Face, behind: Behind, other: anynats.Client, where: bytes, how: Any
) -> None:
    """FIN within a header or a payload: that message is not delivered; the next ones are."""
    proxy = behind([Plan(down=Way(events=[Event(where, how)]))])

    async def body() -> None:
        nc = await face.connect(proxy.url, **SOON)
        async with nc:
            sub = await nc.subscribe(nc.new_inbox())
            await nc.flush()
            other.publish(sub.subject, b"before")
            other.publish(sub.subject, b"in the payload", headers={"where": "in the header"})
            other.flush()
            assert (await sub.next(timeout=5)).payload == b"before"
            await face.until(nc, lambda: nc.counters["reconnects"] == 1)
            await nc.flush(timeout=5)
            other.publish(sub.subject, b"after")
            other.flush()
            assert (await sub.next(timeout=5)).payload == b"after"
            assert nc.counters["in_messages"] == 2
        assert where in proxy.conversations[0].down.told
        assert len(proxy.conversations) == 2

    face.run(body())


@pytest.mark.parametrize("direction", ["down", "up"])
def test_p07_half_close(
    face: Face, behind: Behind, other: anynats.Client, responder: str, direction: str
) -> None:
    """FIN in one direction alone, under load: the client leaves and comes back."""
    draw = random.Random(direction)
    ways = [Way(events=[Event(draw.randrange(100, 6_000), "end")]) for _ in range(3)]
    plans = [Plan(down=way) if direction == "down" else Plan(up=way) for way in ways]
    proxy = behind(plans)

    async def body() -> None:
        counters = await work_behind(face, proxy, other, responder)
        assert counters["reconnects"] > 0
        assert counters["protocol_errors"] == 0

    face.run(body())


@pytest.mark.parametrize(
    "damage",
    [
        Event(b"damage me\r\n", "flip", 0x04),  # the next verb
        Event(b"damage me", "flip", 0x08),  # the CR behind a payload
        Event(b"damage me", "insert", b"more"),
        Event(b"damage me\r\n", "repeat", 5),
        Event(b"damage me\r\n", "insert", b"MSG a 1 99999999999999999999\r\n"),
        Event(b"damage me\r\n", "insert", b"HMSG a 1 5 4\r\nabcd\r\n"),
    ],
    ids=["verb", "end", "longer", "repeated", "size", "headers"],
)
def test_i27_damaged_bytes(
    face: Face, behind: Behind, other: anynats.Client, damage: Event
) -> None:
    """Lost framing is one protocol error and a new connection; what came before is delivered."""
    proxy = behind([Plan(down=Way(events=[damage]))])

    async def body() -> None:
        nc = await face.connect(proxy.url, **SOON)
        async with nc:
            sub = await nc.subscribe(nc.new_inbox())
            await nc.flush()
            proxy.refuse()  # so that `behind` cannot come by the next connection
            for payload in (b"before", b"damage me", b"behind"):
                other.publish(sub.subject, payload)
            other.flush()
            proxy.listen()
            assert (await sub.next(timeout=5)).payload == b"before"
            await face.until(nc, lambda: nc.counters["reconnects"] == 1)
            await nc.flush(timeout=5)
            other.publish(sub.subject, b"after")
            other.flush()
            seen = [b""]
            while seen[-1] != b"after":
                seen.append((await sub.next(timeout=5)).payload)
            assert seen[1:] in ([b"after"], [b"damage me", b"after"])
            assert nc.counters["protocol_errors"] == 1
            errors = [e.error for e in iter(nc.next_event, None) if e.kind == "disconnected"]
            assert [type(error) for error in errors] == [anynats.ProtocolError]

    face.run(body())
