"""anynats without await: publish + flush, `for msg in sub`, sequential requests.

usage: plain.py blocking|gevent publish|receive|request port n size
The loops live in functions: at module level Python looks every name up in a dictionary.
"""

import importlib
import sys
import time
from typing import Any

from measure import WARM_UP, Window, arguments


def publish(nc: Any, n: int, size: int) -> None:
    payload = b"x" * size
    nc.flush()
    window = Window()
    for _ in range(n):
        nc.publish("bench", payload)
    nc.flush()
    window.finish(n)


def receive(nc: Any, n: int, size: int) -> None:
    left = n * size
    window = Window()
    for msg in nc.subscribe("bench", pending_messages=n, pending_bytes=1 << 40):
        left -= len(msg.payload)
        if left == 0:
            break
    window.finish(n)


def request(nc: Any, n: int) -> None:
    for _ in range(WARM_UP):
        nc.request("svc", b"x", timeout=1)
    latencies = []
    window = Window()
    for _ in range(n):
        start = time.perf_counter_ns()
        nc.request("svc", b"x", timeout=1)
        latencies.append(time.perf_counter_ns() - start)
    window.finish(n, latencies)


def main() -> None:
    face = sys.argv.pop(1)
    args = arguments()
    nc = importlib.import_module(f"anynats.{face}" if face != "blocking" else "anynats").connect(
        args.url
    )
    if args.task == "publish":
        publish(nc, args.n, args.size)
    elif args.task == "receive":
        receive(nc, args.n, args.size)
    else:
        request(nc, args.n)
    nc.close()


main()
