"""The names of the package no_asyncio_nats, over blocking anynats: core NATS, not yet JetStream.

    import anynats.compat.no_asyncio_nats as no_asyncio_nats

Where that package's README and its code disagree, this follows the README: messages are dicts with
attributes, waits end with Ctrl-C, calls of several threads never queue behind each other. Errors
are the builtins that the README names, and RuntimeError too, which the code raised. No protocol
here: everything is a call of anynats.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, NoReturn

import anynats

__all__ = [
    "Client",
    "JetStream",
    "JetStreamPullConsumer",
    "JetStreamPullConsumerMessages",
    "JetStreamStream",
    "Message",
    "PublishAckFuture",
    "Subscriber",
    "connect",
    "gevent_connect",
]

# --- errors --------------------------------------------------------------------------------------


_made: dict[type[anynats.Error], type[anynats.Error]] = {}


def _also_runtime_error(kind: type[anynats.Error]) -> type[anynats.Error]:
    if kind not in _made:
        # No responders counts as a timeout there, though it comes at once.
        extra = (anynats.TimeoutError,) if kind is anynats.NoResponders else ()
        bases = (kind, *extra, RuntimeError)
        _made[kind] = type(kind.__name__, bases, {"__doc__": kind.__doc__})
    return _made[kind]


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Raise anynats' errors as classes that `except RuntimeError` catches too."""
    try:
        yield
    except anynats.Error as error:
        raise _also_runtime_error(type(error))(*error.args) from error.__cause__


def _not_yet(what: str) -> NoReturn:
    raise _also_runtime_error(anynats.UsageError)(f"{what} is not supported by this version yet")


# --- options -------------------------------------------------------------------------------------


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"option {name!r}: a str is needed, not {type(value).__name__}")
    return value


def _duration(name: str, value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise TypeError(f"{name}: a timedelta is needed, not {type(value).__name__}")
    if value < timedelta(0):
        raise ValueError(f"{name}: {value} is negative")
    return value


def _count(name: str, value: object, most: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: an int is needed, not {type(value).__name__}")
    if value < 0 or (most is not None and value > most):
        raise ValueError(f"{name}: {value} is out of range")
    return value


def _pair(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"option {name!r}: a tuple of two str is needed")
    return {"user": _text(name, value[0]), "password": _text(name, value[1])}


def _plain(ours: str, convert: Callable[[str, Any], object]) -> Callable[[str, Any], Any]:
    return lambda name, value: {ours: convert(name, value)}


def _later(name: str, value: object) -> dict[str, object]:
    if value is not False:
        _not_yet(f"option {name!r}")
    return {}


# Their option -> a function that checks its value and returns ours.
_OPTIONS: dict[str, Callable[[str, Any], dict[str, object]]] = {
    "token": _plain("token", _text),
    "user_and_password": _pair,
    "ping_interval": _plain("ping_interval", _duration),
    "connection_timeout": _plain("connect_timeout", _duration),
    "request_timeout": _plain("request_timeout", _duration),
    # The README's meaning: the most subscriptions. What each one holds has its own limits.
    "subscription_capacity": _plain("max_subscriptions", _count),
    "read_buffer_capacity": _plain("read_chunk", lambda n, v: max(4096, _count(n, v, 65_535))),
    "no_echo": _plain("echo", lambda _, value: not value),
    "custom_inbox_prefix": _plain("inbox_prefix", _text),
    "name": _plain("name", _text),
    "retry_on_initial_connect": _plain("retry_on_failed_connect", lambda _, value: bool(value)),
    "max_reconnects": _plain("max_reconnects", lambda n, v: _count(n, v) or None),  # 0: endless
    "ignore_discovered_servers": _plain(
        "discovered_servers", lambda _, value: "configured_only" if value else "all"
    ),
    "retain_servers_order": _plain("randomize_servers", lambda _, value: not value),
    **dict.fromkeys(
        (
            *("nkey", "credentials_file", "credentials", "require_tls", "tls_first"),
            *("tls_root_certificates", "tls_client_cert", "tls_client_key"),
        ),
        _later,
    ),
}
_DEFAULTS: dict[str, object] = {
    "request_timeout": 10.0,
    "max_subscriptions": 65_536,
    "reconnect_wait_min": 0.001,
    "reconnect_wait_max": 4.0,
}


def _native_options(options: object) -> dict[str, Any]:
    if options is None:
        options = {}
    if not isinstance(options, dict):
        raise TypeError(f"options: a dict is needed, not {type(options).__name__}")
    ours = dict(_DEFAULTS)
    for name, value in options.items():
        if not isinstance(name, str):
            raise TypeError("options: the keys are str")
        if name not in _OPTIONS:
            raise ValueError(f"options: there is no option {name!r}")
        if value is not None:  # None counts as absent
            ours.update(_OPTIONS[name](name, value))
    ours["flush_timeout"] = ours["request_timeout"]  # the only timeout they have
    return ours


def connect(address: str | Sequence[str], options: dict[str, Any] | None = None) -> Client:
    """Connect to a server (a URL, a comma list or a list of URLs) and return the client.

    ConnectionError when that fails, TimeoutError too when it took too long, ValueError for a bad
    URL or option. Durations in `options` are timedelta.
    """
    if not isinstance(address, (str, list, tuple)):
        raise TypeError(f"address: a str or a list is needed, not {type(address).__name__}")
    ours = _native_options(options)
    with _errors():
        return Client._of(anynats.connect(address, **ours))


def gevent_connect(address: str | Sequence[str], options: dict[str, Any] | None = None) -> Client:
    """Connect with waits that cooperate with gevent; comes with a later version."""
    import gevent  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401

    _not_yet("gevent_connect")


# --- messages ------------------------------------------------------------------------------------


class Message(dict[str, Any]):
    """One message: a dict without the keys that are not set, and attributes that are None then."""

    @classmethod
    def _of(cls, message: anynats.Message) -> Message:
        self = cls(subject=message.subject)
        if message.reply is not None:
            self["reply"] = message.reply
        self["payload"] = message.payload
        headers = message.headers
        if headers:
            # Of several values the last one, as there.
            self["headers"] = {name: headers.get_all(name)[-1] for name in headers}
        if message.status is not None:
            self["status"] = message.status
            if message.description:
                self["description"] = message.description
        return self

    @property
    def subject(self) -> str:
        return self["subject"]  # type: ignore[no-any-return]

    @property
    def reply(self) -> str | None:
        return self.get("reply")

    @property
    def payload(self) -> bytes:
        return self["payload"]  # type: ignore[no-any-return]

    @property
    def headers(self) -> dict[str, str] | None:
        return self.get("headers")

    @property
    def status(self) -> int | None:
        return self.get("status")

    @property
    def description(self) -> str | None:
        return self.get("description")

    def ack(self) -> None:
        """Acknowledge a message of JetStream; this version delivers none."""
        raise ValueError("not a JetStream message")


# --- the client ----------------------------------------------------------------------------------


class _Made:
    """A class whose objects are made here only, as in the original."""

    def __new__(cls, *args: object, **keywords: object) -> Any:
        raise TypeError(f"cannot create '{cls.__name__}' instances")


class Subscriber(_Made):
    """The messages of one subject. Threads may share it: each message goes to one of them."""

    _sub: anynats.Subscription
    _client: anynats.Client

    def recv_msg(self, timeout: timedelta | None = None) -> Message | None:
        """Return the next message; None after `timeout`, or when the subscription has ended.

        Without a timeout it waits until one of the two. ConnectionError when the connection was
        given up for good.
        """
        seconds = None if timeout is None else _duration("timeout", timeout)
        with _errors():
            try:
                if seconds == timedelta(0):
                    message = self._sub.try_next()
                    return None if message is None else Message._of(message)
                return Message._of(self._sub.next(timeout=seconds))
            except anynats.TimeoutError:
                return None
            except anynats.Closed as error:
                if error.__cause__ is not None:
                    raise
                return None

    def unsubscribe(self) -> None:
        """End the subscription now; what has been received can still be taken."""
        self._sub.unsubscribe()

    def drain(self) -> None:
        """End the subscription; what is on its way or here can still be taken. Does not wait."""
        with _errors():
            # It goes on by itself, without the operation.
            self._sub._queue.drain(None)  # type: ignore[attr-defined]

    def unsubscribe_after(self, count: int) -> None:
        """End the subscription after `count` messages in all; at once if so many have come."""
        self._sub.unsubscribe(_count("count", count) or None)


class Client(_Made):
    """A connection; made by `connect`. Any thread may use it at any time."""

    _client: anynats.Client

    @classmethod
    def _of(cls, client: anynats.Client) -> Client:
        self: Client = object.__new__(cls)
        self._client = client
        return self

    def publish(
        self,
        subject: str,
        data: bytes,
        reply: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Queue one message. ValueError for a bad subject, header or size."""
        with _errors():
            self._client.publish(subject, data, reply=reply, headers=_headers(headers))

    def flush(self) -> None:
        """Wait until the server has taken everything published before, at most request_timeout."""
        with _errors():
            self._client.flush()

    def subscribe(self, subject: str) -> Subscriber:
        """Subscribe; what is published on this client afterwards will be seen."""
        return self._subscribe(subject, None)

    def queue_subscribe(self, subject: str, queue_group: str) -> Subscriber:
        """Subscribe as a member of a group whose members share the messages."""
        if not isinstance(queue_group, str):
            raise TypeError("queue_group: a str is needed")
        if not queue_group:
            raise ValueError("queue_group: is empty")
        return self._subscribe(subject, queue_group)

    def _subscribe(self, subject: str, queue: str | None) -> Subscriber:
        subscriber: Subscriber = object.__new__(Subscriber)
        with _errors():
            subscriber._sub = self._client.subscribe(subject, queue=queue)
        subscriber._client = self._client  # a subscriber keeps its connection
        return subscriber

    def request(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,
    ) -> Message:
        """Publish and return the reply. TimeoutError after request_timeout, or when nobody is
        subscribed to the subject (then at once)."""
        seconds = None if timeout is None else _duration("timeout", timeout)
        with _errors():
            return Message._of(
                self._client.request(subject, data, headers=_headers(headers), timeout=seconds)
            )

    def new_inbox(self) -> str:
        """Return a subject that nobody else uses."""
        return self._client.new_inbox()

    def jetstream(self) -> JetStream:
        """Return a JetStream context; comes with a later version."""
        _not_yet("jetstream()")

    def drain(self) -> None:
        """Send what is buffered and close; what has been received can still be taken."""
        self.close()

    def close(self) -> None:
        """Send what is buffered and close. Closing what is closed does nothing."""
        with _errors():
            self._client.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _headers(headers: object) -> Any:
    if headers is None:
        return None
    if not isinstance(headers, dict):
        raise TypeError(f"headers: a dict is needed, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, (str, list)):
            raise TypeError("headers: names and values are str")
    return headers


class JetStream(_Made):
    """For isinstance; comes with a later version."""


class JetStreamStream(_Made):
    """For isinstance; comes with a later version."""


class JetStreamPullConsumer(_Made):
    """For isinstance; comes with a later version."""


class JetStreamPullConsumerMessages(_Made):
    """For isinstance; comes with a later version."""


class PublishAckFuture(_Made):
    """For isinstance; comes with a later version."""
