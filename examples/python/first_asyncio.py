"""Publish, subscribe, request; on asyncio (or uvloop: `uvloop.run(main())`).

usage: first_asyncio.py [URL]
"""

import asyncio
import sys

import anynats.asyncio

URL = sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"


async def answer(service: anynats.asyncio.Subscription, nc: anynats.asyncio.Client) -> None:
    async for msg in service:  # ends when the subscription ends
        if msg.reply:
            await nc.publish(msg.reply, msg.payload.upper())


async def main() -> None:
    async with (
        anynats.asyncio.connect(URL) as nc,
        nc.subscribe("sensors.*", queue="workers") as sub,
    ):
        await nc.publish("sensors.kitchen", b"21.5", headers={"unit": "C"})
        msg = await sub.next(timeout=5)  # TimeoutError when nothing comes
        print(msg.subject, msg.payload.decode(), msg.headers["unit"])

        async with nc.subscribe("service.upper") as service:
            task = asyncio.create_task(answer(service, nc))
            reply = await nc.request("service.upper", b"hello", timeout=5)
            print(reply.payload.decode())
        await task


asyncio.run(main())
