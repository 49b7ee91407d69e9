"""HACKING.md is a map: every `path/file:name` in it must exist, so that the map cannot rot.

A reference is code in backquotes, `src/core/parser.cpp:Parser::next`; the file is relative to the
root, and each part of the name must occur in the file as a word.
"""

import re
from collections.abc import Iterator

from tidy_source import Breach, Source

_REFERENCE = re.compile(r"`([\w./-]+\.\w+):([A-Za-z_~][\w:.~]*)(?:\(\))?`")
_PATH = re.compile(r"`((?:src|include|python|tests|tools|examples|bench)/[\w./-]*)`")


def check_names(source: Source) -> Iterator[Breach]:
    """References of HACKING.md to files and names that are not there."""
    if source.path != "HACKING.md":
        return
    for line, text in enumerate(source.lines, 1):
        for path in _PATH.findall(text):
            if not (source.root / path).exists():
                yield line, f"there is no {path}"
        for path, name in _REFERENCE.findall(text):
            file = source.root / path
            if not file.is_file():
                yield line, f"there is no {path}"
                continue
            contents = file.read_text(encoding="utf-8")
            for word in re.split(r"::|\.", name):
                if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", contents):
                    yield line, f"{path} does not name {word}"
