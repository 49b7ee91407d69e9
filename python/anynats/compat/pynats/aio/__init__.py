"""The asynchronous client under the names of pynats.aio: on asyncio, and on trio.

Which of the two is seen when it connects; anyio is not needed.
"""

from anynats.compat.pynats.aio.client import Client
from anynats.compat.pynats.aio.msg import Msg
from anynats.compat.pynats.protocol.client_options import ClientOptions

__all__ = ["Client", "ClientOptions", "Msg"]
