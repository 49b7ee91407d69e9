"""P-02 to P-04, P-14, P-15, P-45: whole but in odd pieces, late, slow, or all at once."""

import time
from collections.abc import Callable

import pytest
from face_support import Face
from fault_proxy import Event, FaultProxy, Plan, Way
from network_support import LONG, SOON, work_behind
from wire_log import SERVER, frames

import anynats

Behind = Callable[..., FaultProxy]


@pytest.mark.parametrize("seed", range(100 if LONG else 3))
def test_p02_random_chunks(
    face: Face, behind: Behind, other: anynats.Client, responder: str, seed: int
) -> None:
    """Pieces of 1 to 1,500 bytes, and what arrives together together; the books balance."""
    way = Way(chunk=(1, 1_500), chunk_until=1 << 40)
    proxy = behind(lambda n: Plan(up=way, down=way, seed=seed))

    async def body() -> None:
        counters = await work_behind(face, proxy, other, responder, rounds=60, size=700)
        assert counters["reconnects"] == 0

    face.run(body())


def test_p03_latency_and_jitter(
    face: Face, behind: Behind, other: anynats.Client, responder: str
) -> None:
    """A long way with jitter (200 ms +- 100 in the long form, a fifth of that else): nothing is
    declared stale, nothing times out. Redelivery is JetStream's and comes with it."""
    scale = 1.0 if LONG else 0.2
    way = Way(latency=0.1 * scale, jitter=0.05 * scale)
    proxy = behind(lambda n: Plan(up=way, down=way))

    async def body() -> None:
        options = {"ping_interval": 0.3 * scale, "max_pings_outstanding": 2}
        counters = await work_behind(face, proxy, other, responder, rounds=40, **options)
        assert (counters["reconnects"], counters["late_replies"]) == (0, 0)
        assert len(proxy.conversations) == 1

    face.run(body())


def test_p04_slow_network(face: Face, behind: Behind, other: anynats.Client) -> None:
    """A message takes longer than a ping interval to pass (1 MiB at 64 KiB/s in the long form;
    else 128 KiB at 1 MiB/s): pings are answered behind it, and the connection stays."""
    size, rate = (1 << 20, 1 << 16) if LONG else (1 << 17, 1 << 20)
    seconds = size / rate
    proxy = behind(lambda n: Plan(up=Way(rate=rate), down=Way(rate=rate)))

    async def body() -> None:
        options = {"ping_interval": seconds * 0.8, "max_pings_outstanding": 4}
        nc = await face.connect(proxy.url, connect_timeout=10, **options)
        async with nc:
            sub = await nc.subscribe(nc.new_inbox())
            payload = bytes(range(256)) * (size // 256)
            for _ in range(3):
                await nc.publish(sub.subject, payload)
                assert (await sub.next(timeout=10 * seconds)).payload == payload
            await nc.flush(timeout=10 * seconds)
            assert nc.counters["reconnects"] == 0
        pongs = [f for f in frames(bytes(proxy.current.down.told), SERVER)[0] if f.verb == "PONG"]
        assert len(pongs) >= 4  # of the handshake, of the flush, of pings

    face.run(body())


def test_p14_info_cut_before_its_line_feed(face: Face, behind: Behind) -> None:
    """INFO stands for 300 ms between its CR and its LF; then the handshake goes on."""
    proxy = behind([Plan(down=Way(events=[Event(b"\r", "pause", 0.3)]))])

    async def body() -> None:
        start = time.monotonic()
        nc = await face.connect(proxy.url, connect_timeout=5)
        assert 0.25 < time.monotonic() - start < 4
        async with nc:
            await nc.flush()
            assert nc.counters["attempts"] == 1

    face.run(body())


def test_p15_everything_in_one_segment(face: Face, behind: Behind) -> None:
    """PONG, an INFO and the first MSG of a subscription that waited, in one segment: nothing is
    lost. (INFO itself goes before: without it no client says CONNECT, and no PONG comes.)"""
    more = b'INFO {"server_id":"S","max_payload":4242}\r\nMSG early 1 5\r\nfirst\r\n'
    proxy = behind(
        [Plan(accept="close"), Plan(down=Way(events=[Event(b"PONG\r\n", "insert", more)]))]
    )

    async def body() -> None:
        nc = await face.connect(proxy.url, retry_on_failed_connect=True, **SOON)
        async with nc:
            sub = await nc.subscribe("early")
            assert sub.sid == 1
            assert (await sub.next(timeout=5)).payload == b"first"
            await nc.flush()
            assert nc.counters["unknown_sid"] == 0
        told = frames(bytes(proxy.current.down.told), SERVER)[0]
        assert [f.verb for f in told[:4]] == ["INFO", "PONG", "INFO", "MSG"]

    face.run(body())


def test_p45_verbose_and_pedantic(
    face: Face, behind: Behind, other: anynats.Client, responder: str
) -> None:
    """+OK between everything, in pieces: the books balance all the same."""
    way = Way(chunk=(1, 40), chunk_until=1 << 40)
    proxy = behind(lambda n: Plan(up=way, down=way))

    async def body() -> None:
        options = {"verbose": True, "pedantic": True}
        counters = await work_behind(face, proxy, other, responder, **options)
        assert (counters["reconnects"], counters["protocol_errors"]) == (0, 0)
        told = [f.verb for f in frames(bytes(proxy.current.down.told), SERVER)[0]]
        assert told.count("+OK") > 30

    face.run(body())
