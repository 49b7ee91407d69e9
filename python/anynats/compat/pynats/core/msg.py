"""A message as the clients hand it over: accessors are methods, as in the original.

Immutable; made of a message of anynats.
"""

from __future__ import annotations

from anynats import Message
from anynats.compat.pynats.errors import NoReplySubjectError


class Msg:
    """What the messages of aio and io have in common."""

    __slots__ = ("_message",)

    def __init__(self, message: Message) -> None:
        self._message = message

    def sid(self) -> int:
        return self._message.sid

    def subject(self) -> str:
        return self._message.subject

    def reply(self) -> str:
        """Return the subject for replies, empty when none is asked for."""
        return self._message.reply or ""

    def data(self) -> bytes:
        return self._message.payload

    def headers(self) -> dict[str, str]:
        """Return the headers, of several values the last."""
        headers = self._message.headers
        return {name: headers.get_all(name)[-1] for name in headers}

    def size(self) -> int:
        """Return the bytes of the payload."""
        return len(self._message.payload)

    def _reply_subject(self) -> str:
        if not self._message.reply:
            raise NoReplySubjectError(f"the message on {self.subject()!r} asks for no reply")
        return self._message.reply
