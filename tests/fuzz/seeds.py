"""Writes the first inputs of the fuzz targets: by hand below, and out of tests/data/transcripts.

The hand-made ones go to tests/data/fuzz and are kept; the transcripts go to build/fuzz/corpus, from
where `tools/fuzz.py merge` takes what is worth keeping. Each target's first lines say how its input
is laid out. Standard library only.
"""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
INFO = b'INFO {"server_id":"S","headers":true,"max_payload":1048576}\r\n'
MOST = 2048  # bytes of an input


def field(text: bytes) -> bytes:
    """A text behind a byte with its size."""
    return bytes([len(text)]) + text


def parser(flags: int, splits: bytes, stream: bytes) -> bytes:
    return bytes([flags]) + field(splits) + stream


HMSG = b"HMSG a.b 2 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
STREAM = INFO + b"PING\r\nMSG a.b 1 r 5\r\nhello\r\n" + HMSG + b"+OK\r\n-ERR 'x y'\r\nPONG\r\n"
PARSER = {
    "every_verb": parser(0, b"\x02\x07", STREAM),
    "skipped": parser(2, b"\x00\x05", STREAM + b"MSG b 3 20\r\n" + b"x" * 20 + b"\r\nPING\r\n"),
    "small_limits": parser(1, b"\x03", b"MSG a 1 16\r\n" + b"y" * 16 + b"\r\nMSG a 1 17\r\n"),
    "blanks": parser(0, b"", b"msg\t a  9\t r  1 \r\nx\r\nping \t\r\n+ok\r\npong\r\nping x\r\n"),
    "line_feed": parser(0, b"\x01", b"PING\r\nMSG a 1 1\nx\r\n"),
    "no_end": parser(2, b"\x01", b"MSG a 1 3\r\nabcd\r\n"),
    "sizes": parser(
        0, b"", b"HMSG a 18446744073709551615 0012 12\r\nNATS/1.0\r\n\r\n\r\nMSG a 0 1"
    ),
}
VERSION = b"NATS/1.0"
HEADERS = {
    "fields": VERSION + b"\r\nA: 1\r\na:2\r\nA:\t 3 \r\nNats-Msg-Id: x:y\r\n\r\n",
    "status": VERSION + b" 404 No Messages\r\nNats-Subject: q\r\n\r\n",
    "no_responders": VERSION + b" 503\r\n\r\n",
    "flaws": VERSION + b" 50\r\nnocolon\r\n: x\r\n a: b\r\nC\x01: d\r\nE: f\ng\r\nH: i",
    "other": b"HTTP/1.1 200 OK\r\n\r\n",
    "odd_status": VERSION + b"  409   a\rb \r\n\r\nrest",
    "not_a_token": VERSION + b"\r\n(a): 1\r\n[b]@: \xc3\xa9\r\n\r\n",
}
FULL_INFO = (
    b'{"server_id":"S","server_name":"n","version":"2.15.2","proto":1,"git_commit":"c","go":"g",'
    b'"host":"0.0.0.0","port":4222,"headers":true,"auth_required":true,"tls_required":false,'
    b'"tls_verify":false,"tls_available":true,"max_payload":1048576,"jetstream":true,"ip":"::1",'
    b'"client_id":5,"client_ip":"::1","nonce":"abc","cluster":"c","domain":"d","ldm":true,'
    b'"connect_urls":["a:1","[::1]:2","no port",7],"api_lvl":4,"xkey":"X"}'
)
INFOS = {
    "full": b"\0" + FULL_INFO,
    "other_types": b"\0" + b'{"server_id":1,"port":"x","headers":2,"max_payload":-1,"ldm":null}',
    "numbers": b"\0" + b'{"port":65536,"max_payload":1e9,"proto":18446744073709551615}',
    "deep": b"\0" + b'{"a":' + b"[" * 33 + b"]" * 33 + b"}",
    "deepest": b"\0" + b'{"a":' + b"[" * 31 + b"]" * 31 + b"}",
    "escapes": b"\0" + rb'{"nonce":"\u0000\ud83d\ude00\n","version":"\ud800"}',
    "no_object": b"\0" + b"[1,2]",
    "cut": b"\0" + FULL_INFO[:100],
    "connect": b"\x03" + field(b'na"me\n') + field(b"us\\er") + field(b"p\xc3\xa9") + b"to\xffken",
}
CREDENTIALS = field(b"user") + field(b"pass") + field(b"word") + b"host:4222"
URLS = {
    "plain": b"\0" + b"nats://user:pass@example.com:4222",
    "list": b"\0" + b" a:1 , nats://b,tls://c:3,,",
    "token": b"\0" + b"nats://t%2Fok@[fe80::1%25eth0]:4222",
    "web": b"\0" + b"wss://host/path?x=1",
    "mapped": b"\0" + b"[::ffff:10.0.0.1]:1",
    "host_port": b"\0" + b"10.0.0.1:4222",
    "bad_port": b"\0" + b"nats://a:65536",
    "zone_25": b"\0" + b"[::1%2525x]:1",
    "user": b"\x01" + CREDENTIALS,
    "user_nats": b"\x02" + CREDENTIALS,
    "user_tls": b"\x03" + CREDENTIALS,
    "slash": b"\x02" + field(b"user") + field(b"pa/s") + field(b"#?") + b"host",
    "comma": b"\x02" + field(b"user") + field(b"a,b") + field(b",c:1,") + b"host:x",
    "escape": b"\x02" + field(b"u%zz") + field(b"%") + field(b"") + b"host",
}
SERVER_ERRORS = {
    "unknown": b"\0'Something Else'",
    "authorization": b"\0'Authorization Violation'",
    "permissions": b"\0'Permissions Violation for Publish to \"a.b\"'",
    "stale": b"\0'Stale Connection'",
    "plain": b"\0invalid subject ",
    "handshake": b"\x03'Authentication Timeout'",
    "handshake_empty": b"\x03",
    "tls": b"\0'Secure Connection - TLS Required'",
    "quotes": b"\0'''",
}


def publish(subject: bytes, reply: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    pairs = b"".join(field(name) + field(value) for name, value in headers)
    return b"\x02" + field(subject) + field(reply) + bytes([len(headers)]) + pairs + body


ENCODER = {
    "publish": publish(b"a.b", b"", [], b"hello"),
    "reply": publish(b"a.b", b"_INBOX.x", [], b""),
    "headers": publish(b"a.b", b"r", [(b"A", b"1"), (b"A", b" two ")], b"PUB x 1\r\ny\r\n"),
    "bad_subject": publish(b"a b", b"", [], b"x"),
    "line_break": publish(b"a\r\nPUB b 0\r\n", b"", [], b""),
    "bad_reply": publish(b"a", b"r\n", [], b""),
    "bad_header": publish(b"a", b"", [(b"A\r\nB", b"1")], b""),
    "bad_value": publish(b"a", b"", [(b"A", b"1\r\n\r\nx")], b""),
    "utf8": publish("é.漢字".encode(), b"*.>", [(b"!#$", b"\xff\t")], b"\0" * 20),
    "subscribe": b"\0" + field(b"a.*.>") + field(b"queue") + b"\x05",
    "subscribe_now": b"\0" + field(b"a") + field(b"") + b"\0",
    "bad_queue": b"\0" + field(b"a") + field(b"q q") + b"\0",
    "connect": b"\x01" + field(b"name") + field(b"us\r\ner") + field(b'p"w') + b"_MY.INBOX",
    "bad_prefix": b"\x01" + field(b"") + field(b"") + field(b"") + b"a.*",
}
UP = b"\x09"  # INFO and PONG
MSG_1 = b"\x04\x01" + field(b"hello")
SESSION = {
    "connected": b"\0" + UP + b"\x03" + b"\x10" + field(b"x") + b"\x01",
    "messages": b"\0" + UP + b"\x11\0" + MSG_1 * 6 + b"\x14\0\x02" + MSG_1 + b"\x12\0",
    "drop_old": b"\x08" + UP + b"\x11\x01" + MSG_1 * 6 + b"\x0a\x0f\x14\0\x07",
    "headers": b"\0" + UP + b"\x11\0\x05\x01" + field(VERSION + b" 503\r\n\r\n") + field(b"x"),
    "limit": b"\0" + UP + b"\x11\0\x13\0\x03" + MSG_1 * 2 + b"\x0b" + UP + MSG_1 * 2,
    "request": b"\0" + UP + b"\x15\x08\0" + field(b"yes") + b"\x15\x08\x01\x15\x0a\x11",
    "flush": b"\0" + UP + b"\x16\x02\x16\x0a\x10\x16\x17\x06",
    "reconnect": b"\x01\x0d\x02\0\x0a\x0e\x0d\0\0" + UP + b"\x10\x01x\0\x0b\x10\x01y\0" + UP,
    "no_reconnect": b"\x02" + UP + b"\x11\0\x0b",
    "few_tries": b"\x05\x0d\x02\0" + b"\x0a\x0f" * 5,
    "stale": b"\0" + UP + b"\x0a\x11" * 2 + b"\x0f\x01\x01" + field(b"PING\r\n"),
    "server_error": b"\0" + UP + b"\x06" + field(b"Stale Connection") + UP + b"\x06" + field(b"no"),
    "lame_duck": b"\0" + UP + b"\x07" + field(b'"ldm":true,"connect_urls":["c:1","d:2"]'),
    "tls": b"\0\x07" + field(b'"tls_required":true'),
    "pieces": b"\0\x0e\0\0\x01\x05" + UP + b"\x11\0" + MSG_1 + b"\x0e\x02\x03\0\x10\x01z\x01",
    "close": b"\0" + UP + b"\x11\0" + MSG_1 + b"\x15\x16\x17\x01\x0a\x0b",
    "close_at_once": b"\0" + UP + b"\x15\x16\x17\0\x10\x01x\0",
    "garbage": b"\0" + UP + b"\0" + field(b"MSG a 1 99999\r\n") + b"\0" + field(b"GET / HTTP\r\n"),
    "large": b"\0" + UP + b"\x11\0\0" + field(b"MSG a 1 9000\r\n" + b"x" * 200) + b"\x0c",
    "model": b"\x01\x0d\0\x01\x0b" + UP + b"\x11\0\x15\x16\x10\x01x\0\x0a\x11",
}
SEEDS = {
    "parser": PARSER,
    "headers": HEADERS,
    "info": INFOS,
    "url": URLS,
    "server_error": SERVER_ERRORS,
    "encoder": ENCODER,
    "session": SESSION,
}


def bytes_of(value: str | list) -> bytes:
    """Bytes as tests/data/README.md writes them."""
    if isinstance(value, str):
        return value.encode("latin-1")
    parts = (
        bytes_of(item) if isinstance(item, str) else bytes_of(item[0]) * item[1] for item in value
    )
    return b"".join(parts)


def write(place: Path, name: str, data: bytes) -> None:
    """Write one input, unless it is too long."""
    if len(data) > MOST:
        return
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(data)


def write_transcript(path: Path, found: Path) -> None:
    """One transcript for the parser and for the session, its headers and errors for theirs."""
    transcript = json.loads(path.read_text(encoding="utf-8"))
    stream = bytes_of(transcript["chunks"])
    write(found / "parser", path.stem, parser(2, b"\x03\x00", stream))
    pieces = [stream[at : at + 255] for at in range(0, len(stream), 255)]
    steps = b"".join(b"\0" + field(piece) for piece in pieces)
    write(found / "session", path.stem, b"\0" + UP + b"\x11\0" * 3 + steps)
    for number, frame in enumerate(transcript["frames"]):
        name = f"{path.stem}-{number}"
        if "headers_raw" in frame:
            write(found / "headers", name, bytes_of(frame["headers_raw"]))
        if frame["kind"] == "err":
            write(found / "server_error", name, b"\0'" + bytes_of(frame["text"]) + b"'")
        if frame["kind"] == "info":
            write(found / "info", name, b"\0" + bytes_of(frame["text"]))


def main() -> None:
    """Write all of them."""
    for target, inputs in SEEDS.items():
        for name, data in inputs.items():
            write(ROOT / "tests/data/fuzz" / target, name, data)
    for path in sorted((ROOT / "tests/data/transcripts").glob("*.json")):
        write_transcript(path, ROOT / "build/fuzz/corpus")


if __name__ == "__main__":
    main()
