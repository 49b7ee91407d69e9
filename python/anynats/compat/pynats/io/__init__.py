"""The blocking client under the names of pynats.io.

The original cannot be imported; this follows what its code means to do, and the client of aio.
"""

from anynats.compat.pynats.io.client import Client
from anynats.compat.pynats.io.msg import Msg
from anynats.compat.pynats.protocol.client_options import ClientOptions

__all__ = ["Client", "ClientOptions", "Msg"]
