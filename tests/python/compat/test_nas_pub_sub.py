"""anynats.compat.nas_pub_sub does what that module's README says, on a real server. Cases S1."""

import asyncio
import dataclasses
import functools
import json
import logging
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from readme_nas_pub_sub import PROGRAMS
from readme_support import run_program

import anynats
import anynats.asyncio
from anynats.compat.nas_pub_sub import ConnectionState, Message, NasPubSub
from anynats.server import Server

EXAMPLE = Path(__file__).parents[3] / "examples" / "python" / "nas_pub_sub.py"
PATIENCE = 10.0  # seconds; more than anything here takes


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 60), debug=False)


class Seen(list[Message]):
    """A callback that keeps what it gets."""

    async def __call__(self, message: Message) -> None:
        self.append(message)

    async def until(self, count: int) -> None:
        await until(lambda: len(self) >= count)


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.001)  # why: what is waited for tells nobody when it comes


@asynccontextmanager
async def client_of(server: Server, **options: Any) -> AsyncIterator[NasPubSub]:
    async with NasPubSub("127.0.0.1", server.port, **options) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("nas_basic_usage", "Received: sensors.temperature -> 22.5 celsius\n"),
        ("nas_context_manager", ""),
        ("nas_sharing", "[(1, 'topic1'), (2, 'topic2')]\n"),
        ("nas_request_reply", "Response: Hello\n"),
        ("nas_wildcards", None),
        ("nas_queue_groups", "100 True\n"),
    ],
)
def test_readme(name: str, printed: str | None, shared_server: Server) -> None:
    """S1.14, S1.15, S1.19, S1.20: the README's programs."""
    text = PROGRAMS[name].replace("NasPubSub()", f"NasPubSub(port={shared_server.port})")
    ran = run_program(text, shared_server)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    if printed is None:  # between two subscriptions there is no order
        assert sorted(re.findall(r"'([\w.]+)'", ran.stdout)) == [
            *("sensors.temp", "sensors.temp"),
            "sensors.temp.cpu",
        ]
    else:
        assert ran.stdout == printed


def test_the_demonstration(shared_server: Server) -> None:
    """What stands at the end of the original's file, and its README speaks of."""
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", EXAMPLE, str(shared_server.port)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert sorted(ran.stdout.splitlines()) == [
        "answer: is anybody there?",
        "demo.one: from the second",
        "demo.two: from the first",
        "the first is connected: False",
        "the first is connected: True",
    ]


def test_the_context_manager_connects_and_leaves() -> None:
    """S1.15"""
    with Server(monitor=True) as server, anynats.connect(server.url) as outside:
        sub = outside.subscribe("events.startup")
        outside.flush()

        def names() -> list[str]:
            with urllib.request.urlopen(f"{server.monitoring_url}/connz", timeout=5) as page:
                return [each.get("name", "") for each in json.load(page)["connections"]]

        async def body() -> None:
            async with client_of(server, client_id="mine") as client:
                assert client.client_id == "mine"
                await client.publish("events.startup", b"System started")
                assert "mine" in names()
            assert client.state is ConnectionState.DISCONNECTED
            await until(lambda: "mine" not in names())
            await client.disconnect()

        run(body())
        assert sub.next(timeout=PATIENCE).payload == b"System started"


def test_states(shared_server: Server) -> None:
    async def body() -> None:
        client = NasPubSub("127.0.0.1", shared_server.port)
        assert client.state is ConnectionState.DISCONNECTED
        assert client.server_info == {}
        assert re.fullmatch(r"client_[0-9a-f]{8}", client.client_id)
        with pytest.raises(ConnectionError, match="not connected"):
            await client.publish("a", b"")
        await asyncio.sleep(0)
        assert client.state is ConnectionState.CONNECTING
        await until(client.is_connected)
        assert client.state is ConnectionState.CONNECTED
        assert client.server_info["server_id"]
        await client.disconnect()
        assert client.state is ConnectionState.DISCONNECTED
        for call in (client.publish("a", b""), client.subscribe("a", print)):
            with pytest.raises(ConnectionError):
                await call

    run(body())
    with pytest.raises(RuntimeError, match="no running event loop"):
        NasPubSub()


def test_a_request_that_nobody_answers(shared_server: Server, other: anynats.Client) -> None:
    """S1.16"""

    async def body() -> None:
        async with client_of(shared_server) as client:
            began = time.monotonic()
            assert await client.request("nobody", b"x", timeout=5) is None
            assert time.monotonic() - began < 4  # the server said so at once
            silent = other.subscribe("silent")
            other.flush()
            assert await client.request("silent", "x", timeout=0.2) is None
            await client._link.ready().flush()
            request = silent.next(timeout=PATIENCE)
            assert request.payload == b"x"
            # No inbox is left on the server: whoever answers now, nobody is there.
            with pytest.raises(anynats.NoResponders):
                other.request(request.reply or "", timeout=PATIENCE)

    run(body())


def test_what_is_shared_must_be_connected(shared_server: Server) -> None:
    """S1.17"""

    async def body() -> None:
        client = NasPubSub("127.0.0.1", shared_server.port)
        with pytest.raises(ValueError, match="Existing client must be connected"):
            NasPubSub.from_connection(client)
        await client.disconnect()

    run(body())


def test_a_callback_that_raises(
    shared_server: Server, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """S1.18"""
    seen = Seen()

    async def failing(message: Message) -> None:
        await seen(message)
        raise ValueError("mine")

    async def body() -> None:
        async with client_of(shared_server) as client:
            await client.subscribe("a", failing)
            await client.publish("a", b"1")
            await client.publish("a", "2")
            await seen.until(2)
            assert client.state is ConnectionState.CONNECTED

    with caplog.at_level(logging.DEBUG, logger="anynats.compat.nas_pub_sub"):
        run(body())
    assert [message.payload for message in seen] == [b"1", b"2"]
    assert capfd.readouterr() == ("", "")
    assert "mine" in caplog.text


def test_a_message(shared_server: Server) -> None:
    """S1.21"""
    seen = Seen()

    async def body() -> None:
        async with client_of(shared_server) as client:
            sid = await client.subscribe("a.*", seen)
            assert client.subscriptions == {
                sid: {"subject": "a.*", "callback": seen, "queue": None}
            }
            assert client.subject_handlers == {"a.*": [sid]}
            assert (sid, await client.subscribe("b", seen)) == ("1", "2")
            await client.publish("a.b", b"x")
            await seen.until(1)
            (message,) = seen
            assert message == Message("a.b", b"x", message.timestamp, None, sid)
            assert isinstance(message.timestamp, datetime)
            assert abs((datetime.now() - message.timestamp).total_seconds()) < PATIENCE
            await client.publish("a.b", b"x", reply_to="c")
            await seen.until(2)
            assert seen[1].reply_to == "c"

    run(body())
    assert dataclasses.is_dataclass(Message)


def test_a_callback_may_request(shared_server: Server) -> None:
    """S1.22"""
    answers = []

    async def body() -> None:
        async with client_of(shared_server) as client:

            async def echo(message: Message) -> None:
                await client.publish(message.reply_to or "", message.payload)

            async def asking(message: Message) -> None:
                began = time.monotonic()
                answer = await client.request("echo", message.payload, timeout=PATIENCE)
                answers.append((answer and answer.payload, time.monotonic() - began < 5))

            await client.subscribe("echo", echo)
            await client.subscribe("ask", asking)
            await client.publish("ask", b"x")
            await until(lambda: answers)

    run(body())
    assert answers == [(b"x", True)]


def test_a_slow_callback_holds_up_nobody_else(shared_server: Server) -> None:
    async def body() -> None:
        gate = asyncio.Event()
        order: list[bytes] = []

        async def slow(message: Message) -> None:
            await gate.wait()
            order.append(message.payload)

        seen = Seen()
        async with client_of(shared_server) as client:
            await client.subscribe("slow", slow)
            await client.subscribe("fast", seen)
            for i in range(10):
                await client.publish("slow", b"%d" % i)
            await client.publish("fast", b"")
            await seen.until(1)
            gate.set()
            await until(lambda: len(order) == 10)
            assert order == [b"%d" % i for i in range(10)]

    run(body())


@pytest.mark.parametrize("kind", ["function", "partial", "object"])
def test_whatever_a_callback_returns_is_awaited(kind: str, shared_server: Server) -> None:
    async def body() -> None:
        seen = Seen()
        callbacks: dict[str, Callable[[Message], Awaitable[None] | None]] = {
            "function": seen.append,
            "partial": functools.partial(Seen.__call__, seen),
            "object": seen,
        }
        async with client_of(shared_server) as client:
            await client.subscribe("a", callbacks[kind])
            await client.publish("a", b"")
            await seen.until(1)

    run(body())


def test_the_server_comes_back() -> None:
    """S1.23"""
    seen = Seen()

    async def body(server: Server) -> None:
        async with client_of(server) as client:
            await client.subscribe("a", seen)
            await asyncio.to_thread(server.stop)
            await until(lambda: not client.is_connected())
            assert client.state is ConnectionState.CONNECTING
            with pytest.raises(ConnectionError):
                await client.publish("a", b"")
            await asyncio.to_thread(server.start)
            await until(client.is_connected)
            await client.publish("a", b"again")
            await seen.until(1)

    with Server() as server:
        run(body(server))


def test_a_dead_peer_is_noticed() -> None:
    """Its pings are not answered any more; the connection itself says nothing."""

    async def body(server: Server) -> None:
        async with client_of(server, ping_interval=0.1, max_pings_outstanding=1) as client:
            server.pause()
            await until(lambda: not client.is_connected())
            server.resume()
            await until(client.is_connected)

    with Server() as server:
        run(body(server))


def test_a_connection_that_is_given_up(shared_server: Server) -> None:
    async def body(server: Server) -> None:
        client = NasPubSub("127.0.0.1", server.port, reconnect=False)
        await until(client.is_connected)
        await asyncio.to_thread(server.stop)
        await until(lambda: client.state is ConnectionState.ERROR)
        with pytest.raises(ConnectionError):
            await client.request("a", b"")
        await client.disconnect()

    with Server() as server:
        run(body(server))


def test_a_dial_that_fails(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        client = NasPubSub("127.0.0.1", 1)
        await until(lambda: client.state is ConnectionState.ERROR)
        with pytest.raises(ConnectionError, match="not connected: "):
            await client.publish("a", b"")
        with pytest.raises(ConnectionError):
            async with NasPubSub("127.0.0.1", 1):
                pass

    run(body())
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_authentication_is_an_option() -> None:
    """What the README lists as limitations are options."""
    config = "authorization { user: u, password: p }"
    with Server(config=config) as server:

        async def body() -> None:
            refused = NasPubSub("127.0.0.1", server.port)
            await until(lambda: refused.state is ConnectionState.ERROR)
            async with client_of(server, user="u", password="p") as client:
                assert client.is_connected()
            servers = ["nats://127.0.0.1:1", f"nats://u:p@127.0.0.1:{server.port}"]
            async with NasPubSub(servers=servers) as client:
                assert client.is_connected()
            with pytest.raises(ConnectionError, match="no option 'bogus'"):
                await NasPubSub(bogus=1).__aenter__()

        run(body())


def test_sharing_at_any_depth(shared_server: Server) -> None:
    """S1.24"""

    async def body() -> None:
        async with client_of(shared_server) as parent:
            child = NasPubSub.from_connection(parent)
            grandchild = NasPubSub.from_connection(child)
            assert (child.is_shared_connection, child.parent_client) == (True, parent)
            assert parent.child_clients == [child]
            assert child.server_info == parent.server_info
            seen, ended = Seen(), Seen()
            first = await parent.subscribe("p", Seen())
            second = await grandchild.subscribe("g", seen)
            third = await child.subscribe("g", ended)
            assert (first, second, third) == ("1", "2", "3")
            await grandchild.publish("g", b"1")
            await seen.until(1)
            await ended.until(1)
            await child.disconnect()
            assert parent.child_clients == []
            assert (child.is_connected(), parent.is_connected()) == (False, True)
            await parent.publish("g", b"2")
            await seen.until(2)
            assert len(ended) == 1
            await parent.disconnect()
            assert grandchild.state is ConnectionState.DISCONNECTED
            with pytest.raises(ConnectionError):
                await grandchild.publish("g", b"")

    run(body())


def test_unsubscribe(shared_server: Server) -> None:
    async def body() -> None:
        seen, marks = Seen(), Seen()
        async with client_of(shared_server) as client:
            await client.subscribe("mark", marks)

            async def publish(count: int) -> None:
                for _ in range(count):
                    await client.publish("a", b"")
                await client.publish("mark", b"")
                await marks.until(len(marks) + 1)

            for _ in range(4):
                await client.subscribe("a", seen)
            await client.unsubscribe(subject="a")
            await publish(1)
            assert (seen, client.subject_handlers) == ([], {"mark": ["1"]})
            sid = await client.subscribe("a", seen)
            await publish(1)
            await client.unsubscribe(sid, max_msgs=3)
            await publish(5)
            await until(lambda: sid not in client.subscriptions)
            assert len(seen) == 3
            sid = await client.subscribe("a", seen)
            await publish(2)
            await until(lambda: len(seen) == 5)
            await client.unsubscribe(sid, max_msgs=2)
            assert sid not in client.subscriptions
            await client.unsubscribe()
            await client.unsubscribe("77")
            await client.unsubscribe(subject="nothing")

    run(body())


@pytest.mark.parametrize(("max_msgs", "count"), [(None, 1), (1, 1), (3, 3)])
def test_what_waits_for_a_slow_callback_counts_too(
    max_msgs: int | None, count: int, shared_server: Server
) -> None:
    async def body() -> None:
        gate, seen, marks = asyncio.Event(), Seen(), Seen()

        async def slow(message: Message) -> None:
            await seen(message)
            await gate.wait()

        async with client_of(shared_server) as client:
            await client.subscribe("mark", marks)
            sid = await client.subscribe("a", slow)
            for _ in range(10):
                await client.publish("a", b"")
            await client.publish("mark", b"")
            await marks.until(1)
            await seen.until(1)
            await client.unsubscribe(sid, max_msgs=max_msgs)
            gate.set()
            await until(lambda: sid not in client.subscriptions)
            await client.publish("mark", b"")
            await marks.until(2)
            assert len(seen) == count

    run(body())


def test_what_cannot_be_published(shared_server: Server) -> None:
    async def body() -> None:
        async with client_of(shared_server) as client:
            for subject in ("", "a b", "a\r\nPUB b 0\r\n"):
                with pytest.raises(ValueError, match="subject"):
                    await client.publish(subject, b"")
            with pytest.raises(TypeError):
                await client.publish("a", 1)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="bytes"):
                await client.publish("a", bytes(2 << 20))
            assert client.is_connected()

    run(body())


def test_another_loop_is_refused(shared_server: Server) -> None:
    clients = []

    async def first() -> None:
        clients.append(NasPubSub("127.0.0.1", shared_server.port))
        await until(clients[0].is_connected)

    async def second() -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            await clients[0].publish("a", b"")

    run(first())
    run(second())


def test_errors_of_the_server_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    config = 'authorization { users = [{user: u, password: p, permissions: {publish: "ok"}}] }'
    with Server(config=config) as server:

        async def body() -> None:
            async with client_of(server, user="u", password="p") as client:
                await client.publish("forbidden", b"")
                await client._link.ready().flush()
                await client.publish("ok", b"")
                assert client.is_connected()

        run(body())
    assert "forbidden" in caplog.text


def test_the_end_of_the_loop_is_quiet(shared_server: Server) -> None:
    text = f"""
import asyncio
from anynats.compat.nas_pub_sub import NasPubSub
async def main():
    client = NasPubSub("127.0.0.1", {shared_server.port})
    await asyncio.sleep(0.2)
    await client.subscribe("a", print)
asyncio.run(main())
"""
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", text], capture_output=True, timeout=30
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
