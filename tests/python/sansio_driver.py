"""A client over anynats.sansio.Session and a socket, as a user of it would write one."""

import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from proxy import PATIENCE, Proxy

import anynats
import anynats.sansio


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
