"""P-01: the common bodies of all faces, unchanged, over a network of 1-byte segments both ways.

The first 2,000 bytes of each direction go one by one, what follows in larger pieces, so that
megabytes do not take minutes.
"""

import inspect
from collections.abc import Callable

import pytest
from fault_proxy import FaultProxy, Plan, Way
from network_support import LONG
from test_faces import *  # noqa: F403

PIECES = Way(chunk=(1, 1), chunk_until=20_000 if LONG else 2_000)

for name, test in list(globals().items()):  # those with servers of their own are not behind it
    if name.startswith("test_") and not {"on", "url"} & set(inspect.signature(test).parameters):
        del globals()[name]


@pytest.fixture
def url(behind: Callable[..., FaultProxy]) -> str:
    """The address of the shared server, behind a proxy that cuts everything to pieces."""
    return behind(lambda n: Plan(up=PIECES, down=PIECES)).url
