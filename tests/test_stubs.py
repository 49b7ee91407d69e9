"""The stubs that tools/stubs.py writes: exact for each face, and what type checkers make of them.

A small surface, tests/data/surface_fixture.py, stands in for the real one.
"""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import stubs  # noqa: E402

BLOCKING = "python/anynats/__init__.pyi"
ASYNCIO = "python/anynats/asyncio.pyi"
MODULES = {
    "__init__.py": "from anynats.errors import *\n"
    "from anynats.errors import TimeoutError\n"
    "from anynats._surface import Client, Message, connect\n"
    "__version__ = '1.0'\n"
    "__all__ = ['Client', 'Message', 'connect']\n",
    "asyncio.py": "import asyncio\n"
    "from anynats.errors import Error\n"
    "from anynats._surface import Message\n"
    "from anynats import _async, _surface\n"
    "class Client(_surface.Client): ...\n"
    "def connect() -> Client: ...\n"
    "def loop_of(client: Client) -> asyncio.AbstractEventLoop: ...\n",
}
HAS_MYPY = importlib.util.find_spec("mypy") is not None

USES_BLOCKING = """\
import anynats
nc: anynats.Client = anynats.connect("nats://a", name="x", ping_interval=1.5)
with nc.subscribe("a") as sub:
    one: anynats.Message = sub.next(timeout=1)
    for msg in sub:
        payload: bytes = msg.payload
    number: int = sub.pending
nc.publish("a", b"x", headers={"k": ["v"]})
kind: type[TimeoutError] = anynats.TimeoutError
version: str = anynats.__version__
same: anynats.asyncio.Message = one
"""
USES_ASYNCIO = """\
import anynats.asyncio
async def main() -> None:
    nc: anynats.asyncio.Client = await anynats.asyncio.connect(["nats://a"], echo=False)
    async with anynats.asyncio.connect() as other:
        await other.close()
    async with nc, nc.subscribe("a") as sub:
        one: anynats.asyncio.Message = await sub.next()
        async for msg in sub:
            payload: bytes = msg.payload
        first: anynats.asyncio.Message = (await sub.fetch(5)).first()
        sub.unsubscribe()
    kind: type[Exception] = anynats.asyncio.Error
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "python/anynats"
    package.mkdir(parents=True)
    for name in ("_options.py", "errors.py"):
        shutil.copy(ROOT / "python/anynats" / name, package)
    for name, text in MODULES.items():
        (package / name).write_text(text)
    (package / "_marks.py").write_text("")
    (package / "py.typed").write_text("")
    shutil.copy(ROOT / "tests/data/surface_fixture.py", package / "_surface.py")
    for name, text in stubs.outputs(tmp_path).items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def mypy(tree: Path) -> Callable[[str], str]:
    def check(program: str) -> str:
        (tree / "python/program.py").write_text(program)
        # Silent about what the stubs import: the fixture is a sketch, not a program.
        options = ["--strict", "--config-file=", "--no-incremental", "--follow-imports=silent"]
        files = ["anynats/__init__.pyi", "anynats/asyncio.pyi", "program.py"]
        command = [sys.executable, "-m", "mypy", *options, *files]
        done = subprocess.run(command, cwd=tree / "python", capture_output=True, text=True)
        return done.stdout + done.stderr

    return check


def signature(tree: Path, stub: str, name: str) -> str:
    """The line or lines of the first definition called `name`, as one line."""
    text = (tree / stub).read_text()
    found = re.search(rf"^ *((async )?def {name}\(.*?: \.\.\.)$", text, re.M | re.S)
    assert found, f"no {name} in {stub}"
    return re.sub(r",?\s+(?=\))|(?<=\()\s+|\s*\n\s*", lambda m: " " * ("," in m[0]), found[1])


@pytest.mark.parametrize(
    ("name", "blocking", "asyncio"),
    [
        ("next", "def next(", "async def next("),
        ("unsubscribe", "def unsubscribe(", "def unsubscribe("),
        ("publish_nowait", "def publish_nowait(", "def publish_nowait("),
        ("close", "def close(self) -> None: ...", "async def close(self) -> None: ..."),
    ],
)
def test_what_waits_is_awaited(tree: Path, name: str, blocking: str, asyncio: str) -> None:
    assert signature(tree, BLOCKING, name).startswith(blocking)
    assert signature(tree, ASYNCIO, name).startswith(asyncio)


def test_what_connects_opens(tree: Path) -> None:
    for name, result in (("connect", "Client"), ("subscribe", "Subscription")):
        assert signature(tree, BLOCKING, name).endswith(f" -> {result}: ...")
        assert signature(tree, ASYNCIO, name).endswith(f" -> Opening[{result}]: ...")
        assert signature(tree, ASYNCIO, name).startswith("def ")


def test_with_and_iteration(tree: Path) -> None:
    assert signature(tree, BLOCKING, "__iter__").endswith("-> Iterator[Message]: ...")
    assert signature(tree, ASYNCIO, "__aiter__") == (
        "def __aiter__(self) -> AsyncIterator[Message]: ..."
    )
    assert signature(tree, ASYNCIO, "__anext__").startswith("async def")
    assert signature(tree, ASYNCIO, "messages").endswith("-> AsyncIterator[Message]: ...")
    text = (tree / ASYNCIO).read_text()
    assert not re.search(r"__(enter|exit|iter|next)__", text)
    assert "__aenter__" not in (tree / BLOCKING).read_text()


def test_private_things_stay_private(tree: Path) -> None:
    for stub in (BLOCKING, ASYNCIO):
        text = (tree / stub).read_text()
        ast.parse(text)
        for private in ("_queue", "_deliver", "_Base", "_marks", "waits", "connects", "_UNSET"):
            assert not re.search(rf"\b{private}\b", text), private
        assert "| Awaitable" not in text
        assert text.startswith("# Generated by tools/generate.py from ")
        assert max(map(len, text.splitlines())) <= 100
        assert "timeout: Seconds = ..." in text  # a private default is not shown
        assert "timeout: Seconds = -1" in text


def test_the_face_adds_its_own(tree: Path) -> None:
    assert (
        "def loop_of(client: Client) -> asyncio.AbstractEventLoop: ..."
        in (tree / ASYNCIO).read_text()
    )
    assert '__all__ = ["Client", "Message", "connect"]' in (tree / BLOCKING).read_text()
    assert "from anynats import asyncio as asyncio" in (tree / BLOCKING).read_text()


def test_what_never_waits_is_one_class_for_all(tree: Path) -> None:
    for stub in (BLOCKING, ASYNCIO):
        text = (tree / stub).read_text()
        assert re.search("^from anynats._surface import .*State", text, re.M)
        assert not re.search("^class (State|Message|Batch)", text, re.M)
        assert re.search(r"^class Status:\n    state: State\n    client: Client$", text, re.M)


def test_no_surface_no_stubs(tmp_path: Path) -> None:
    assert stubs.outputs(tmp_path) == {}


@pytest.mark.skipif(not HAS_MYPY, reason="mypy is not installed")
@pytest.mark.parametrize("program", [USES_BLOCKING, USES_ASYNCIO])
def test_programs_pass_mypy(mypy: Callable[[str], str], program: str) -> None:
    assert mypy(program).startswith("Success"), mypy(program)


@pytest.mark.skipif(not HAS_MYPY, reason="mypy is not installed")
def test_mypy_finds_what_is_wrong(mypy: Callable[[str], str]) -> None:
    program = USES_ASYNCIO + "    nc.flush()\n    for m in sub: ...\n    nc.subscribe('a').next()\n"
    found = mypy(program + "    await anynats.asyncio.connect(ping_intervall=1)\n")
    assert "[unused-coroutine]" in found
    assert '"Subscription" has no attribute "__iter__"' in found
    assert '"Opening[Subscription]" has no attribute "next"' in found
    assert 'Unexpected keyword argument "ping_intervall"' in found
