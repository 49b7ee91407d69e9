"""Each face with the same words, so that one test body runs on all of them.

A body is a coroutine function that gets a Face. On the faces that await, the client is the real
one. On the blocking face and on gevent a proxy turns what waits into coroutines that never suspend;
on the sans-IO face the proxy's coroutines move bytes between the session and a socket until the
operation is done. uvloop is asyncio on another loop, anyio is tried on asyncio's.
"""

import asyncio
import contextlib
import importlib
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import anynats
import anynats.asyncio
import anynats.sansio
from anynats import _surface

WAITING = frozenset(
    (
        *("publish", "subscribe", "next", "request", "request_many"),
        *("flush", "rtt", "drain", "close"),
    )
)
PLAIN = ("blocking", "gevent")  # those without await
MODULES = {"blocking": "anynats", "uvloop": "anynats.asyncio"}
PATIENCE = 10.0  # seconds; more than any test needs, so that nothing hangs


def run_blocking(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("a blocking face suspended")


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    await work


class Proxy:
    """A client or subscription of a face without await, dressed for `await`."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.inner, name)
        if name not in WAITING:
            return member

        async def call(*args: Any, **keywords: Any) -> Any:
            return self.wrap(member(*args, **keywords))

        return call

    def wrap(self, result: Any) -> Any:
        return Proxy(result) if isinstance(result, _surface.Subscription) else result

    async def __aiter__(self) -> AsyncIterator[Any]:
        for message in self.inner:
            yield message

    async def __aenter__(self) -> "Proxy":
        self.inner.__enter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.inner.__exit__(*error)


class SansIo:
    """A driver for anynats.sansio.Session, as a user of it would write one."""

    def __init__(self, servers: Any, **options: Any) -> None:
        self.session = anynats.sansio.Session(servers, now=time.monotonic(), **options)
        self.socket: socket.socket | None = None
        self.epoch = 0
        self.place = ""  # where the socket goes to

    def act(self) -> None:
        while action := self.session.next_action():
            now = time.monotonic()
            if action.kind == "connect":
                self.close_socket()
                self.epoch = action.epoch
                self.place = f"{action.host}:{action.port}"
                try:
                    self.socket = socket.create_connection((action.host, action.port), 5)
                except OSError as error:
                    self.broke(error)
                else:
                    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.socket.setblocking(False)
                    self.session.transport_up(action.epoch, now)
            elif action.kind == "authenticate":
                own = self.session.own_credentials()
                self.session.credentials(action.epoch, now, **own)
            elif action.kind == "close" and action.epoch == self.epoch:
                self.write()
                self.close_socket()

    def write(self) -> None:
        while self.socket and (parts := self.session.data_to_send()):
            try:
                self.session.data_sent(self.socket.send(b"".join(parts)))
            except BlockingIOError:
                return
            except OSError as error:
                self.broke(error)
                return

    def read(self) -> None:
        assert self.socket
        try:
            data = self.socket.recv(65_536)
        except BlockingIOError:
            return
        except OSError as error:
            self.broke(error)
            return
        if data:
            self.session.receive_data(self.epoch, data, time.monotonic())
        else:
            self.session.receive_eof(self.epoch, time.monotonic())

    def broke(self, error: OSError) -> None:
        why = f"{self.place}: {error}"
        self.session.transport_down(self.epoch, why, time.monotonic())

    def close_socket(self) -> None:
        if self.socket:
            self.socket.close()
            self.socket = None

    def pump(self, until: Callable[[], bool], deadline: float | None = None) -> None:
        """Drive until `until()` or the deadline; asserts that it does not take for ever."""
        give_up = (deadline or time.monotonic()) + PATIENCE
        while True:
            self.session.handle_timeout(time.monotonic())
            self.act()
            self.write()
            assert self.session.check() is None
            now = time.monotonic()
            if until() or (deadline is not None and now >= deadline):
                return
            assert now < give_up, f"stuck: {self.session.dump()}"
            ends = [give_up, deadline or give_up, self.session.next_timeout() or give_up]
            wait = max(0.0, min(ends) - now)
            if not self.socket:
                threading.Event().wait(min(wait, 0.05))
                continue
            blocked = [self.socket] if self.session.data_to_send() else []
            readable, _, _ = select.select([self.socket], blocked, [], wait)
            if readable:
                self.read()


class SansIoProxy(Proxy):
    """A Session or its subscription, with a driver."""

    def __init__(self, inner: Any, driver: SansIo) -> None:
        super().__init__(inner)
        self.driver = driver

    def wrap(self, result: Any) -> Any:
        driver = self.driver
        if isinstance(result, anynats.sansio.Operation):
            driver.pump(result.done)
            return result.result()
        driver.act()
        driver.write()
        is_subscription = isinstance(result, anynats.sansio.Subscription)
        return SansIoProxy(result, driver) if is_subscription else result

    async def next(self, timeout: Any = None) -> Any:
        seconds = None if timeout is None else anynats._native.seconds(timeout, "timeout")
        deadline = None if seconds is None else time.monotonic() + seconds
        self.driver.pump(lambda: self.inner.pending > 0 or self.inner.ended, deadline)
        return self.inner.next(timeout)

    async def close(self) -> None:
        self.wrap(self.inner.close())
        self.driver.act()
        self.driver.close_socket()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            try:
                yield await self.next()
            except anynats.Closed as error:
                if error.__cause__:
                    raise
                return

    async def __aexit__(self, *error: Any) -> None:
        if isinstance(self.inner, anynats.sansio.Session):
            await self.close()
        else:
            self.inner.unsubscribe()


class Face:
    """One way of waiting: `connect` and `run`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module = importlib.import_module(MODULES.get(name, f"anynats.{name}"))

    async def connect(self, servers: Any, **options: Any) -> Any:
        if self.name in PLAIN:
            return Proxy(self.module.connect(servers, **options))
        if self.name == "sansio":
            driver = SansIo(servers, **options)
            operation = driver.session.connect()
            driver.pump(operation.done)
            try:
                operation.result()
            except BaseException:
                driver.close_socket()
                raise
            return SansIoProxy(driver.session, driver)
        return await self.module.connect(servers, **options)

    @contextlib.asynccontextmanager
    async def open(self, servers: Any, **options: Any) -> AsyncIterator[Any]:
        """Connect for the time of a block, with what callbacks need."""
        if self.name in PLAIN or self.name == "sansio":
            client = await self.connect(servers, **options)
            try:
                yield client
            finally:
                await client.close()
        else:
            async with self.module.connect(servers, **options) as client:
                yield client

    def callback(self, function: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[..., Any]:
        """What this face calls back for a coroutine function."""
        if self.name not in PLAIN:
            return function
        return lambda argument: run_blocking(function(argument))

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        """Run a test's body to its end."""
        if self.name in PLAIN or self.name == "sansio":
            run_blocking(body)
        elif self.name == "trio":
            import trio

            trio.run(lambda: body)
        elif self.name == "anyio":
            import anyio

            anyio.run(lambda: body)
        elif self.name == "uvloop":
            import uvloop

            uvloop.run(body, debug=True)
        else:
            asyncio.run(body, debug=True)

    async def drain_during(
        self, client: Any, work: Coroutine[Any, Any, None], timeout: float = 60
    ) -> None:
        """Drain `client` while `work` goes on, as the face lets one do two things."""
        if self.name == "gevent":
            import gevent

            greenlet = gevent.spawn(run_blocking, work)
            await client.drain(timeout)
            greenlet.get()
        elif self.name in ("trio", "anyio"):
            import anyio

            async with anyio.create_task_group() as group:
                group.start_soon(_finish, work)
                await client.drain(timeout)
        elif self.name == "blocking":
            failed: list[BaseException] = []

            def worker() -> None:
                try:
                    run_blocking(work)
                except BaseException as error:
                    failed.append(error)

            thread = threading.Thread(target=worker)
            thread.start()
            try:
                await client.drain(timeout)
            finally:
                thread.join(2 * PATIENCE)
            assert not thread.is_alive()
            assert not failed, failed
        elif self.name == "sansio":
            operation = client.inner.drain(timeout)
            await work
            client.wrap(operation)
        else:
            task = asyncio.create_task(work)
            await client.drain(timeout)
            await task

    async def sleep(self, client: Any, seconds: float) -> None:
        """Let time pass for the client, as its face does it."""
        if self.name == "sansio":
            client.driver.pump(lambda: False, time.monotonic() + seconds)
        elif self.name == "blocking":
            threading.Event().wait(seconds)
        elif self.name == "gevent":
            import gevent

            gevent.sleep(seconds)  # why: as below
        elif self.name in ("trio", "anyio"):
            import anyio

            await anyio.sleep(seconds)  # why: as below
        else:
            await asyncio.sleep(seconds)  # why: polled, for what no wait can tell of

    async def until(self, client: Any, condition: Callable[[], bool]) -> None:
        """Wait for a condition that has no notice."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            await self.sleep(client, 0.01)
