"""What travels in the frames: of the server INFO, messages, errors; of the client CONNECT.

Values only; they know no bytes.
"""

from anynats.compat.pynats.protocol.payload.connect import ConnectOpts
from anynats.compat.pynats.protocol.payload.error import Error, ErrorType
from anynats.compat.pynats.protocol.payload.info import Info, Version
from anynats.compat.pynats.protocol.payload.message import Message
from anynats.compat.pynats.protocol.payload.metadata import ControlType, Metadata, Sequence

__all__ = [
    "ConnectOpts",
    "ControlType",
    "Error",
    "ErrorType",
    "Info",
    "Message",
    "Metadata",
    "Sequence",
    "Version",
]
