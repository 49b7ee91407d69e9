"""A function in an unnamed namespace of a library has a name of its own.

Sanitized builds, and the one that is packaged, compile several files as one: there a second
function of the name is an overload, and may be called in place of the one that is meant.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

TREES = ("src/", "python/src/")
_BLOCK = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.DOTALL | re.MULTILINE)
_FUNCTION = re.compile(
    r"^(?!using |class |struct |template)[\w\[][^;={}()\n]*?[ *&](\w+)\(", re.MULTILINE
)


def shared_names(root: Path, paths: Iterable[str]) -> Iterator[str]:
    """Yield the breaches among `paths`, as `file:line: message`."""
    first: dict[tuple[str, str], str] = {}  # (tree, name) -> path
    for path in paths:
        tree = next((tree for tree in TREES if path.startswith(tree)), "")
        if not (tree and path.endswith(".cpp") and (root / path).exists()):
            continue
        text = (root / path).read_text(encoding="utf-8")
        for block in _BLOCK.finditer(text):
            for found in _FUNCTION.finditer(block[1]):
                name = found[1]
                if first.setdefault((tree, name), path) != path:
                    line = text.count("\n", 0, block.start(1) + found.start(1)) + 1
                    yield f"{path}:{line}: {name} is a function of {first[tree, name]} too"
