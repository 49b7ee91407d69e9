"""The nats-py peer on asyncio: publish + flush, receive by callback, sequential requests.

usage: nats_py.py publish|receive|request port n size
"""

import asyncio
import time

import nats
from measure import DEADLINE_S, WARM_UP, Arguments, Window, arguments
from nats.aio.client import Client
from nats.aio.msg import Msg


async def publish(nc: Client, n: int, size: int) -> None:
    payload = b"x" * size
    await nc.flush()
    window = Window()
    for _ in range(n):
        await nc.publish("bench", payload)
    await nc.flush(timeout=int(DEADLINE_S))
    window.finish(n)


async def receive(nc: Client, n: int, size: int) -> None:
    done = asyncio.get_running_loop().create_future()
    left = n * size

    async def count(msg: Msg) -> None:
        nonlocal left
        left -= len(msg.data)
        if left == 0:
            done.set_result(None)

    window = Window()
    # No limit: a message dropped as "slow consumer" would never be counted.
    await nc.subscribe("bench", cb=count, pending_msgs_limit=0, pending_bytes_limit=0)
    await asyncio.wait_for(done, DEADLINE_S)
    window.finish(n)


async def request(nc: Client, n: int) -> None:
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
    nc = await nats.connect(args.url, allow_reconnect=False)
    if args.task == "publish":
        await publish(nc, args.n, args.size)
    elif args.task == "receive":
        await receive(nc, args.n, args.size)
    else:
        await request(nc, args.n)
    await nc.close()


asyncio.run(main(arguments()))
