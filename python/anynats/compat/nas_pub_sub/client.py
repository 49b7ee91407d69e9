"""NasPubSub: publish, subscribe with callbacks and request, on a connection that can be shared.

Belongs to the event loop it was made on. Each subscription has a task that takes its messages and
runs its callback, one message after the other, so that a callback may wait for whatever it likes.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anynats.asyncio
from anynats.compat.nas_pub_sub.link import LOG, Link
from anynats.compat.nas_pub_sub.types import ConnectionState, Message

if TYPE_CHECKING:
    from typing_extensions import Self

Callback = Callable[[Message], Any]


@dataclass
class _Tracked:
    """A subscription, and how many of its messages came to the callback."""

    sub: anynats.asyncio.Subscription
    delivered: int = 0
    limit: int | None = None

    def is_done(self) -> bool:
        return self.limit is not None and self.delivered >= self.limit


class NasPubSub:
    """A client. It dials in the background; `async with` waits until it is connected.

    `options` are those of `anynats.asyncio.connect`: authentication, several `servers` in place of
    host and port, limits of reconnecting, and so on. RuntimeError without a running event loop.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 4222,
        client_id: str | None = None,
        **options: Any,
    ) -> None:
        place = f"[{host}]" if ":" in host else host
        name = client_id or _new_id()
        defaults = {"name": name, "ping_interval": 30, "max_pings_outstanding": 3}
        self._set_up(Link(f"nats://{place}:{port}", defaults | options), host, port, name)

    def _set_up(self, link: Link, host: str, port: int, client_id: str) -> None:
        self._link = link
        self._left = False
        self.host = host
        self.port = port
        self.client_id = client_id
        self.is_shared_connection = False
        self.parent_client: NasPubSub | None = None
        self.child_clients: list[NasPubSub] = []
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.subject_handlers: dict[str, list[str]] = {}
        self._by_sid: dict[str, _Tracked] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def from_connection(cls, existing_client: NasPubSub) -> Self:
        """Return a client of its own on the same connection. ValueError if that is not connected.

        Disconnecting it ends its subscriptions; the connection ends with the client that made it.
        """
        if not existing_client.is_connected():
            raise ValueError("Existing client must be connected")
        self = cls.__new__(cls)
        self._set_up(
            *(existing_client._link, existing_client.host, existing_client.port), _new_id()
        )
        self.is_shared_connection = True
        self.parent_client = existing_client
        existing_client.child_clients.append(self)
        return self

    @property
    def state(self) -> ConnectionState:
        """What the client does just now."""
        return ConnectionState.DISCONNECTED if self._left else self._link.state

    @property
    def server_info(self) -> dict[str, Any]:
        """What the server last said of itself; empty before the first connection."""
        return self._link.client.server_info if self._link.client else {}

    def is_connected(self) -> bool:
        """Tell whether there is a connection just now."""
        return self.state == ConnectionState.CONNECTED

    def _ready(self) -> anynats.asyncio.Client:
        if self._left:
            raise ConnectionError("Client not connected: it was disconnected")
        return self._link.ready()

    async def publish(
        self, subject: str, payload: bytes | str, reply_to: str | None = None
    ) -> None:
        """Publish one message; its bytes are with the system when this returns.

        A str is sent as UTF-8. ConnectionError while there is no connection, ValueError for a bad
        subject or size, TypeError for another payload.
        """
        await self._ready().publish(subject, _bytes_of(payload), reply=reply_to)
        await asyncio.sleep(0)  # the connection writes at the end of the loop's turn

    async def subscribe(self, subject: str, callback: Callback, queue: str | None = None) -> str:
        """Subscribe, and return the subscription's id.

        `callback` gets each Message, in order; what it returns is awaited if it can be. What it
        raises is logged at the level DEBUG only. Members of one `queue` share the messages.
        """
        client = self._ready()
        sub = await client.subscribe(subject, queue=queue)
        sid = str(next(self._link.sids))
        self.subscriptions[sid] = {"subject": subject, "callback": callback, "queue": queue}
        self.subject_handlers.setdefault(subject, []).append(sid)
        tracked = self._by_sid[sid] = _Tracked(sub)
        task = self._link.loop.create_task(self._deliver(sid, tracked, callback))
        self._tasks.add(task)  # the loop itself keeps no task alive
        task.add_done_callback(self._tasks.discard)
        return sid

    async def _deliver(self, sid: str, tracked: _Tracked, callback: Callback) -> None:
        try:
            async for message in tracked.sub:
                if sid not in self.subscriptions:
                    break  # ended meanwhile
                tracked.delivered += 1
                await _call(callback, _message(message, sid))
                if tracked.is_done():
                    break
        except anynats.Error as error:
            LOG.debug("subscription %s: %s", sid, error)
        finally:
            self._forget(sid)

    async def unsubscribe(
        self, sid: str | None = None, subject: str | None = None, max_msgs: int | None = None
    ) -> None:
        """End a subscription, or all to a subject: now, or after `max_msgs` in all since it began.

        What is unknown is passed over.
        """
        sids = [sid] if subject is None else list(self.subject_handlers.get(subject, ()))
        for each in sids:
            tracked = self._by_sid.get(each or "")
            if tracked is not None:
                tracked.limit = max_msgs or 0
                tracked.sub.unsubscribe(max_msgs or None)
                if tracked.is_done():
                    self._forget(each or "")

    def _forget(self, sid: str) -> None:
        known = self.subscriptions.pop(sid, None)
        if known is not None:
            del self._by_sid[sid]
            sids = self.subject_handlers[known["subject"]]
            sids.remove(sid)
            if not sids:
                del self.subject_handlers[known["subject"]]

    async def request(
        self, subject: str, payload: bytes | str, timeout: float = 1.0
    ) -> Message | None:
        """Publish, and return the first answer: None when none came, at once if nobody listens.

        ConnectionError when there is no connection, or it is lost meanwhile.
        """
        client = self._ready()
        answers = client.request_many(subject, _bytes_of(payload), timeout=timeout, max_messages=1)
        try:
            async with answers as sub:
                return _message(await sub.next(), None)
        except (anynats.NoResponders, anynats.TimeoutError):
            return None
        except anynats.Closed:
            if self.is_connected():  # no answer in time ends the wait for it
                return None
            raise

    async def disconnect(self) -> None:
        """End the subscriptions, and the connection if this client made it. Never raises."""
        if self._left:
            return
        self._left = True
        for sid, tracked in list(self._by_sid.items()):
            tracked.sub.unsubscribe()
            self._forget(sid)
        if self.parent_client is not None:
            self.parent_client.child_clients.remove(self)
        if not self.is_shared_connection:
            await self._link.close()

    async def __aenter__(self) -> Self:
        await self._link.connected()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.disconnect()


def _new_id() -> str:
    return f"client_{uuid4().hex[:8]}"


def _bytes_of(payload: bytes | str) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload


def _message(message: anynats.Message, sid: str | None) -> Message:
    return Message(message.subject, message.payload, datetime.now(), message.reply, sid)


async def _call(callback: Callback, message: Message) -> None:
    try:
        result = callback(message)
        if inspect.isawaitable(result):
            await result
    except Exception:
        LOG.debug("a callback on %r raised", message.topic, exc_info=True)
