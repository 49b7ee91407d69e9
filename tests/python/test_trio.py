"""What only trio has: its cancel scopes, its nursery, its checkpoints, and its runs."""

import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from stalled_server import StalledServer

import anynats

trio = pytest.importorskip("trio")
import anynats.trio  # noqa: E402
from anynats.trio import Client  # noqa: E402


@pytest.fixture
def on(url: str) -> Callable[..., None]:
    """Run a body with a client, and see that nothing is left behind."""

    def with_client(body: Callable[[Client], Awaitable[None]], **options: Any) -> None:
        async def main() -> None:
            with trio.fail_after(60):
                async with anynats.trio.connect(url, **options) as nc:
                    await body(nc)
                    assert nc._native.dump() == ""
                    assert nc._events == {}

        trio.run(main)

    return with_client


def test_await_and_async_with(url: str) -> None:
    async def main() -> None:
        nc = await anynats.trio.connect(url)
        sub = await nc.subscribe("a")
        async with nc.subscribe("b") as other, sub:
            assert not (other.ended or sub.ended)
        assert other.ended
        assert sub.ended
        async with nc:
            pass
        assert nc.state == "closed"

    trio.run(main)


def test_what_waits_is_a_coroutine_function() -> None:
    for function in (Client.publish, Client.request, anynats.trio.Subscription.next):
        assert inspect.iscoroutinefunction(function), function
        assert function.__doc__
    assert not inspect.iscoroutinefunction(Client.publish_nowait)


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), anynats.Closed("x")])
def test_an_error_of_the_body_stays_what_it_is(url: str, error: BaseException) -> None:
    async def main() -> None:
        async with anynats.trio.connect(url):
            raise error

    with pytest.raises(type(error)) as raised:
        trio.run(main)
    assert raised.value is error


def test_a_connect_that_fails_raises_what_it_is() -> None:
    async def main() -> None:
        async with anynats.trio.connect("nats://127.0.0.1:1"):
            pass

    with pytest.raises(anynats.ConnectFailed):
        trio.run(main)


def test_scopes_around_everything(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        with other.subscribe(subject):
            other.flush()
            for _ in range(20):
                with trio.move_on_after(0.005) as scope:
                    await nc.request(subject, timeout=60)
                assert scope.cancelled_caught
        async with nc.subscribe(subject) as sub:
            with trio.move_on_after(0.01) as scope:
                async for _ in sub:
                    pass
            assert scope.cancelled_caught
            await nc.publish(subject, b"later")
            assert (await sub.next(timeout=5)).payload == b"later"

    on(body)


def test_cancelled_before_it_begins(on: Callable[..., None]) -> None:
    async def body(nc: Client) -> None:
        subject = nc.new_inbox()
        async with nc.subscribe(subject) as sub:
            await nc.publish(subject, b"kept")
            await nc.flush()
            calls: list[Callable[[], Awaitable[Any]]] = [
                sub.next,
                lambda: nc.publish(subject, b"never sent"),
                nc.flush,
                sub.__aiter__().__anext__,
            ]
            for call in calls:
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await call()
                assert scope.cancelled_caught
            assert (await sub.next(timeout=5)).payload == b"kept"
            await nc.flush()
            assert sub.pending == 0

    on(body)


def test_leaving_while_cancelled_closes(url: str) -> None:
    async def main() -> None:
        with trio.CancelScope() as scope:
            async with anynats.trio.connect(url) as nc:
                scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert nc.state == "closed"

    trio.run(main)


def test_the_watching_task_may_go_first(on: Callable[..., None], responder: str) -> None:
    async def body(nc: Client) -> None:
        answers: list[bytes] = []

        async def ask(i: int) -> None:
            answers.append((await nc.request(responder, b"%d" % i, timeout=20)).payload)

        async with nc.subscribe(nc.new_inbox()) as quiet, trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def wait_in_vain() -> None:
                with scope:
                    await quiet.next()

            nursery.start_soon(wait_in_vain)
            await trio.testing.wait_all_tasks_blocked()
            for i in range(64):
                nursery.start_soon(ask, i)
            await trio.lowlevel.checkpoint()
            scope.cancel()
        assert sorted(map(int, answers)) == list(range(64))

    import trio.testing

    on(body)


def test_publishing_and_reading_are_checkpoints(on: Callable[..., None]) -> None:
    async def body(nc: Client) -> None:
        subject, turns = nc.new_inbox(), 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with nc.subscribe(subject, max_messages=6_400) as sub, trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            for _ in range(6_400):
                await nc.publish(subject)
            assert turns >= 99
            before = turns
            async for _ in sub:
                pass
            assert turns - before >= 99
            nursery.cancel_scope.cancel()

    on(body)


def test_publish_waits_for_room() -> None:
    async def main() -> None:
        with StalledServer() as server:
            nc = await anynats.trio.connect(server.url, pending_limit=1 << 20)
            chunk = bytes(500_000)
            with trio.move_on_after(0.1) as scope:
                for _ in range(100):
                    await nc.publish("a", chunk)
            assert scope.cancelled_caught
            sent = nc.counters["out_messages"]
            with pytest.raises(anynats.WouldBlock):
                nc.publish_nowait("a", chunk)
            server.read_on()
            with trio.fail_after(20):
                for _ in range(100 - sent):
                    await nc.publish("a", chunk)
                await nc.flush()
            assert nc.counters["out_messages"] == 100
            await nc.close()

    trio.run(main)


def test_callbacks_need_a_nursery(url: str) -> None:
    async def main() -> None:
        nc = await anynats.trio.connect(url)
        with pytest.raises(anynats.UsageError, match="async with connect"):
            await nc.subscribe("a", callback=print)
        await nc.close()

    trio.run(main)


def test_another_run_is_refused(url: str) -> None:
    async def connect() -> Client:
        return await anynats.trio.connect(url)

    async def use(nc: Client) -> None:
        for call in (nc.flush, lambda: nc.request("a"), lambda: nc.subscribe("a")):
            with pytest.raises(anynats.UsageError, match="another run of trio"):
                await call()

    nc = trio.run(connect)
    trio.run(use, nc)


def test_two_runs_in_two_threads(url: str) -> None:
    async def main() -> None:
        async with anynats.trio.connect(url) as nc, nc.subscribe(nc.new_inbox()) as sub:
            for i in range(200):
                await nc.publish(sub.subject, b"%d" % i)
                assert (await sub.next(timeout=10)).payload == b"%d" % i

    threads = [threading.Thread(target=trio.run, args=(main,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_others_run_while_one_waits(on: Callable[..., None], other: anynats.Client) -> None:
    async def body(nc: Client) -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await trio.sleep(0.002)  # why: a clock of the test

        async with nc.subscribe(nc.new_inbox()) as sub, trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            await nc.flush()
            with trio.move_on_after(0.2):
                await sub.next()
            assert ticks >= 5
            other.publish(sub.subject, b"x")
            assert (await sub.next(timeout=10)).payload == b"x"
            nursery.cancel_scope.cancel()

    on(body)
