"""The raw requester on each Python loop: request, await the reply in the loop's own way, again.

usage: on_a_loop.py raw-asyncio|raw-uvloop|raw-trio|raw-gevent request port n size
What pingpong.cpp is to a blocking client: what a loop costs without any client on it. The inbox is
fixed, a reply is recognised by its first byte, and nothing is checked, queued or timed.
"""

import asyncio
import importlib
import sys
import time
from typing import Any

from measure import WARM_UP, Arguments, Window, arguments

HELLO = b'CONNECT {"verbose":false}\r\nSUB _INBOX.raw.* 1\r\nPING\r\n'
REQUEST = b"PUB svc _INBOX.raw.1 1\r\nx\r\n"
PONG = b"PONG\r\n"
RECEIVE_BYTES = 65_536


def port_of(args: Arguments) -> int:
    return int(args.url.rpartition(":")[2])


class Replies(asyncio.BufferedProtocol):
    """asyncio's cheapest way: one buffer, and a future for each reply."""

    def __init__(self) -> None:
        self.reply = asyncio.get_running_loop().create_future()
        self.buffer = bytearray(RECEIVE_BYTES)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(HELLO)

    def get_buffer(self, _: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, n: int) -> None:
        if self.buffer.startswith(b"PING"):
            self.transport.write(PONG)
        elif self.buffer.endswith(PONG, 0, n) or self.buffer.startswith(b"MSG"):
            self.reply.set_result(None)


async def on_asyncio(args: Arguments) -> None:
    loop = asyncio.get_running_loop()
    _, replies = await loop.create_connection(Replies, "127.0.0.1", port_of(args))
    await replies.reply

    async def round_trip() -> None:
        replies.reply = loop.create_future()
        replies.transport.write(REQUEST)
        await replies.reply

    await measure(round_trip, args.n)


async def on_trio(args: Arguments) -> None:
    import trio

    stream = await trio.open_tcp_stream("127.0.0.1", port_of(args))
    await stream.send_all(HELLO)

    async def reply() -> None:
        while True:
            data = await stream.receive_some(RECEIVE_BYTES)
            if data.startswith(b"MSG") or data.endswith(PONG):
                return
            if data.startswith(b"PING"):
                await stream.send_all(PONG)

    async def round_trip() -> None:
        await stream.send_all(REQUEST)
        await reply()

    await reply()
    await measure(round_trip, args.n)


async def measure(round_trip: Any, n: int) -> None:
    for _ in range(WARM_UP):
        await round_trip()
    latencies = []
    window = Window()
    for _ in range(n):
        start = time.perf_counter_ns()
        await round_trip()
        latencies.append(time.perf_counter_ns() - start)
    window.finish(n, latencies)


def on_gevent(args: Arguments) -> None:
    from gevent import socket

    with socket.create_connection(("127.0.0.1", port_of(args))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(HELLO)

        def reply() -> None:
            while True:
                data = connection.recv(RECEIVE_BYTES)
                if data.startswith(b"MSG") or data.endswith(PONG):
                    return
                if data.startswith(b"PING"):
                    connection.sendall(PONG)

        def round_trip() -> int:
            start = time.perf_counter_ns()
            connection.sendall(REQUEST)
            reply()
            return time.perf_counter_ns() - start

        reply()
        for _ in range(WARM_UP):
            round_trip()
        window = Window()
        window.finish(args.n, [round_trip() for _ in range(args.n)])


loop = sys.argv.pop(1).removeprefix("raw-")
args = arguments()
if loop == "gevent":
    on_gevent(args)
elif loop == "trio":
    importlib.import_module("trio").run(on_trio, args)
elif loop == "uvloop":
    importlib.import_module("uvloop").run(on_asyncio(args))
else:
    asyncio.run(on_asyncio(args))
