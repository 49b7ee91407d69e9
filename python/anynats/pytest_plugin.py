"""Pytest fixtures that give a test its own nats-server; active wherever anynats is installed.

Each test gets a fresh, empty server, because one starts in well under a tenth of a second and
nothing then leaks from one test into the next. Where that is too much, write a fixture of a wider
scope around `with anynats.server.Server() as server: yield server`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from anynats.server import Cluster, Server


@pytest.fixture
def nats_server_factory() -> Iterator[Callable[..., "Server"]]:
    """Return a function that starts a server; arguments as for `anynats.server.Server`.

    All servers it started are stopped when the test ends.
    """
    from anynats.server import Server  # not for test runs that never ask

    with ExitStack() as stack:

        def start(*args: Any, **options: Any) -> Server:
            return stack.enter_context(Server(*args, **options))

        yield start


@pytest.fixture
def nats_server(nats_server_factory: Callable[..., "Server"]) -> "Server":
    """Return a running server of this test's own, with JetStream; its `url` is for `connect`."""
    return nats_server_factory(jetstream=True)


@pytest.fixture
def nats_cluster() -> Iterator["Cluster"]:
    """Return a running cluster of three servers of this test's own; `urls` is for `connect`."""
    from anynats.server import Cluster

    with Cluster(3) as cluster:
        yield cluster
