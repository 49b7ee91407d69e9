"""P-30 and its like: a cluster of three whose nodes are killed, stopped and lame-ducked under load.

The client moves on to a node that it learned of, with its subscriptions; what a flush had
acknowledged is not lost on the way out, and no message comes twice.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from face_support import PATIENCE, Face
from network_support import LONG, SOON

import anynats
from anynats.server import Cluster, Server

ROUNDS = 10 if LONG else 2


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three nodes; one that says goodbye closes its connections 10 s later."""
    with Cluster(3, config='lame_duck_grace_period: "10s"\nlame_duck_duration: "30s"') as cluster:
        yield cluster


class Beside:
    """Somebody at another node, who hears what is published and answers requests."""

    def __init__(self, node: Server, cluster: Cluster) -> None:
        self.client = anynats.connect(node.url, reconnect=False)
        self.echo, self.load = self.client.subscribe("echo"), self.client.subscribe("load")
        self.probes = self.client.subscribe("probe")  # the last: who knows of it, knows of all
        self.client.flush()
        self.thread = threading.Thread(target=self.answer)
        self.thread.start()
        for other in cluster.nodes:
            self.wait_until_known(other)

    def answer(self) -> None:
        for msg in self.echo:
            self.client.publish(msg.reply or "", msg.payload)

    def wait_until_known(self, node: Server) -> None:
        """Wait until the node has learned of our subscriptions."""
        deadline = time.monotonic() + PATIENCE
        with anynats.connect(node.url) as probe:
            while True:
                probe.publish("probe")
                try:
                    self.probes.next(timeout=0.02)
                    return
                except anynats.TimeoutError:
                    assert time.monotonic() < deadline

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


class Load:
    """Numbered messages from one client to itself and to somebody beside, flushes and requests.

    `jobs` go to a queue group: for some moments the nodes take the member that has just left for
    one that is there, so a job may come late or not at all, but never twice. (The group has a
    subject of its own, because a node that sends a job back to where it came from has it delivered
    to the plain subscriptions of that subject once more: seen on the wire, nats-server 2.15.1.)
    """

    def __init__(self, nc: Any, load: Any, jobs: Any) -> None:
        self.nc, self.load, self.jobs = nc, load, jobs
        self.published = 0
        self.acknowledged: set[bytes] = set()
        self.received: dict[str, list[bytes]] = {"load": [], "jobs": []}

    async def step(self) -> None:
        """Publish twice, flush or request, take what came."""
        before = self.nc.counters["reconnects"]
        name = b"%d" % self.published
        self.published += 1
        await self.nc.publish("load", name)
        await self.nc.publish("jobs", name)
        try:
            if self.published % 2:
                await self.nc.flush(timeout=PATIENCE)
                if self.nc.counters["reconnects"] == before:
                    self.acknowledged.add(name)
            else:
                reply = await self.nc.request("echo", name, timeout=PATIENCE)
                assert reply.payload == name
        except anynats.Disconnected:
            pass  # it went with the connection, and was not acknowledged
        self.take()

    def take(self) -> None:
        for sub in (self.load, self.jobs):
            while msg := sub.try_next():
                self.received[msg.subject].append(msg.payload)

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            await self.step()

    async def check(self, beside: Beside) -> None:
        """Both subscriptions live, nothing came twice, and what was acknowledged arrived."""
        begin = self.published
        await self.until(lambda: self.published > begin + 10)
        await self.until(lambda: int(self.received["jobs"][-1]) > begin)
        await self.nc.flush()
        self.take()
        assert self.received["load"][-1] == b"%d" % (self.published - 1)
        for name, received in self.received.items():
            assert len(received) == len(set(received)), f"{name}: received twice"
        heard: list[bytes] = []
        while not self.acknowledged <= set(heard):  # it goes from node to node
            msg = beside.load.next(timeout=5)
            heard.append(msg.payload)
        assert len(heard) == len(set(heard)), "published twice"
        assert len(self.acknowledged) >= 10
        self.acknowledged.clear()


WAYS: dict[str, Callable[[Server, Any], None]] = {
    "killed": lambda node, nc: node.kill(),
    "stopped": lambda node, nc: node.stop(),
    "lame_duck": lambda node, nc: node.lame_duck(),
    "reconnect": lambda node, nc: nc.reconnect(),
}


@pytest.mark.parametrize("way", WAYS)
def test_p30_moves(face: Face, cluster: Cluster, way: str) -> None:
    """The connected node is killed, stopped in order, says that it will close in 10 s, or the
    user wants another: the client moves (before the close if it was told) and goes on. One server
    was given, the others come from INFO. (The part of JetStream comes with JetStream.)"""

    async def body() -> None:
        nc = await face.connect(cluster.urls[0], **SOON)
        async with nc:
            load = Load(nc, await nc.subscribe("load"), await nc.subscribe("jobs", queue="q"))
            for n in range(ROUNDS):
                await one_move(load, n)
            kinds = [event.kind for event in iter(nc.next_event, None)]
            assert kinds.count("disconnected") == kinds.count("reconnected") == ROUNDS
            assert kinds.count("lame_duck") == (ROUNDS if way == "lame_duck" else 0)

    async def one_move(load: Load, n: int) -> None:
        nc = load.nc
        here = cluster.node(nc.server)
        with Beside(next(node for node in cluster.nodes if node is not here), cluster) as beside:
            begin = load.published
            await load.until(lambda: load.published == begin + 20)
            WAYS[way](here, nc)
            await load.until(lambda: nc.counters["reconnects"] == n + 1)
            assert nc.server in cluster.urls
            assert nc.server != here.url
            assert here.running == (way in ("lame_duck", "reconnect"))
            await load.check(beside)
        if way != "reconnect":
            here.kill()
            cluster.start()

    face.run(body())
