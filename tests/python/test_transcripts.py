"""The transcripts of tests/data through sansio.Parser: whole, byte by byte, cut at every place.

The same data as for C++ (tests/unit/test_parser.cpp); tests/data/README.md has the format.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from anynats import ProtocolError, sansio

FOLDER = Path(__file__).resolve().parents[1] / "data/transcripts"
SMALL = 4_096  # bytes; a larger stream is cut at samples only
SAMPLES = 40


def bytes_of(value: Any) -> bytes:
    """Decode a string with one character per byte, or a list of such and [string, times]."""
    if isinstance(value, str):
        return value.encode("latin-1")
    parts = (item if isinstance(item, list) else [item, 1] for item in value)
    return b"".join(text.encode("latin-1") * times for text, times in parts)


def seen_of(frame: sansio.Frame) -> dict[str, Any]:
    """Return a frame as the transcripts write it."""
    if frame.message is None:
        return {"kind": frame.kind, "text": frame.text.encode("utf-8", "surrogateescape")}
    msg = frame.message
    return {
        "kind": "msg",
        "subject": msg.subject.encode("utf-8", "surrogateescape"),
        "sid": msg.sid,
        "reply": (msg.reply or "").encode("utf-8", "surrogateescape"),
        "payload": msg.payload,
        "headers_raw": msg.raw_headers,
        "header_error": msg.header_error,
        "status": msg.status or 0,
        "description": (msg.description or "").encode("utf-8", "surrogateescape"),
        "headers": [
            [part.encode("utf-8", "surrogateescape") for part in field]
            for field in msg.headers._header_fields()
        ],
    }


def wanted_of(frame: dict[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for key, value in frame.items():
        if key == "headers":
            wanted[key] = [[bytes_of(part) for part in field] for field in value]
        else:
            text = isinstance(value, (str, list)) and key != "kind"
            wanted[key] = bytes_of(value) if text else value
    return wanted


def replay(pieces: list[bytes], limits: dict[str, int]) -> tuple[list[dict[str, Any]], str | None]:
    parser = sansio.Parser(**limits)
    frames: list[sansio.Frame] = []
    for piece in pieces:
        if parser.failed:
            with pytest.raises(ProtocolError):
                parser.feed(piece)
            break
        frames += parser.feed(piece)
    return [seen_of(frame) for frame in frames], parser.failed


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    transcript = json.loads(path.read_text(encoding="utf-8"))
    stream = bytes_of(transcript["chunks"])
    limits = transcript.get("limits", {})
    wanted = [wanted_of(frame) for frame in transcript["frames"]]

    whole = replay([stream], limits)
    frames, failed = whole
    assert len(frames) == len(wanted)
    for seen, frame in zip(frames, wanted, strict=True):
        assert {key: seen[key] for key in frame if key in seen} == frame, frame
    if "failed" in transcript:
        assert failed is not None
        assert transcript["failed"] in failed
    else:
        assert failed is None

    places = range(1, len(stream))
    if len(stream) > SMALL:
        places = sorted(random.Random(7).sample(places, SAMPLES))  # type: ignore[assignment]
    else:
        assert replay([stream[i : i + 1] for i in range(len(stream))], limits) == whole
    for at in places:
        assert replay([stream[:at], stream[at:]], limits) == whole, at
