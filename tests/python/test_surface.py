"""The shape of the package: faces agree, names are documented, what is exported is what is said."""

import builtins
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from face_support import FACES as WAYS

import anynats
import anynats.sansio
from anynats import _surface

ROOT = Path(__file__).resolve().parents[2]
# A face is a submodule of its name; uvloop is asyncio's on another loop.
SUBMODULES = {name for name, face in WAYS.items() if not face.module}
CLIENTS = [  # each face that users connect with
    anynats,
    *(importlib.import_module(f"anynats.{name}") for name in sorted(SUBMODULES - {"sansio"})),
]
FACES = [*CLIENTS, anynats.sansio]
VERSION = (ROOT / "VERSION").read_text().strip()


@pytest.mark.parametrize("loop", [name for name in sorted(SUBMODULES) if WAYS[name].needs])
def test_a_loop_that_is_not_installed(loop: str) -> None:
    program = f"import sys; sys.modules[{loop!r}] = None; import anynats.{loop}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last == f"ImportError: anynats.{loop} needs {loop}: pip install 'anynats[{loop}]'"


def public(owner: Any) -> dict[str, Any]:
    return {name: member for name, member in vars(owner).items() if not name.startswith("_")}


@pytest.mark.parametrize("module", FACES, ids=lambda module: module.__name__)
def test_exports(module: Any) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert not hasattr(builtins, name), f"{name} shadows a builtin"
        assert hasattr(module, name)


def test_errors_are_reachable() -> None:
    for face in CLIENTS:
        assert issubclass(face.TimeoutError, TimeoutError)
        assert issubclass(face.ConnectionError, ConnectionError)
        assert face.NoResponders is anynats.errors.NoResponders
        assert issubclass(face.MaxPayload, face.UsageError)
    assert anynats.__version__ == VERSION
    assert SUBMODULES | {"errors", "server"} <= set(dir(anynats))
    with pytest.raises(AttributeError, match="trio_"):
        _ = anynats.trio_  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["Client", "Subscription"])
def test_faces_have_the_same_methods(kind: str) -> None:
    surface = public(getattr(_surface, kind))
    for face in CLIENTS:
        cls = getattr(face, kind)
        for name, member in surface.items():
            own = inspect.getattr_static(cls, name)
            assert inspect.getdoc(own), f"{face.__name__}.{kind}.{name} has no docstring"
            assert inspect.getdoc(own) == inspect.getdoc(member)
            if not isinstance(member, property):
                theirs = inspect.signature(getattr(cls, name)).parameters
                assert list(theirs) == list(inspect.signature(member).parameters), name
        extra = public(cls).keys() - surface.keys()
        assert not extra, f"{face.__name__}.{kind} has {extra} of its own"


def test_every_public_name_has_a_docstring() -> None:
    for face in FACES:
        for name in face.__all__:
            thing = getattr(face, name)
            if not (inspect.isclass(thing) or callable(thing)) or "Literal" in repr(thing):
                continue
            assert inspect.getdoc(thing), f"{face.__name__}.{name}"
            for inner, member in public(thing).items() if inspect.isclass(thing) else ():
                assert inspect.getdoc(member), f"{face.__name__}.{name}.{inner}"


def test_messages_are_not_made_by_hand() -> None:
    with pytest.raises(TypeError):
        anynats.Message()
    with pytest.raises(TypeError):
        anynats.Message.subject = "x"  # type: ignore[misc, assignment]


def test_headers_are_a_mapping() -> None:
    headers = anynats.Headers([("a", "1"), ("b", "2"), ("a", "3")], b"raw")
    assert headers == {"a": "1", "b": "2"}
    assert (len(headers), list(headers), headers.raw) == (2, ["a", "b"], b"raw")
    assert headers.get_all("a") == ["1", "3"]
    assert "a" in headers
    assert "A" not in headers
    with pytest.raises(KeyError):
        headers["c"]
    assert repr(headers) == "Headers([('a', '1'), ('b', '2'), ('a', '3')])"


def test_an_error_carries_its_cause() -> None:
    with pytest.raises(anynats.ConnectFailed) as caught:
        anynats.connect("nats://127.0.0.1:1", max_reconnects=0)
    assert isinstance(caught.value, anynats.Error)
    assert caught.value.args == (str(caught.value),)


@pytest.mark.parametrize("name", ["first_blocking", "first_asyncio", "first_sansio"])
def test_examples(name: str, url: str) -> None:
    program = ROOT / f"examples/python/{name}.py"
    command = [sys.executable, "-X", "dev", "-W", "error", str(program), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "sensors.kitchen 21.5 C\nHELLO\n"
