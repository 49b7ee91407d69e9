"""What only gevent has: hubs, greenlets, Timeout and kill, with monkey patching and without."""

import subprocess
import sys
import threading
from typing import Any

import pytest
from stalled_server import StalledServer

import anynats

gevent = pytest.importorskip("gevent")
import anynats.gevent  # noqa: E402
from anynats.gevent import Client  # noqa: E402


def ticker() -> tuple[Any, list[int]]:
    """Return a greenlet that ticks every 2 ms, and its ticks."""
    ticks: list[int] = []

    def tick() -> None:
        while True:
            ticks.append(1)
            gevent.sleep(0.002)  # why: a clock of the test

    return gevent.spawn(tick), ticks


@pytest.fixture
def nc(url: str) -> Any:
    with gevent.Timeout(60), anynats.gevent.connect(url) as client:
        yield client
        assert client._native.dump() == ""
        assert not any(place._waiting for place in client._places.values())


def test_others_run_while_one_waits(nc: Client, other: anynats.Client) -> None:
    clock, ticks = ticker()
    with nc.subscribe(nc.new_inbox()) as sub:
        nc.flush()
        sender = gevent.spawn_later(0.2, other.publish, sub.subject, b"x")
        assert sub.next(timeout=10).payload == b"x"
        assert len(ticks) >= 5
        sender.get()
    clock.kill()


def test_timeouts_lose_nothing_and_end_nothing(nc: Client) -> None:
    subject = nc.new_inbox()
    with nc.subscribe(subject) as sub:
        seen: list[int] = []
        iterator = iter(sub)
        for i in range(50):
            with gevent.Timeout(0.002, False):
                for msg in iterator:
                    seen.append(int(msg.payload))
            nc.publish(subject, b"%d" % i)
        for msg in iterator:
            seen.append(int(msg.payload))
            if len(seen) == 50:
                break
        assert seen == list(range(50))


def test_a_timeout_is_raised_as_what_it_is(nc: Client, other: anynats.Client) -> None:
    with other.subscribe(nc.new_inbox()) as silent:
        other.flush()
        for _ in range(10):
            with pytest.raises(gevent.Timeout):
                gevent.with_timeout(0.005, nc.request, silent.subject, timeout=60)
        with pytest.raises(anynats.TimeoutError):
            nc.request(silent.subject, timeout=0.01)


def test_killed_greenlets_leave_nothing(nc: Client) -> None:
    with nc.subscribe(nc.new_inbox()) as sub:
        waiting = [gevent.spawn(sub.next) for _ in range(100)]
        gevent.sleep(0)
        gevent.killall(waiting)
        nc.publish(sub.subject, b"x")
        assert sub.next(timeout=10).payload == b"x"


def test_many_greenlets(nc: Client, responder: str) -> None:
    def ask(i: int) -> bytes:
        return nc.request(responder, b"%d" % i, timeout=20).payload

    for _ in range(5):
        greenlets = [gevent.spawn(ask, i) for i in range(64)]
        gevent.joinall(greenlets, raise_error=True)
        assert [g.value for g in greenlets] == [b"%d" % i for i in range(64)]


def test_a_full_queue_lets_others_run(nc: Client) -> None:
    subject, turns = nc.new_inbox(), 0

    def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    with nc.subscribe(subject, max_messages=6_400) as sub:
        for _ in range(6_400):
            nc.publish(subject)
        nc.flush()
        greenlet = gevent.spawn(turn)
        assert sum(1 for _ in sub) == 6_400
        greenlet.kill()
        assert turns >= 99


def test_publish_waits_for_room() -> None:
    with StalledServer() as server:
        nc = anynats.gevent.connect(server.url, pending_limit=1 << 20)
        clock, ticks = ticker()
        chunk = bytes(500_000)
        with gevent.Timeout(0.2, False):
            for _ in range(100):
                nc.publish("a", chunk)
        assert len(ticks) >= 5
        clock.kill()
        with pytest.raises(anynats.WouldBlock):
            nc.publish_nowait("a", chunk)
        server.read_on()
        with gevent.Timeout(20):
            for _ in range(100 - nc.counters["out_messages"]):
                nc.publish("a", chunk)
            nc.flush()
            nc.close()


def test_hubs_of_several_threads_share_a_client(nc: Client, responder: str) -> None:
    problems: list[BaseException] = []

    def in_a_hub(name: str) -> None:
        def ask(i: int) -> None:
            text = f"{name} {i}".encode()
            assert nc.request(responder, text, timeout=20).payload == text

        try:
            for i in range(0, 200, 4):
                greenlets = [gevent.spawn(ask, i + k) for k in range(4)]
                gevent.joinall(greenlets, raise_error=True)
        except BaseException as error:
            problems.append(error)
        finally:
            gevent.get_hub().destroy(destroy_loop=True)

    threads = [threading.Thread(target=in_a_hub, args=(f"hub {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    gevent.get_hub().threadpool.apply(lambda: [thread.join(60) for thread in threads])
    assert not problems, problems
    assert not any(thread.is_alive() for thread in threads)


def test_the_background_thread_works_while_no_greenlet_waits(
    nc: Client, other: anynats.Client
) -> None:
    with other.subscribe(nc.new_inbox()) as sub:
        other.flush()
        nc.publish(sub.subject, b"sent without the hub")
        assert sub.next(timeout=10).payload == b"sent without the hub"


PATCHED = """
from gevent import monkey
monkey.patch_all()
import gevent, threading, time
import anynats.gevent
ticks = []
def tick():
    while True:
        ticks.append(1)
        time.sleep(0.002)
threading.Thread(target=tick, daemon=True).start()
with anynats.gevent.connect({url!r}) as nc, nc.subscribe("patched.*") as sub:
    answer = nc.subscribe("patched-svc", callback=lambda msg: nc.publish(msg.reply, msg.payload))
    assert nc.request("patched-svc", b"q", timeout=10).payload == b"q"
    ticks.clear()
    try:
        sub.next(timeout=0.2)
    except anynats.TimeoutError:
        print("ticks", len(ticks) >= 5)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(nc.request("patched-svc", timeout=10)))
        for _ in range(8)
    ]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print("answers", len(results))
"""


def test_monkey_patched(url: str) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", PATCHED.format(url=url)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("ticks True\nanswers 8\n", ""), done.stderr


LEFT_OPEN = """
import gevent, anynats.gevent
nc = anynats.gevent.connect({url!r})
sub = nc.subscribe("x", callback=print)
gevent.spawn(nc.subscribe("y").next)
gevent.sleep(0)
for i in range(1000): nc.publish({subject!r}, b"%d" % i)
"""


def test_exit_with_everything_open(url: str, other: anynats.Client) -> None:
    with other.subscribe(other.new_inbox()) as sub:
        other.flush()
        program = LEFT_OPEN.format(url=url, subject=sub.subject)
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert [int(sub.next(timeout=10).payload) for _ in range(1000)] == list(range(1000))


class InterruptedSeat:
    """A seat whose turn is interrupted once, when it has something to tell."""

    def __init__(self, seat: Any) -> None:
        self.seat = seat
        self.interrupted = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.seat, name)

    def turn(self) -> list[int]:
        tokens: list[int] = self.seat.turn()
        if tokens and not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt
        return tokens


def test_ctrl_c_in_the_hub_reaches_the_main_greenlet_and_loses_no_wake(nc: Client) -> None:
    place = nc._place()
    place._seat = InterruptedSeat(place._seat)
    with nc.subscribe(nc.new_inbox()) as sub:
        other = gevent.spawn(sub.next, 10)
        gevent.sleep(0)
        nc.publish(sub.subject, b"x")
        with pytest.raises(KeyboardInterrupt):
            gevent.sleep(10)
        assert other.get(timeout=10).payload == b"x"
        nc.publish(sub.subject, b"y")
        assert sub.next(timeout=10).payload == b"y"
