"""A function in an unnamed namespace of src/ has a name of its own.

Sanitized builds, and the one that is packaged, compile several files as one: there a second
function of the name is an overload, and may be called in place of the one that is meant.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_BLOCK = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.DOTALL | re.MULTILINE)
_FUNCTION = re.compile(
    r"^(?!using |class |struct |template)[\w\[][^;={}()\n]*?[ *&](\w+)\(", re.MULTILINE
)


def shared_names(root: Path, paths: Iterable[str]) -> Iterator[str]:
    """Yield the breaches among `paths`, as `file:line: message`."""
    first: dict[str, str] = {}
    for path in paths:
        if not (path.startswith("src/") and path.endswith(".cpp") and (root / path).exists()):
            continue
        text = (root / path).read_text(encoding="utf-8")
        for block in _BLOCK.finditer(text):
            for found in _FUNCTION.finditer(block[1]):
                name = found[1]
                if first.setdefault(name, path) != path:
                    line = text.count("\n", 0, block.start(1) + found.start(1)) + 1
                    yield f"{path}:{line}: {name} is a function of {first[name]} too"
