"""What only async faces have: cancelling, fairness, which loop, and Python's own warnings."""

import asyncio
import gc
import inspect
import random
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from stalled_server import StalledServer

import anynats
import anynats.asyncio
from anynats.asyncio import Client, Subscription

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on one kind of loop, in debug mode."""
    if request.param == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        return lambda coroutine: uvloop.run(coroutine, debug=True)
    return lambda coroutine: asyncio.run(coroutine, debug=True)


@pytest.fixture
def on(run: Run, url: str) -> Callable[..., None]:
    """Run a body with a client, and see that nothing is left behind."""

    def with_client(body: Callable[[Client], Awaitable[None]], **options: Any) -> None:
        async def main() -> None:
            async with anynats.asyncio.connect(url, **options) as nc:
                await body(nc)
                assert left_behind(nc) == ("", {})
                others = asyncio.all_tasks() - {asyncio.current_task()}
                assert not others

        run(main())

    return with_client


def left_behind(nc: Client) -> tuple[str, dict[int, Any]]:
    """Return the live operations and the futures that somebody waits for."""
    inner: Any = nc
    return inner._native.dump(), inner._waiting


# --- opening -------------------------------------------------------------------------------------


def test_await_and_async_with(run: Run, url: str) -> None:
    async def main() -> None:
        nc = await anynats.asyncio.connect(url)
        sub = await nc.subscribe("a")
        async with nc.subscribe("b") as other, sub:
            assert not (other.ended or sub.ended)
        assert other.ended
        assert sub.ended
        async with nc:
            pass
        assert nc.state == "closed"

    run(main())


def test_what_waits_is_a_coroutine_function() -> None:
    for function in (Client.request, Client.flush, Client.close, Subscription.next):
        assert inspect.iscoroutinefunction(function), function
        assert function.__doc__
    for plain in (Client.subscribe, Client.publish_nowait, Client.new_inbox, Subscription.try_next):
        assert not inspect.iscoroutinefunction(plain), plain
    assert str(inspect.signature(Client.request)).startswith("(self, subject: 'str', payload")
    assert not hasattr(Client, "__enter__")
    assert not hasattr(Subscription, "__iter__")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda nc: nc.flush(), "Client.flush"),
        (lambda nc: nc.request("a"), "Client.request"),
        (lambda nc: nc.subscribe("a"), "Client.subscribe"),
        (lambda nc: anynats.asyncio.connect(), "connect"),
    ],
)
def test_never_awaited_names_the_method(url: str, call: Callable[[Any], Any], name: str) -> None:
    async def main() -> None:
        async with anynats.asyncio.connect(url) as nc:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                call(nc)
                gc.collect()
            assert [str(w.message).split("'")[1] for w in seen] == [name]

    asyncio.run(main())


# --- cancelling ----------------------------------------------------------------------------------


def test_cancelling_loses_no_message(on: Callable[..., None], other: anynats.Client) -> None:
    n = 2_000
    rng = random.Random(5)

    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        seen: list[int] = []
        cancelled = 0
        async with nc.subscribe(subject) as sub:
            await nc.flush()
            sent = 0
            while len(seen) < n:
                for _ in range(rng.randrange(3)):
                    if sent < n:
                        other.publish(subject, b"%d" % sent)
                        sent += 1
                if rng.random() < 0.3:
                    other.flush()
                task = asyncio.ensure_future(sub.next(timeout=5))
                for _ in range(rng.randrange(6)):
                    await asyncio.sleep(0)
                if rng.random() < 0.7 or sent == len(seen):
                    cancelled += task.cancel()
                try:
                    seen.append(int((await task).payload))
                except asyncio.CancelledError:
                    continue
        assert seen == list(range(n))
        assert cancelled > 100

    on(body)


def test_two_readers_of_one_subscription(on: Callable[..., None]) -> None:
    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        sub = await nc.subscribe(subject, max_messages=1_000)
        seen: list[list[int]] = [[], []]

        async def read(mine: list[int]) -> None:
            async for msg in sub:
                mine.append(int(msg.payload))
                await asyncio.sleep(0)

        readers = [asyncio.create_task(read(mine)) for mine in seen]
        for i in range(1_000):
            await nc.publish(subject, b"%d" % i)
            if i % 7 == 0:
                await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*readers), 10)
        assert sorted(seen[0] + seen[1]) == list(range(1_000))

    on(body)


def test_a_cancelled_reader_passes_its_wake_up_on(
    on: Callable[..., None], other: anynats.Client
) -> None:
    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        async with nc.subscribe(subject) as sub:
            for _ in range(50):
                first = asyncio.create_task(sub.next(timeout=5))
                second = asyncio.create_task(sub.next(timeout=5))
                await nc.flush()
                other.publish(subject, b"x")
                other.flush()
                while sub.pending == 0 and not first.done():
                    await asyncio.sleep(0)
                first.cancel()
                try:
                    message = await first
                except asyncio.CancelledError:
                    message = await second
                assert message.payload == b"x"
                for task in (first, second):
                    task.cancel()
                await asyncio.gather(first, second, return_exceptions=True)

    on(body)


def test_cancelled_operations_leave_nothing(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        with other.subscribe(subject):
            other.flush()
            for _ in range(20):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(nc.request(subject, timeout=60), 0.005)
            tasks = [asyncio.create_task(nc.request(subject, timeout=60)) for _ in range(100)]
            tasks.append(asyncio.create_task(nc.flush()))
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await nc.flush()

    on(body)


def test_cancelling_connect(run: Run) -> None:
    async def main() -> None:
        with StalledServer(silent=True) as server:
            opening = anynats.asyncio.connect(server.url)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(opening, 0.05)

    run(main())


def test_others_run_while_one_waits(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(nc: Client) -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.002)  # why: a clock of the test

        async with nc.subscribe(nc.new_inbox()) as sub:
            clock = asyncio.create_task(tick())
            await nc.flush()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(sub.next(), 0.2)
            assert ticks >= 5
            other.publish(sub.subject, b"x")
            assert (await sub.next(timeout=10)).payload == b"x"
            clock.cancel()
            await asyncio.wait({clock})

    on(body)


# --- fairness and room ---------------------------------------------------------------------------


def test_a_full_queue_lets_the_loop_turn(on: Callable[..., None]) -> None:
    n = 6_400

    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            asyncio.get_running_loop().call_soon(turn) if turns < 10_000 else None

        async with nc.subscribe(subject, max_messages=n) as sub:
            for _ in range(n):
                await nc.publish(subject, b"x")
            await nc.flush()
            asyncio.get_running_loop().call_soon(turn)
            count = 0
            async for _ in sub:
                count += 1
            assert count == n
            assert turns >= n // 64 - 1
            turns = 10_000
        await asyncio.sleep(0)

    on(body)


def test_publishing_in_a_row_lets_the_loop_turn(on: Callable[..., None]) -> None:
    async def body(nc: Client) -> None:
        turned = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(turned.set_result, None)
        for _ in range(1_000_000):
            await nc.publish("a", b"x")
            if turned.done():
                return
        raise AssertionError("a million publishes without a turn of the loop")

    on(body)


def test_a_publish_is_what_create_task_takes(on: Callable[..., None]) -> None:
    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        async with nc.subscribe(subject) as sub:
            for _ in range(3):  # the first goes another way than those that follow
                await asyncio.create_task(nc.publish(subject, b"task"))
                await asyncio.gather(nc.publish(subject, b"1"), nc.publish(subject, b"2"))
                await asyncio.wait_for(nc.publish(subject, b"3"), 1)
                with pytest.raises(anynats.UsageError, match="subject"):
                    await nc.publish("a b")
            got = [(await sub.next(timeout=5)).payload for _ in range(12)]
            assert got == [b"task", b"1", b"2", b"3"] * 3
            nc.publish(subject, b"not awaited")
            assert (await sub.next(timeout=5)).payload == b"not awaited"
        await nc.publish(subject)
        done = nc.publish(subject)
        with pytest.raises(ZeroDivisionError):
            done.throw(ZeroDivisionError())
        done.close()
        await done

    on(body)


def test_a_fast_sender_does_not_overflow_a_reader_that_keeps_up(
    on: Callable[..., None], other: anynats.Client
) -> None:
    n = 200_000

    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        async with nc.subscribe(subject, max_messages=n) as sub:
            await nc.flush()
            thread = threading.Thread(target=lambda: [other.publish(subject) for _ in range(n)])
            thread.start()
            count = 0
            async for _ in sub:
                count += 1
            thread.join()
            assert (count, sub.dropped) == (n, 0)

    on(body)


def test_publish_waits_for_room(run: Run) -> None:
    async def main() -> None:
        with StalledServer() as server:
            nc = await anynats.asyncio.connect(server.url, pending_limit=1 << 20)
            chunk = bytes(500_000)

            async def fill() -> None:
                for _ in range(100):
                    await nc.publish("a", chunk)

            task = asyncio.create_task(fill())
            done, _ = await asyncio.wait({task}, timeout=0.2)
            assert not done
            with pytest.raises(anynats.WouldBlock):
                nc.publish_nowait("a", chunk)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(nc.publish("a", chunk), 0.05)
            server.read_on()
            await asyncio.wait_for(task, 20)
            await nc.flush()
            assert nc.counters["out_messages"] == 100
            await nc.close()

    run(main())


# --- which loop, which thread --------------------------------------------------------------------


def test_another_thread_is_refused(on: Callable[..., None]) -> None:
    async def body(nc: Client) -> None:
        sub = await nc.subscribe(nc.new_inbox())
        errors: list[str] = []

        def use() -> None:
            for call in (lambda: nc.publish_nowait("a"), lambda: sub.unsubscribe(), nc.new_inbox):
                try:
                    call()
                except anynats.UsageError as error:
                    errors.append(str(error))

        thread = threading.Thread(target=use)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert len(errors) == 3
        assert all("loop" in text for text in errors)

    on(body)


def test_another_loop_is_refused(url: str) -> None:
    async def connect() -> Any:
        nc = await anynats.asyncio.connect(url)
        return nc, await nc.subscribe("a")

    async def use(nc: Client, sub: Subscription) -> None:
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: nc.publish("a"),
            lambda: nc.request("a"),
            lambda: nc.flush(),
            lambda: nc.close(),
            lambda: sub.next(),
        ]
        for call in calls:
            with pytest.raises(anynats.UsageError, match="another event loop"):
                await call()

    nc, sub = asyncio.run(connect())
    asyncio.run(use(nc, sub))
    with pytest.raises(anynats.UsageError, match="closed"):
        nc.publish_nowait("a")


def test_dropping_in_another_thread(url: str) -> None:
    dropped: list[Any] = []

    async def main() -> None:
        nc = await anynats.asyncio.connect(url)
        dropped.append(await nc.subscribe("a"))
        dropped.append(aiter_of(dropped[0]))
        dropped.append(asyncio.ensure_future(nc.request("a")))
        await asyncio.sleep(0)
        dropped[2].cancel()
        dropped.append(nc)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    dropped.clear()
    gc.collect()


def aiter_of(sub: Subscription) -> Any:
    return sub.__aiter__()


def test_a_client_per_loop(url: str) -> None:
    async def main() -> bytes:
        async with anynats.asyncio.connect(url) as nc, nc.subscribe(nc.new_inbox()) as sub:
            await nc.publish(sub.subject, b"x")
            return (await sub.next(timeout=5)).payload

    assert [asyncio.run(main()) for _ in range(3)] == [b"x"] * 3


def test_many_tasks(on: Callable[..., None], responder: str) -> None:
    async def body(nc: Client) -> None:
        async def ask(i: int) -> bytes:
            return (await nc.request(responder, b"%d" % i, timeout=10)).payload

        for _ in range(10):
            answers = await asyncio.gather(*(ask(i) for i in range(64)))
            assert answers == [b"%d" % i for i in range(64)]

    on(body)
