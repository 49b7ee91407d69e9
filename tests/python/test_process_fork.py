"""Fork: the child's use of a client raises ForkError and the parent's connection never notices."""

from collections.abc import Callable

import pytest
from process_support import RecordingServer, must_succeed, run

from anynats.server import Server

EVERY_USE = """
nc = anynats.connect(URL)
sub, other = nc.subscribe("before"), nc.subscribe("before.too")
nc.publish("parent", b"before")
nc.flush()
nc.publish("parent", b"buffered at the fork")
def child():
    refused(nc.publish, "child", b"x")
    refused(nc.publish_nowait, "child", b"x")
    refused(nc.request, "child", timeout=5)
    refused(nc.flush, timeout=5)
    refused(nc.subscribe, "child")
    refused(nc.new_inbox)
    refused(sub.next)
    refused(sub.next, timeout=5)
    refused(list, sub)
    assert sub.try_next() is None and sub.pending == 0
    sub.unsubscribe()
    assert nc.state == "closed", nc.state
    for _ in range(2):
        nc.close()
"""

ENDINGS = {
    "_exit": "must_end(in_child(child))",
    "unused": "must_end(in_child(lambda: None))",
    "dropped": "must_end(in_child(lambda: [globals().pop(n) for n in ('nc', 'sub', 'other')]))",
    "atexit": "if (pid := os.fork()) == 0:\n    child()\n    sys.exit(0)\nmust_end(pid)",
    "atexit unused": "if (pid := os.fork()) == 0:\n    sys.exit(0)\nmust_end(pid)",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_child_sends_no_byte(ending: str) -> None:
    program = (
        EVERY_USE
        + ENDINGS[ending]
        + """
nc.publish("parent", b"after")
nc.flush()
print(nc.counters["out_bytes"], nc.counters["reconnects"], flush=True)
os._exit(0)
"""
    )
    with RecordingServer() as server:
        sent, reconnects = must_succeed(program, server.url).split()
        assert reconnects == "0"
        assert len(server.connections) == 1
        received = bytes(server.connections[0])
    assert b"child" not in received
    assert len(received) == int(sent)
    assert b"buffered at the fork" in received and b"after" in received


def test_a_child_connects_at_once(url: str) -> None:
    must_succeed(
        """
nc = anynats.connect(URL)
sub = nc.subscribe(nc.new_inbox())
nc.flush()
def child():
    with anynats.connect(URL) as mine, mine.subscribe("mine") as own:
        mine.publish(sub.subject, mine.new_inbox().encode())
        mine.publish("mine", b"x")
        assert own.next(timeout=5).payload == b"x"
        refused(nc.flush)
        must_end(in_child(lambda: (refused(mine.flush), refused(nc.flush))))
        mine.flush()
for _ in range(3):
    must_end(in_child(child))
inboxes = {nc.new_inbox(), *(sub.next(timeout=5).payload.decode() for _ in range(3))}
assert len({inbox[:20] for inbox in inboxes}) == 4, inboxes
nc.close()
""",
        url,
    )


ONE_THREAD = """
seen = []
def count(): seen.append(len(os.listdir("/proc/self/task")))
os.register_at_fork(before=count, after_in_parent=count, after_in_child=count)
clients = [anynats.connect(url) for url in (URL, URL.replace("127.0.0.1", "localhost"))]
for nc in clients: nc.publish("x", b"y")
time.sleep(0.05)  # why: whoever is to send it should be at work
def child():
    assert seen[-1] == 1, seen
    with anynats.connect(URL) as mine: mine.flush()
for _ in range(5):
    must_end(in_child(child))
    clients[0].publish("x", b"y")
assert seen[1::2] == [1] * 5, seen
for nc in clients: nc.close()
"""


def test_a_process_forks_with_one_thread(url: str) -> None:
    """What Python 3.12 and later would warn of, it counts after the hooks."""
    must_succeed(ONE_THREAD, url)


def test_the_background_thread_comes_back(nats_server_factory: Callable[..., Server]) -> None:
    server = nats_server_factory(config='ping_interval: "0.1s"\nping_max: 1\n')
    idle = """
for _ in range(2):
    time.sleep(0.5)  # why: nobody uses the client, and the server asks whether it is there
    assert nc.state == "connected" and nc.counters["reconnects"] == 0
    {fork}
nc.close()
"""
    fork = "pid = in_child(lambda: None)\n    must_end(pid)"
    must_succeed("nc = anynats.connect(URL)\n" + idle.format(fork=fork), server.url)
    in_thread = (
        "thread = threading.Thread(target=lambda: must_end(in_child(lambda: None)))\n"
        "    thread.start()\n    thread.join()"
    )
    done = run("nc = anynats.connect(URL)\n" + idle.format(fork=in_thread), server.url)
    assert done.returncode == 0, done.stderr
    own = "def child():\n    nc = anynats.connect(URL)\n    " + idle.format(fork="").replace(
        "\n", "\n    "
    )
    must_succeed("nc = anynats.connect(URL)\n" + own + "\nmust_end(in_child(child))", server.url)


def test_threads_are_at_work_while_others_fork(url: str) -> None:
    must_succeed(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # threads of the program's own
nc, other = anynats.connect(URL), anynats.connect(URL)
silent, busy = nc.subscribe("fork.silent"), nc.subscribe("fork.busy", pending_messages=50)
stop = threading.Event()
def ask():
    while not stop.is_set():
        try:
            other.request("fork.nobody", timeout=5)
        except anynats.NoResponders:
            pass
def shout():
    while not stop.is_set():
        nc.publish("fork.busy", b"x")
        if busy.try_next(): busy.dropped
def wait(call):
    try:
        call()
    except anynats.Closed:
        pass
threads = [threading.Thread(target=target) for target in
           (ask, shout, lambda: wait(silent.next), lambda: wait(lambda: list(busy)),
            lambda: wait(lambda: nc.request("fork.silent", timeout=100)))]
for thread in threads: thread.start()
def child():
    with anynats.connect(URL) as mine:  # its threads use the stacks of those that are gone
        refused(nc.request, "child", timeout=5)
        refused(silent.next)
        refused(busy.next)
        refused(other.publish, "child")
        mine.flush()
    stacks = [threading.Thread(target=time.sleep, args=(0,)) for _ in range(5)]
    for thread in stacks: thread.start()
    for thread in stacks: thread.join()
for i in range(30):
    pid = in_child(child)
    if i % 3 == 0:
        nc.flush(timeout=10)
    must_end(pid)
assert nc.counters["reconnects"] == other.counters["reconnects"] == 0
stop.set()
nc.close()
for thread in threads: thread.join()
other.close()
""",
        url,
        seconds=60,
    )


def test_multiprocessing(url: str) -> None:
    must_succeed(
        """
import multiprocessing
nc = anynats.connect(URL)
sub = nc.subscribe("pool.*")
nc.flush()
def work(number):
    refused(nc.publish, "child")
    with anynats.connect(URL) as mine:
        mine.publish(f"pool.{number}", b"done")
        mine.flush()
    return number
context = multiprocessing.get_context("fork")
process = context.Process(target=work, args=(100,))
process.start()
process.join()
assert process.exitcode == 0
assert sub.next(timeout=5).subject == "pool.100"
with context.Pool(2) as pool:
    # The pool has threads by now, of which newer Pythons warn; its workers are forked before.
    assert sorted(pool.map(work, range(6))) == list(range(6))
    pool.close()
    pool.join()
assert sorted(sub.next(timeout=5).subject for _ in range(6)) == [f"pool.{i}" for i in range(6)]
nc.close()
""",
        url,
    )


def test_subprocess(url: str) -> None:
    must_succeed(
        """
import subprocess
nc = anynats.connect(URL)
sub = nc.subscribe("sub")
look = [sys.executable, "-c", "import os; print(sorted(os.listdir('/proc/self/fd')))"]
for keywords in ({}, {"preexec_fn": lambda: None}, {"close_fds": False}, {"extra_groups": []}):
    nc.publish("sub", b"before")
    done = subprocess.run(look, capture_output=True, text=True, check=True, **keywords)
    assert done.stdout == "['0', '1', '2', '3']\\n", (keywords, done.stdout)
    nc.publish("sub", b"after")
    assert [sub.next(timeout=5).payload for _ in range(2)] == [b"before", b"after"]
nc.close()
""",
        url,
    )


def test_asyncio(url: str) -> None:
    must_succeed(
        """
import asyncio, anynats.asyncio
async def refused_here(call, *args, **keywords):
    try:
        await call(*args, **keywords)
    except anynats.ForkError:
        return
    raise AssertionError(call)
async def use(nc, sub):
    await refused_here(nc.publish, "child")
    await refused_here(nc.request, "child", timeout=5)
    await refused_here(sub.next, timeout=5)
    await refused_here(nc.flush)
    await nc.close()
    async with anynats.asyncio.connect(URL) as mine:
        await mine.publish("aio", b"child")
        await mine.flush()
async def main():
    async with anynats.asyncio.connect(URL) as nc, nc.subscribe("aio") as sub:
        await nc.publish("aio", b"before")
        await nc.flush()  # the server has both before a child publishes
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    asyncio.run(use(nc, sub))
                    del nc, sub
                    code = 0
                except BaseException as error:
                    print(repr(error), file=sys.stderr)
                os._exit(code)
            await asyncio.to_thread(must_end, pid)
        await nc.publish("aio", b"after")
        got = [(await sub.next(timeout=5)).payload for _ in range(5)]
        assert got == [b"before", b"child", b"child", b"child", b"after"], got
        assert nc.counters["reconnects"] == 0
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # the thread of to_thread
asyncio.run(main())
""",
        url,
    )


def test_a_child_that_lives_on_keeps_nothing_awake(url: str) -> None:
    """Its copies of descriptors would stay in epoll instances that they were not taken out of."""
    must_succeed(
        """
keep = anynats.connect(URL)
clients = [anynats.connect(URL) for _ in range(5)]
for nc in clients: nc.flush()
ready, go = os.pipe()
pid = in_child(lambda: (os.close(go), os.read(ready, 1)))
for nc in clients[:3]: nc.close()
del nc, clients
keep.flush()
time.sleep(0.1)  # why: whatever is to end should have ended
before = time.process_time()
time.sleep(0.5)  # why: an epoll instance that is always ready would use it
assert time.process_time() - before < 0.1
keep.flush()
os.close(go)
must_end(pid)
keep.close()
""",
        url,
    )
