"""Which loop runs here, and a pause in it: all that the client must know of loops.

trio is asked for only where it has been imported by somebody else.
"""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType


def face() -> ModuleType:
    """Return the face of anynats for the loop that runs. RuntimeError when none does."""
    if _trio() is not None:
        import anynats.trio

        return anynats.trio
    asyncio.get_running_loop()
    import anynats.asyncio

    return anynats.asyncio


async def sleep(seconds: float) -> None:
    """Let others run for so long; 0 is one turn of the loop."""
    trio = _trio()
    if trio is not None:
        await trio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


def _trio() -> ModuleType | None:
    trio = sys.modules.get("trio")
    return trio if trio is not None and trio.lowlevel.in_trio_run() else None
