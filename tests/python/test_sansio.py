"""anynats.sansio by itself: a session fed by hand, with a time of its own, and the encoders."""

import json
from typing import Any

import pytest

import anynats
from anynats import sansio

SEED = bytes(range(32))
INFO = b'INFO {"server_id":"S","max_payload":1048576,"headers":true,"nonce":"abc"}\r\n'


def sent(session: sansio.Session) -> bytes:
    data = b"".join(session.data_to_send())
    session.data_sent(len(data))
    return data


def connected(**options: Any) -> sansio.Session:
    session = sansio.Session("nats://127.0.0.1:1", seed=SEED, now=100.0, **options)
    action = session.next_action()
    assert action is not None
    session.transport_up(action.epoch, 100.0)
    session.receive_data(action.epoch, INFO, 100.0)
    session.credentials(action.epoch, 100.0, **session.own_credentials())
    session.receive_data(action.epoch, b"PONG\r\n", 100.0)
    sent(session)
    while session.next_action():
        pass
    assert session.state == "connected"
    return session


def test_the_handshake() -> None:
    session = sansio.Session("nats://ann:pw@host.example:4333", seed=SEED, now=5, name="me")
    operation = session.connect()
    assert not operation.done()
    with pytest.raises(anynats.UsageError, match="nobody drives"):
        operation.result()
    action = session.next_action()
    assert action == ("connect", session.epoch, "host.example", 4333, 10.0, "", [])
    assert session.next_action() is None
    assert session.next_timeout() == 10.0
    session.transport_up(action.epoch, 5)
    session.receive_data(action.epoch, INFO[:10], 5)
    session.receive_data(action.epoch, memoryview(INFO)[10:], 5)
    asked = session.next_action()
    assert asked is not None
    assert (asked.kind, asked.nonce) == ("authenticate", "abc")
    assert session.own_credentials() == {"user": "ann", "password": "pw"}
    session.credentials(action.epoch, 5, user="ann", password="pw")
    connect, ping = sent(session).split(b"\r\n", 1)
    assert ping == b"PING\r\n"
    fields = json.loads(connect.removeprefix(b"CONNECT "))
    assert (fields["user"], fields["pass"], fields["name"]) == ("ann", "pw", "me")
    assert not operation.done()
    session.receive_data(action.epoch, b"PONG\r\n", 5)
    assert operation.done()
    assert operation.result() is None
    assert session.check() is None
    event = session.next_event()
    assert event is not None
    assert event.kind == "connected"


def test_time_is_what_it_is_told() -> None:
    session = connected(ping_interval=60)
    session.handle_timeout(159.9)
    assert sent(session) == b""
    session.handle_timeout(160.0)
    assert sent(session) == b"PING\r\n"
    session.receive_data(session.epoch, b"PING\r\n", 160.0)
    assert sent(session) == b"PONG\r\n"


def test_operations_are_handles() -> None:
    session = connected()
    session.advance(200.0)
    request = session.request("svc", b"?", timeout=1)
    flush = session.flush()
    data = sent(session)
    reply_to = data.split(b"PUB svc ")[1].split(b" ")[0]
    assert data.endswith(b"?\r\nPING\r\n")
    session.receive_data(session.epoch, b"MSG " + reply_to + b" 1 2\r\nok\r\n", 200.5)
    assert (request.done(), flush.done()) == (True, False)
    message = request.result()
    assert message.payload == b"ok"
    assert request.result() is message
    late = session.request("svc", timeout=1)
    assert "request" in session.dump()
    session.handle_timeout(201.5)
    assert late.done()
    for _ in range(2):
        with pytest.raises(anynats.TimeoutError, match="svc"):
            late.result()
    dropped = session.request("svc")
    del dropped
    cancelled = session.request("svc")
    cancelled.cancel()
    with pytest.raises(anynats.Error, match="cancelled"):
        cancelled.result()
    assert session.check() is None


def test_messages_are_taken_not_waited_for() -> None:
    session = connected()
    with session.subscribe("a.*") as sub:
        assert sent(session) == b"SUB a.* 1\r\n"
        with pytest.raises(anynats.TimeoutError):
            sub.next()
        session.receive_data(session.epoch, b"MSG a.b 1 1\r\nx\r\nMSG a.c 1 1\r\ny\r\n", 100)
        assert sub.pending == 2
        assert [msg.payload for msg in sub] == [b"x", b"y"]
        assert list(sub) == []
    assert sub.ended
    assert sent(session) == b"UNSUB 1\r\n"
    with pytest.raises(anynats.Closed):
        sub.next()


def test_a_broken_connection() -> None:
    session = connected()
    sub = session.subscribe("a")
    sent(session)
    epoch = session.epoch
    session.receive_eof(epoch, 101)
    assert session.state == "reconnecting"
    assert isinstance(session.last_error, anynats.Disconnected)
    session.receive_data(epoch, b"MSG a 1 1\r\nx\r\n", 101)  # an old epoch only counts
    assert sub.pending == 0
    assert session.counters["stale_events"] == 1
    session.handle_timeout(110)
    kinds = [action.kind for action in iter(session.next_action, None)]
    assert kinds == ["close", "connect"]
    session.transport_down(session.epoch, "no route", 110)
    assert "no route" in str(session.last_error)


def test_lost_framing() -> None:
    session = connected()
    session.receive_data(session.epoch, b"nonsense\r\n", 101)
    assert session.state == "reconnecting"
    assert isinstance(session.last_error, anynats.ProtocolError)
    assert session.counters["protocol_errors"] == 1


def test_the_same_seed_does_the_same() -> None:
    assert connected().new_inbox() == connected().new_inbox()
    fresh = [sansio.Session().new_inbox() for _ in range(2)]
    assert fresh[0] != fresh[1]


def test_close_is_an_operation() -> None:
    session = connected()
    session.publish("a", b"x")
    closing = session.close()
    assert sent(session) == b"PUB a 1\r\nx\r\nPING\r\n"
    assert not closing.done()
    session.receive_data(session.epoch, b"PONG\r\n", 100)
    assert closing.done()
    assert closing.result() is None
    assert session.state == "closed"
    assert [action.kind for action in iter(session.next_action, None)] == ["close"]


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -1.0, "1", None, True])
def test_bad_times(now: Any) -> None:
    with pytest.raises((anynats.UsageError, TypeError), match="now"):
        sansio.Session(now=now)
    with pytest.raises((anynats.UsageError, TypeError), match="now"):
        connected().handle_timeout(now)


def test_bad_calls() -> None:
    session = connected()
    with pytest.raises(anynats.UsageError, match="seed"):
        sansio.Session(seed=b"short")
    with pytest.raises(anynats.UsageError, match="more than there is"):
        session.data_sent(1)
    with pytest.raises(TypeError, match="data"):
        session.receive_data(session.epoch, "text", 100)  # type: ignore[arg-type]
    for _ in range(8):
        session.publish("a", bytes(1_000_000))
    with pytest.raises(anynats.WouldBlock):
        session.publish("a", bytes(1_000_000))


# --- the protocol by itself ----------------------------------------------------------------------


def test_encoders() -> None:
    assert sansio.encode_publish("a") == b"PUB a 0\r\n\r\n"
    assert sansio.encode_publish("a", b"xy", reply="r") == b"PUB a r 2\r\nxy\r\n"
    with_headers = sansio.encode_publish("a", b"x", headers={"k": ["1", "2"]})
    assert with_headers == b"HPUB a 22 23\r\nNATS/1.0\r\nk: 1\r\nk: 2\r\n\r\nx\r\n".replace(
        b"22 23", b"24 25"
    )
    assert sansio.encode_subscribe("a.>", 7) == b"SUB a.> 7\r\n"
    assert sansio.encode_subscribe("a", 7, queue="q") == b"SUB a q 7\r\n"
    assert sansio.encode_unsubscribe(7) == b"UNSUB 7\r\n"
    assert sansio.encode_unsubscribe(7, limit=3) == b"UNSUB 7 3\r\n"
    assert sansio.encode_ping() == b"PING\r\n"
    assert sansio.encode_pong() == b"PONG\r\n"
    assert sansio.encode_connect({"verbose": False}) == b'CONNECT {"verbose":false}\r\n'


def test_encoders_refuse_what_breaks_framing() -> None:
    for call in (
        lambda: sansio.encode_publish("a b"),
        lambda: sansio.encode_publish("a", reply="b\r\n"),
        lambda: sansio.encode_publish("a", headers={"k": "a\r\nb"}),
        lambda: sansio.encode_subscribe("a..b", 1),
        lambda: sansio.encode_subscribe("a", 0),
        lambda: sansio.encode_subscribe("a", 1, queue="q q"),
        lambda: sansio.encode_unsubscribe(-1),
    ):
        with pytest.raises(anynats.UsageError):
            call()


def test_parse_headers() -> None:
    headers = sansio.parse_headers(b"NATS/1.0 404 None\r\na: 1\r\na:2\r\nB: x\r\n\r\n")
    assert dict(headers) == {"a": "1", "B": "x"}
    assert headers.get_all("a") == ["1", "2"]
    assert len(sansio.parse_headers(b"")) == 0


@pytest.mark.parametrize(
    ("text", "kind", "ends"),
    [
        ('Permissions Violation for Publish to "x"', anynats.PermissionViolation, False),
        ("authorization violation", anynats.AuthorizationError, True),
        ("Stale Connection", anynats.StaleConnection, True),
        ("Something New", anynats.ServerError, False),
    ],
)
def test_classify_error(text: str, kind: type[anynats.Error], ends: bool) -> None:
    assert sansio.classify_error(text) == (kind, ends)


def test_a_parser_keeps_messages_alive() -> None:
    parser = sansio.Parser()
    (frame,) = parser.feed(b"MSG a 1 1000\r\n" + bytes(1000) + b"\r\nMSG a 1 5\r\n")
    view = memoryview(frame.message)  # type: ignore[arg-type]
    del frame
    parser.feed(b"x" * 5 + b"\r\n")
    del parser
    assert bytes(view) == bytes(1000)


def test_choosing_the_server() -> None:
    urls = ["nats://one:1", "nats://two:2"]
    session = sansio.Session(urls, now=1, ask_for_server=True, randomize_servers=False)
    asked = session.next_action()
    assert asked is not None
    assert asked.kind == "choose_server"
    assert asked.servers == [(url, False, 0, 0, 0.0) for url in urls]
    session.server_chosen(asked.epoch, 1, 1, wait=2)
    assert session.next_action() is None
    assert session.next_timeout() == 3
    session.handle_timeout(3)
    action = session.next_action()
    assert action is not None
    assert (action.kind, action.host) == ("connect", "two")
    session.transport_down(action.epoch, "refused", 3)
    (again,) = (a for a in iter(session.next_action, None) if a.kind == "choose_server")
    assert [(s.url, s.failures) for s in again.servers] == [(urls[0], 0), (urls[1], 1)]
    with pytest.raises(anynats.UsageError, match="wait"):
        session.server_chosen(again.epoch, 0, 3, wait=-1)


def test_header_blocks_and_their_status() -> None:
    assert sansio.encode_headers({"a": ["1", "2"]}) == b"NATS/1.0\r\na: 1\r\na: 2\r\n\r\n"
    assert sansio.encode_headers({}) == b"NATS/1.0\r\n\r\n"
    with pytest.raises(anynats.UsageError):
        sansio.encode_headers({"a": "1\r\nb: 2"})
    assert sansio.parse_status(b"NATS/1.0 503 No Responders\r\n\r\n") == (503, "No Responders")
    assert sansio.parse_status(memoryview(b"NATS/1.0 100\r\nA: b\r\n\r\n")) == (100, "")
    for block in (b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\na: 503\r\n\r\n", b"nonsense"):
        assert sansio.parse_status(block) is None


def test_both_forms_of_an_ack_subject() -> None:
    counts = (3, 22, 11, 1700000000123456789, 7)
    tail = "S.C.3.22.11.1700000000123456789.7"
    assert sansio.parse_ack_subject(f"$JS.ACK.{tail}") == (None, "", "S", "C", *counts)
    assert sansio.parse_ack_subject(f"$JS.ACK._.Hh0.{tail}") == ("", "Hh0", "S", "C", *counts)
    long = sansio.parse_ack_subject(f"$JS.ACK.hub.Hh0.{tail}.random.more")
    assert long == ("hub", "Hh0", "S", "C", *counts)
    for other in (
        "",
        "a",
        "$JS.ACK.",
        f"$JS.ACK.x.{tail}",
        "$JS.ACK.S.C.3.22.11.x.7",
        f"a.b.{tail}",
    ):
        assert sansio.parse_ack_subject(other) is None
