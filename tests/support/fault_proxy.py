"""A TCP proxy in front of a nats-server: it breaks things on purpose and logs what was said.

    with FaultProxy(server.port) as proxy:
        proxy.plans = [Plan(down=Way(events=[Event(100, "reset")]))]  # the first connection's
        nc = anynats.connect(proxy.url)

What it does depends on byte offsets and on seeds alone, never on timing: an event happens exactly
behind that many bytes of its direction. `up` is from the client to the server, `down` the other
way. It runs in a thread of its own; what is logged may be read at any time, and is complete when
the conversation has ended.
"""

import asyncio
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

HOST = "127.0.0.1"
LIMIT = 10.0  # seconds to wait for the proxy's own thread
QUEUED = 4  # pieces between reading and writing, so that a reader that stops is felt at once
DELAYED = 100_000  # pieces on their way when there is latency
TICK = 0.02  # seconds; a limited rate lets as much pass at once

What = Literal["reset", "close", "end", "hole", "pause", "insert", "flip", "repeat"]


@dataclass(frozen=True)
class Event:
    """Something that happens behind `at` bytes, or behind the first occurrence of a text.

    reset: both connections end with RST. close: both end with FIN. end: only this direction ends,
    with FIN. hole: from here on this direction is swallowed. pause: nothing is read or passed on
    for `by` seconds. insert: the bytes `by` are said too. flip: the next byte is changed by `by`
    (exclusive or). repeat: the last `by` bytes are said again.
    """

    at: int | bytes
    what: What
    by: Any = None


@dataclass(frozen=True)
class Way:
    """What is done to one direction: seconds of latency, +- jitter; bytes per second; the least and
    most bytes passed on at once, for the first `chunk_until` bytes; events."""

    latency: float = 0.0
    jitter: float = 0.0
    rate: float | None = None
    chunk: tuple[int, int] | None = None
    chunk_until: int = 20_000
    events: Sequence[Event] = ()


@dataclass(frozen=True)
class Plan:
    """What is done to one connection. `accept`: it may also hang (silent), or end at once."""

    up: Way = field(default_factory=Way)
    down: Way = field(default_factory=Way)
    accept: Literal["pass", "hang", "close", "reset"] = "pass"
    seed: int = 0


class Log:
    """One direction: what was heard from its sender, and what was told to its receiver."""

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.heard, self.told = bytearray(), bytearray()

    def tell(self, data: bytes) -> None:
        if self.keep:
            self.told += data


class Conversation:
    """One connection of a client: when it came and went, and the log of both directions."""

    def __init__(self, number: int, client: socket.socket, keep: bool) -> None:
        self.number = number
        self.began = time.monotonic()
        self.left: float | None = None  # when the client closed it
        self.up, self.down = Log(keep), Log(keep)
        self.server_side: int | None = None  # the port that the server sees
        self.client, self.server = client, socket.socket()
        self.queues: dict[str, asyncio.Queue[Any]] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.ways_ended = 0

    async def end(self, how: str) -> None:
        """Close both sides, once nothing waits on them any more."""
        others = [task for task in self.tasks if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for sock in (self.client, self.server):
            if how == "reset" and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()


class FaultProxy:
    """Use it with `with`. `plans` are for the connections to come, in order; later ones are clean.

    `plans` may also be a function of the connection's number. `buffer` is the size of the receive
    buffer towards the client, for feeling that nobody reads. `keep=False`: do not log what is told.
    """

    def __init__(
        self,
        server_port: int,
        plans: Sequence[Plan] | Callable[[int], Plan] = (),
        *,
        buffer: int | None = None,
        keep: bool = True,
    ) -> None:
        self.server_port = server_port
        self.plans = plans
        self.conversations: list[Conversation] = []
        self._port = 0
        self._buffer, self._keep = buffer, keep
        self._listener: socket.socket | None = None
        self._loop = asyncio.new_event_loop()
        self._loop.set_debug(False)
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy")

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self._port}"

    @property
    def current(self) -> Conversation:
        return self.conversations[-1]

    def refuse(self) -> None:
        """Refuse connections until `listen()`, as if nothing were there."""
        self._call(self._refuse())

    def listen(self) -> None:
        self._call(self._listen())

    def cut(self, how: Literal["reset", "close"] = "reset") -> None:
        """End all connections now."""
        self._call(self._cut(how))

    def now(self, what: What, by: Any = None, direction: str = "down") -> None:
        """Let an event happen on the newest connection, behind what has been heard until now."""
        queue = self.current.queues[direction]
        self._call(queue.put((0.0, Event(0, what, by))))

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *error: object) -> None:
        self.refuse()
        self.cut("close")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        self._loop.close()

    # --- in the proxy's own thread ---------------------------------------------------------------

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(LIMIT)

    async def _listen(self) -> None:
        if self._listener:
            return
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        self._listener.bind((HOST, self._port))
        self._port = self._listener.getsockname()[1]
        self._listener.listen(1024)
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept, self._listener)

    async def _refuse(self) -> None:
        if self._listener:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _cut(self, how: str) -> None:
        for conversation in self.conversations:
            await conversation.end(how)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.setblocking(False)
        conversation = Conversation(len(self.conversations), client, self._keep)
        n, plans = conversation.number, self.plans
        plan = plans(n) if callable(plans) else plans[n] if n < len(plans) else Plan()
        self.conversations.append(conversation)
        conversation.tasks.append(self._loop.create_task(self._converse(conversation, plan)))

    async def _converse(self, conversation: Conversation, plan: Plan) -> None:
        client, server = conversation.client, conversation.server
        if plan.accept != "pass":
            with suppress(OSError):
                while plan.accept == "hang" and await self._loop.sock_recv(client, 65_536):
                    pass
            conversation.left = time.monotonic()
            await conversation.end(plan.accept)
            return
        server.setblocking(False)
        try:
            await self._loop.sock_connect(server, (HOST, self.server_port))
        except OSError:
            await conversation.end("reset")
            return
        conversation.server_side = server.getsockname()[1]
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name in ("up", "down"):
            way = plan.up if name == "up" else plan.down
            conversation.queues[name] = asyncio.Queue(DELAYED if way.latency else QUEUED)
            direction = Direction(conversation, name, way, random.Random(f"{plan.seed} {name}"))
            for work in (direction.read(), direction.write()):
                conversation.tasks.append(self._loop.create_task(work))


class Direction:
    """One direction of a conversation: a reader that queues pieces and events, and a writer."""

    def __init__(
        self, conversation: Conversation, name: str, way: Way, draw: random.Random
    ) -> None:
        self.conversation, self.way, self.draw = conversation, way, draw
        ends = (conversation.client, conversation.server)
        self.source, self.target = ends if name == "up" else reversed(ends)
        self.log = conversation.up if name == "up" else conversation.down
        self.queue = conversation.queues[name]
        self.loop = asyncio.get_running_loop()
        self.muted = False  # nothing is passed on any more
        self.was_shut = False
        self.mask = 0  # for the next byte

    async def read(self) -> None:
        """Queue what is heard, cut where events are due, with the time at which it arrives."""
        events = list(self.way.events)
        heard, due = self.log.heard, 0.0
        for event in reached(events, heard, 0):
            await self.queue.put((due, event[1]))
        with suppress(OSError):
            while data := await self.loop.sock_recv(self.source, 65_536):
                if self.way.latency:
                    lag = self.way.latency + self.draw.uniform(-self.way.jitter, self.way.jitter)
                    due = max(due, time.monotonic() + lag)
                begin = len(heard)
                heard += data
                for at, event in reached(events, heard, begin):
                    await self.queue.put((due, bytes(heard[begin:at])))
                    await self.queue.put((due, event))
                    begin = at
                await self.queue.put((due, bytes(heard[begin:])))
        if self.source is self.conversation.client:
            self.conversation.left = time.monotonic()
        await self.queue.put((due, None))

    async def write(self) -> None:
        """Pass on what is queued, and let the events happen.

        What is there at once goes out in one segment, so that an insertion is seen together with
        what stands before it.
        """
        out = bytearray()
        while True:
            if out and self.queue.empty():
                await self.send(out)
            due, item = await self.queue.get()
            if (early := due - time.monotonic()) > 0:
                await self.send(out)
                await asyncio.sleep(early)  # why: the latency that was asked for
            if item is None:
                break
            if not isinstance(item, Event):
                out += item
                if self.mask and item:
                    out[-len(item)] ^= self.mask
                    self.mask = 0
            elif item.what == "insert":
                out += item.by
            elif item.what == "repeat":
                out += (self.log.told + out)[-item.by :]
            else:
                await self.send(out)
                await self.happen(item)
        await self.send(out)
        if self.muted and not self.was_shut:
            return  # a black hole does not tell that the other side is gone
        self.shut()
        self.conversation.ways_ended += 1
        if self.conversation.ways_ended == 2:
            await self.conversation.end("close")

    async def happen(self, event: Event) -> None:
        if event.what in ("reset", "close"):
            await self.conversation.end(event.what)
            self.muted = True
        elif event.what == "end":
            self.shut()
        elif event.what == "pause":
            await asyncio.sleep(event.by)  # why: the pause that was asked for
        elif event.what == "hole":
            self.muted = True
        elif event.what == "flip":
            self.mask = event.by

    def shut(self) -> None:
        if not self.was_shut:
            with suppress(OSError):
                self.target.shutdown(socket.SHUT_WR)
        self.was_shut = self.muted = True

    async def send(self, out: bytearray) -> None:
        """Send and empty `out`, as the way has it."""
        data, way = bytes(out), self.way
        out.clear()
        if self.muted:
            return
        while data:
            n = len(data)
            if way.chunk and len(self.log.told) < way.chunk_until:
                n = self.draw.randint(*way.chunk)
            if way.rate:
                n = min(n, max(1, int(way.rate * TICK)))
            piece, data = data[:n], data[n:]
            self.log.tell(piece)
            with suppress(OSError):
                await self.loop.sock_sendall(self.target, piece)
            if way.rate:
                await asyncio.sleep(len(piece) / way.rate)  # why: the rate that was asked for


def reached(events: list[Event], text: bytearray, begin: int) -> list[tuple[int, Event]]:
    """Take the events that are due by the end of `text`, which has grown since `begin`."""
    found = []
    for event in list(events):
        if isinstance(event.at, bytes):
            at = text.find(event.at, max(0, begin - len(event.at) + 1))
            at = at + len(event.at) if at >= 0 else -1
        else:
            at = event.at if event.at <= len(text) else -1
        if at >= 0:
            events.remove(event)
            found.append((at, event))
    return sorted(found, key=lambda pair: pair[0])
