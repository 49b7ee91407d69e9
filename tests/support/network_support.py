"""Sizes, options and the one workload that the tests of broken networks share."""

import os
from typing import Any

from face_support import Face
from fault_proxy import FaultProxy
from wire_log import Books, balance, flush, live_subscriptions, take, work

import anynats

LONG = bool(os.environ.get("ANYNATS_LONG"))
# What lets a client come back at once.
SOON = {"reconnect_wait_min": 0.001, "reconnect_wait_max": 0.02, "stable_after": 0.0}


async def work_behind(
    face: Face,
    proxy: FaultProxy,
    other: anynats.Client,
    responder: str,
    *,
    rounds: int = 30,
    size: int = 100,
    **options: Any,
) -> dict[str, int]:
    """Publish, request, flush and receive behind a proxy; then balance the books.

    `other` is beside the proxy and sees what really arrived. Returns the client's counters.
    """
    books = Books()
    nc = await face.connect(proxy.url, retry_on_failed_connect=True, **{**SOON, **options})
    async with nc:
        sub = await nc.subscribe(nc.new_inbox())
        witness = other.subscribe(sub.subject)
        other.flush()
        await work(nc, books, sub, responder, rounds, size)
        await flush_twice(nc, books)
        take(books, sub)
        other.flush()
        take_witnessed(books, witness)
        counters: dict[str, int] = nc.counters
        balance(books, proxy, counters, sub.sid)
        live = live_subscriptions(proxy.current)
        assert live.pop(sub.sid) == (sub.subject, None)
        assert all(subject.startswith("_INBOX.") for subject, _ in live.values())
        assert len(live) <= 1, "more than the inbox of requests"
    return counters


def take_witnessed(books: Books, witness: anynats.Subscription) -> None:
    while msg := witness.try_next():
        books.witnessed.append(msg.payload)
    witness.unsubscribe()


async def flush_twice(nc: Any, books: Books) -> None:
    """Flush until that went well twice in a row: nothing is in the way any more, not even just
    behind the last PONG. Each failure uses up a planned end of a connection."""
    in_a_row = 0
    for _ in range(20):
        in_a_row = in_a_row + 1 if await flush(nc, books) else 0
        if in_a_row == 2:
            return
    raise AssertionError("there were more ends of connections than planned")
