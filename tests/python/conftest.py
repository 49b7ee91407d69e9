"""What the Python tests share: the faces, and an outside party with a client of its own.

ANYNATS_FACE=asyncio runs the common bodies on that face alone.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from face_support import FACES, Face
from ways_plugin import Ways

import anynats
from anynats.server import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ways", type=Path, help="write what ran on which way of waiting there")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "not_on(*faces, why): makes no sense on these faces")
    if file := config.getoption("--ways"):
        config.pluginmanager.register(Ways(file))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "face" in metafunc.fixturenames:
        only = os.environ.get("ANYNATS_FACE")
        faces = [only] if only else list(FACES)
        if metafunc.definition.path.parent.name == "network":
            # To a network these are what the others are.
            faces = [name for name in faces if name in ("blocking", "asyncio", "sansio")]
        if mark := metafunc.definition.get_closest_marker("not_on"):
            faces = [name for name in faces if name not in mark.args]
        metafunc.parametrize("face", faces, indirect=True)


@pytest.fixture
def face(request: pytest.FixtureRequest) -> Face:
    """One way of waiting."""
    kind = FACES[request.param]
    if kind.needs:
        pytest.importorskip(kind.needs)
    return kind()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """A server for tests that leave nothing behind and do not stop it."""
    with Server() as server:
        yield server


@pytest.fixture
def url(shared_server: Server) -> str:
    return shared_server.url


@pytest.fixture
def other(url: str) -> Iterator[anynats.Client]:
    """A client outside of the test, blocking."""
    with anynats.connect(url) as client:
        yield client


@pytest.fixture
def responder(other: anynats.Client) -> Iterator[str]:
    """A subject whose requests are answered with their own payload and headers."""
    subject = other.new_inbox()
    sub = other.subscribe(subject)
    other.flush()

    def answer() -> None:
        for msg in sub:
            if msg.reply:
                other.publish(msg.reply, msg.payload, headers=msg.headers or None)

    thread = threading.Thread(target=answer)
    thread.start()
    yield subject
    sub.unsubscribe()
    thread.join(10)
    assert not thread.is_alive()
