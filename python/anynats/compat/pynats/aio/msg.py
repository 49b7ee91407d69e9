"""A message of the asynchronous client, which can answer it.

Immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anynats
from anynats.compat.pynats.core.msg import Msg as BaseMsg
from anynats.compat.pynats.core.over_anynats import translated


class Msg(BaseMsg):
    """A received message."""

    __slots__ = ("_client",)

    def __init__(self, message: anynats.Message, client: Any) -> None:
        super().__init__(message)
        self._client = client

    async def respond(
        self, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish an answer. NoReplySubjectError when none is asked for."""
        subject = self._reply_subject()
        with translated():
            await self._client.publish(subject, data or b"", headers=headers)
