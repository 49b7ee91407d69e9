"""anynats.compat.pynats.aio: the asynchronous client, each test on asyncio and on trio."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

import anynats
from anynats.compat.pynats import errors
from anynats.compat.pynats.aio import Client, ClientOptions, Msg
from anynats.compat.pynats.aio.waiting import sleep
from anynats.compat.pynats.core import ClientState
from anynats.server import Server

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
SECONDS = 30  # for one test


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine function on one of the two, within a time."""
    if request.param == "asyncio":
        return lambda body: asyncio.run(asyncio.wait_for(body(), SECONDS))
    trio = pytest.importorskip("trio")

    async def limited(body: Callable[[], Awaitable[None]]) -> None:
        with trio.fail_after(SECONDS):
            await body()

    return lambda body: trio.run(limited, body)


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await sleep(0.001)  # why: what is waited for tells nobody when it comes


def options(url: str, **more: Any) -> ClientOptions:
    return ClientOptions(servers=[url], **more)


def test_publish_and_iterate(run: Run, url: str) -> None:
    async def body() -> None:
        client = Client(options(url))
        assert client.status == ClientState.CREATED
        with pytest.raises(errors.ConnectionClosedError):
            await client.publish("a")
        async with client:
            assert client.is_connected()
            sub = await client.subscribe("a.*", max_msgs=2)
            await client.publish("a.b", b"x", reply="r", headers={"k": "v"})
            await client.publish("a.c")
            await client.publish("a.d")
            await client.flush()
            assert await client.rtt() < 5
            first, second = [msg async for msg in sub.messages()]
            assert isinstance(first, Msg)
            assert (first.subject(), first.data(), first.size()) == ("a.b", b"x", 1)
            assert (first.reply(), first.headers(), first.sid()) == ("r", {"k": "v"}, sub.sid())
            assert (second.reply(), second.data()) == ("", b"")
            assert sub.statistics().delivered == 2
            with pytest.raises(errors.SubscriptionClosedError):
                await sub.next_message()
            with pytest.raises(errors.NoReplySubjectError):
                await second.respond(b"")
        assert client.is_closed()
        with pytest.raises(errors.ConnectionClosedError):
            await client.publish("a")
        await client.close()
        await client.wait_until_closed()

    run(body)


def test_requests_and_workers(run: Run, url: str) -> None:
    async def body() -> None:
        async with Client(options(url)) as client:

            async def answer(msg: Msg) -> None:
                if msg.data() == b"bad":
                    raise ValueError("mine")
                await msg.respond(msg.data().upper(), {"was": msg.data().decode()})

            service = await client.subscribe("svc", answer, queue="q")
            assert (service.subject(), service.queue()) == ("svc", "q")
            with pytest.raises(TimeoutError):
                await client.request("svc", b"bad", timeout=0.05)
            for text in (b"x", b"y"):
                reply = await client.request("svc", text)
                assert (reply.data(), reply.headers()) == (text.upper(), {"was": text.decode()})
            assert service.statistics().delivered == 3
            await service.drain()
            with pytest.raises(errors.NatsServerError):
                await client.request("svc")
            again = await client.subscribe("svc", answer)
            await again.unsubscribe()
            with pytest.raises(errors.NatsServerError):
                await client.request("svc")
            with pytest.raises(errors.BadCallbackTypeError):
                await client.subscribe("svc", 1)  # type: ignore[call-overload]

    run(body)


def test_clients_do_not_see_each_others_answers(run: Run, url: str) -> None:
    """The original has the same inbox in all of them."""

    async def body() -> None:
        async with Client(options(url)) as one, Client(options(url)) as two:
            inboxes = set()

            async def answer(msg: Msg) -> None:
                inboxes.add(msg.reply().rpartition(".")[0])
                await msg.respond(msg.reply().encode())

            await one.subscribe("who", answer)
            await one.flush()
            answers = {(await client.request("who")).data() for client in (one, two)}
            assert len(answers) == len(inboxes) == 2

    run(body)


def test_a_limit_and_the_end_of_a_block(run: Run, url: str, other: anynats.Client) -> None:
    async def body() -> None:
        subject = other.new_inbox()
        async with Client(options(url)) as client:
            async with await client.subscribe(subject) as sub:
                await client.publish(subject, b"1")
                assert (await sub.next_message()).data() == b"1"
                await sub.unsubscribe(2)
                await client.publish(subject, b"2")
                await client.publish(subject, b"3")
                assert [msg.data() async for msg in sub.messages()] == [b"2"]
            async with await client.subscribe(subject):
                await client.flush()
            await client.flush()
            with pytest.raises(errors.NatsServerError):
                await client.request(subject)

    run(body)


def test_waiting_for_the_end(run: Run) -> None:
    """As natsproto's demo.py does."""

    async def body() -> None:
        with Server() as server:
            patient = {"connect_timeout": 10, "max_connect_attempts": 100}
            async with Client(options(server.url, **patient, max_reconnect_attempts=1)) as client:
                server.stop()
                await client.wait_until_closed()
                assert client.is_closed()

    run(body)


def test_attempts_to_connect(run: Run) -> None:
    async def body() -> None:
        client = Client(options("nats://127.0.0.1:1", max_connect_attempts=2))
        began = time.monotonic()
        with pytest.raises(errors.ConnectionError):
            await client.connect()
        assert 1 <= time.monotonic() - began < 10  # a second between them
        with pytest.raises(errors.ConnectionError):
            async with Client(options("nats://127.0.0.1:1", max_connect_attempts=1)):
                pass
        with pytest.raises(ValueError, match="URL"):
            await Client(options("localhost:4222")).connect()
        with pytest.raises(NotImplementedError, match="not supported"):
            await Client(ClientOptions(tls_required=True)).connect()

    run(body)


def test_without_a_block(run: Run, url: str) -> None:
    async def body() -> None:
        client = Client(options(url))
        await client.connect()
        await client.connect()
        sub = await client.subscribe("a")
        await client.publish("a", b"x")
        assert (await sub.next_message()).data() == b"x"
        await client.close()
        assert client.is_closed()

    run(body)


def test_the_server_comes_back(run: Run) -> None:
    async def body() -> None:
        with Server() as server:
            async with Client(options(server.url)) as client:
                sub = await client.subscribe("a")
                server.stop()
                await until(lambda: not client.is_connected())
                assert client.is_reconnecting()
                server.start()
                await until(client.is_connected)
                await client.publish("a", b"again")
                assert (await sub.next_message()).data() == b"again"

    run(body)


def test_without_a_loop() -> None:
    with pytest.raises(RuntimeError):
        Client().connect().send(None)
