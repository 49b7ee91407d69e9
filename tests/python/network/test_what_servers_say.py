"""P-26, P-27, P-32: messages for nobody, floods of INFO, and every -ERR that a server knows."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from face_support import Face
from fault_proxy import FaultProxy
from network_support import LONG, SOON

import anynats

Behind = Callable[..., FaultProxy]


def resident() -> int:
    """Bytes of memory that this process holds now; 0 where a sanitizer keeps what is freed."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        return 0
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) << 10 if found else 0


def test_p26_messages_for_nobody(face: Face, behind: Behind) -> None:
    """8 MiB for an unknown sid, 100 times (12 times in the short form): not kept anywhere."""
    proxy = behind(keep=False)
    frame = b"MSG for.nobody 4711 %d\r\n%b\r\n" % (8 << 20, bytes(8 << 20))
    times = 100 if LONG else 12

    async def body() -> None:
        nc = await face.connect(proxy.url)
        async with nc:
            await nc.flush()
            before = 0
            for n in range(times):
                if n == 4:
                    before = resident()
                proxy.now("insert", frame)
                await nc.flush(timeout=10)
            assert nc.counters["unknown_sid"] == times
            assert nc.counters["in_bytes"] > times << 23
            assert resident() - before < 16 << 20
            assert (nc.counters["reconnects"], nc.counters["in_messages"]) == (0, 0)

    face.run(body())


def test_p27_a_flood_of_infos(
    face: Face, behind: Behind, other: anynats.Client, responder: str
) -> None:
    """New connect_urls again and again (10 minutes every 100 ms in the field; here 6,000 or 300 in
    a row, one of them far too long): the connection goes on undisturbed, the pool stays bounded,
    and servers that are no longer told of are forgotten."""
    proxy = behind()

    def info(urls: list[str]) -> bytes:
        fields = {"server_id": "S", "max_payload": 1 << 20, "headers": True, "connect_urls": urls}
        return b"INFO %b\r\n" % json.dumps(fields).encode()

    async def body() -> None:
        nc = await face.connect(proxy.url, **SOON)
        async with nc:
            before = 0
            for n in range(6_000 if LONG else 300):
                urls = [f"127.1.{n % 250}.{k}:1" for k in range(1, 10)]
                if n == 200:
                    before = resident()
                    urls = [f"127.{k % 250}.{k // 250}.1:1" for k in range(5_000)]
                proxy.now("insert", info(urls))
                if n % 10 == 0:
                    payload = b"%d" % n
                    assert (await nc.request(responder, payload, timeout=5)).payload == payload
            await nc.flush()
            events = [event.kind for event in iter(nc.next_event, None)]
            # Nothing is pushed out by the news of servers; the error tells of the long one.
            assert events == ["connected", "discovered_servers", "error", "discovered_servers"]
            assert nc.counters["content_errors"] == 1
            assert nc.counters["reconnects"] == 0
            assert resident() - before < 16 << 20
            proxy.now("insert", info([proxy.url.removeprefix("nats://")]))
            await nc.flush()
            proxy.cut()
            await face.until(nc, lambda: nc.counters["reconnects"] == 1)
            assert nc.counters["attempts"] == 2, "a forgotten server was tried"

    face.run(body())


# What the server says, the error it becomes, and whether the connection ends (ADR-40 and what
# nats-server has beside it).
SAID: list[tuple[str, type[anynats.Error], bool]] = [
    ("Unknown Protocol Operation", anynats.ServerError, True),
    ("Attempted To Connect To Route Port", anynats.ServerError, True),
    ("Attempted To Connect To Leaf Node Port", anynats.ServerError, True),
    ("Attempted To Connect To Gateway Port", anynats.ServerError, True),
    ("Authorization Violation", anynats.AuthorizationError, True),
    ("Authentication Timeout", anynats.AuthorizationError, True),
    ("User Authentication Expired", anynats.AuthorizationError, True),
    ("User Authentication Revoked", anynats.AuthorizationError, True),
    ("Account Authentication Expired", anynats.AuthorizationError, True),
    ("Invalid Client Protocol", anynats.ServerError, True),
    ("Maximum Control Line Exceeded", anynats.ServerError, True),
    ("Maximum Payload Violation", anynats.MaxPayload, True),
    ("Maximum Connections Exceeded", anynats.ServerError, True),
    ("maximum account active connections exceeded", anynats.ServerError, True),
    ("Connection throttling is active. Please try again later.", anynats.ServerError, True),
    ("No Responders Requires Headers Support", anynats.ServerError, True),
    ("Stale Connection", anynats.StaleConnection, True),
    ("Secure Connection - TLS Required", anynats.TlsError, True),
    ("Invalid Subject", anynats.ServerError, False),
    ("Invalid Publish Subject", anynats.ServerError, False),
    ("maximum subscriptions exceeded", anynats.ServerError, False),
    ('Permissions Violation for Subscription to "foo.1"', anynats.PermissionViolation, False),
    ('Permissions Violation for Publish to "foo.2"', anynats.PermissionViolation, False),
    ('Permissions Violation for Publish with Reply of "r"', anynats.PermissionViolation, False),
    ("Failed Account Registration", anynats.ServerError, False),  # the server closes after it
    ("Something That Nobody Has Heard Of", anynats.ServerError, False),
    ("", anynats.ServerError, False),
]


def test_p32_every_error(face: Face, behind: Behind) -> None:
    """Each -ERR becomes its error, with the server's words; fatal ones lead to a reconnect, the
    others leave the connection as it is (I22)."""
    proxy = behind()

    async def body() -> None:
        nc = await face.connect(proxy.url, **SOON)
        async with nc:
            sub = await nc.subscribe("kept")
            reconnects = 0
            for text, kind, fatal in SAID:
                await nc.flush()
                while nc.next_event():
                    pass
                proxy.now("insert", b"-ERR '%b'\r\n" % text.encode())
                told: list[Any] = []

                def look(told: list[Any] = told) -> bool:
                    told += iter(nc.next_event, None)
                    return any(event.kind == "error" for event in told)

                await face.until(nc, look)
                error = next(event.error for event in told if event.kind == "error")
                assert type(error) is kind, text
                assert text in str(error)
                reconnects += fatal
                await face.until(nc, lambda n=reconnects: nc.counters["reconnects"] == n)
                if not fatal:
                    await nc.flush()
                    assert nc.counters["reconnects"] == reconnects, text
            assert not sub.ended
            assert nc.is_connected

    face.run(body())
