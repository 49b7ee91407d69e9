"""What a server says of itself in INFO.

Members that a server does not send are None, or empty for those that every server sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Version:
    """A version in its parts; as a str it is what the server said."""

    major: int
    minor: int
    patch: int
    dev: str = ""
    text: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        numbers = f"{self.major}.{self.minor}.{self.patch}"
        return self.text or (f"{numbers}-{self.dev}" if self.dev else numbers)


@dataclass
class Info:
    """One INFO."""

    server_id: str = ""
    server_name: str = ""
    version: Version = field(default_factory=lambda: Version(0, 0, 0))
    go: str = ""
    host: str = ""
    port: int = 0
    headers: bool = False
    max_payload: int | None = None
    proto: int = 0
    client_id: int | None = None
    auth_required: bool | None = None
    tls_required: bool | None = None
    tls_verify: bool | None = None
    tls_available: bool | None = None
    connect_urls: list[str] | None = None
    ws_connect_urls: list[str] | None = None
    ldm: bool | None = None
    git_commit: str | None = None
    jetstream: bool | None = None
    ip: str | None = None
    client_ip: str | None = None
    nonce: str | None = None
    cluster: str | None = None
    domain: str | None = None
    xkey: str | None = None
