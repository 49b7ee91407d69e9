"""P-19, P-40, P-42: coming back, again and again, without leaving anything behind."""

import itertools
import json
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from face_support import PATIENCE, Face
from fault_proxy import FaultProxy, Plan
from network_support import LONG, SOON

import anynats
from anynats.server import Server

Behind = Callable[..., FaultProxy]


def test_p19_bounces(face: Face, behind: Behind, other: anynats.Client) -> None:
    """The server is gone for some milliseconds, 200 times in the long form, 40 times else; each
    time the client is back with its subscription and its requests."""
    proxy = behind()
    bounces = 200 if LONG else 40

    async def body() -> None:
        nc = await face.connect(proxy.url, **SOON)
        async with nc:
            sub = await nc.subscribe(nc.new_inbox())
            await nc.flush()
            for n in range(bounces):
                if n % 2:
                    proxy.refuse()
                proxy.cut("reset" if n % 4 < 2 else "close")
                if n % 2:
                    await face.sleep(nc, 0.003)  # some attempts are refused
                    proxy.listen()
                await face.until(nc, lambda n=n: nc.counters["reconnects"] == n + 1)
                await nc.flush(timeout=5)
                other.publish(sub.subject, b"%d" % n)
                other.flush()
                assert (await sub.next(timeout=5)).payload == b"%d" % n
                with pytest.raises(anynats.NoResponders):
                    await nc.request(nc.new_inbox(), timeout=5)
            assert sub.try_next() is None

    face.run(body())


def connections(server: Server, name: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(server.monitoring_url + "/connz", timeout=PATIENCE) as page:
        return [c for c in json.load(page)["connections"] if c.get("name") == name]


def test_p40_one_connection_each(
    face: Face, behind: Behind, nats_server_factory: Callable[..., Server]
) -> None:
    """After each reconnect the server has exactly one connection of the client, and the old
    socket is closed within a second: asked for by the user, and after a half close."""
    server = nats_server_factory(monitor=True)
    proxy = behind(port=server.port)

    async def body() -> None:
        nc = await face.connect(proxy.url, name="the one", **SOON)
        async with nc:
            for n in range(10):
                if n % 2:
                    proxy.now("end", direction="down")
                else:
                    nc.reconnect()
                await face.until(nc, lambda n=n: nc.counters["reconnects"] == n + 1)
                await nc.flush(timeout=5)
                now = time.monotonic()
                await face.until(nc, lambda: len(connections(server, "the one")) == 1)
                (here,) = connections(server, "the one")
                assert here["port"] == proxy.current.server_side
                assert time.monotonic() - now < 1
                old = proxy.conversations[-2]
                await face.until(nc, lambda old=old: old.left is not None)
                assert (old.left or 0) - proxy.current.began < 1
        await face.until(nc, lambda: not connections(server, "the one"))

    face.run(body())
    assert len(proxy.conversations) == 11


def test_p42_pauses(face: Face, behind: Behind) -> None:
    """Twelve attempts at one server: each pause keeps to its cap; and there are pauses. (Full
    jitter may draw short ones; that all eleven are short has a chance of 1 in 11! = 4e7.)"""
    least, cap, times = 0.05, 0.1, 12
    proxy = behind([Plan(accept="close")] * times)

    async def body() -> None:
        options = {"reconnect_wait_min": least, "reconnect_wait_max": cap}
        nc = await face.connect(proxy.url, retry_on_failed_connect=True, **options)
        async with nc:
            await nc.flush(timeout=10)
        began = [c.began for c in proxy.conversations]
        assert len(began) == times + 1
        assert began[-1] - began[1] > cap
        for before, after in itertools.pairwise(began):
            assert after - before < cap + 0.25  # what a busy CPU needs

    face.run(body())


def test_p42_attempts(face: Face, shared_server: Server) -> None:
    """Ten servers, of which all end connections at once after the first time: each is tried once
    in a round, its pauses keep to jitter and cap, and max_reconnects is honoured for each."""
    servers, most, least, cap = 10, 4, 0.02, 0.06
    alive = [True]

    async def body(proxies: list[FaultProxy]) -> None:
        options = {"reconnect_wait_min": least, "reconnect_wait_max": cap, "stable_after": 0}
        urls = [proxy.url for proxy in proxies]
        nc = await face.connect(urls, max_reconnects=most, **options)
        async with nc:
            await nc.flush()
            first = nc.server
            alive[0] = False
            for proxy in proxies:
                proxy.cut()
            await face.until(nc, lambda: nc.state == "closed")
            assert isinstance(nc.last_error, anynats.NoServers)
        attempts = sorted((c.began, n) for n, p in enumerate(proxies) for c in p.conversations)[1:]
        for number in range(most):
            a_round = [n for _, n in attempts[number * servers : (number + 1) * servers]]
            assert sorted(a_round) == list(range(servers)), f"round {number}: {a_round}"
        assert len(attempts) == servers * most
        for proxy in proxies:
            times = [c.began for c in proxy.conversations][1 if proxy.url == first else 0 :]
            for failures, (before, after) in enumerate(itertools.pairwise(times), 1):
                longest = min(least * 2 ** (failures - 1), cap)
                assert 0.001 <= after - before < longest + 0.25  # the others' turns, a busy CPU

    with ExitStack() as stack:
        plan = lambda n: Plan() if alive[0] else Plan(accept="close")  # noqa: E731
        proxies = [FaultProxy(shared_server.port, plan) for _ in range(servers)]
        for proxy in proxies:
            stack.enter_context(proxy)
        face.run(body(proxies))
