"""The demo's story without any I/O in the library: a socket, a clock and a session, by hand.

`Wire` is all that a driver has to do; it is a way of waiting of one's own, in fifty lines.
Told through `tell`, which examples/demo.py gives; `restart` restarts the server.
"""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

import anynats
from anynats.sansio import Operation, Session

MESSAGES = 100_000
REQUESTS = 2_000
LONGEST = 30.0  # seconds for one wait, against hanging

_T = TypeVar("_T")


class Wire:
    """Drives one session over one blocking socket."""

    def __init__(self, url: str) -> None:
        self.session = Session(url, now=time.monotonic())
        self.socket: socket.socket | None = None
        self.epoch = 0

    def obey(self) -> None:
        """Do what the session wishes."""
        session = self.session
        while action := session.next_action():
            if action.kind == "connect":
                self.epoch = action.epoch
                try:
                    self.socket = socket.create_connection((action.host, action.port), timeout=1)
                except OSError as error:
                    session.transport_down(action.epoch, str(error), time.monotonic())
                else:
                    session.transport_up(action.epoch, time.monotonic())
            elif action.kind == "authenticate":
                session.credentials(action.epoch, time.monotonic(), **session.own_credentials())
            elif action.kind == "close" and self.socket is not None:
                self.socket.close()
                self.socket = None

    def turn(self) -> None:
        """Do what the session wishes, send what waits, read once, look after the time."""
        session = self.session
        self.obey()
        if self.socket is not None:
            try:
                while parts := session.data_to_send():
                    session.data_sent(self.socket.send(b"".join(parts)))
                self.socket.settimeout(self.patience())
                data = self.socket.recv(256 * 1024)
            except TimeoutError:
                pass
            except OSError as error:
                session.transport_down(self.epoch, str(error), time.monotonic())
            else:
                if data:
                    session.receive_data(self.epoch, data, time.monotonic())
                else:
                    session.receive_eof(self.epoch, time.monotonic())
        else:
            time.sleep(self.patience())  # why: between two attempts there is nothing to wait for
        session.handle_timeout(time.monotonic())

    def patience(self) -> float:
        """How long nothing needs to be done but reading, in seconds."""
        due = self.session.next_timeout()
        return 1.0 if due is None else min(1.0, max(0.001, due - time.monotonic()))

    def until(self, finished: Callable[[], bool]) -> None:
        """Turn until `finished`, for at most LONGEST seconds."""
        deadline = time.monotonic() + LONGEST
        while not finished():
            if time.monotonic() > deadline:
                raise SystemExit("the demo waited too long")
            self.turn()

    def finish(self, operation: Operation[_T]) -> _T:
        """Turn until the operation is done, and return its result."""
        self.until(operation.done)
        return operation.result()


def story(url: str, tell: Callable[..., None], restart: Callable[[], None]) -> None:
    """Show publishers, subscribers, a queue group, requests, headers and a restart survived."""
    wire = Wire(url)
    nc = wire.session
    wire.finish(nc.connect())
    tell("connected", nc.server)

    everything = nc.subscribe("demo.>")
    nc.publish_nowait("demo.sensors.a", b"21.5", headers={"unit": "C", "tag": ["1", "2"]})
    wire.until(lambda: everything.pending > 0)
    msg = everything.next()
    tell("wildcard demo.>", f"{msg.subject} = {msg.payload.decode()}")
    tags = len(msg.headers.get_all("tag"))
    tell("headers", f"unit: {msg.headers['unit']}, tag: {tags} values")

    one = nc.subscribe("jobs", queue="workers")
    two = nc.subscribe("jobs", queue="workers")
    for _ in range(1_000):
        nc.publish_nowait("jobs", b"job")
    wire.until(lambda: one.pending + two.pending == 1_000)
    tell("queue group", f"{one.pending} + {two.pending} of 1000 jobs")

    sub = nc.subscribe("rate", pending_messages=MESSAGES)
    start = time.perf_counter()
    for _ in range(MESSAGES):
        nc.publish_nowait("rate", b"0123456789abcdef")
    wire.until(lambda: sub.pending == MESSAGES)
    received = sum(1 for _ in sub)
    tell("published and received", received, time.perf_counter() - start)

    # Somebody else answers: a second session, served whenever ours has nothing to do.
    with anynats.connect(url) as service, service.subscribe("answer") as questions:
        service.flush()
        start = time.perf_counter()
        for _ in range(REQUESTS):
            asked = nc.request("answer", b"?", timeout=5)
            wire.session.advance(time.monotonic())
            if wire.socket is not None:
                wire.session.data_sent(wire.socket.send(b"".join(nc.data_to_send())))
            reply = questions.next(timeout=5).reply
            assert reply is not None
            service.publish(reply, b"42")
            service.flush()
            wire.finish(asked)
        tell("requests answered", REQUESTS, time.perf_counter() - start)

    try:
        wire.finish(nc.request("nobody.there", b"?", timeout=5))
    except anynats.NoResponders as error:
        tell("no responders", type(error).__name__)

    after = nc.subscribe("after.restart")
    restart()
    wire.until(lambda: nc.counters["reconnects"] > 0)
    nc.publish_nowait("after.restart", b"still here")
    wire.until(lambda: after.pending > 0)
    tell("restart survived", after.next().payload.decode())
    wire.finish(nc.close())
    wire.obey()
