"""The names of the module nas_pub_sub, over anynats.asyncio.

    from anynats.compat.nas_pub_sub import NasPubSub, Message

Where that module's README and its code disagree, this follows the README: it reconnects, callbacks
never hold up each other's subscriptions, `async with` waits for the connection. What its README
lists as limitations are options here, passed on to `anynats.asyncio.connect`. No protocol here.
examples/python/nas_pub_sub.py is the demonstration that its README speaks of.
"""

from anynats.compat.nas_pub_sub.client import NasPubSub
from anynats.compat.nas_pub_sub.types import ConnectionState, Message

__all__ = ["ConnectionState", "Message", "NasPubSub"]
