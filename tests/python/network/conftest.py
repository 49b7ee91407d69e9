"""What the tests of broken networks share: clients behind a FaultProxy.

The faces are those of the other Python tests; ANYNATS_LONG=1 asks for the full sizes.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fault_proxy import FaultProxy

from anynats.server import Server


@pytest.fixture
def behind(shared_server: Server) -> Iterator[Callable[..., FaultProxy]]:
    """Return a function that puts a FaultProxy in front of the shared server, or another port."""
    with ExitStack() as stack:

        def start(plans: Any = (), port: int | None = None, **options: Any) -> FaultProxy:
            proxy = FaultProxy(port or shared_server.port, plans, **options)
            return stack.enter_context(proxy)

        yield start
