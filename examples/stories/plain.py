"""The demo's story without `await`: blocking calls in any thread, or greenlets.

`face` is anynats or anynats.gevent. Told through `tell`, which examples/demo.py gives; `restart`
restarts the server.
"""

import time
from collections.abc import Callable
from typing import Any

import anynats

MESSAGES = 100_000
REQUESTS = 2_000


def story(face: Any, url: str, tell: Callable[..., None], restart: Callable[[], None]) -> None:
    """Show publishers, subscribers, a queue group, requests, headers and a restart survived."""
    with face.connect(url) as nc:
        tell("connected", nc.server)

        with nc.subscribe("demo.>") as everything:
            nc.publish("demo.sensors.a", b"21.5", headers={"unit": "C", "tag": ["1", "2"]})
            msg = everything.next(timeout=5)
            tell("wildcard demo.>", f"{msg.subject} = {msg.payload.decode()}")
            tell(
                "headers",
                f"unit: {msg.headers['unit']}, tag: {len(msg.headers.get_all('tag'))} values",
            )

        with (
            nc.subscribe("jobs", queue="workers") as one,
            nc.subscribe("jobs", queue="workers") as two,
        ):
            for _ in range(1_000):
                nc.publish("jobs", b"job")
            nc.flush()
            nc.flush()  # the second PONG comes behind every message of the first
            tell("queue group", f"{one.pending} + {two.pending} of 1000 jobs")

        with nc.subscribe("rate", pending_messages=MESSAGES) as sub:
            start = time.perf_counter()
            for _ in range(MESSAGES):
                nc.publish("rate", b"0123456789abcdef")
            for _ in range(MESSAGES):
                sub.next(timeout=30)
            tell("published and received", MESSAGES, time.perf_counter() - start)

        with face.connect(url) as service:
            service.subscribe("answer", callback=lambda msg: service.publish(msg.reply, b"42"))
            service.flush()
            start = time.perf_counter()
            for _ in range(REQUESTS):
                nc.request("answer", b"?", timeout=5)
            tell("requests answered", REQUESTS, time.perf_counter() - start)

        try:
            nc.request("nobody.there", b"?", timeout=5)
        except anynats.NoResponders as error:
            tell("no responders", type(error).__name__)

        with nc.subscribe("after.restart") as sub:
            restart()
            nc.publish("after.restart", b"still here")
            tell("restart survived", sub.next(timeout=10).payload.decode())
