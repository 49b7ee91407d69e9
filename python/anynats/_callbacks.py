"""Callbacks: what becomes of an exception in one, and the thread that runs those of `anynats`.

A blocking client has one callback thread, from the first callback to the last. It has a seat at the
driver, so that it reads the socket itself while it waits; while callbacks take their time, the
background thread does. It takes up to 64 messages of one subscription before it looks at the
others. Callbacks may use the client, and wait.
"""

import itertools
import logging
import threading
from collections.abc import Callable
from typing import Any

from anynats import _native
from anynats.errors import Error, UsageError

_log = logging.getLogger("anynats")
_MOST_IN_A_ROW = 64


def failed(native: Any, subject: str | None, error: BaseException) -> None:
    """Log what a callback raised, count it and tell it as an event; delivery goes on.

    `subject` is None for a callback of events: another event of it would come there again.
    """
    if subject is None:
        _log.error("the callback of events raised", exc_info=error)
    else:
        _log.error("a callback on %r raised", subject, exc_info=error)
        native.callback_failed(f"a callback on {subject!r} raised {error!r}")


class Caller:
    """Calls back, until it is stopped."""

    def __init__(self, native: Any) -> None:
        self._native = native
        self.stopped = False  # a callback that runs comes to its end, and no other begins

    def call(self, callback: Callable[[Any], Any], argument: Any, subject: str | None) -> None:
        try:
            callback(argument)
        except (Exception, SystemExit) as error:  # the latter would end all callbacks silently
            failed(self._native, subject, error)


class Messages:
    """The callback of a subscription: what is waited for, and what is done then."""

    def __init__(self, queue: Any, callback: Callable[[Any], Any]) -> None:
        self._queue, self._callback = queue, callback
        self._iterator = queue.iterator()

    def begin(self) -> Any:
        return self._iterator.start_next()

    def turn(self, caller: Caller, operation: Any) -> bool:
        """Call back for what came; return whether to go on."""
        try:
            message = operation.result()
        except Error:  # it has ended; and where that is no one's wish, an event tells why
            return False
        count = 0
        while message is not None and not caller.stopped:
            caller.call(self._callback, message, self._queue.subject)
            count += 1
            message = self._iterator.try_next() if count < _MOST_IN_A_ROW else None
        return not caller.stopped


class Events:
    """The callback of events."""

    def __init__(self, client: Any, callback: Callable[[Any], Any]) -> None:
        self._take, self._callback = client.next_event, callback
        self.begin = client._native.event

    def turn(self, caller: Caller, operation: Any) -> bool:
        while (event := self._take()) is not None:
            caller.call(self._callback, event, None)
            if event.kind == "closed":
                return False
        return True


class CallbackThread(Caller):
    """The callbacks of one client, and their thread while there are any."""

    def __init__(self, native: Any) -> None:
        super().__init__(native)
        self._lock = threading.Lock()
        self._tokens = itertools.count(1)
        self._known: dict[int, Any] = {}  # token -> Messages or Events
        self._waits: dict[int, Any] = {}  # token -> the operation it waits for
        self._thread: threading.Thread | None = None  # the last there was
        self._seat: Any = None  # while it lives

    def add(self, known: Messages | Events) -> None:
        with self._lock:
            token = next(self._tokens)
            if self._seat is None:
                self._seat = _native.Seat(self._native)
                thread = threading.Thread(target=self._live, name="anynats-callbacks", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # there is none to be had
                    self._seat = None
                    raise
                self._thread = thread
            self._known[token] = known
            self._await(token)

    def _await(self, token: int) -> None:
        operation = self._waits[token] = self._known[token].begin()
        self._seat.notify_done(operation, token)

    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    def join(self) -> None:
        """The client is closed: wait for the callback that runs, if this is not its thread."""
        thread = self._thread
        if thread is not None and not self.is_current():
            thread.join()

    def _live(self) -> None:
        while True:
            tokens = self._seat.turn()
            if tokens:
                self._seat.away()  # callbacks may take their time, or wait for each other
            for token in tokens:
                goes_on = self._known[token].turn(self, self._waits[token])
                with self._lock:
                    if goes_on:
                        self._await(token)
                        continue
                    self._seat.forget(token)
                    del self._known[token], self._waits[token]
                    if not self._known:
                        self._seat = None
                        return
            self._seat.sleep()


def refuse_drain() -> None:
    """A drain waits for the callbacks that run, and so for itself."""
    raise UsageError("drain() in a callback would wait for that callback")
