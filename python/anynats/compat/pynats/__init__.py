"""The names of natsproto's package pynats: a sans-IO protocol, and clients on top of anynats.

    from anynats.compat.pynats.protocol import ClientOptions, ConnectionProtocol, EventType

`protocol` has a table of states of its own, over the parser and the encoders of anynats.sansio.
`aio` (asyncio and trio) and `io` (blocking) are the clients of anynats under these names. Where the
package's README and its code disagree, this follows the README.
"""

__version__ = "0.0.1"
