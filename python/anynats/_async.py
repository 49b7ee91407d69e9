"""What every face with `await` has: the surface, over one thing that the face adds.

That is `_wait(operation)`: return when the operation is done, in the loop's own way. Nothing here
knows which loop it is. A cancelled wait cancels its operation, which gives back the message that
nobody took; so cancelling loses none.
"""

import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, TypeVar

from anynats import _callbacks, _face, _native, _surface
from anynats._events import Event
from anynats._native import Message
from anynats.errors import Closed, Error, ForkError

_T = TypeVar("_T")


class Opening(Awaitable[_T]):
    """What `connect()` and `subscribe()` return: for `await`, or for `async with`."""

    __slots__ = ("_coroutine", "_opened")

    def __init__(self, coroutine: Any, name: str) -> None:
        coroutine.__qualname__ = name  # "coroutine 'connect' was never awaited"
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, _T]:
        return self._coroutine.__await__()  # type: ignore[no-any-return]

    async def __aenter__(self) -> _T:
        self._opened: Any = await self._coroutine
        return self._opened  # type: ignore[no-any-return]

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._opened.__aexit__(exc_type, exc, traceback)


@_face.face_of(_surface.Subscription)
class Subscription:
    _queue: Any
    _client: "Client"

    async def _next(self, timeout: Any) -> Message:
        if timeout is not None:
            _native.seconds(timeout, "timeout")
        message = self.try_next()
        if message is None:
            message = await self._client._run(self._queue.start_next, timeout)
        return message

    async def _next_or_stop(self, iterator: Any, in_a_row: bool) -> Message:
        if self._client._draining:
            self._told()  # that the loop came back may be what is waited for
        if in_a_row:
            await self._client._let_others(self._queue.pending > 0)
        message = iterator.try_next()
        if message is not None:
            return message  # type: ignore[no-any-return]
        try:
            return await self._client._run(iterator.start_next)  # type: ignore[no-any-return]
        except Closed:
            if self._queue.failed:
                raise
        raise StopAsyncIteration

    def try_next(self) -> Message | None:
        if self._client._draining:
            self._told()
        return self._queue.try_next()  # type: ignore[no-any-return]

    async def _run(self, start: Any, *args: Any) -> Any:
        return await self._client._run(start, *args)

    def _told(self) -> None:
        self._client._told()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._queue.async_iterator(self._next_or_stop)  # type: ignore[no-any-return]

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._queue.unsubscribe(None)
        self._told()


@_face.face_of(_surface.Client)
class Client:
    _native: Any
    _subscription: type[Any] = Subscription
    _checkpoints = False  # whether every await looks for cancellation, also where none is needed
    _draining = False
    _closing = False

    # --- what a face adds ------------------------------------------------------------------------

    async def _wait(self, operation: Any) -> None:
        """Return when `operation` is done."""
        raise NotImplementedError

    async def _let_others(self, behind: bool) -> None:
        """Make a turn of the loop; `behind`: a reader took messages in a row and has more."""
        raise NotImplementedError

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it beside everything else."""
        raise NotImplementedError

    def _task(self) -> Any:
        """What the task is that runs now."""
        raise NotImplementedError

    async def _join(self) -> None:
        """Wait for what was spawned, unless this is part of it."""

    def _enter(self) -> None:
        """Refuse another loop than the own."""
        raise NotImplementedError

    def _told(self) -> None:
        """Something waits to be sent, or may be done now."""
        self._enter()

    def _leave(self) -> None:
        """The client is closed: let the loop go."""

    # --- what all of them do with it -------------------------------------------------------------

    async def _begin(self, on_event: Any) -> "Client":
        self._calling: set[Any] = set()  # the tasks that call back
        if on_event is not None:
            self._spawn(self._tell_events(on_event))
        try:
            await self._run(self._native.connect)
        except BaseException:
            self._native.close(0)
            self._leave()
            raise
        return self

    async def _run(self, start: Any, *args: Any) -> Any:
        self._enter()
        operation = start(*args)
        try:
            if self._checkpoints or not operation.done():
                await self._wait(operation)
            else:
                self._told()
        except BaseException:
            operation.cancel()
            with contextlib.suppress(Exception):  # whoever waits too may have been told now
                self._told()
            raise
        return operation.result()

    def _open(self, callback: Any, start: Any, *args: Any) -> Opening[Any]:
        return Opening(self._subscribe(callback, start, *args), "Client.subscribe")

    async def _subscribe(self, callback: Any, start: Any, *args: Any) -> Any:
        self._told()
        subscription = self._subscription()
        subscription._queue = start(*args)
        subscription._client = self
        if callback is not None:
            self._spawn(self._call_back(subscription, callback))
        return subscription

    async def drain(self, timeout: Any = None) -> None:
        if self._task() in self._calling:
            _callbacks.refuse_drain()
        self._draining = True
        try:
            await self._run(self._native.drain, timeout)
        finally:
            if self._native.state == "closed":
                self._leave()

    async def close(self) -> None:
        if self._is_parents():  # and so is the loop, and the descriptor that we share with it
            return
        self._told()
        self._closing = True
        try:
            await self._run(self._native.close, None)
        except BaseException:
            self._native.close(0)
            raise
        finally:
            self._leave()
        await self._join()

    def _is_parents(self) -> bool:
        return isinstance(self._native.last_error, ForkError)

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # --- user code that is called back -----------------------------------------------------------

    async def _call_back(self, subscription: Any, callback: Callable[[Message], Any]) -> None:
        with contextlib.suppress(Error):  # it has ended; where nobody wanted that, an event says so
            async for message in subscription:
                if self._closing:
                    return
                await self._call(callback, message, subscription.subject)

    async def _tell_events(self, callback: Callable[[Event], Any]) -> None:
        kind = None
        while kind != "closed":
            event = self.next_event()  # type: ignore[attr-defined]
            if event is None:
                await self._run(self._native.event)
            else:
                kind = event.kind
                await self._call(callback, event, None)

    async def _call(self, callback: Callable[[Any], Any], argument: Any, subject: Any) -> None:
        task = self._task()
        self._calling.add(task)
        try:
            result = callback(argument)
            if result is not None and inspect.isawaitable(result):
                await result
        except Exception as error:
            _callbacks.failed(self._native, subject, error)
        finally:
            self._calling.discard(task)
