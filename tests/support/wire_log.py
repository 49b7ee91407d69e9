"""What a client and a server said, read by a grammar of its own, and the books of a test balanced.

The grammar is written from the protocol text, not from the client: it is the judge. `Books` keeps
what the user of a client did and saw; `balance` holds that against the log of a FaultProxy.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fault_proxy import Conversation, FaultProxy

import anynats

NUMBER = r"(0|[1-9][0-9]*)"
SUBJECT = r"([^ \t\r\n\0]+)"
# Verbs with their arguments; those with a payload say its size last, and headers before that.
CLIENT = {
    "CONNECT": r" (\{.*\})",
    "PUB": rf" {SUBJECT}(?: {SUBJECT})? {NUMBER}",
    "HPUB": rf" {SUBJECT}(?: {SUBJECT})? {NUMBER} {NUMBER}",
    "SUB": rf" {SUBJECT}(?: {SUBJECT})? {NUMBER}",
    "UNSUB": rf" {NUMBER}(?: {NUMBER})?",
    "PING": "",
    "PONG": "",
}
SERVER = {
    "INFO": r" (\{.*\}) ?",
    "MSG": rf" {SUBJECT} {NUMBER}(?: {SUBJECT})? {NUMBER}",
    "HMSG": rf" {SUBJECT} {NUMBER}(?: {SUBJECT})? {NUMBER} {NUMBER}",
    "PING": "",
    "PONG": "",
    r"\+OK": "",
    "-ERR": r" '(.*)'",
}
WITH_PAYLOAD = ("PUB", "HPUB", "MSG", "HMSG")


class Said(NamedTuple):
    """One frame; `arguments` has None for what was left out."""

    verb: str
    arguments: tuple[str | None, ...]
    body: bytes
    end: int

    @property
    def payload(self) -> bytes:
        """The body without headers."""
        return self.body[int(self.arguments[-2] or 0) if self.verb[0] == "H" else 0 :]


def frames(data: bytes, grammar: dict[str, str]) -> tuple[list[Said], bytes]:
    """Return the whole frames and the unfinished rest; ValueError for what is none."""
    found, at = [], 0
    pattern = re.compile("|".join(f"(?:{verb}){rest}" for verb, rest in grammar.items()))
    while (line_end := data.find(b"\r\n", at)) >= 0:
        line = data[at:line_end].decode()
        match = pattern.fullmatch(line)
        if not match:
            raise ValueError(f"not a frame: {line[:200]!r} at {at}")
        verb = line.split(" ")[0]
        arguments = re.fullmatch(f"{re.escape(verb)}{grammar.get(verb, '')}", line)
        end = line_end + 2
        body = b""
        if verb in WITH_PAYLOAD:
            size = int(line.split(" ")[-1])
            body = data[end : end + size]
            end += size + 2
            if len(data) < end:
                break
            if data[end - 2 : end] != b"\r\n":
                raise ValueError(f"{line[:200]!r} at {at} has a body of another size")
        found.append(Said(verb, arguments.groups() if arguments else (), body, end))
        at = end
    return found, data[at:]


@dataclass
class Books:
    """What the user did and saw. Payloads are unique: the first word is their number."""

    accepted: list[tuple[int, bytes]] = field(default_factory=list)  # after so many reconnects
    flushed: set[bytes] = field(default_factory=set)  # acknowledged by a flush
    received: list[bytes] = field(default_factory=list)
    answers: dict[bytes, bytes | str] = field(default_factory=dict)  # or the name of an error
    witnessed: list[bytes] = field(default_factory=list)  # by somebody beside the proxy

    def next_payload(self, size: int = 0) -> bytes:
        name = b"#%d " % len(self.accepted)
        return name + b"x" * (size - len(name))


def heard_by(conversation: Conversation) -> tuple[list[Said], bytes]:
    """What the client said on one connection; it is whole frames, CONNECT and PING first (I01)."""
    said, rest = frames(bytes(conversation.up.heard), CLIENT)
    assert [f.verb for f in said[:2]] == ["CONNECT", "PING"][: len(said)], said[:3]
    assert [f.verb for f in said].count("CONNECT") == min(1, len(said))
    return said, rest


def told_to(conversation: Conversation) -> list[Said]:
    """What the client was told on one connection, in whole frames."""
    return frames(bytes(conversation.down.told), SERVER)[0]


def name_of(payload: bytes) -> bytes:
    return payload.split(b" ", 1)[0]


def balance(books: Books, proxy: FaultProxy, counters: dict[str, int], sid: int) -> None:
    """Hold what the user saw against the wire: I01-I03, I05, I06, I10, I11, I14; and flush."""
    check_sent(books, proxy.conversations, counters)
    check_received(books.received, proxy.conversations, sid)
    check_answers(books, proxy.conversations)
    told = {name_of(f.payload) for c in proxy.conversations for f in sent_on(c)}
    assert books.flushed <= told, "a flush acknowledged what the server was never told"
    published = [payload for _, payload in books.accepted if payload not in books.answers]
    arrived = [payload for payload in published if payload in set(books.witnessed)]
    assert books.witnessed == arrived, "what arrived is not what was published, once, in order"
    lost = [name_of(payload) for payload in published if payload not in set(arrived)]
    assert not books.flushed & set(lost), "what a flush had acknowledged did not arrive"


def sent_on(conversation: Conversation) -> list[Said]:
    """The publishes that the server was told on one connection."""
    said, _ = frames(bytes(conversation.up.told), CLIENT)
    return [f for f in said if f.verb in ("PUB", "HPUB") and f.payload.startswith(b"#")]


def check_sent(
    books: Books, conversations: Sequence[Conversation], counters: dict[str, int]
) -> None:
    """Each publish is written at most once, in order; only at the end of a connection is one
    missing; the client's own totals agree."""
    order = {name_of(payload): n for n, (_, payload) in enumerate(books.accepted)}
    whole = {name_of(payload): payload for _, payload in books.accepted}
    last, count = -1, 0
    for conversation in conversations:
        said, rest = heard_by(conversation)
        publishes = [f for f in said if f.verb in ("PUB", "HPUB")]
        for n, frame in enumerate(publishes):
            name = name_of(frame.payload)
            assert frame.payload == whole[name]
            assert order[name] > last, f"{name!r} was written twice or out of order"
            assert n == 0 or order[name] == last + 1, f"something before {name!r} vanished"
            last = order[name]
        count += len(publishes)
        if publishes and rest.startswith((b"PU", b"HP")):
            last += 1  # begun, so never to be written again
    assert counters["out_messages"] == len(books.accepted)
    assert count + counters["lost_publishes"] <= len(books.accepted)
    assert last == len(books.accepted) - 1 or counters["reconnects"], "the last is missing"


def check_received(received: list[bytes], conversations: Iterable[Conversation], sid: int) -> None:
    """The user got what the client was told on each connection, from its beginning and in order;
    only what came in its last moment may be missing, and nothing of the connection that lives."""
    rest = list(received)
    told: list[bytes] = []
    missing = 0
    for conversation in conversations:
        assert missing == 0 or conversation.number, "messages were lost on a living connection"
        told = [
            f.payload
            for f in told_to(conversation)
            if f.verb in ("MSG", "HMSG") and f.arguments[1] == str(sid)
        ]
        n = 0
        while n < len(told) and n < len(rest) and rest[n] == told[n]:
            n += 1
        missing = len(told) - n
        del rest[:n]
    assert not rest, f"received, but never told: {rest[:3]}"
    assert missing == 0, "messages were lost on a living connection"


def check_answers(books: Books, conversations: Iterable[Conversation]) -> None:
    """Each request has its own answer, and one that was told; or a reason."""
    frames_told = [f for c in conversations for f in told_to(c)]
    told = {f.payload for f in frames_told if f.verb in ("MSG", "HMSG")}
    for request, answer in books.answers.items():
        if isinstance(answer, bytes):
            assert answer == request
            assert answer in told
        else:
            assert answer == "Disconnected", f"{name_of(request)!r}: {answer}"


def live_subscriptions(conversation: Conversation) -> dict[int, tuple[str, str | None]]:
    """What the server has been asked for on one connection, each once (I08)."""
    live: dict[int, tuple[str, str | None]] = {}
    for frame in frames(bytes(conversation.up.told), CLIENT)[0]:
        if frame.verb == "SUB":
            subject, queue, sid = frame.arguments
            assert int(sid or 0) not in live, "subscribed twice"
            live[int(sid or 0)] = (str(subject), queue)
        elif frame.verb == "UNSUB" and frame.arguments[1] is None:
            del live[int(frame.arguments[0] or 0)]
    return live


async def work(
    nc: Any, books: Books, sub: Any, responder: str, rounds: int, size: int = 100
) -> None:
    """Publish, request, flush and take messages; write everything down."""
    for n in range(rounds):
        payload = books.next_payload(size + 37 * n % (3 * size + 1))
        before = nc.counters["reconnects"]
        await nc.publish(sub.subject, payload, headers={"n": str(n)} if n % 3 == 0 else None)
        books.accepted.append((before, payload))
        if n % 4 == 1:
            payload = books.next_payload(size)
            books.accepted.append((nc.counters["reconnects"], payload))
            try:
                books.answers[payload] = (await nc.request(responder, payload, timeout=5)).payload
            except anynats.Error as error:
                books.answers[payload] = type(error).__name__
        if n % 5 == 2:
            await flush(nc, books)
        take(books, sub)


async def flush(nc: Any, books: Books) -> bool:
    """Flush; what was accepted on this same connection is then with the server. False when the
    connection ended."""
    try:
        await nc.flush(timeout=5)
    except anynats.Disconnected:
        return False
    now = nc.counters["reconnects"]
    books.flushed |= {name_of(p) for reconnects, p in books.accepted if reconnects == now}
    return True


def take(books: Books, sub: Any) -> None:
    while msg := sub.try_next():
        books.received.append(msg.payload)
