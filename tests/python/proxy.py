"""What waits on a face without await, dressed as coroutines that never suspend."""

from collections.abc import AsyncIterator, Coroutine
from typing import Any

from anynats import _surface

WAITING = frozenset(
    (
        *("publish", "subscribe", "next", "request", "request_many"),
        *("flush", "rtt", "drain", "close"),
    )
)
PATIENCE = 10.0  # seconds; more than any test needs, so that nothing hangs


def run_blocking(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("a blocking face suspended")


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
