"""A small surface as tests/python/test_stubs.py feeds it to tools/stubs.py: one of each case.

Read as text and never imported; the real one is python/anynats/_surface.py.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from anynats._marks import connects, waits

from anynats import _marks

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from anynats._options import Options, Seconds

T = TypeVar("T")
Handler: TypeAlias = Callable[["Message"], None]
_UNSET = object()


class State(enum.Enum):
    OPEN = "open"
    CLOSED = "closed"


class Message:
    subject: str
    payload: bytes

    def ack(self) -> None: ...


class Batch(Generic[T]):
    def first(self) -> T: ...


class _Base:
    def _run(self) -> None: ...


class _Closing:
    @waits
    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *args: object) -> None: ...


class Subscription(_Base):
    """Messages of one subject."""

    _queue: list[Message]

    @property
    def pending(self) -> int: ...

    @waits
    def next(self, timeout: Seconds | None = None) -> Message: ...

    @waits
    def fetch(self, batch: int = 1, /, *, timeout: Seconds = -1) -> Batch[Message]: ...

    def messages(self) -> Iterator[Message]: ...

    def unsubscribe(self, limit: int | None = None) -> None: ...

    def _deliver(self) -> None: ...

    def __iter__(self) -> Iterator[Message]: ...

    def __next__(self) -> Message: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Client(_Base, _Closing):
    @staticmethod
    def new_inbox() -> str: ...

    @waits
    def publish(
        self,
        subject: str,
        payload: bytes | str = b"",
        *,
        reply: str | None = None,
        headers: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None: ...

    def publish_nowait(self, subject: str, payload: bytes | str = b"") -> None: ...

    @_marks.waits
    def flush(self, timeout: Seconds = _UNSET) -> None: ...

    @_marks.connects
    def subscribe(self, subject: str, callback: Handler | None = None) -> Subscription: ...

    def status(self) -> Status: ...


class Status:
    """Waits for nothing, but names a class that does."""

    state: State
    client: Client


@connects
def connect(
    servers: str | Sequence[str] = "nats://127.0.0.1:4222", **options: Unpack[Options]
) -> Client: ...
