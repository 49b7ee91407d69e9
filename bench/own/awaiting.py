"""anynats with await: publish + flush, `async for msg in sub`, sequential requests.

usage: awaiting.py asyncio|uvloop|trio publish|receive|request port n size
The twin of plain.py, word for word with `await`.
"""

import importlib
import sys
import time
from typing import Any

from measure import WARM_UP, Arguments, Window, arguments


async def publish(nc: Any, n: int, size: int) -> None:
    payload = b"x" * size
    await nc.flush()
    window = Window()
    for _ in range(n):
        await nc.publish("bench", payload)
    await nc.flush()
    window.finish(n)


async def receive(nc: Any, n: int, size: int) -> None:
    left = n * size
    window = Window()
    async for msg in await nc.subscribe("bench", pending_messages=n, pending_bytes=1 << 40):
        left -= len(msg.payload)
        if left == 0:
            break
    window.finish(n)


async def request(nc: Any, n: int) -> None:
    for _ in range(WARM_UP):
        await nc.request("svc", b"x", timeout=1)
    latencies = []
    window = Window()
    for _ in range(n):
        start = time.perf_counter_ns()
        await nc.request("svc", b"x", timeout=1)
        latencies.append(time.perf_counter_ns() - start)
    window.finish(n, latencies)


async def main(face: str, args: Arguments) -> None:
    nc = await importlib.import_module(f"anynats.{face}").connect(args.url)
    if args.task == "publish":
        await publish(nc, args.n, args.size)
    elif args.task == "receive":
        await receive(nc, args.n, args.size)
    else:
        await request(nc, args.n)
    await nc.close()


loop = sys.argv.pop(1)
args = arguments()
if loop == "trio":
    import trio

    trio.run(main, loop, args)
elif loop == "uvloop":
    import uvloop

    uvloop.run(main("asyncio", args))
else:
    import asyncio

    asyncio.run(main("asyncio", args))
