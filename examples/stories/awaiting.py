"""The demo's story with `await`, on any loop: the same words as in plain.py.

`face` is anynats.asyncio, anynats.trio or another that awaits. Told through `tell`, which
examples/demo.py gives; `restart` restarts the server, without holding up the loop.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import anynats

MESSAGES = 100_000
REQUESTS = 2_000


async def story(
    face: Any, url: str, tell: Callable[..., None], restart: Callable[[], Awaitable[None]]
) -> None:
    """Show publishers, subscribers, a queue group, requests, headers and a restart survived."""
    async with face.connect(url) as nc:
        tell("connected", nc.server)

        async with nc.subscribe("demo.>") as everything:
            await nc.publish("demo.sensors.a", b"21.5", headers={"unit": "C", "tag": ["1", "2"]})
            msg = await everything.next(timeout=5)
            tell("wildcard demo.>", f"{msg.subject} = {msg.payload.decode()}")
            tell(
                "headers",
                f"unit: {msg.headers['unit']}, tag: {len(msg.headers.get_all('tag'))} values",
            )

        async with (
            nc.subscribe("jobs", queue="workers") as one,
            nc.subscribe("jobs", queue="workers") as two,
        ):
            for _ in range(1_000):
                await nc.publish("jobs", b"job")
            await nc.flush()
            await nc.flush()  # the second PONG comes behind every message of the first
            tell("queue group", f"{one.pending} + {two.pending} of 1000 jobs")

        async with nc.subscribe("rate", pending_messages=MESSAGES) as sub:
            start = time.perf_counter()
            for _ in range(MESSAGES):
                await nc.publish("rate", b"0123456789abcdef")
            for _ in range(MESSAGES):
                await sub.next(timeout=30)
            tell("published and received", MESSAGES, time.perf_counter() - start)

        async with face.connect(url) as service:

            async def answer(msg: anynats.Message) -> None:
                await service.publish(msg.reply, b"42")

            await service.subscribe("answer", callback=answer)
            await service.flush()
            start = time.perf_counter()
            for _ in range(REQUESTS):
                await nc.request("answer", b"?", timeout=5)
            tell("requests answered", REQUESTS, time.perf_counter() - start)

        try:
            await nc.request("nobody.there", b"?", timeout=5)
        except anynats.NoResponders as error:
            tell("no responders", type(error).__name__)

        async with nc.subscribe("after.restart") as sub:
            await restart()
            await nc.publish("after.restart", b"still here")
            tell("restart survived", (await sub.next(timeout=10)).payload.decode())
