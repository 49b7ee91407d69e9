"""The protocol by itself: what a server sends as frames, what a client sends as bytes.

Without state but for `Parser`, and without I/O; anynats.sansio offers all of it. Arguments that
would break framing are refused before anything is encoded.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from anynats import _native
from anynats._native import Message

if TYPE_CHECKING:
    from typing_extensions import Buffer


_COUNT = re.compile(r"[0-9]{1,20}")


class Frame(NamedTuple):
    """One thing a server said."""

    kind: Literal["info", "msg", "ping", "pong", "ok", "err"]
    text: str
    """info: the JSON; err: the text without its quotes; else empty."""
    message: Message | None
    """msg: the message, with its `sid`; else None."""


class Parser:
    """Bytes of a server to frames: any split of the input gives the same frames.

    The limits, in bytes, are those of the options of the same names.
    """

    def __init__(
        self,
        *,
        max_control_line: int | None = None,
        max_info_line: int | None = None,
        max_inbound_message: int | None = None,
    ) -> None:
        self._native = _native.Parser(max_control_line, max_info_line, max_inbound_message)

    def feed(self, data: "Buffer") -> list[Frame]:
        """Return the frames that `data` completes.

        When framing is lost the frames before are returned and `failed` says why; after that
        `feed` raises ProtocolError, for the rest cannot be understood.
        """
        return [Frame(*frame) for frame in self._native.feed(data)]

    @property
    def failed(self) -> str | None:
        """Why framing was lost, or None."""
        return self._native.failed


def encode_publish(
    subject: str,
    payload: "Buffer" = b"",
    *,
    reply: str | None = None,
    headers: Mapping[str, str | Iterable[str]] | None = None,
) -> bytes:
    """Return PUB, or HPUB with headers. UsageError for what would break framing."""
    return _native.encode_publish(subject, payload, reply, headers)


def encode_subscribe(subject: str, sid: int, *, queue: str | None = None) -> bytes:
    """Return SUB. UsageError for what would break framing."""
    return _native.encode_subscribe(subject, sid, queue)


def encode_unsubscribe(sid: int, *, limit: int | None = None) -> bytes:
    """Return UNSUB: now, or after `limit` messages in all since SUB."""
    return _native.encode_unsubscribe(sid, limit)


def encode_connect(fields: Mapping[str, object]) -> bytes:
    """Return CONNECT with `fields` as JSON."""
    return _native.encode_connect(json.dumps(dict(fields), separators=(",", ":")))


def encode_headers(headers: Mapping[str, str | Iterable[str]]) -> bytes:
    """Return the header block, as it stands before the payload. UsageError as above."""
    if not headers:
        return b"NATS/1.0\r\n\r\n"
    frame = encode_publish("x", headers=headers)
    return frame.partition(b"\r\n")[2].removesuffix(b"\r\n")


def parse_status(block: "Buffer") -> tuple[int, str] | None:
    """Return the status of a header block and the text behind it, or None if it has none."""
    # The parser knows, and takes whole messages only.
    data = bytes(block)
    frames = Parser().feed(b"HMSG x 1 %d %d\r\n%b\r\n" % (len(data), len(data), data))
    message = frames[0].message if frames else None
    if message is None or message.status is None:
        return None
    return message.status, message.description or ""


class AckSubject(NamedTuple):
    """What the reply subject of a message from JetStream tells."""

    domain: str | None
    """None in the shorter form, which does not tell it; empty if there is none."""
    account: str
    """A hash of the account's name; empty in the shorter form."""
    stream: str
    consumer: str
    delivered: int
    """How often the message has been delivered, this time included."""
    stream_sequence: int
    consumer_sequence: int
    timestamp: int
    """When the stream stored it, in nanoseconds since 1970."""
    pending: int
    """Messages that the consumer has yet to deliver."""


def parse_ack_subject(subject: str) -> AckSubject | None:
    """Return what `subject` tells, or None if it is not one of JetStream's for acknowledging.

    Both forms are read: of 9 tokens, and of 11 or more with the domain and the account.
    """
    if not subject.startswith("$JS.ACK."):
        return None
    tokens = subject.split(".")[2:]
    domain, account = None, ""
    if len(tokens) >= 9:
        domain, account, *tokens = tokens[:9]
    if len(tokens) != 7 or not all(_COUNT.fullmatch(token) for token in tokens[2:]):
        return None
    stream, consumer, *counts = tokens
    return AckSubject(
        *("" if domain == "_" else domain, account, stream, consumer),
        *map(int, counts),
    )
