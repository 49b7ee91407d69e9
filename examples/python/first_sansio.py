"""Publish, subscribe, request without anybody's I/O but our own: a socket, select and a clock.

usage: first_sansio.py [URL]
"""

import select
import socket
import sys
import time
from collections.abc import Callable

from anynats.sansio import Session

URL = sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"
PATIENCE = 10.0  # seconds

session = Session(URL, now=time.monotonic())
sock: socket.socket | None = None


def drive(until: Callable[[], bool]) -> None:
    """Move bytes and time until `until()` holds. A real driver would dial without blocking."""
    global sock
    give_up = time.monotonic() + PATIENCE
    while True:
        session.handle_timeout(time.monotonic())
        while action := session.next_action():
            if action.kind == "connect":
                sock = socket.create_connection((action.host, action.port), PATIENCE)
                session.transport_up(action.epoch, time.monotonic())
            elif action.kind == "authenticate":
                own = session.own_credentials()
                session.credentials(action.epoch, time.monotonic(), **own)
            elif action.kind == "close" and sock:
                sock.close()
                sock = None
        while sock and (parts := session.data_to_send()):
            session.data_sent(sock.send(b"".join(parts)))
        if until():
            return
        deadline = min(session.next_timeout() or give_up, give_up)
        wait = max(0.0, deadline - time.monotonic())
        if time.monotonic() >= give_up or sock is None:
            raise TimeoutError("the server does not answer")
        if select.select([sock], [], [], wait)[0]:
            if data := sock.recv(65_536):
                session.receive_data(session.epoch, data, time.monotonic())
            else:
                session.receive_eof(session.epoch, time.monotonic())


drive(session.connect().done)
sub = session.subscribe("sensors.*")
session.publish("sensors.kitchen", b"21.5", headers={"unit": "C"})
drive(lambda: sub.pending > 0)
for msg in sub:  # what is here now
    print(msg.subject, msg.payload.decode(), msg.headers["unit"])

service = session.subscribe("service.upper")
request = session.request("service.upper", b"hello", timeout=5)
drive(lambda: service.pending > 0)
for msg in service:
    if msg.reply:
        session.publish(msg.reply, msg.payload.upper())
drive(request.done)
print(request.result().payload.decode())
drive(session.close().done)
