"""Proves the rules of the tree that a compiler does not: layers, fences, house style.

Run it as a script (`python3 tests/tidy.py [root]`): each breach is a line `file:line: message`, and
the exit code says whether there was one. A file over 350 lines is only noted. To change a rule,
change a table below; tests/test_tidy.py plants a breach of each rule and expects it to be found.
Standard library only. The fences around coroutines are in tidy_fences.py, HACKING.md's in
tidy_names.py.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tidy_fences import check_fences
from tidy_names import check_names
from tidy_source import CXX, Breach, Source
from tidy_unity import shared_names

# Which layers a layer may include besides its own.
BELOW = {
    "core": set(),
    "ops": {"core"},
    "net": {"core"},
    "drive": {"core", "ops", "net"},
}
# The layer of a public header include/anynats/NAME.hpp; every other one belongs to drive.
HEADER_LAYER = {
    "error": "core",
    "error_codes": "core",
    "error_types": "core",
    "executor": "core",
    "export": "core",
    "message": "core",
    "options": "core",
    "session": "core",
    "time": "core",
    "operation": "ops",
    "jetstream_types": "ops",
    "connection": "net",
}
# Headers from outside the C++ standard, and the files (by prefix) that alone may include them.
# In core and ops and in public headers nothing else is allowed; net and drive may use POSIX.
THIRD_PARTY = {
    "openssl/": ("src/core/ed25519", "src/core/sha", "src/net/tls", "src/net/crypto"),
    "boost/json": ("src/core/json", "src/core/info", "src/ops/json"),
    "boost/asio": ("include/anynats/asio.hpp", "examples/", "tests/", "bench/"),
    "boost/config": ("src/core/json",),
    "boost/": (),
}
# What core and ops may not name: they get bytes, the time and random bits as arguments.
IMPURE_HEADERS = {
    *("thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "latch"),
    *("barrier", "stop_token", "fstream", "iostream", "filesystem", "syncstream"),
}
IMPURE_NAMES = {
    "a thread": r"\bstd::(jthread|thread|this_thread|async|future|promise)\b|\bpthread_\w+",
    "a mutex": r"\bstd::(\w*mutex|lock_guard|unique_lock|scoped_lock|condition_variable\w*)\b",
    "a clock": r"\b(steady|system|high_resolution|utc)_clock\b|(?<!Session)::now\s*\("
    r"|\bclock_gettime\b"
    r"|\bgettimeofday\b|\bstd::time\s*\(",
    "a random device": r"\brandom_device\b|\bgetrandom\b|\bgetentropy\b|\b(std::|::)s?rand\s*\(",
    "the environment": r"\b(secure_)?getenv\b|\bsetenv\b",
    "a file or stream": r"\bstd::(c(in|out|err|log)|[io]?fstream|filesystem)\b|\bfopen\b|\bFILE\b",
    "a socket": r"(?<![\w>)])::(socket|connect|bind|accept|send|sendmsg|recv|recvmsg|read|write"
    r"|writev|poll|epoll_\w+|close)\s*\(|\bsockaddr\w*\b|\baddrinfo\b",
}
# What the library never does (design: it never prints, aborts or ends the process).
FORBIDDEN_CALLS = (
    r"\bstd::(cout|cerr|clog)\b|(?<![\w.>:])(?:std::|::)?(v?f?printf|puts|perror|abort|terminate"
    r"|exit|_exit|quick_exit)\s*\("
)
# asyncio.sleep(0) is a turn of the loop, not a pause.
SLEEPS = r"\btime\.sleep\s*\(|\bsleep_(for|until)\s*\(|\busleep\s*\(|\basyncio\.sleep\s*\((?!0\))"
MARKS = r"\b(TO[D]O|FIX[M]E|X[X]X)\b"  # written so that this file does not match itself
MACHINE_PATHS = r"(?<![\w.~-])/(w[o]rk|r[o]ot|h[o]me)/"

# What Python programs wait with. compat stands in for modules that name them.
LOOPS = frozenset(
    ("asyncio", "uvloop", "trio", "anyio", "gevent", "curio", "eventlet", "tornado", "twisted")
)
COLUMNS = 100
NOTE_LINES, WALL_LINES = 350, 800
PROGRAM = {*CXX, ".py", ".pyi"}
TEXT = {*PROGRAM, ".cmake", ".md", ".toml", ".json", ".sh", ".txt", ".in", ".yml", ".inc"}
SKIPPED_DIRECTORIES = {".git", ".venv", ".cache", "build", "dist", "__pycache__", "third_party"}


def public_layer(include: str) -> str:
    """The layer of `anynats/NAME.hpp`."""
    return HEADER_LAYER.get(Path(include).stem, "drive")


def layer_of_include(source: Source, include: str) -> str | None:
    """The layer that a quoted or project include belongs to; None when it cannot be told."""
    first = include.partition("/")[0]
    if first == "anynats":
        return public_layer(include)
    if first in BELOW and "/" in include:
        return first
    if (source.root / source.path).parent.joinpath(include).exists() and ".." not in include:
        return source.layer or "drive"
    return None


def check_layers(source: Source) -> Iterator[Breach]:
    """Includes point downwards; a public header shows no private one."""
    if source.top not in ("src", "include"):
        return
    layer = source.layer if source.top == "src" else public_layer(source.path)
    if layer not in BELOW:
        yield 1, f"src/{layer} is no layer; there are {', '.join(BELOW)}"
        return
    for line, include, quoted in source.includes:
        if not quoted and not include.startswith("anynats/"):
            continue
        other = layer_of_include(source, include)
        if other is None:
            yield line, f'cannot tell the layer of "{include}" (write it as "layer/file.hpp")'
        elif other != layer and other not in BELOW[layer]:
            yield line, f"{layer} may not include {other} ({include})"
        elif source.top == "include" and quoted and include.partition("/")[0] in BELOW:
            yield line, f"a public header may not include the private {include}"


def check_outside_headers(source: Source) -> Iterator[Breach]:
    """OpenSSL, Boost and POSIX stay where the table says."""
    if source.top not in ("src", "include"):
        return
    pure = source.top == "include" or source.layer in ("core", "ops")
    for line, include, quoted in source.includes:
        if quoted or include.startswith("anynats/"):
            continue
        owners = next(
            (files for lib, files in THIRD_PARTY.items() if include.startswith(lib)), None
        )
        if owners is not None:
            if not source.path.startswith(tuple(owners)):
                yield line, f"<{include}> belongs to {' and '.join(owners) or 'nobody'}"
        elif pure and ("/" in include or include.endswith(".h")):
            yield line, f"<{include}> is not standard C++; not allowed here"


def check_purity(source: Source) -> Iterator[Breach]:
    """core and ops are without I/O."""
    if source.layer not in ("core", "ops"):
        return
    for line, include, _ in source.includes:
        if include in IMPURE_HEADERS:
            yield line, f"{source.layer} may not include <{include}>"
    for what, pattern in IMPURE_NAMES.items():
        for line, found in source.find(pattern):
            yield line, f"{source.layer} may not name {what}: {found}"


def check_calls(source: Source) -> Iterator[Breach]:
    """The library never prints and never ends the process."""
    in_library = source.top in ("src", "include") or source.path.startswith("python/src/")
    if in_library and source.is_cxx:
        for line, found in source.find(FORBIDDEN_CALLS):
            yield line, f"the library never prints, aborts or exits: {found}"
    if source.path.startswith("python/anynats/") and source.suffix == ".py":
        yield from check_prints(source)


def check_loops(source: Source) -> Iterator[Breach]:
    """A way of waiting is one file: outside of it nothing of ours names its loop."""
    package, _, name = source.path.rpartition("/")
    if package != "python/anynats" or source.suffix != ".py" or Path(name).stem in LOOPS:
        return
    for node in ast.walk(ast.parse(source.text)):
        named = (
            {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.Import)
            else {(node.module or "").partition(".")[0]}
            if isinstance(node, ast.ImportFrom)
            else {getattr(node, "id", None), getattr(node, "attr", None)}
        )
        for loop in sorted(LOOPS & named):
            yield node.lineno, f"{loop} is for its own face"  # type: ignore[attr-defined]


def check_prints(source: Source) -> Iterator[Breach]:
    allowed: set[int] = set()
    tree = ast.parse(source.text)
    if source.path == "python/anynats/server.py":
        for node in tree.body:
            command_line = isinstance(node, ast.FunctionDef) and node.name.startswith("_cli")
            if command_line or (isinstance(node, ast.If) and "__main__" in ast.dump(node.test)):
                allowed.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in calls:
        is_print = isinstance(call.func, ast.Name) and call.func.id == "print"
        if is_print and call.lineno not in allowed:
            yield call.lineno, "the library never prints"


def check_sleeps(source: Source) -> Iterator[Breach]:
    """Time in tests is virtual; a real sleep says why on its line or the one above."""
    if source.top != "tests" or source.suffix not in PROGRAM:
        return
    for line, found in source.find(SLEEPS):
        near = source.lines[max(0, line - 2) : line]
        if not any(re.search(r"(#|//) why: \S", text) for text in near):
            yield line, f"a sleep in a test needs a comment `why: ...`: {found}"


def check_text(source: Source) -> Iterator[Breach]:
    """Columns, blanks, tabs, marks, machine paths."""
    long_lines = source.suffix in PROGRAM | {".cmake"} or source.name == "CMakeLists.txt"
    for line, text in enumerate(source.lines, 1):
        if long_lines and not source.generated and len(text) > COLUMNS:
            yield line, f"{len(text)} columns, more than {COLUMNS}"
        if text != text.rstrip():
            yield line, "blanks at the end"
        if "\t" in text and source.name != "Makefile":
            yield line, "a tab"
        for pattern in (MARKS, MACHINE_PATHS):
            if found := re.search(pattern, text):
                yield line, f"not for the tree: {found[0]}"
    if source.text and not source.text.endswith("\n"):
        yield len(source.lines), "no newline at the end"


def check_length(source: Source) -> Iterator[Breach]:
    """800 lines is the wall."""
    exempt = source.generated or source.top == "tests" or source.suffix not in PROGRAM
    if not exempt and len(source.lines) > WALL_LINES:
        yield len(source.lines), f"more than {WALL_LINES} lines"


def check_opening(source: Source) -> Iterator[Breach]:
    """A file opens by saying what it owns: at least two lines of comment or docstring."""
    if source.top not in ("src", "include", "python") or source.suffix not in PROGRAM - {".pyi"}:
        return
    if source.generated:
        return
    if source.suffix == ".py":
        opening = len((ast.get_docstring(ast.parse(source.text)) or "").splitlines())
    elif source.text.startswith("/*"):
        opening = source.text.partition("*/")[0].count("\n") + 1
    else:
        others = (n for n, text in enumerate(source.lines) if not text.startswith("//"))
        opening = next(others, len(source.lines))
    if opening < 2:
        yield 1, "opens without two lines saying what the file owns"


RULES: tuple[Callable[[Source], Iterator[Breach]], ...] = (
    check_layers,
    check_outside_headers,
    check_purity,
    check_calls,
    check_sleeps,
    check_text,
    check_length,
    check_opening,
    check_fences,
    check_names,
    check_loops,
)


def files_of(root: Path) -> Iterator[str]:
    """The files that are or may become part of the repository."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        yield from sorted(set(listed.stdout.split("\0")) - {""})
        return
    for directory, names, files in os.walk(root):
        names[:] = sorted(set(names) - SKIPPED_DIRECTORIES)
        yield from (str(Path(directory, name).relative_to(root)) for name in sorted(files))


def breaches(root: Path) -> Iterator[str]:
    """Every breach below `root`, as `file:line: message`."""
    for path in files_of(root):
        full = root / path
        is_text = full.suffix in TEXT or full.name in ("Makefile", "run")
        if path.startswith("tests/data/") or not is_text or not full.is_file():
            continue
        source = Source(root, path)
        for rule in RULES:
            for line, message in rule(source):
                yield f"{path}:{line}: {message}"
    yield from shared_names(root, files_of(root))


def main(root: Path) -> int:
    """Print the breaches and, as notes, the files that grow long."""
    found = list(breaches(root))
    print(*found, sep="\n", end="\n" if found else "")
    for path in files_of(root):
        if (
            Path(path).suffix in PROGRAM
            and not path.startswith("tests/")
            and (root / path).exists()
        ):
            source = Source(root, path)
            if len(source.lines) > NOTE_LINES and not source.generated:
                print(
                    f"note: {path} has {len(source.lines)} lines; split it when you next touch it"
                )
    print(f"tidy: {len(found)} breaches" if found else "tidy: no breach")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)))
