"""P-08, P-11, P-12, P-34, P-36: peers that say nothing, end at once, or do not read."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from face_support import Face
from fault_proxy import Event, FaultProxy, Plan, Way
from network_support import LONG, SOON
from wire_log import CLIENT, frames

import anynats
from anynats.server import Server

Behind = Callable[..., FaultProxy]


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "publishing"])
def test_p08_black_hole(face: Face, behind: Behind, busy: bool) -> None:
    """Both directions vanish after the handshake: noticed within ping_interval * (max_out + 1)
    and 10 %, also while the user publishes (I16); the client is back at once."""
    hole = Plan(
        up=Way(events=[Event(b"PING\r\n", "hole")]), down=Way(events=[Event(b"PONG\r\n", "hole")])
    )
    proxy = behind([hole])
    interval, out = 0.2, 2

    async def body() -> None:
        nc = await face.connect(
            proxy.url, ping_interval=interval, max_pings_outstanding=out, **SOON
        )
        async with nc:
            start = time.monotonic()
            while nc.counters["reconnects"] == 0:
                assert time.monotonic() - start < 10
                if busy:
                    await nc.publish("a", b"x" * 100)
                await face.sleep(nc, 0.005)
            took = proxy.current.began - start
            bound = interval * (out + 1)
            assert bound - interval - 0.05 < took < bound * 1.1 + 0.2  # and what a busy CPU needs
            kinds = [event for event in iter(nc.next_event, None) if event.kind == "disconnected"]
            assert [type(event.error) for event in kinds] == [anynats.StaleConnection]
            await nc.flush(timeout=5)
        said, _ = frames(bytes(proxy.conversations[0].up.heard), CLIENT)
        assert [f.verb for f in said].count("PING") == 1 + out

    face.run(body())


def test_p11_accept_and_stay_silent(face: Face, behind: Behind) -> None:
    """The connect deadline holds, +10 %; a next server is tried within the overall deadline."""
    silent, healthy = behind(lambda n: Plan(accept="hang")), behind()
    limit = 0.4

    async def body() -> None:
        start = time.monotonic()
        with pytest.raises(anynats.ConnectTimeout):
            await face.connect(silent.url, connect_timeout=limit)
        assert limit <= time.monotonic() - start < limit * 1.1 + 0.3
        start = time.monotonic()
        urls = [silent.url, healthy.url]
        nc = await face.connect(urls, connect_timeout=limit, randomize_servers=False)
        assert limit <= time.monotonic() - start < limit * 1.1 + 0.5
        async with nc:
            assert nc.server == healthy.url
            await nc.flush()

    face.run(body())
    assert all(c.left for c in silent.conversations), "a socket was left open"


def test_p11_drip_feed(face: Face, behind: Behind) -> None:
    """One byte of INFO every 20 ms does not extend the deadline."""
    proxy = behind(lambda n: Plan(down=Way(rate=50)))

    async def body() -> None:
        start = time.monotonic()
        with pytest.raises(anynats.ConnectTimeout):
            await face.connect(proxy.url, connect_timeout=0.3)
        assert 0.3 <= time.monotonic() - start < 0.7

    face.run(body())


@pytest.mark.parametrize("how", ["close", "reset"])
def test_p12_accept_then_close(face: Face, behind: Behind, how: Any) -> None:
    """50 times, then healthy: with retry_on_failed_connect it gets there; without, it says why."""
    proxy = behind([Plan(accept=how)] * 51)

    async def body() -> None:
        with pytest.raises(anynats.ConnectFailed, match=r"127\.0\.0\.1"):
            await face.connect(proxy.url)
        assert len(proxy.conversations) == 1
        nc = await face.connect(proxy.url, retry_on_failed_connect=True, **SOON)
        async with nc:
            await nc.flush(timeout=20)
            assert nc.counters["attempts"] == 51
            assert nc.counters["reconnects"] == 0

    face.run(body())
    assert len(proxy.conversations) == 52


def test_p34_a_peer_that_stops_reading(face: Face, behind: Behind, other: anynats.Client) -> None:
    """For 60 s in the long form, 1 s else: publish_nowait refuses at pending_limit, a flush times
    out, close ends in its timeout; and what was accepted arrives when the peer reads on."""
    pause = 60.0 if LONG else 1.0
    plan = Plan(up=Way(events=[Event(b"stop here", "pause", pause)]))
    proxy = behind(lambda n: plan, buffer=65_536)
    chunk = bytes(200_000)

    async def fill(nc: Any) -> str:
        await nc.publish("quiet", b"stop here")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                nc.publish_nowait("a.lot", chunk)
            except anynats.WouldBlock as refusal:
                return str(refusal)
            await face.sleep(nc, 0)
        raise AssertionError("it took everything")

    async def body() -> None:
        options = {"pending_limit": 1 << 20, "close_timeout": 0.2}
        nc = await face.connect(proxy.url, **options)
        async with nc:
            witness = other.subscribe("a.lot")
            other.flush()
            assert "pending_limit" in await fill(nc)
            count = nc.counters["out_messages"] - 1
            with pytest.raises(anynats.TimeoutError):
                await nc.flush(timeout=0.2)
            for _ in range(int(pause) + 10):  # each wait within the patience of a face
                with suppress(anynats.TimeoutError):
                    await nc.flush(timeout=5)
                    break
            other.flush()
            assert witness.pending == count
            witness.unsubscribe()
        nc = await face.connect(proxy.url, **options)
        await fill(nc)
        start = time.monotonic()
        await nc.close()
        assert 0.15 < time.monotonic() - start < 0.2 + 0.5
        assert nc.counters["lost_publishes"] > 0

    face.run(body())


# --- P-36 ----------------------------------------------------------------------------------------

RESOLVER = r"""
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
// The name `many` has the addresses that MANY lists; everything else is as always.
typedef int Look(const char*, const char*, const struct addrinfo*, struct addrinfo**);
extern void* dlsym(void*, const char*);
int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** out) {
    Look* const real = (Look*)dlsym((void*)-1L, "getaddrinfo");
    if (!node || strcmp(node, "many")) return real(node, service, hints, out);
    char list[1024];
    strncpy(list, getenv("MANY"), sizeof list - 1);
    struct addrinfo** tail = out;
    char* rest = list;
    for (char* one; (one = strsep(&rest, " "));) {
        struct addrinfo exact = *hints;
        exact.ai_flags |= AI_NUMERICHOST;
        const int problem = real(one, service, &exact, tail);
        if (problem) return problem;
        while (*tail) tail = &(*tail)->ai_next;
    }
    return 0;
}
"""
PROGRAMS = {
    "blocking": "import anynats\nwith anynats.connect('nats://many:{port}') as nc: nc.flush()\n",
    "asyncio": (
        "import asyncio, anynats.asyncio\n"
        "async def main():\n"
        "    async with anynats.asyncio.connect('nats://many:{port}') as nc: await nc.flush()\n"
        "asyncio.run(main())\n"
    ),
}


@pytest.fixture
def resolver(tmp_path: Path) -> Path:
    """A library that gives the name `many` the addresses we want."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("needs a C compiler")
    (tmp_path / "resolver.c").write_text(RESOLVER)
    command = [compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-w", "-o", "resolver.so"]
    subprocess.run([*command, "resolver.c"], cwd=tmp_path, check=True, timeout=60)
    return tmp_path / "resolver.so"


@pytest.fixture
def black_holes() -> Iterator[Callable[[str, int], None]]:
    """Return a function that makes an address swallow connections: its backlog is full."""
    import socket

    with ExitStack() as stack:

        def make(address: str, port: int) -> None:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = stack.enter_context(socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(0)
            for _ in range(4):
                knock = stack.enter_context(socket.socket(family))
                knock.setblocking(False)
                knock.connect_ex((address, port))

        yield make


@pytest.mark.parametrize("way", PROGRAMS)
def test_p36_dead_addresses(
    way: str, resolver: Path, black_holes: Callable[..., None], shared_server: Server
) -> None:
    """A name with eight addresses, seven dead, some without an answer: connected within the
    timeout of 5 s. An IPv6 black hole is the first, where the machine has IPv6."""
    port = shared_server.port
    addresses = [f"127.0.0.{n}" for n in range(2, 9)]
    if Path("/proc/net/if_inet6").exists() and Path("/proc/net/if_inet6").read_text():
        addresses[0] = "::1"
    for hole in addresses[:4]:
        black_holes(hole, port)
    environment = {"MANY": " ".join([*addresses, "127.0.0.1"])}
    preload = [os.environ.get("LD_PRELOAD", ""), str(resolver)]
    environment["LD_PRELOAD"] = ":".join(filter(None, preload))
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[way].format(port=port)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert 0.7 < time.monotonic() - start < 5, "the holes are no holes, or held it up"
