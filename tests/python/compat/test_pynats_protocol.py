"""anynats.compat.pynats.protocol: what the bytes of a server lead to, and what a client sends.

Cases S4 of the seeds, and what natsproto's README promises where its code does something else.
"""

import re
from datetime import datetime, timezone
from typing import Any

import pytest

from anynats.compat.pynats import protocol
from anynats.compat.pynats.errors import MaxPayloadSizeExceededError
from anynats.compat.pynats.protocol import (
    ClientOptions,
    ConnectionProtocol,
    ErrorType,
    Event,
    EventType,
)
from anynats.compat.pynats.protocol.connection_state import ConnectionState
from anynats.compat.pynats.protocol.errors import (
    ConnectionAlreadyEstablishedError,
    ConnectionClosedError,
    ConnectionNotEstablishedError,
    ConnectionStateTransitionError,
    InvalidProtocolMessageError,
    UnexpectedProtocolMessageError,
)
from anynats.compat.pynats.protocol.events import CLOSED_EVENT, PONG_EVENT, MsgEvent
from anynats.compat.pynats.protocol.payload import ControlType
from anynats.compat.pynats.protocol.payload.error import (
    AuthorizationViolationError,
    UnknownServerError,
)

INFO = b'INFO {"server_id":"S","version":"2.14.1","max_payload":64,"headers":true,"port":4222}\r\n'


def to_ping(info: bytes = INFO, **options: Any) -> ConnectionProtocol:
    """Return a connection that waits for the first PONG."""
    proto = ConnectionProtocol(ClientOptions(**options))
    proto.select_server()
    proto.receive_data_from_server(info)
    proto.connect()
    proto.ping()
    proto.events_received()
    return proto


def connected(info: bytes = INFO, **options: Any) -> ConnectionProtocol:
    proto = to_ping(info, **options)
    proto.receive_data_from_server(b"PONG\r\n")
    assert proto.events_received() == [EventType.CONNECTED]
    return proto


def body_of(proto: ConnectionProtocol) -> Any:
    (event,) = proto.events_received()
    return event.body  # type: ignore[union-attr]


def tokens(frame: bytes) -> list[list[bytes]]:
    """The words of each line: spacing is not compared."""
    return [line.split() for line in frame.split(b"\r\n")]


# --- what a server sends -------------------------------------------------------------------------


def test_input_may_be_cut_anywhere() -> None:
    """S4.48"""
    said = (
        b"PONG\r\nMSG a 1 5\r\nhello\r\nHMSG a 1 r 22 27\r\nNATS/1.0\r\nfoo: bar\r\n\r\nhello\r\n"
        b"PING\r\n+OK\r\nMSG a  1  0\r\n\r\n-err 'Invalid Subject'\r\nping\r\n"
    )

    def events_of(*pieces: bytes) -> tuple[list[Event], bytes]:
        proto = to_ping()
        proto.subscribe("a", "", 1)
        events, to_send = [], b""
        for piece in pieces:
            proto.receive_data_from_server(piece)
            events += proto.events_received()
            to_send += proto.data_to_send()
        return events, to_send

    whole = events_of(said)
    assert [event.type.value for event in whole[0]] == ["CONNECTED", *["MSG"] * 3, "ERROR"]
    assert whole[1] == b"PONG\r\n" * 2
    assert events_of(*(said[i : i + 1] for i in range(len(said)))) == whole
    for i in range(len(said)):
        assert events_of(said[:i], said[i:]) == whole


def test_ping_is_answered_without_an_event() -> None:
    """S4.50"""
    proto = connected()
    proto.receive_data_from_server(b"PING\r\n")
    assert proto.events_received() == []
    assert (proto.data_to_send(), proto.data_to_send()) == (b"PONG\r\n", b"")


def test_the_first_info_and_later_ones() -> None:
    """S4.51"""
    proto = ConnectionProtocol(ClientOptions())
    proto.select_server()
    proto.receive_data_from_server(INFO)
    (event,) = proto.events_received()
    assert event == EventType.CONNECT_REQUEST
    assert event.type == EventType.CONNECT_REQUEST
    info = event.body
    assert (info.max_payload, info.server_id, info.port) == (64, "S", 4222)
    version = info.version
    assert (version.major, version.minor, version.patch, str(version)) == (2, 14, 1, "2.14.1")
    assert (info.cluster, info.connect_urls, info.auth_required) == (None, None, None)
    proto.connect()
    proto.ping()
    proto.receive_data_from_server(b'PONG\r\nINFO {"server_id":"T"}\r\n')
    assert proto.events_received() == [EventType.CONNECTED, EventType.INFO]
    newer = proto.get_current_server_info()
    assert newer is not None
    assert (newer.server_id, newer.headers) == ("T", False)


def test_headers_and_status() -> None:
    """S4.52"""
    proto = connected()
    proto.subscribe("foo", "", 1)
    proto.receive_data_from_server(b"HMSG foo 1 22 27\r\nNATS/1.0\r\nfoo: bar\r\n\r\nhello\r\n")
    message = body_of(proto)
    assert (message.hdr, message.data, message.data_length) == ({"foo": "bar"}, b"hello", 5)
    assert (message.subject, message.sid, message.reply) == ("foo", 1, "")
    proto.receive_data_from_server(b"HMSG foo 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
    message = body_of(proto)
    assert (message.hdr, message.data) == ({"Status": "503"}, b"")
    block = b"NATS/1.0 100 Idle Heartbeat\r\nA: 1\r\nA: 2 \r\n\r\n"
    assert protocol.parse_headers(block) == {
        **{"Status": "100", "Description": "Idle Heartbeat"},
        "A": "2",
    }
    assert protocol.parse_headers(None) == {}


def test_errors_have_types() -> None:
    """S4.53"""
    proto = connected()
    text = 'Permissions Violation for Publish to "x"'
    proto.receive_data_from_server(b"-ERR '%s'\r\n" % text.encode())
    error = body_of(proto)
    assert (error.type, error.message) == (ErrorType.PERMISSION_VIOLATION_FOR_PUBLISH, text)
    assert error.is_recoverable()
    assert proto.is_connected()
    with pytest.raises(Exception, match="Violation for Publish"):
        error.throw()


def test_authorization_fails_before_pong() -> None:
    """S4.53"""
    proto = to_ping()
    proto.receive_data_from_server(b"-ERR 'Authorization Violation'\r\nPONG\r\nrubbish\r\n")
    error = body_of(proto)
    assert error.type == ErrorType.AUTHORIZATION_VIOLATION
    assert not error.is_recoverable()
    with pytest.raises(AuthorizationViolationError):
        error.throw()
    assert proto.is_closed()
    with pytest.raises(ConnectionClosedError):
        proto.receive_data_from_server(b"PONG\r\n")
    proto.receive_eof_from_server()  # A4: once, and it tells what the error did not
    assert proto.events_received() == [EventType.CLOSED]
    with pytest.raises(ConnectionStateTransitionError):
        proto.receive_eof_from_server()


@pytest.mark.parametrize("kind", list(ErrorType))
def test_every_type_has_an_exception_of_its_name(kind: ErrorType) -> None:
    text = f"{kind.value.upper()} x".strip()
    error = protocol.parse_error(f"'{text}'".encode())
    assert (error.type, error.message) == (kind, text)
    with pytest.raises(Exception, match=re.escape(error.message)) as caught:
        error.throw()
    name = type(caught.value).__name__.removesuffix("Error").removesuffix("Server").upper()
    assert kind.name.replace("_", "").removesuffix("ERROR") == name


def test_an_unknown_error_ends_the_connection() -> None:
    proto = connected()
    proto.receive_data_from_server(b"-ERR Something New\r\n")
    error = body_of(proto)
    assert error.type == ErrorType.UNKNOWN
    with pytest.raises(UnknownServerError, match="Something New"):
        error.throw()
    assert proto.is_closed()


def test_an_error_before_connect_only_closes() -> None:
    """The README promises nothing but CLOSED and CONNECT_REQUEST there."""
    proto = ConnectionProtocol(ClientOptions())
    proto.select_server()
    proto.receive_data_from_server(b"-ERR 'maximum connections exceeded'\r\n")
    assert proto.events_received() == [EventType.CLOSED]
    assert proto.is_closed()
    assert proto.last_error is not None
    assert proto.last_error.type == ErrorType.MAXIMUM_CONNECTIONS_EXCEEDED
    proto.receive_eof_from_server()
    assert proto.events_received() == []
    proto.mark_as_waiting_for_server_selection()
    proto.select_server()
    proto.receive_data_from_server(INFO + b"-ERR 'maximum connections exceeded'\r\n")
    assert proto.events_received() == [EventType.CONNECT_REQUEST, EventType.ERROR]
    assert proto.is_closed()


@pytest.mark.parametrize("state", [1, 2, 3])
def test_a_pong_too_early(state: int) -> None:
    proto = ConnectionProtocol(ClientOptions())
    proto.select_server()
    if state > 1:
        proto.receive_data_from_server(INFO)
    if state > 2:
        proto.connect()
    with pytest.raises(UnexpectedProtocolMessageError):
        proto.receive_data_from_server(b"PONG\r\n")


def test_a_message_too_early() -> None:
    with pytest.raises(UnexpectedProtocolMessageError):
        to_ping().receive_data_from_server(b"MSG a 1 0\r\n\r\n")


@pytest.mark.parametrize(
    "rubbish",
    [
        b"HELLO\r\n",
        b"MSG a 1 x\r\n",
        b"MSG a 1 -1\r\n",
        b"HMSG a 1 20 10\r\n",
        b"MSG a 1 2\r\nabc\r\n",
        b"INFO {\r\n",
        b"INFO []\r\n",
        b"MSG " + b"a" * 5000,
    ],
)
def test_what_is_no_nats_stays_an_error(rubbish: bytes) -> None:
    proto = connected()
    with pytest.raises(InvalidProtocolMessageError) as first:
        proto.receive_data_from_server(b"PING\r\n" + rubbish)
    assert proto.data_to_send() == b"PONG\r\n"  # what came before counts
    with pytest.raises(InvalidProtocolMessageError) as second:
        proto.receive_data_from_server(b"PING\r\n")
    assert str(second.value) == str(first.value)
    proto.receive_eof_from_server()
    assert proto.events_received() == [EventType.CLOSED]
    proto.mark_as_waiting_for_server_selection()
    proto.select_server()
    proto.receive_data_from_server(INFO)
    assert proto.events_received() == [EventType.CONNECT_REQUEST]


def test_info_may_be_longer_than_a_control_line() -> None:
    proto = connected(INFO[:-3] + b',"xkey":"' + b"x" * 10_000 + b'"}\r\n')
    info = proto.get_current_server_info()
    assert info is not None
    assert info.xkey == "x" * 10_000


def test_members_of_info_that_make_no_sense_count_as_absent() -> None:
    proto = connected(b'INFO {"port":"x","connect_urls":[1],"max_payload":true,"version":7}\r\n')
    info = proto.get_current_server_info()
    assert info is not None
    assert (info.port, info.connect_urls, info.max_payload) == (0, None, None)
    assert (info.version.major, str(info.version)) == (0, "0.0.0")


def test_unknown_sids_and_ok_are_passed_over() -> None:
    """S4.58"""
    proto = connected()
    proto.receive_data_from_server(b"MSG a 7 1\r\nx\r\n+OK\r\nPING\r\n")
    assert proto.events_received() == []
    assert proto.data_to_send() == b"PONG\r\n"


def test_the_first_pong_connects_and_later_ones_are_told() -> None:
    """S4.57"""
    proto = to_ping()
    server = proto.get_current_server()
    assert server is not None
    assert not server.did_connect
    proto.receive_data_from_server(b"PONG\r\n")
    assert proto.events_received() == [EventType.CONNECTED]
    assert server.did_connect
    proto.ping()
    proto.receive_data_from_server(b"PONG\r\n")
    assert proto.events_received() == [EventType.PONG]


def test_pings_without_an_answer_are_counted() -> None:
    proto = connected(max_outstanding_pings=2)
    proto.ping()
    assert not proto.exceeded_outstanding_pings_limit()
    proto.ping()
    assert proto.exceeded_outstanding_pings_limit()
    proto.receive_data_from_server(b"PONG\r\n")
    assert not proto.exceeded_outstanding_pings_limit()
    proto.ping()
    proto.receive_eof_from_client()
    assert not proto.exceeded_outstanding_pings_limit()


def test_the_end_of_the_stream() -> None:
    proto = connected()
    proto.receive_data_from_server(b"MSG a 1 100\r\nhalf")
    proto.receive_eof_from_transport()  # type: ignore[operator,unused-ignore]
    assert proto.events_received() == [EventType.CLOSED]
    assert proto.is_closed()
    fresh = ConnectionProtocol(ClientOptions())
    with pytest.raises(ConnectionNotEstablishedError):
        fresh.receive_eof_from_server()
    fresh.receive_eof_from_client()
    assert fresh.events_received() == [EventType.CLOSED]


def test_events_equal_their_type() -> None:
    assert CLOSED_EVENT == EventType.CLOSED
    assert EventType.CLOSED == CLOSED_EVENT
    assert CLOSED_EVENT != EventType.PONG
    assert CLOSED_EVENT != PONG_EVENT
    assert hash(CLOSED_EVENT) == hash(EventType.CLOSED)
    assert CLOSED_EVENT != "anything"
    proto = connected()
    proto.subscribe("a", "", 1)
    proto.receive_data_from_server(b"MSG a 1 1\r\nx\r\nMSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n")
    one, same, other = proto.events_received()
    assert one == same
    assert one != other
    assert isinstance(one, MsgEvent)


# --- what a client sends -------------------------------------------------------------------------


def test_calls_at_the_wrong_time() -> None:
    """S4.54"""
    proto = ConnectionProtocol(ClientOptions())
    with pytest.raises(ConnectionNotEstablishedError):
        proto.receive_data_from_server(INFO)
    with pytest.raises(ConnectionNotEstablishedError):
        proto.ping()
    proto.select_server()
    with pytest.raises(ConnectionNotEstablishedError):
        proto.connect()
    proto.receive_data_from_server(INFO)
    with pytest.raises(ConnectionNotEstablishedError):
        proto.subscribe("a", "", 1)
    proto.connect()
    with pytest.raises(ConnectionAlreadyEstablishedError):
        proto.connect()
    proto.receive_eof_from_server()
    for call in (proto.connect, proto.ping, lambda: proto.subscribe("a", "", 1)):
        with pytest.raises(ConnectionClosedError):
            call()


def test_publish() -> None:
    """S4.55; in any state"""
    proto = ConnectionProtocol(ClientOptions())
    frame = proto.publish("foo", reply="", payload=b"", headers={})
    assert tokens(frame) == [[b"PUB", b"foo", b"0"], [], []]
    frame = proto.publish("foo", reply="r", payload=b"x", headers={"a": "b"})
    assert tokens(frame) == [
        [b"HPUB", b"foo", b"r", b"18", b"19"],
        *([b"NATS/1.0"], [b"a:", b"b"], [], [b"x"], []),
    ]
    for bad in ("", "a b", "a\tb", "a\r\nb"):
        with pytest.raises(ValueError, match="subject"):
            proto.publish(bad)
    with pytest.raises(ValueError, match="reply"):
        proto.publish("a", "b c")
    with pytest.raises(ValueError):  # noqa: PT011
        proto.publish("a", headers={"a": "b\r\nc: d"})


def test_what_the_server_takes_at_most() -> None:
    proto = connected()
    proto.publish("a", payload=bytes(64))
    with pytest.raises(MaxPayloadSizeExceededError):
        proto.publish("a", payload=bytes(65))
    proto.publish("a", payload=bytes(64 - 18), headers={"a": "b"})
    with pytest.raises(MaxPayloadSizeExceededError):
        proto.publish("a", payload=bytes(64 - 17), headers={"a": "b"})


def test_subscribe_and_unsubscribe() -> None:
    """S4.56"""
    proto = connected()
    assert tokens(proto.subscribe("foo", queue="", sid=1)) == [[b"SUB", b"foo", b"1"], []]
    assert tokens(proto.subscribe("foo", queue="q", sid=2)) == [[b"SUB", b"foo", b"q", b"2"], []]
    with pytest.raises(ValueError, match="taken"):
        proto.subscribe("bar", "", 1)
    both = proto.unsubscribe("foo", limit=0)
    assert tokens(both) == [[b"UNSUB", b"1"], [b"UNSUB", b"2"], []]
    assert proto.unsubscribe("foo", limit=0) == b""
    proto.subscribe("foo", "", 3)
    assert tokens(proto.unsubscribe("3")) == [[b"UNSUB", b"3"], []]
    proto.receive_data_from_server(b"MSG foo 3 1\r\nx\r\n")
    assert proto.events_received() == []


def test_limits_of_a_subscription() -> None:
    proto = connected()
    message = b"MSG foo 1 1\r\nx\r\n"
    proto.subscribe("foo", "", 1, limit=2)
    proto.receive_data_from_server(message * 3)
    assert proto.events_received() == [EventType.MSG] * 2
    assert tokens(proto.data_to_send()) == [[b"UNSUB", b"1"], []]
    proto.subscribe("foo", "", 1)
    proto.receive_data_from_server(message)
    assert tokens(proto.unsubscribe(1, 3)) == [[b"UNSUB", b"1", b"3"], []]
    proto.receive_data_from_server(message * 4)
    assert proto.events_received() == [EventType.MSG] * 3
    assert proto.data_to_send() == b""  # the server knows
    proto.subscribe("foo", "", 1)
    proto.receive_data_from_server(message)
    proto.unsubscribe(1, 1)  # it has had that many
    proto.receive_data_from_server(message)
    assert proto.events_received() == [EventType.MSG]


def test_a_new_connection_knows_nothing_of_the_last() -> None:
    proto = connected()
    proto.subscribe("foo", "", 1)
    proto.ping()
    proto.receive_data_from_server(b"MSG foo 1 5\r\nhe")
    proto.receive_eof_from_server()
    proto.mark_as_waiting_for_server_selection()
    proto.select_server()
    assert proto.get_current_server_info() is None
    assert proto.events_received() == []
    proto.receive_data_from_server(INFO)
    proto.connect()
    proto.ping()
    proto.receive_data_from_server(b"PONG\r\nMSG foo 1 1\r\nx\r\n")
    assert proto.events_received() == [EventType.CONNECT_REQUEST, EventType.CONNECTED]
    proto.subscribe("foo", "", 1)
    assert proto.status == ConnectionState.CONNECTED


# --- servers, JetStream --------------------------------------------------------------------------


def test_discovered_servers() -> None:
    """S4.60"""
    told = b'INFO {"connect_urls":["10.0.0.2:4222","localhost:4222","[bad",""]}\r\n'
    pool = connected(told).server_pool
    found = pool.contains("nats://10.0.0.2:4222")
    assert found is not None
    assert (found.connect_attempts, found.uri.scheme) == (0, "nats")
    assert connected(told, no_discovery=True).server_pool.contains("nats://10.0.0.2:4222") is None
    own = connected(told, servers=["nats://u:p@localhost:4222"]).server_pool
    assert own.contains("nats://10.0.0.2:4222").uri.password == "p"  # type: ignore[union-attr]
    many = ",".join(f'"10.1.{i // 250}.{i % 250}:4222"' for i in range(2000))
    pool = connected(b'INFO {"connect_urls":[%s]}\r\n' % many.encode()).server_pool
    assert len({server.uri for server in (pool.next() for _ in range(1000)) if server}) <= 1000


def test_what_an_ack_subject_tells() -> None:
    """S4.60"""
    metadata = protocol.parse_metadata("$JS.ACK.S.C.3.22.11.1700000000123456789.7")
    assert metadata is not None
    assert (metadata.stream, metadata.consumer, metadata.domain) == ("S", "C", None)
    assert (metadata.sequence.stream, metadata.sequence.consumer) == (22, 11)
    assert (metadata.num_delivered, metadata.num_pending) == (3, 7)
    assert metadata.timestamp == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=timezone.utc)
    longer = protocol.parse_metadata("$JS.ACK._.hash.S.C.3.22.11.1.7.random")
    assert longer is not None
    assert longer.domain == ""
    assert protocol.parse_metadata("_INBOX.a") is None
    assert protocol.parse_sequence("_INBOX.a") is None
    assert protocol.parse_sequence("$JS.ACK.S.C.3.22.11.1.7") == metadata.sequence


@pytest.mark.parametrize(
    ("status", "data", "kind"),
    [
        ("100 Idle Heartbeat", b"", ControlType.HEARTBEAT),
        ("100 FlowControl Request", b"", ControlType.FLOW),
        ("100", b"", ControlType.NONE),
        ("100 Idle Heartbeat", b"x", None),
        ("404 No Messages", b"", None),
    ],
)
def test_control_messages(status: str, data: bytes, kind: ControlType | None) -> None:
    hdr = protocol.parse_headers(f"NATS/1.0 {status}\r\n\r\n".encode())
    assert protocol.parse_control_type(protocol.Message(1, "a", "", data, len(data), hdr)) == kind


def test_header_blocks() -> None:
    assert protocol.encode_headers({"a": "b"}) == b"NATS/1.0\r\na: b\r\n\r\n"
    assert protocol.encode_headers(None).startswith(b"NATS/1.0\r\n")
    with pytest.raises(ValueError):  # noqa: PT011
        protocol.encode_headers({"a": "b\r\n"})
