"""The snippets of pynats' README as printed, joined to one program; only the import line is ours.

What the README leaves to the reader stands around them: the imports, the transport, and a function
for the loop that ends with `return`.
"""

from readme_support import indented

BEFORE = """\
import asyncio

from anynats.compat.pynats.protocol import (
    ClientOptions,
    ConnectionProtocol,
    Event,
    EventType,
)


class MyFancyTransport:
    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", 4222)

    async def read(self) -> bytes:
        data = await self._reader.read(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

"""

CREATE = """\
proto = ConnectionProtocol(ClientOptions())
"""
SELECT = """\
srv = proto.select_server()
"""
OPEN = """\
transport = MyFancyTransport()
# Transport can be async
await transport.open()
# Or sync
# transport.open()
"""
READ = """\
data = await transport.read()
"""
RECEIVE = """\
proto.receive_data_from_server(data)
"""
ANSWER = """\
data_to_send = proto.data_to_send()
if data_to_send:
    transport.write(data_to_send)
"""
REQUEST = """\
events = proto.events_received()
for event in events:
    if event == EventType.CLOSED:
        raise Exception("Connection closed")
    # The first event to come is guaranteed to be a CONNECT_REQUEST but there \
is no way to tell that to typecheckers and IDEs.
    assert event.type == EventType.CONNECT_REQUEST
    break
"""
CONNECT = """\
transport.write(proto.connect())
"""
PING = """\
transport.write(proto.ping())
await transport.drain()
"""
WAIT = """\
while True:
    events = proto.events_received()

    # Read more
    if not events:
        data = await transport.read()
        proto.receive_data_from_server(data)
        continue

    # Auto-reply
    data_to_send = proto.data_to_send()
    if data_to_send:
        transport.write(data_to_send)

    # Process events
    for event in events:
        if event.type == EventType.CLOSED:
            raise Exception("Connection closed")
        if event.type == EventType.CONNECTED:
            return
        if event.type == EventType.ERROR:
            raise Exception(event.body.message)
"""
PUBLISH = """\
transport.write(
    proto.publish("foo", reply="", payload=b"", headers={})
)
await transport.drain()
"""
SUBSCRIBE = """\
transport.write(
    proto.subscribe("foo", queue="", sid=1)
)
await transport.drain()
"""
UNSUBSCRIBE = """\
transport.write(
    proto.unsubscribe("foo", limit=0)
)
await transport.drain()
"""
EOF = """\
try:
    await transport.read()
except OSError:
    proto.receive_eof_from_transport()
    raise
"""


_EVENTS_OF = """

async def events_of(proto: ConnectionProtocol, transport: MyFancyTransport) -> list[Event]:
    while not (events := proto.events_received()):
        proto.receive_data_from_server(await transport.read())
    return events
"""

# PUBLISH stands there twice, so that something comes to the subscription.
PROGRAMS = {
    "pynats_usage": BEFORE
    + _EVENTS_OF
    + "\n\nasync def main() -> None:\n"
    + indented(CREATE + SELECT + OPEN + READ + RECEIVE + ANSWER + REQUEST + CONNECT + PING)
    + "\n    async def connected() -> None:\n"
    + indented(WAIT, 2)
    + "\n    await connected()\n"
    + "    print(srv, proto.is_connected())\n"
    + indented(PUBLISH + SUBSCRIBE + PUBLISH)
    + "    print([event.type.value for event in await events_of(proto, transport)])\n"
    + indented(UNSUBSCRIBE)
    + "    await transport.close()\n"
    + indented(EOF)
    + "\n\nasyncio.run(main())\n"
}
