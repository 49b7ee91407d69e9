"""What a client says of itself in CONNECT.

The names of the members are those on the wire but for `user`, `password` and `auth_token`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_ONLY_WHEN_SET = ("sig", "jwt", "nkey", "user", "password", "auth_token")


@dataclass
class ConnectOpts:
    """The members of CONNECT; credentials are sent when they are set."""

    verbose: bool = False
    pedantic: bool = False
    tls_required: bool = False
    lang: str = "natspy"
    version: str = "0.0.1"
    protocol: int = 1
    echo: bool = True
    headers: bool = True
    no_responders: bool = True
    name: str | None = None
    sig: str | None = None
    jwt: str | None = None
    nkey: str | None = None
    user: str | None = None
    password: str | None = None
    auth_token: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the members as they are sent, sorted by name."""
        members = {
            "pass" if name == "password" else name: value
            for name, value in vars(self).items()
            if value is not None or name not in _ONLY_WHEN_SET
        }
        return dict(sorted(members.items()))
