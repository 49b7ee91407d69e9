"""anynats.compat.pynats.protocol: what CONNECT says, and which credentials go with which."""

import json
from typing import Any

import pytest

from anynats.compat.pynats.protocol import ClientOptions, ConnectionProtocol


def connect_to(info: dict[str, object], url: str = "nats://a:1", **options: Any) -> dict[str, Any]:
    proto = ConnectionProtocol(ClientOptions(servers=[url], **options))
    proto.select_server()
    proto.receive_data_from_server(b"INFO %s\r\n" % json.dumps(info).encode())
    frame = proto.connect()
    assert frame.startswith(b"CONNECT {")
    assert frame.endswith(b"}\r\n")
    fields = json.loads(frame[8:])
    assert list(fields) == sorted(fields)
    return fields  # type: ignore[no-any-return]


def login(info: dict[str, object], url: str = "nats://a:1", **options: Any) -> dict[str, str]:
    names = ("user", "pass", "auth_token", "jwt", "nkey", "sig")
    fields = connect_to(info, url, **options)
    return {name: fields[name] for name in names if name in fields}


def says(text: str) -> Any:
    return lambda *_: text


USER = {"username": says("u"), "password": says("p")}
NONCE = {"nonce": "n"}


def test_what_connect_says() -> None:
    fields = connect_to({"headers": True}, name="me", no_echo=True, verbose=True)
    assert fields == {
        **{"echo": False, "headers": True, "lang": "natspy", "name": "me", "no_responders": True},
        **{"pedantic": False, "protocol": 1, "tls_required": False, "verbose": True},
        "version": "0.0.1",
    }
    assert connect_to({})["name"] is None
    assert connect_to({})["headers"] is False


@pytest.mark.parametrize(
    ("url", "info", "options", "expected"),
    [
        ("nats://a:1", {}, USER, {"user": "u", "pass": "p"}),
        ("nats://x:y@a:1", {"auth_required": True}, {}, {"user": "x", "pass": "y"}),
        ("nats://tok@a:1", {"auth_required": True}, {}, {"auth_token": "tok"}),
        ("nats://a:1", {"auth_required": True}, {"token": says("t")}, {"auth_token": "t"}),
        (
            *("nats://a:1", NONCE),
            {"jwt_callback": says("j"), "signature_callback": lambda nonce: f"signed {nonce}"},
            {"jwt": "j", "sig": "signed n"},
        ),
        (
            *("nats://a:1", NONCE),
            {"nkey_callback": says("k"), "signature_callback": says("s")},
            {"nkey": "k", "sig": "s"},
        ),
        (
            "nats://a:1",
            {},
            {"nkey_callback": says("k"), "signature_callback": says("s")},
            {"nkey": "k"},
        ),
    ],
)
def test_credentials(
    url: str, info: dict[str, object], options: dict[str, Any], expected: dict[str, str]
) -> None:
    assert login(info, url, **options) == expected


@pytest.mark.parametrize(
    ("url", "info", "options"),
    [
        ("nats://a:1", {}, {**USER, "token": says("t")}),
        ("nats://x:y@a:1", {}, USER),
        ("nats://x@a:1", {}, {"token": says("t")}),
        ("nats://a:1", {}, {"jwt_callback": says("j"), "nkey_callback": says("k")}),
        ("nats://a:1", {"auth_required": True}, {}),
        ("nats://a:1", {"tls_required": True}, {}),
        ("nats://a:1", {}, {"tls_required": True}),
    ],
)
def test_what_does_not_suit(url: str, info: dict[str, object], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (each has words of its own)
        connect_to(info, url, **options)


def test_a_server_that_requires_tls_has_it() -> None:
    ClientOptions(tls_required=True, ssl_context=says("")).verify_server_info(
        protocol_info(tls_required=True)
    )


def protocol_info(**members: object) -> Any:
    from anynats.compat.pynats.protocol import parse_info

    return parse_info(json.dumps(members))
