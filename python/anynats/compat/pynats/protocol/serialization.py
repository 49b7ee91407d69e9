"""Payloads from and to what stands on the wire, by way of anynats.sansio.

Only the JSON of INFO is read here; everything else is asked of the codec.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from anynats import sansio
from anynats.compat.pynats.protocol.errors import InvalidProtocolMessageError
from anynats.compat.pynats.protocol.payload import (
    ControlType,
    Error,
    Info,
    Message,
    Metadata,
    Sequence,
    Version,
)

_KINDS: dict[str, type] = {"str": str, "int": int, "bool": bool, "list[str]": list}
_MEMBERS = {
    member.name: _KINDS[str(member.type).removesuffix(" | None")]
    for member in dataclasses.fields(Info)
    if member.name != "version"
}
_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-(.*))?", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse_version(version: str) -> Version:
    """Return the parts of a version; those that it does not have are 0."""
    found = _VERSION.match(version)
    numbers = found.groups("0")[:3] if found else ("0", "0", "0")
    dev = (found[4] or "") if found else ""
    return Version(int(numbers[0]), int(numbers[1]), int(numbers[2]), dev, version)


def parse_info(data: str | bytes) -> Info:
    """Return the JSON of an INFO; a member of a wrong type counts as absent."""
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidProtocolMessageError(f"INFO is not JSON: {error}") from error
    if not isinstance(members, dict):
        raise InvalidProtocolMessageError("INFO is no JSON object")
    known: dict[str, Any] = {
        name: members[name]
        for name, kind in _MEMBERS.items()
        if type(members.get(name)) is kind and _are_texts(members[name])
    }
    version = members.get("version")
    return Info(**known, version=parse_version(version if isinstance(version, str) else ""))


def _are_texts(value: object) -> bool:
    return not isinstance(value, list) or all(isinstance(item, str) for item in value)


def parse_error(data: bytes) -> Error:
    """Return the error that the text of an -ERR, with quotes or without, stands for."""
    return Error.of(data.decode("utf-8", "surrogateescape").strip().strip("'"))


def encode_headers(headers: Mapping[str, str] | None) -> bytes:
    """Return the header block of a message. ValueError for what would break it."""
    return sansio.encode_headers(headers or {})


def parse_headers(headers: bytes | None) -> dict[str, str]:
    """Return a header block as a dict: of several values the last; a status as `Status`."""
    if not headers:
        return {}
    return _header_dict(sansio.parse_headers(headers), sansio.parse_status(headers))


def _header_dict(headers: sansio.Headers, status: tuple[int, str] | None) -> dict[str, str]:
    fields: dict[str, str] = {}
    if status is not None:
        fields["Status"] = f"{status[0]:03}"
        if status[1]:
            fields["Description"] = status[1]
    return fields | {name: headers.get_all(name)[-1] for name in headers}


def message_of(message: sansio.Message) -> Message:
    """Return a message of the parser in the shape it has here."""
    status = None if message.status is None else (message.status, message.description or "")
    payload = message.payload
    return Message(
        sid=message.sid,
        subject=message.subject,
        reply=message.reply or "",
        data=payload,
        data_length=len(payload),
        hdr=_header_dict(message.headers, status),
    )


def parse_metadata(reply: str) -> Metadata | None:
    """Return what the reply subject of a message from JetStream tells, or None for another."""
    ack = sansio.parse_ack_subject(reply)
    if ack is None:
        return None
    return Metadata(
        stream=ack.stream,
        consumer=ack.consumer,
        sequence=Sequence(ack.stream_sequence, ack.consumer_sequence),
        num_pending=ack.pending,
        num_delivered=ack.delivered,
        timestamp=_EPOCH + timedelta(microseconds=ack.timestamp // 1000),
        domain=ack.domain,
    )


def parse_sequence(reply: str) -> Sequence | None:
    """Return the numbers that `parse_metadata` returns, alone."""
    metadata = parse_metadata(reply)
    return metadata.sequence if metadata else None


def parse_control_type(msg: Message) -> ControlType | None:
    """Tell what a message with the status 100 is for; None for any other message."""
    if msg.data or msg.hdr.get("Status") != "100":
        return None
    description = msg.hdr.get("Description", "")
    return next(kind for kind in ControlType if description.startswith(kind.value))
