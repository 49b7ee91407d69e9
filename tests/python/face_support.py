"""Each face with the same words, so that one test body runs on all of them.

A body is a coroutine function that gets a Face. On the faces that await, the client is the real
one. On those that do not, a proxy turns what waits into coroutines that never suspend; on the
sans-IO face these move bytes between the session and a socket until the operation is done.
"""

import asyncio
import contextlib
import importlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from proxy import PATIENCE, Proxy, run_blocking
from sansio_driver import SansIo, SansIoProxy


class Face:
    """One way of waiting; these are those that await."""

    name = ""  # as ANYNATS_FACE has it
    title = ""  # as docs/ways_of_waiting.md has it, if that is not its name
    needs = ""  # the package that it is for
    module = ""  # of the client, if that is not anynats.NAME

    def __init__(self) -> None:
        self.client = importlib.import_module(self.module or f"anynats.{self.name}")

    async def connect(self, servers: Any, **options: Any) -> Any:
        return await self.client.connect(servers, **options)

    def open(self, servers: Any, **options: Any) -> Any:
        """Connect for the time of a block, with what callbacks need."""
        return self.client.connect(servers, **options)

    def callback(self, function: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[..., Any]:
        """What this face calls back for a coroutine function."""
        return function

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        """Run a test's body to its end."""
        raise NotImplementedError

    async def drain_during(
        self, client: Any, work: Coroutine[Any, Any, None], timeout: float = 60
    ) -> None:
        """Drain `client` while `work` goes on, as the face lets one do two things."""
        import anyio

        async def finish() -> None:
            await work

        async with anyio.create_task_group() as group:
            group.start_soon(finish)
            await client.drain(timeout)

    async def sleep(self, client: Any, seconds: float) -> None:
        """Let time pass for the client, as its face does it."""
        import anyio

        await anyio.sleep(seconds)  # why: polled, for what no wait can tell of

    async def until(self, client: Any, condition: Callable[[], bool]) -> None:
        """Wait for a condition that has no notice."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            await self.sleep(client, 0.01)


class Asyncio(Face):
    name = "asyncio"

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        asyncio.run(body, debug=True)


class Uvloop(Face):
    name = needs = "uvloop"
    module = "anynats.asyncio"

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        import uvloop

        uvloop.run(body, debug=True)


class Trio(Face):
    name = needs = "trio"

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        import trio

        trio.run(lambda: body)


class Anyio(Face):
    name = needs = "anyio"

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        import anyio

        anyio.run(lambda: body)  # on asyncio's loop


class Plain(Face):
    """Those without await."""

    async def connect(self, servers: Any, **options: Any) -> Any:
        return Proxy(self.client.connect(servers, **options))

    @contextlib.asynccontextmanager
    async def open(self, servers: Any, **options: Any) -> AsyncIterator[Any]:
        client = await self.connect(servers, **options)
        try:
            yield client
        finally:
            await client.close()

    def callback(self, function: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[..., Any]:
        return lambda argument: run_blocking(function(argument))

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        run_blocking(body)


class Blocking(Plain):
    name = "blocking"
    title = "threads"
    module = "anynats"

    async def drain_during(
        self, client: Any, work: Coroutine[Any, Any, None], timeout: float = 60
    ) -> None:
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

    async def sleep(self, client: Any, seconds: float) -> None:
        threading.Event().wait(seconds)


class Gevent(Plain):
    name = needs = "gevent"

    async def drain_during(
        self, client: Any, work: Coroutine[Any, Any, None], timeout: float = 60
    ) -> None:
        import gevent

        greenlet = gevent.spawn(run_blocking, work)
        await client.drain(timeout)
        greenlet.get()

    async def sleep(self, client: Any, seconds: float) -> None:
        import gevent

        gevent.sleep(seconds)  # why: polled, for what no wait can tell of


class Bare(Plain):
    name = "sansio"
    title = "sans-IO"

    async def connect(self, servers: Any, **options: Any) -> Any:
        driver = SansIo(servers, **options)
        operation = driver.session.connect()
        driver.pump(operation.done)
        try:
            operation.result()
        except BaseException:
            driver.close_socket()
            raise
        return SansIoProxy(driver.session, driver)

    async def drain_during(
        self, client: Any, work: Coroutine[Any, Any, None], timeout: float = 60
    ) -> None:
        operation = client.inner.drain(timeout)
        await work
        client.wrap(operation)

    async def sleep(self, client: Any, seconds: float) -> None:
        client.driver.pump(lambda: False, time.monotonic() + seconds)


FACES: dict[str, type[Face]] = {
    face.name: face for face in (Blocking, Asyncio, Uvloop, Trio, Anyio, Gevent, Bare)
}
