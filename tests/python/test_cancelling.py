"""Waits for messages cancelled at random, 100,000 times on each loop: none lost, none twice.

At least one cancel in a hundred comes when a message is in hand: it is there already, or comes
before the cancel takes effect. The seed is printed. ANYNATS_LONG=1 cancels a million times.
"""

import os
import random
from typing import Any

import pytest

import anynats

CANCELS = 1_000_000 if os.environ.get("ANYNATS_LONG") else 100_000
if "LD_PRELOAD" in os.environ:  # a sanitizer, which makes everything slow
    CANCELS //= 10
MOST_UNREAD = 100


class Storm:
    """What is sent, cancelled and seen; whoever makes the weather calls send(), wants_cancel()."""

    def __init__(self, nc: Any, subject: str, most: int = CANCELS) -> None:
        seed = int.from_bytes(os.urandom(4), "big")
        print("seed", seed)
        self.rng = random.Random(seed)
        self.nc, self.subject, self.most = nc, subject, most
        self.sent = self.cancels = self.in_hand = 0
        self.seen: list[int] = []
        self.operation: Any = None  # what the reader waits for
        self.asked = False  # a cancel is on its way to the reader

    @property
    def goes_on(self) -> bool:
        """Whether more is to be cancelled: enough, and enough of them with a message in hand."""
        enough = self.cancels >= self.most and self.in_hand >= self.most // 100
        return not enough and self.cancels < 4 * self.most

    def send(self) -> None:
        """Send a little, or nothing."""
        for _ in range(self.rng.randrange(3)):
            if self.sent - len(self.seen) < MOST_UNREAD:
                self.nc.publish_nowait(self.subject, b"%d" % self.sent)
                self.sent += 1

    def wants_cancel(self) -> bool:
        """Tell whether to cancel now."""
        if self.operation is None or self.rng.random() < 0.2:
            return False
        self.cancels += 1
        self.in_hand += self.operation.done()
        self.asked = not self.operation.done()
        return True

    def got(self, message: anynats.Message) -> None:
        self.in_hand += self.asked
        self.asked = False
        self.seen.append(int(message.payload))

    def check(self) -> None:
        assert self.seen == list(range(self.sent))
        assert self.sent > 1_000
        assert self.in_hand >= self.most // 100, self.in_hand


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_on_asyncio(url: str, loop: str) -> None:
    import asyncio

    import anynats.asyncio

    async def main() -> None:
        async with anynats.asyncio.connect(url) as nc:
            storm = Storm(nc, nc.new_inbox(), CANCELS if loop == "asyncio" else CANCELS // 10)
            wait = nc._wait

            async def watched(operation: Any) -> None:
                storm.operation = operation
                try:
                    await wait(operation)
                finally:
                    storm.operation = None

            async with nc.subscribe(storm.subject) as sub:
                nc._wait = watched  # type: ignore[method-assign]

                async def read() -> None:
                    while storm.goes_on or len(storm.seen) < storm.sent:
                        try:
                            storm.got(await sub.next())
                        except asyncio.CancelledError:
                            storm.asked = False

                reader = asyncio.create_task(read())

                def step() -> None:
                    if not storm.goes_on:
                        return
                    storm.send()
                    if storm.wants_cancel():
                        reader.cancel()
                    asyncio.get_running_loop().call_soon(step)

                step()
                done, _ = await asyncio.wait({reader}, timeout=600)
                assert done, nc._native.dump()
                del nc._wait
            storm.check()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    if loop == "uvloop":
        pytest.importorskip("uvloop").run(main(), debug=False)
    else:
        asyncio.run(main(), debug=False)


def test_on_trio(url: str) -> None:
    trio = pytest.importorskip("trio")
    import anynats.trio

    async def main() -> None:
        async with anynats.trio.connect(url) as nc:
            storm = Storm(nc, nc.new_inbox())
            wait = nc._wait
            scope = trio.CancelScope()

            async def watched(operation: Any) -> None:
                storm.operation = operation
                try:
                    await wait(operation)
                finally:
                    storm.operation = None

            async def read(sub: anynats.trio.Subscription) -> None:
                nonlocal scope
                while storm.goes_on or len(storm.seen) < storm.sent:
                    with trio.CancelScope() as scope:
                        storm.got(await sub.next())
                    storm.asked = False

            with trio.fail_after(600):
                async with nc.subscribe(storm.subject) as sub, trio.open_nursery() as nursery:
                    nc._wait = watched  # type: ignore[method-assign]
                    nursery.start_soon(read, sub)
                    while storm.goes_on:
                        storm.send()
                        if storm.wants_cancel():
                            scope.cancel()
                        await trio.lowlevel.checkpoint()
            del nc._wait
            storm.check()

    trio.run(main)


def test_on_gevent(url: str) -> None:
    gevent = pytest.importorskip("gevent")
    import anynats.gevent

    class Cancelled(Exception):
        pass

    with anynats.gevent.connect(url) as nc:
        storm = Storm(nc, nc.new_inbox())
        place = nc._place()
        wait = place.wait

        def watched(operation: Any) -> None:
            storm.operation = operation
            try:
                wait(operation)
            finally:
                storm.operation = None

        with nc.subscribe(storm.subject) as sub, gevent.Timeout(600):
            place.wait = watched  # type: ignore[method-assign]

            def read() -> None:
                while storm.goes_on or len(storm.seen) < storm.sent:
                    try:
                        storm.got(sub.next())
                    except Cancelled:
                        storm.asked = False

            reader = gevent.spawn(read)
            while storm.goes_on:
                pong = nc._native.flush(60)
                storm.send()
                if storm.rng.random() < 0.3:
                    wait(pong)  # in the turn that brings messages, before their reader
                else:
                    gevent.sleep(0)
                if storm.wants_cancel():
                    reader.kill(Cancelled, block=False)
            reader.get()
        del place.wait
        storm.check()
