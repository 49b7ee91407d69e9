"""A message as the protocol hands it over.

A value; made once for each message that a subscription takes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Message:
    """A message; `reply` is empty when none is asked for, `data_length` leaves headers out."""

    sid: int
    subject: str
    reply: str
    data: bytes
    data_length: int
    hdr: dict[str, str]
