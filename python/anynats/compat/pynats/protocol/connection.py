"""One connection of a client without I/O: bytes of the server in, events and bytes out.

A table of states over the parser and the encoders of anynats.sansio, which do what there is to do
about bytes. One thread at a time. After each call look at `events_received` and `data_to_send`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from anynats import sansio
from anynats.compat.pynats.errors import MaxPayloadSizeExceededError
from anynats.compat.pynats.protocol.client_options import ClientOptions
from anynats.compat.pynats.protocol.connection_state import (
    ConnectionState,
    ConnectionStateMixin,
)
from anynats.compat.pynats.protocol.errors import (
    ConnectionAlreadyEstablishedError,
    ConnectionClosedError,
    ConnectionClosingError,
    ConnectionNotEstablishedError,
    ConnectionServerPoolEmpty,
    ConnectionStateTransitionError,
    InvalidProtocolMessageError,
    ProtocolParserError,
    UnexpectedProtocolMessageError,
)
from anynats.compat.pynats.protocol.events import (
    CLOSED_EVENT,
    CONNECTED_EVENT,
    PONG_EVENT,
    ConnectionRequestEvent,
    ErrorEvent,
    Event,
    InfoEvent,
    MsgEvent,
)
from anynats.compat.pynats.protocol.payload import Error, Info
from anynats.compat.pynats.protocol.serialization import encode_headers, message_of, parse_info
from anynats.compat.pynats.protocol.server import Server
from anynats.compat.pynats.protocol.subscription import SubscriptionMap

_S = ConnectionState
_MAX_INFO_LINE = 1 << 20


class ParserState(IntEnum):
    """For those who import it: the parser of anynats keeps where it is to itself."""

    AWAITING_CONTROL_LINE = 1
    AWAITING_MSG_PAYLOAD = 2


class ConnectionProtocol(ConnectionStateMixin):
    """The connections of one client, one after the other."""

    def __init__(self, options: ClientOptions) -> None:
        super().__init__()
        self.options = options
        self.server_pool = options.new_server_pool()
        self._forget_connection()

    def _forget_connection(self) -> None:
        self.last_error: Error | None = None
        """The last -ERR of this connection."""
        self._server: Server | None = None
        self._info: Info | None = None
        self._outstanding_pings = 0
        self._events: list[Event] = []
        self._to_send = bytearray()
        self._subscriptions = SubscriptionMap()
        self._failure: ProtocolParserError | None = None
        self._told_closed = False
        self._ended_by_error = False  # the end of the stream may follow, once
        self._parser = sansio.Parser(
            max_control_line=self.options.max_control_line_size,
            max_info_line=_MAX_INFO_LINE,
        )

    def __repr__(self) -> str:
        return f"<ConnectionProtocol {_S(self.status).name}>"

    # --- what there is ---------------------------------------------------------------------------

    def get_current_server(self) -> Server | None:
        return self._server

    def get_current_server_info(self) -> Info | None:
        """Return the last INFO of this connection."""
        return self._info

    def exceeded_outstanding_pings_limit(self) -> bool:
        """Tell whether so many pings are without an answer that the server counts as gone."""
        limit = self.options.max_outstanding_pings
        return not self.is_closed() and self._outstanding_pings >= limit

    def events_received(self) -> list[Event]:
        """Return what became known since, oldest first."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> bytes:
        """Return the answers that the protocol itself owes the server since."""
        data, self._to_send = bytes(self._to_send), bytearray()
        return data

    # --- what the client does --------------------------------------------------------------------

    def select_server(self) -> Server:
        """Choose the server of the next connection, and forget the last one."""
        if not self.is_waiting_for_server_selection():
            raise ConnectionStateTransitionError("a server has been selected already")
        self._forget_connection()
        server = self.server_pool.next()
        if server is None:
            self._close()
            raise ConnectionServerPoolEmpty("no server is left to try")
        self._server = server
        self.mark_as_waiting_for_server_info()
        return server

    def connect(self) -> bytes:
        """Return CONNECT. ValueError when the options do not suit the server."""
        self._require(_S.WAITING_FOR_CLIENT_CONNECT, _S.WAITING_FOR_CLIENT_CONNECT)
        assert self._server is not None
        if self._info is not None:
            self.options.verify_server_info(self._info, self._server)
        fields = self.options.get_connect_opts(self._server).to_dict()
        self.mark_as_waiting_for_client_ping()
        return sansio.encode_connect(fields)

    def ping(self) -> bytes:
        """Return PING and count it as unanswered."""
        self._require(_S.WAITING_FOR_CLIENT_PING, _S.CONNECTED)
        if self.is_waiting_for_client_ping():
            self.mark_as_waiting_for_server_pong()
        self._outstanding_pings += 1
        return sansio.encode_ping()

    def publish(
        self,
        subject: str,
        reply: str = "",
        payload: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return PUB, or HPUB with headers, in any state.

        ValueError for what would break framing, MaxPayloadSizeExceededError for a message that is
        larger, headers included, than the server said it takes.
        """
        frame = sansio.encode_publish(subject, payload, reply=reply or None, headers=headers)
        most = self._info.max_payload if self._info else None
        if most is not None:
            size = len(payload) + (len(encode_headers(headers)) if headers else 0)
            if size > most:
                raise MaxPayloadSizeExceededError(f"{size} bytes, the server takes {most}")
        return frame

    def subscribe(self, subject: str, queue: str, sid: int, limit: int | None = None) -> bytes:
        """Return SUB. After `limit` messages UNSUB is in `data_to_send`, and no more is told."""
        self._require(_S.WAITING_FOR_CLIENT_PING, _S.CONNECTED)
        frame = sansio.encode_subscribe(subject, sid, queue=queue or None)
        self._subscriptions.add(sid, limit or 0, subject)
        return frame

    def unsubscribe(self, sid: int | str, limit: int | None = None) -> bytes:
        """Return UNSUB: now, or after `limit` messages in all.

        A subject in place of a sid stands for every subscription to it.
        """
        self._require(_S.WAITING_FOR_CLIENT_PING, _S.CLOSING)
        if isinstance(sid, str) and not (sid.isascii() and sid.isdigit()):
            sids = self._subscriptions.sids_of(sid)
        else:
            sids = [int(sid)]
        return b"".join(self._unsubscribe(each, limit) for each in sids)

    def _unsubscribe(self, sid: int, limit: int | None) -> bytes:
        frame = sansio.encode_unsubscribe(sid, limit=limit or None)
        subscription = self._subscriptions.get(sid)
        if subscription is not None:
            subscription.set_limit(limit or 0)
            subscription.server_counts = True
            if not limit or subscription.should_unsubscribe():
                self._subscriptions.remove(sid)
        return frame

    def _require(self, first: ConnectionState, last: ConnectionState) -> None:
        """Raise the error that says why a call allowed from `first` to `last` is not now."""
        if first <= self.status <= last:
            return
        if self.is_closed():
            raise ConnectionClosedError("the connection is closed")
        if self.is_closing():
            raise ConnectionClosingError("the connection is being closed")
        if self.status < first:
            raise ConnectionNotEstablishedError(f"too early: {_S(self.status).name}")
        raise ConnectionAlreadyEstablishedError(f"too late: {_S(self.status).name}")

    # --- what the server sends -------------------------------------------------------------------

    def receive_data_from_server(self, data: bytes) -> None:
        """Take bytes of the server, cut anywhere.

        ProtocolParserError for what is not NATS, or not NATS at this time; it is raised again for
        whatever comes after that. What follows an -ERR that ends the connection is not looked at.
        """
        self._require(_S.WAITING_FOR_SERVER_INFO, _S.CONNECTED)
        if self._failure is None:
            self._take(data)
        if self._failure is not None:
            raise self._failure

    def _take(self, data: bytes) -> None:
        for frame in self._parser.feed(data):
            if self.is_closed():
                return
            try:
                _TAKES[frame.kind](self, frame)
            except ProtocolParserError as error:
                self._failure = error
                return
        if self._parser.failed is not None and not self.is_closed():
            self._failure = InvalidProtocolMessageError(self._parser.failed)

    def receive_eof_from_server(self) -> None:
        """Tell that the server closed the connection."""
        if self.is_waiting_for_server_selection():
            raise ConnectionNotEstablishedError("no server has been selected")
        self._end()

    receive_eof_from_transport = receive_eof_from_server

    def receive_eof_from_client(self) -> None:
        """Tell that the connection is to be closed."""
        self._end()

    def _end(self) -> None:
        if self._ended_by_error:
            self._ended_by_error = False
        else:
            self._close()
        self._tell_closed()

    def _close(self) -> None:
        self.mark_as_closing()
        self.mark_as_closed()

    def _tell_closed(self) -> None:
        if not self._told_closed:
            self._told_closed = True
            self._events.append(CLOSED_EVENT)

    # One for each kind of frame; `_TAKES` below has them by name.

    def _take_info(self, frame: sansio.Frame) -> None:
        assert self._server is not None
        info = parse_info(frame.text)
        self._info = info
        self._server.set_info(info)
        if not self.options.no_discovery:
            self.server_pool.discover(self._server, info)
        if self.is_waiting_for_server_info():
            self.mark_as_waiting_for_client_connect()
            self._events.append(ConnectionRequestEvent(info))
        else:
            self._events.append(InfoEvent(info))

    def _take_ping(self, _: sansio.Frame) -> None:
        self._to_send += sansio.encode_pong()

    def _take_pong(self, _: sansio.Frame) -> None:
        if self.did_not_expect_pong():
            raise UnexpectedProtocolMessageError(f"PONG in {_S(self.status).name}")
        self._outstanding_pings = max(0, self._outstanding_pings - 1)
        if self.is_connected():
            self._events.append(PONG_EVENT)
            return
        self.mark_as_connected()
        assert self._server is not None
        self._server.observe_connect()
        self._events.append(CONNECTED_EVENT)

    def _take_msg(self, frame: sansio.Frame) -> None:
        if self.did_not_expect_msg():
            raise UnexpectedProtocolMessageError(f"MSG in {_S(self.status).name}")
        assert frame.message is not None
        subscription = self._subscriptions.get(frame.message.sid)
        if subscription is None:
            return
        self._events.append(MsgEvent(message_of(frame.message)))
        subscription.increment_delivered()
        if subscription.should_unsubscribe():
            self._subscriptions.remove(subscription.sid)
            if not subscription.server_counts:
                self._to_send += sansio.encode_unsubscribe(subscription.sid)

    def _take_err(self, frame: sansio.Frame) -> None:
        error = Error.of(frame.text)
        self.last_error = error
        # Before CONNECT the README promises nothing but CLOSED.
        if self.is_waiting_for_server_info():
            self._tell_closed()
        else:
            self._events.append(ErrorEvent(error))
            if error.is_recoverable():
                return
        self._close()
        self._ended_by_error = True

    def _take_ok(self, _: sansio.Frame) -> None:
        pass


_TAKES: dict[str, Any] = {
    "info": ConnectionProtocol._take_info,
    "ping": ConnectionProtocol._take_ping,
    "pong": ConnectionProtocol._take_pong,
    "msg": ConnectionProtocol._take_msg,
    "err": ConnectionProtocol._take_err,
    "ok": ConnectionProtocol._take_ok,
}
