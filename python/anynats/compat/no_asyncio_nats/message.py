"""A message: the dict of the original, with attributes.

A value of its own; it does not keep its connection.
"""

from __future__ import annotations

from typing import Any

import anynats


class Message(dict[str, Any]):
    """One message: a dict without the keys that are not set, and attributes that are None then."""

    @classmethod
    def _of(cls, message: anynats.Message) -> Message:
        self = cls(subject=message.subject)
        if message.reply is not None:
            self["reply"] = message.reply
        self["payload"] = message.payload
        headers = message.headers
        if headers:
            # Of several values the last one, as there.
            self["headers"] = {name: headers.get_all(name)[-1] for name in headers}
        if message.status is not None:
            self["status"] = message.status
            if message.description:
                self["description"] = message.description
        return self

    @property
    def subject(self) -> str:
        return self["subject"]  # type: ignore[no-any-return]

    @property
    def reply(self) -> str | None:
        return self.get("reply")

    @property
    def payload(self) -> bytes:
        return self["payload"]  # type: ignore[no-any-return]

    @property
    def headers(self) -> dict[str, str] | None:
        return self.get("headers")

    @property
    def status(self) -> int | None:
        return self.get("status")

    @property
    def description(self) -> str | None:
        return self.get("description")

    def ack(self) -> None:
        """Acknowledge a message of JetStream; this version delivers none."""
        raise ValueError("not a JetStream message")
