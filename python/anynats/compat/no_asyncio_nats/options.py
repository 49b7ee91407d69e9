"""The options of connect: each name of the package, how its value is checked, and what it is here.

Durations are timedelta. A wrong type is a TypeError, a wrong value or name a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from anynats.compat.no_asyncio_nats.errors import not_yet


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"option {name!r}: a str is needed, not {type(value).__name__}")
    return value


def duration(name: str, value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise TypeError(f"{name}: a timedelta is needed, not {type(value).__name__}")
    if value < timedelta(0):
        raise ValueError(f"{name}: {value} is negative")
    return value


def count_of(name: str, value: object, most: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: an int is needed, not {type(value).__name__}")
    if value < 0 or (most is not None and value > most):
        raise ValueError(f"{name}: {value} is out of range")
    return value


def _pair(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"option {name!r}: a tuple of two str is needed")
    return {"user": _text(name, value[0]), "password": _text(name, value[1])}


def _plain(ours: str, convert: Callable[[str, Any], object]) -> Callable[[str, Any], Any]:
    return lambda name, value: {ours: convert(name, value)}


def _later(name: str, value: object) -> dict[str, object]:
    if value is not False:
        not_yet(f"option {name!r}")
    return {}


# Their option -> a function that checks its value and returns ours.
_OPTIONS: dict[str, Callable[[str, Any], dict[str, object]]] = {
    "token": _plain("token", _text),
    "user_and_password": _pair,
    "ping_interval": _plain("ping_interval", duration),
    "connection_timeout": _plain("connect_timeout", duration),
    "request_timeout": _plain("request_timeout", duration),
    # The README's meaning: the most subscriptions. What each one holds has its own limits.
    "subscription_capacity": _plain("max_subscriptions", count_of),
    "read_buffer_capacity": _plain("read_chunk", lambda n, v: max(4096, count_of(n, v, 65_535))),
    "no_echo": _plain("echo", lambda _, value: not value),
    "custom_inbox_prefix": _plain("inbox_prefix", _text),
    "name": _plain("name", _text),
    "retry_on_initial_connect": _plain("retry_on_failed_connect", lambda _, value: bool(value)),
    "max_reconnects": _plain("max_reconnects", lambda n, v: count_of(n, v) or None),  # 0: endless
    "ignore_discovered_servers": _plain(
        "discovered_servers", lambda _, value: "configured_only" if value else "all"
    ),
    "retain_servers_order": _plain("randomize_servers", lambda _, value: not value),
    **dict.fromkeys(
        (
            *("nkey", "credentials_file", "credentials", "require_tls", "tls_first"),
            *("tls_root_certificates", "tls_client_cert", "tls_client_key"),
        ),
        _later,
    ),
}
_DEFAULTS: dict[str, object] = {
    "request_timeout": 10.0,
    "max_subscriptions": 65_536,
    "reconnect_wait_min": 0.001,
    "reconnect_wait_max": 4.0,
}


def native_options(options: object) -> dict[str, Any]:
    if options is None:
        options = {}
    if not isinstance(options, dict):
        raise TypeError(f"options: a dict is needed, not {type(options).__name__}")
    ours = dict(_DEFAULTS)
    for name, value in options.items():
        if not isinstance(name, str):
            raise TypeError("options: the keys are str")
        if name not in _OPTIONS:
            raise ValueError(f"options: there is no option {name!r}")
        if value is not None:  # None counts as absent
            ours.update(_OPTIONS[name](name, value))
    ours["flush_timeout"] = ours["request_timeout"]  # the only timeout they have
    return ours
