"""anynats.compat.pynats.protocol: the states, their moves and the choice of servers, without bytes.

One test for each statement that natsproto's own 104 cases make, written anew from what they check.
"""

import json

import pytest

from anynats.compat.pynats.protocol import ClientOptions, ConnectionProtocol, EventType, Server
from anynats.compat.pynats.protocol.connection_state import ConnectionState, ConnectionStateMixin
from anynats.compat.pynats.protocol.errors import (
    ConnectionServerPoolEmpty,
    ConnectionStateTransitionError,
)
from anynats.compat.pynats.protocol.server_pool import ServerPool

S = ConnectionState
ALL = list(S)
INFO = {
    "server_id": "id",
    "server_name": "name",
    "version": "0.0.0-test",
    "go": "go",
    "host": "localhost",
    "port": 0,
    "headers": True,
    "max_payload": 1024,
    "proto": 1,
}
PREDICATES = {
    "is_waiting_for_server_selection": {S.WAITING_FOR_SERVER_SELECTION},
    "is_waiting_for_server_info": {S.WAITING_FOR_SERVER_INFO},
    "is_waiting_for_client_connect": {S.WAITING_FOR_CLIENT_CONNECT},
    "is_waiting_for_client_ping": {S.WAITING_FOR_CLIENT_PING},
    "is_waiting_for_server_pong": {S.WAITING_FOR_SERVER_PONG},
    "is_connecting": set(ALL[1:5]),
    "is_connected": {S.CONNECTED},
    "is_closing": {S.CLOSING},
    "is_closed": {S.CLOSED},
    "is_cancelled": {S.CLOSING, S.CLOSED},
    "did_not_expect_pong": {*ALL[:4], S.CLOSED},
    "did_not_expect_err": {*ALL[:4], S.CLOSED},
    "did_not_expect_msg": {*ALL[:5], S.CLOSED},
}
MOVES = {
    S.WAITING_FOR_SERVER_SELECTION: {S.CLOSED},
    S.WAITING_FOR_SERVER_INFO: {S.WAITING_FOR_SERVER_SELECTION},
    S.WAITING_FOR_CLIENT_CONNECT: {S.WAITING_FOR_SERVER_INFO},
    S.WAITING_FOR_CLIENT_PING: {S.WAITING_FOR_CLIENT_CONNECT},
    S.WAITING_FOR_SERVER_PONG: {S.WAITING_FOR_CLIENT_PING},
    S.CONNECTED: {S.WAITING_FOR_SERVER_PONG},
    S.CLOSING: set(ALL[:7]),
    S.CLOSED: {S.CLOSING, S.CLOSED},
}


def test_the_numbers_of_the_states() -> None:
    assert [state.name for state in sorted(S)] == [
        *("WAITING_FOR_SERVER_SELECTION", "WAITING_FOR_SERVER_INFO"),
        *("WAITING_FOR_CLIENT_CONNECT", "WAITING_FOR_CLIENT_PING", "WAITING_FOR_SERVER_PONG"),
        *("CONNECTED", "CLOSING", "CLOSED"),
    ]


def test_a_connection_begins_by_waiting_for_a_server() -> None:
    assert ConnectionStateMixin().status == S.WAITING_FOR_SERVER_SELECTION == 0


@pytest.mark.parametrize("state", ALL, ids=lambda state: state.name)
@pytest.mark.parametrize("predicate", PREDICATES)
def test_what_is_asked_of_a_state(predicate: str, state: ConnectionState) -> None:
    conn = ConnectionStateMixin(state)
    assert getattr(conn, predicate)() is (state in PREDICATES[predicate])


@pytest.mark.parametrize("state", ALL, ids=lambda state: state.name)
@pytest.mark.parametrize("target", MOVES, ids=lambda state: state.name)
def test_which_state_follows_which(target: ConnectionState, state: ConnectionState) -> None:
    conn = ConnectionStateMixin(state)
    move = getattr(conn, f"mark_as_{target.name.lower()}")
    if state in MOVES[target]:
        move()
        assert conn.status == target
    else:
        with pytest.raises(ConnectionStateTransitionError):
            move()
        assert conn.status == state


def get_info(conn: ConnectionProtocol) -> None:
    conn.receive_data_from_server(b"INFO " + json.dumps(INFO).encode() + b"\r\n")


def lose(conn: ConnectionProtocol) -> None:
    """The transport fails, and the client goes on to the next server."""
    conn.mark_as_closing()
    conn.mark_as_closed()
    conn.mark_as_waiting_for_server_selection()


def make(conn: ConnectionProtocol) -> None:
    get_info(conn)
    conn.connect()
    conn.ping()
    conn.receive_data_from_server(b"PONG\r\n")
    assert conn.is_connected()


def no_server_is_left(conn: ConnectionProtocol) -> None:
    with pytest.raises(ConnectionServerPoolEmpty):
        conn.select_server()
    assert conn.is_closed()
    assert conn.get_current_server() is None


def test_selecting_a_server() -> None:
    conn = ConnectionProtocol(ClientOptions())
    assert conn.status == S.WAITING_FOR_SERVER_SELECTION
    assert conn.get_current_server() is None
    server = conn.select_server()
    assert server == Server.new("nats://localhost:4222")
    assert conn.get_current_server() is server
    assert conn.get_current_server_info() is None
    assert conn.status == S.WAITING_FOR_SERVER_INFO


@pytest.mark.parametrize("state", ALL[1:], ids=lambda state: state.name)
def test_a_server_is_selected_once(state: ConnectionState) -> None:
    conn = ConnectionProtocol(ClientOptions())
    conn.status = state
    with pytest.raises(ConnectionStateTransitionError):
        conn.select_server()
    assert conn.status == state


@pytest.mark.parametrize("attempts", [1, 2])
def test_attempts_to_connect_are_counted(attempts: int) -> None:
    conn = ConnectionProtocol(ClientOptions(max_connect_attempts=attempts))
    for _ in range(attempts):
        conn.select_server()
        lose(conn)
    no_server_is_left(conn)


@pytest.mark.parametrize("attempts", [0, 1])
def test_attempts_to_reconnect_are_counted(attempts: int) -> None:
    conn = ConnectionProtocol(ClientOptions(max_reconnect_attempts=attempts))
    conn.select_server()
    make(conn)
    lose(conn)
    for _ in range(attempts):  # a success does not bring them back
        conn.select_server()
        make(conn)
        lose(conn)
    no_server_is_left(conn)


def test_servers_take_turns() -> None:
    urls = ["nats://localhost:4222", "nats://localhost:4223"]
    conn = ConnectionProtocol(
        ClientOptions(servers=urls, no_randomize=True, max_connect_attempts=2)
    )
    chosen = []
    for _ in range(4):
        chosen.append(conn.select_server())
        lose(conn)
    assert chosen == [Server.new(url) for url in urls * 2]
    no_server_is_left(conn)


def test_info_asks_for_connect() -> None:
    conn = ConnectionProtocol(ClientOptions())
    conn.select_server()
    get_info(conn)
    assert conn.status == S.WAITING_FOR_CLIENT_CONNECT
    (event,) = conn.events_received()
    assert event.type == EventType.CONNECT_REQUEST
    assert conn.connect().startswith(b"CONNECT {")
    assert conn.status == S.WAITING_FOR_CLIENT_PING


# --- the pool by itself --------------------------------------------------------------------------


def test_what_a_pool_holds() -> None:
    pool = ServerPool.from_urls(["nats://a:1", "nats://b:1", "nats://a:1"], randomized=False)
    first = pool.contains("nats://a:1")
    assert first is not None
    assert pool.add("nats://a:1") is first
    assert [pool.next(), pool.next(), pool.next()] == [first, pool.contains("nats://b:1"), first]
    pool.remove("nats://nowhere:1")
    pool.remove(first)  # whose turn it is begins anew
    assert pool.contains("nats://a:1") is None
    assert pool.next() == Server.new("nats://b:1")
    pool.remove("nats://b:1")
    assert pool.empty()
    assert pool.next() is None


def test_removing_a_server_begins_the_round_anew() -> None:
    pool = ServerPool.from_urls(["nats://a:1", "nats://b:1", "nats://c:1"], randomized=False)
    assert pool.next() == Server.new("nats://a:1")
    pool.remove("nats://a:1")
    assert pool.next() == Server.new("nats://b:1")


def test_a_random_pool_comes_to_every_server() -> None:
    urls = {f"nats://h{i}:1" for i in range(4)}
    pool = ServerPool.from_urls(urls, max_connect_attempts=-1)
    seen = {server.uri.geturl() for server in (pool.next() for _ in range(400)) if server}
    assert seen == urls


@pytest.mark.parametrize(
    "options",
    [
        ClientOptions(servers=[]),
        ClientOptions(servers=["http://a:1"]),
        ClientOptions(servers=["localhost:4222"]),
        ClientOptions(servers=["nats://a:1", "tls://b:1"]),
        ClientOptions(max_connect_attempts=0),
    ],
)
def test_what_is_no_pool(options: ClientOptions) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (each has words of its own)
        ConnectionProtocol(options)


def test_limits_of_attempts() -> None:
    server = Server.new("nats://user:secret@a:1")
    with pytest.raises(ValueError, match="0"):
        server.can_attempt_connect(0)
    assert not server.can_attempt_reconnect(0)
    server.increment_connect_attempts()
    server.increment_reconnect_attempts()
    assert not server.can_attempt_connect(1)
    assert not server.can_attempt_reconnect(1)
    assert server.can_attempt_connect(-1)
    assert server.can_attempt_reconnect(-1)
    assert "secret" not in repr(server)
