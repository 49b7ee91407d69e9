"""NATS without I/O: bytes and the time go in; bytes, the next deadline and wishes come out.

`Session` is the whole client, for those who bring their own sockets: it never blocks, reads no
clock and opens nothing. After each call ask `next_action`, `data_to_send` and `next_timeout`;
answers change after a call and after nothing else. The methods of a client start an `Operation`
and return it at once; it is done when enough has been fed. One thread at a time.

Beside it stands the protocol by itself: `Parser`, the `encode_*` functions, `parse_headers`,
`parse_status`, `parse_ack_subject`, `classify_error`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from anynats import _face, _native, _surface
from anynats._codec import (
    AckSubject,
    Frame,
    Parser,
    encode_connect,
    encode_headers,
    encode_publish,
    encode_subscribe,
    encode_unsubscribe,
    parse_ack_subject,
    parse_status,
)
from anynats._events import ConnectionState, Event
from anynats._headers import Headers
from anynats._native import Message, encode_ping, encode_pong, parse_headers
from anynats.errors import Error, ProtocolError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Buffer, Unpack

    from anynats._options import Options, Seconds

__all__ = [
    "AckSubject",
    "Action",
    "ConnectionState",
    "Event",
    "Frame",
    "Headers",
    "Message",
    "Operation",
    "Parser",
    "ServerCandidate",
    "Session",
    "Subscription",
    "classify_error",
    "encode_connect",
    "encode_headers",
    "encode_ping",
    "encode_pong",
    "encode_publish",
    "encode_subscribe",
    "encode_unsubscribe",
    "parse_ack_subject",
    "parse_headers",
    "parse_status",
]

_T = TypeVar("_T")
_SOMEWHERE = "nats://127.0.0.1:4222"


class ServerCandidate(NamedTuple):
    """A server of the pool, for whoever chooses the next one."""

    url: str
    """Shown without credentials."""
    discovered: bool
    """Told by a server, not given in `servers`."""
    attempts: int
    """To connect to it, in all."""
    failures: int
    """In a row."""
    wait: float
    """What its back-off still asks for, in seconds."""


class Action(NamedTuple):
    """What the driver must do now; each is told once."""

    kind: Literal["choose_server", "connect", "start_tls", "authenticate", "close"]
    epoch: int
    """The attempt it belongs to: say it with every answer, a late one is then ignored."""
    host: str
    """connect: where to; then call `transport_up` or `transport_down`."""
    port: int
    deadline: float | None
    """connect: when the attempt ends, on the clock of `now`."""
    nonce: str
    """authenticate: what to sign; then call `credentials` or `auth_failed`."""
    servers: list[ServerCandidate]
    """choose_server (with the option ask_for_server): the pool; then call `server_chosen`."""


class Operation(Generic[_T]):
    """Something that was started and will end; dropped before that, it is cancelled."""

    __slots__ = ("_native",)

    def __init__(self, native: Any) -> None:
        self._native = native

    def done(self) -> bool:
        """Tell whether it has ended."""
        return self._native.done()  # type: ignore[no-any-return]

    def result(self) -> _T:
        """Return its result or raise its error; UsageError while it is not done."""
        return self._native.result()  # type: ignore[no-any-return]

    def cancel(self) -> None:
        """End it now; what it had begun on the server may still happen."""
        self._native.cancel()


class Subscription(_surface.Subscription):
    """Messages of one subject. Iterate over what is here now; nothing waits."""

    def __iter__(self) -> Iterator[Message]:
        """Yield the messages that are here now; a later iteration yields later ones."""
        return iter(self._queue.try_next, None)

    def _next(self, timeout: object) -> Message:
        return self._queue.next(timeout)  # type: ignore[no-any-return]

    def _run(self, start: Callable[..., Any], *args: Any) -> Operation[Any]:
        return Operation(start(*args))

    if TYPE_CHECKING:  # what a subscription waits for is an Operation here
        # fmt: off
        def drain(  # type: ignore[override]
            self, timeout: Seconds | None = None
        ) -> Operation[None]: ...
        # fmt: on


class Session(_surface.Client):
    """One NATS client without I/O. It spans reconnects.

    `seed` is 32 bytes of randomness, for a session that does the same again (None: fresh ones).
    Each `now` is in seconds on a clock of yours that never goes back; the same one throughout.
    """

    def __init__(
        self,
        servers: str | Sequence[str] = _SOMEWHERE,
        *,
        seed: bytes | None = None,
        now: float = 0.0,
        **options: "Unpack[Options]",
    ) -> None:
        self._native = _native.BareClient(_face.native_options(servers, options), seed, now)

    def _run(self, start: Callable[..., Any], *args: Any) -> Operation[Any]:
        return Operation(start(*args))

    def _open(self, callback: Any, start: Callable[..., Any], *args: Any) -> Subscription:
        if callback is not None:
            raise UsageError("callback: nobody runs it for a bare session")
        subscription = Subscription()
        subscription._queue = start(*args)
        return subscription

    if TYPE_CHECKING:  # what a client waits for is an Operation here
        # fmt: off
        def request(  # type: ignore[override]
            self, subject: str, payload: Buffer = b"", *, timeout: Seconds | None = None,
            headers: Mapping[str, str | Iterable[str]] | None = None,
        ) -> Operation[Message]: ...
        def flush(  # type: ignore[override]
            self, timeout: Seconds | None = None
        ) -> Operation[None]: ...
        def rtt(  # type: ignore[override]
            self, timeout: Seconds | None = None
        ) -> Operation[float]: ...
        def drain(  # type: ignore[override]
            self, timeout: Seconds | None = None
        ) -> Operation[None]: ...
        def close(self) -> Operation[None]: ...  # type: ignore[override]
        # fmt: on

    def connect(self) -> Operation[None]:
        """Return the operation that is done when the session is connected, or gave up."""
        return self._run(self._native.connect)

    # --- what the driver does --------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The number of the current attempt to connect."""
        return self._native.epoch  # type: ignore[no-any-return]

    def next_action(self) -> Action | None:
        """Return what the driver must do now, or None."""
        action = self._native.next_action()
        if action is None:
            return None
        *rest, servers = action
        return Action._make((*rest, [ServerCandidate(*server) for server in servers]))

    def server_chosen(self, epoch: int, index: int, now: float, *, wait: "Seconds" = 0) -> None:
        """Answer a choose_server action with a place in its `servers`; dial after `wait` seconds.

        An index beyond the last leaves it to the pool's order, and so does no answer within the
        option connect_timeout.
        """
        self._native.server_chosen(epoch, index, wait, now)

    def transport_up(self, epoch: int, now: float) -> None:
        """Tell that the transport of `epoch` is connected."""
        self._native.transport_up(epoch, now)

    def transport_down(self, epoch: int, why: str, now: float) -> None:
        """Tell that the transport could not be opened, or broke."""
        self._native.transport_down(epoch, why, now)

    def own_credentials(self) -> dict[str, str]:
        """Return the user and password or token that the URL or the options name."""
        names = ("user", "password", "token")
        values = self._native.own_credentials()
        return {n: v for n, v in zip(names, values, strict=True) if v is not None}

    def credentials(
        self,
        epoch: int,
        now: float,
        *,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
    ) -> None:
        """Answer an authenticate action."""
        self._native.credentials(epoch, user, password, token, now)

    def auth_failed(self, epoch: int, why: str, now: float) -> None:
        """Answer an authenticate action: there are no credentials."""
        self._native.auth_failed(epoch, why, now)

    def receive_data(self, epoch: int, data: "Buffer", now: float) -> None:
        """Hand over received bytes, cut anywhere."""
        self._native.receive_data(epoch, data, now)

    def receive_eof(self, epoch: int, now: float) -> None:
        """Tell that the server closed the connection."""
        self._native.receive_eof(epoch, now)

    def data_to_send(self) -> list[bytes]:
        """Return what is to be sent, first part first; the same again until `data_sent`."""
        return self._native.data_to_send()  # type: ignore[no-any-return]

    def data_sent(self, n: int) -> None:
        """Tell that the first `n` bytes of `data_to_send` have been sent."""
        self._native.data_sent(n)

    def next_timeout(self) -> float | None:
        """Return when to call `handle_timeout` at the latest, or None for never."""
        return self._native.next_timeout()  # type: ignore[no-any-return]

    def handle_timeout(self, now: float) -> None:
        """Do what is due at `now`; too early or too often does no harm."""
        self._native.handle_timeout(now)

    def advance(self, now: float) -> None:
        """Tell the time before starting an operation with a timeout; nothing else happens."""
        self._native.advance(now)

    def check(self) -> str | None:
        """Verify the internal accounting; return what is wrong, or None."""
        return self._native.check()  # type: ignore[no-any-return]

    def dump(self) -> str:
        """Return the live operations, one a line."""
        return self._native.dump()  # type: ignore[no-any-return]


def classify_error(text: str) -> tuple[type[Error], bool]:
    """Return the class for the text of an -ERR, and whether the server closes after it."""
    # The table is the session's own, so a session is asked.
    session = Session(seed=bytes(32), reconnect=False)
    epoch = session.epoch
    session.transport_up(epoch, 0)
    session.receive_data(epoch, b"INFO {}\r\n", 0)
    session.credentials(epoch, 0)
    session.receive_data(epoch, b"PONG\r\n", 0)
    if "\r" in text or "\n" in text:
        raise ProtocolError("the text of an -ERR is one line")
    session.receive_data(epoch, b"-ERR '" + text.encode("utf-8", "surrogateescape") + b"'\r\n", 0)
    kinds = [type(e.error) for e in iter(session.next_event, None) if e.kind == "error" and e.error]
    return kinds[0], session.state == "closed"
