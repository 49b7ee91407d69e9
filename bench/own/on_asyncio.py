"""anynats on asyncio: publish + flush, `async for msg in sub`, sequential requests.

usage: on_asyncio.py publish|receive|request port n size
The twin of blocking.py, word for word with `await`, on the standard event loop.
"""

import asyncio
import time

from measure import WARM_UP, Arguments, Window, arguments

import anynats.asyncio


async def publish(nc: anynats.asyncio.Client, n: int, size: int) -> None:
    payload = b"x" * size
    await nc.flush()
    window = Window()
    for _ in range(n):
        await nc.publish("bench", payload)
    await nc.flush()
    window.finish(n)


async def receive(nc: anynats.asyncio.Client, n: int, size: int) -> None:
    left = n * size
    window = Window()
    async for msg in await nc.subscribe("bench", pending_messages=n, pending_bytes=1 << 40):
        left -= len(msg.payload)
        if left == 0:
            break
    window.finish(n)


async def request(nc: anynats.asyncio.Client, n: int) -> None:
    for _ in range(WARM_UP):
        await nc.request("svc", b"x", timeout=1)
    latencies = []
    window = Window()
    for _ in range(n):
        start = time.perf_counter_ns()
        await nc.request("svc", b"x", timeout=1)
        latencies.append(time.perf_counter_ns() - start)
    window.finish(n, latencies)


async def main(args: Arguments) -> None:
    nc = await anynats.asyncio.connect(args.url)
    if args.task == "publish":
        await publish(nc, args.n, args.size)
    elif args.task == "receive":
        await receive(nc, args.n, args.size)
    else:
        await request(nc, args.n)
    await nc.close()


asyncio.run(main(arguments()))
