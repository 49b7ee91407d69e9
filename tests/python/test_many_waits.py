"""Ten thousand waits on one connection: all end, and each costs little memory beside its task.

What a wait costs is what a process has grown by, less what as many tasks cost that only sleep.
"""

import os

import pytest
from process_support import must_succeed

import anynats

MOST_BYTES = 2_048
SLACK_BYTES = 512  # what the allocators keep of one measurement for the next

HEAD = """
import gc
N = 10_000
def resident():
    gc.collect()
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
def grown(before):
    return (resident() - before) / N
"""
LOOPS = {
    "asyncio": """
import asyncio, anynats.asyncio
async def main():
    async with anynats.asyncio.connect(URL) as nc:
        async def sleep(future):
            await future
        async def cost(make):
            before = resident()
            tasks = [asyncio.create_task(make()) for _ in range(N)]
            await asyncio.sleep(0.1)
            await nc.flush()
            each = grown(before)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return each
        sleeping = asyncio.get_running_loop().create_future
        alone = await cost(lambda: sleep(sleeping()))
        print(await cost(lambda: nc.request(sys.argv[2], timeout=60)) - alone)
        tasks = [asyncio.create_task(nc.request(sys.argv[3], timeout=60)) for _ in range(N)]
        await asyncio.gather(*tasks)
asyncio.run(main())
""",
    "trio": """
import trio, anynats.trio
async def main():
    async with anynats.trio.connect(URL) as nc:
        async def cost(wait):
            before = resident()
            async with trio.open_nursery() as nursery:
                for _ in range(N):
                    nursery.start_soon(wait)
                await trio.sleep(0.1)
                await nc.flush()
                each = grown(before)
                nursery.cancel_scope.cancel()
            return each
        async def ask():
            await nc.request(sys.argv[2], timeout=60)
        alone = await cost(trio.sleep_forever)
        print(await cost(ask) - alone)
        async with trio.open_nursery() as nursery:
            async def ask_again():
                await nc.request(sys.argv[3], timeout=60)
            for _ in range(N):
                nursery.start_soon(ask_again)
trio.run(main)
""",
    "gevent": """
import gevent, gevent.event, anynats.gevent
with anynats.gevent.connect(URL) as nc:
    kept = []  # so that the second measurement finds no memory that the first has left
    def cost(wait, *args, **keywords):
        before = resident()
        kept.append([gevent.spawn(wait, *args, **keywords) for _ in range(N)])
        gevent.sleep(0.1)
        nc.flush()
        return grown(before)
    alone = cost(gevent.event.Event().wait)
    print(cost(nc.request, sys.argv[2], timeout=60) - alone)
    for greenlets in kept:
        gevent.killall(greenlets)
    greenlets = [gevent.spawn(nc.request, sys.argv[3], timeout=60) for _ in range(N)]
    gevent.joinall(greenlets, raise_error=True)
""",
}


@pytest.mark.parametrize("loop", LOOPS)
def test_ten_thousand_at_once(url: str, loop: str, responder: str, other: anynats.Client) -> None:
    pytest.importorskip(loop)
    if "LD_PRELOAD" in os.environ:
        pytest.skip("a sanitizer's allocator is in place")
    with other.subscribe(other.new_inbox(), pending_messages=1) as silent:
        other.flush()
        program = HEAD + LOOPS[loop]
        # Not in development mode, whose allocator would be measured.
        printed = must_succeed(program, url, silent.subject, responder, seconds=90, dev=False)
        each = float(printed)
    print(f"{loop}: {each:.0f} bytes a wait beside its task")
    assert each <= MOST_BYTES + SLACK_BYTES
