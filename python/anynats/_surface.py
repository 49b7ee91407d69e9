"""Every public method of every face, once: its docstring, its checks, and one line that starts it.

A face (anynats, anynats.asyncio, anynats.sansio) says how to wait: `_run` for operations, `_open`
for subscriptions, `_next` for messages; it overrides iteration and `with`, and nothing else. What
is marked `@waits` is awaited in async faces, what is marked `@connects` opens there with `await`
and with `async with`; tools/stubs.py reads both marks and writes the stubs. No NATS protocol here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anynats._events import ConnectionState, Event
from anynats._face import connects, waits
from anynats._native import Message

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Buffer, Self, Unpack

    from anynats._options import Options, Seconds, SlowConsumerPolicy
    from anynats.errors import Error


class Subscription:
    """Messages of one subject, in the order they came.

    Iterate over it, or call `next`. Ends with `unsubscribe`, at the end of a `with` block, with its
    client, or when nothing refers to it any more. In the blocking face threads may share it: each
    message goes to one of those who wait.
    """

    _queue: Any

    @waits
    def next(self, timeout: Seconds | None = None) -> Message:
        """Return the next message; wait for at most `timeout` seconds, without end if None.

        TimeoutError when nothing came; Closed when the subscription has ended and everything it
        held has been taken.
        """
        return self._next(timeout)  # type: ignore[no-any-return,attr-defined]

    def try_next(self) -> Message | None:
        """Return the next message if one is here, else None; never waits."""
        return self._queue.try_next()  # type: ignore[no-any-return]

    def unsubscribe(self, limit: int | None = None) -> None:
        """End it: now, or after `limit` messages counted since it began. Never waits.

        What it holds can still be taken; whoever waits for more learns that it is over. A limit may
        be lowered; raising it races with the server, which forgets a subscription that has reached
        its old one, and then nothing more comes.
        """
        self._queue.unsubscribe(limit)
        self._told()

    @waits
    def drain(self, timeout: Seconds | None = None) -> None:
        """End it in order, and wait until everything that was sent to it has come.

        What it holds can still be taken. For at most `timeout` seconds, else the option
        drain_timeout; TimeoutError when the server has not confirmed by then. It has ended in any
        case.
        """
        return self._run(self._queue.drain, timeout)  # type: ignore[no-any-return,attr-defined]

    @property
    def subject(self) -> str:
        """The subject it was made for, wildcards included."""
        return self._queue.subject  # type: ignore[no-any-return]

    @property
    def sid(self) -> int:
        """Its number on the wire, as `Message.sid` has it."""
        return self._queue.sid  # type: ignore[no-any-return]

    @property
    def pending(self) -> int:
        """Messages that came and wait to be taken."""
        return self._queue.pending  # type: ignore[no-any-return]

    @property
    def dropped(self) -> int:
        """Messages dropped because the queue was full; see the option slow_consumer."""
        return self._queue.dropped  # type: ignore[no-any-return]

    @property
    def ended(self) -> bool:
        """Whether nothing more will come; what it holds can still be taken."""
        return self._queue.ended  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Message]:
        """Yield messages until the subscription ends; raises Closed if the client failed."""
        return self._queue.iterator()  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.unsubscribe()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.Subscription {self.subject!r} sid={self.sid}>"

    def _told(self) -> None:
        """Something waits to be sent: a face whose driver must be told does it here."""


class Client:
    """A connection to NATS; made by `connect`. It reconnects and resubscribes by itself.

    Use it with `with`, or call `close`. In the blocking face any thread may use it at any time; in
    an async face, the event loop it was made on.
    """

    _native: Any

    @waits
    def publish(
        self,
        subject: str,
        payload: Buffer = b"",
        *,
        reply: str | None = None,
        headers: Mapping[str, str | Iterable[str]] | None = None,
    ) -> None:
        """Queue one message; it is sent at once, or together with others within a millisecond.

        `payload` is bytes or any other contiguous buffer; encode a str first. `headers` maps names
        to a value or to several. Waits while `pending_limit` is reached. UsageError when an
        argument is wrong (nothing is sent then), MaxPayload, Disconnected, Closed.
        """
        self._native.publish(subject, payload, reply=reply, headers=headers)

    def publish_nowait(
        self,
        subject: str,
        payload: Buffer = b"",
        *,
        reply: str | None = None,
        headers: Mapping[str, str | Iterable[str]] | None = None,
    ) -> None:
        """Queue one message like `publish`, but never wait: WouldBlock at `pending_limit`."""
        self._native.publish_nowait(subject, payload, reply=reply, headers=headers)
        self._told()

    @connects
    def subscribe(
        self,
        subject: str,
        *,
        queue: str | None = None,
        max_messages: int | None = None,
        pending_messages: int | None = None,
        pending_bytes: int | None = None,
        slow_consumer: SlowConsumerPolicy | None = None,
        callback: Callable[[Message], object] | None = None,
    ) -> Subscription:
        """Subscribe to `subject`, which may hold the wildcards `*` and `>`.

        Members of the same `queue` group share the messages. It ends by itself after `max_messages`
        in all. `pending_messages`, `pending_bytes` and `slow_consumer` set this subscription's
        limits in place of the client's options sub_pending_messages, sub_pending_bytes and
        slow_consumer. UsageError, Closed.

        With a `callback` nobody else takes the messages: it is called with one after the other, in
        order, until the subscription ends or the client is closed; nothing need hold it. In an
        async face it may be async. It may use this client, but not drain it. What it raises is
        logged and told as an event. docs/threads.md says where it runs.
        """
        return self._open(  # type: ignore[no-any-return,attr-defined]
            *(callback, self._native.subscribe, subject, queue, max_messages),
            *(pending_messages, pending_bytes, slow_consumer),
        )

    @waits
    def request(
        self,
        subject: str,
        payload: Buffer = b"",
        *,
        timeout: Seconds | None = None,
        headers: Mapping[str, str | Iterable[str]] | None = None,
    ) -> Message:
        """Publish and return the one reply; wait for at most `timeout` seconds.

        Without a timeout the option request_timeout holds. NoResponders at once when nobody is
        subscribed; TimeoutError, Disconnected, Closed; UsageError and MaxPayload as for `publish`.
        """
        return self._run(  # type: ignore[no-any-return,attr-defined]
            self._native.request, subject, payload, timeout, headers
        )

    @connects
    def request_many(
        self,
        subject: str,
        payload: Buffer = b"",
        *,
        timeout: Seconds | None = None,
        stall: Seconds | None = None,
        max_messages: int | None = None,
        sentinel: bool = False,
        headers: Mapping[str, str | Iterable[str]] | None = None,
    ) -> Subscription:
        """Publish, and return the replies: a subscription that ends by itself (ADR-47).

        It ends `timeout` seconds after the request (else the option request_timeout), when `stall`
        seconds pass after a reply without another one, after `max_messages`, or with `sentinel` at
        a reply without a payload, which is left out. Iterating raises NoResponders when nobody is
        subscribed, Disconnected when the connection is lost meanwhile. Errors as for `publish`.
        """
        return self._open(  # type: ignore[no-any-return,attr-defined]
            *(None, self._native.request_many, subject, payload, timeout, stall, max_messages),
            *(sentinel, headers),
        )

    @waits
    def flush(self, timeout: Seconds | None = None) -> None:
        """Wait until the server has taken everything published before (PING, PONG).

        For at most `timeout` seconds, else the option flush_timeout. TimeoutError, Disconnected,
        Closed.
        """
        return self._run(self._native.flush, timeout)  # type: ignore[no-any-return,attr-defined]

    @waits
    def rtt(self, timeout: Seconds | None = None) -> float:
        """Return how long a PING to the server and its PONG take just now, in seconds.

        Waits for at most `timeout` seconds, else the option flush_timeout. Errors as for `flush`.
        """
        return self._run(self._native.rtt, timeout)  # type: ignore[no-any-return,attr-defined]

    @waits
    def drain(self, timeout: Seconds | None = None) -> None:
        """Close in order: nothing that has been sent, here or to us, is lost.

        Every subscription ends when all that was on the way has come. What came is waited for until
        it is worked off: until somebody has taken it, and a loop over a subscription has come back
        for the next message. They may publish and request to the end; `subscribe` raises Draining.
        Then everything published is sent, and the client is closed. All within `timeout` seconds,
        else the option drain_timeout: TimeoutError says what was left; it is closed then too.
        """
        return self._run(self._native.drain, timeout)  # type: ignore[no-any-return,attr-defined]

    @waits
    def close(self) -> None:
        """Send what is buffered, for at most the option close_timeout, then end everything.

        Subscriptions keep what they hold. Closing what is closed does nothing.
        """
        return self._run(self._native.close, None)  # type: ignore[no-any-return,attr-defined]

    def reconnect(self) -> None:
        """Leave this server for the next one, now; or, while not connected, stop waiting to try.

        Never waits. Open requests end with Disconnected; subscriptions go on there. ADR-40.
        """
        self._native.reconnect()
        self._told()

    def set_servers(self, servers: str | Sequence[str]) -> None:
        """Replace the server pool, discovered servers included. Never waits.

        A connection stays, also if its server is not in the new pool, until it is lost or left
        (`reconnect`). UsageError, Closed. ADR-40.
        """
        self._native.set_servers(servers)
        self._told()

    @property
    def servers(self) -> list[str]:
        """The server pool, the current server first, shown without credentials."""
        return self._native.servers  # type: ignore[no-any-return]

    def new_inbox(self) -> str:
        """Return a subject that nobody else uses, for replies. Never waits."""
        return self._native.new_inbox()  # type: ignore[no-any-return]

    def next_event(self) -> Event | None:
        """Return what became known since, oldest first, or None. Never waits."""
        event = self._native.next_event()
        return None if event is None else Event(*event)

    @property
    def state(self) -> ConnectionState:
        """What the connection does just now."""
        return self._native.state  # type: ignore[no-any-return]

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to a server just now, also while it drains."""
        return self._native.is_connected  # type: ignore[no-any-return]

    @property
    def server(self) -> str:
        """The server of the current attempt, shown without credentials."""
        return self._native.server  # type: ignore[no-any-return]

    @property
    def server_info(self) -> dict[str, Any]:
        """What the server last said of itself (INFO); empty before the first connection."""
        import json

        text = self._native.server_info_json
        return json.loads(text) if text else {}

    @property
    def counters(self) -> dict[str, int]:
        """Totals since the client was made; docs list them by name."""
        return self._native.counters  # type: ignore[no-any-return]

    @property
    def max_payload(self) -> int:
        """The largest message that the server takes, in bytes, headers included."""
        return self._native.max_payload  # type: ignore[no-any-return]

    @property
    def last_error(self) -> Error | None:
        """Why it is closed, if that was not asked for, or why it is not connected just now."""
        return self._native.last_error  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {self.server} {self.state}>"

    def _told(self) -> None:
        """Something waits to be sent: a face whose driver must be told does it here."""


@connects
def connect(
    servers: str | Sequence[str] = "nats://127.0.0.1:4222",
    *,
    on_event: Callable[[Event], object] | None = None,
    **options: Unpack[Options],
) -> Client:
    """Connect to the first of `servers` that answers, and return the client.

    `servers` is a URL, several separated by commas, or a list of them. `on_event` is called with
    what becomes known of the connection, as callbacks of subscriptions are; nobody else takes
    events then. docs/options.md has the options. ConnectFailed, ConnectTimeout, AuthorizationError
    when no server would have us; UsageError for an option, before anything is dialled.
    """
    raise NotImplementedError  # each face has its own
