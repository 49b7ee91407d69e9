"""The programs of NasPubSub's README as printed; only the import line is ours.

Fragments with `await` outside of a function stand in a coroutine here, with the names that the
README leaves out before them and what shows that they worked behind them.
"""

from readme_support import indented

BASIC_USAGE = """\
import asyncio
from anynats.compat.nas_pub_sub import NasPubSub, Message

async def main():
    # Create client (auto-connects to localhost:4222)
    client = NasPubSub()

    # Wait for connection
    await asyncio.sleep(1)

    # Define message handler
    async def handler(msg: Message):
        print(f"Received: {msg.topic} -> {msg.payload.decode()}")

    # Subscribe to a topic
    await client.subscribe("sensors.temperature", handler)

    # Publish a message
    await client.publish("sensors.temperature", b"22.5 celsius")

    # Keep running briefly
    await asyncio.sleep(2)

    # Disconnect
    await client.disconnect()

asyncio.run(main())
"""

CONTEXT_MANAGER = """\
async def main():
    async with NasPubSub("localhost", 4222) as client:
        await client.publish("events.startup", b"System started")
        # Connection automatically closed when exiting context

asyncio.run(main())
"""

SHARING = """\
# Create primary client
client1 = NasPubSub()
await asyncio.sleep(1)  # Wait for connection

# Create secondary client using existing connection
client2 = NasPubSub.from_connection(client1)

# Both clients can publish/subscribe independently
await client1.subscribe("topic1", handler1)
await client2.subscribe("topic2", handler2)
"""

REQUEST_REPLY = """\
# Set up responder
async def echo_handler(msg: Message):
    if msg.reply_to:
        await client.publish(msg.reply_to, msg.payload)

await client.subscribe("echo.service", echo_handler)

# Send request and wait for response
response = await client.request("echo.service", b"Hello", timeout=2.0)
if response:
    print(f"Response: {response.payload.decode()}")
"""

WILDCARDS = """\
# * matches a single token
await client.subscribe("sensors.*", handler)  # Matches sensors.temp, sensors.humidity

# > matches one or more tokens
await client.subscribe("sensors.>", handler)  # Matches sensors.temp, sensors.temp.cpu, etc.
"""

QUEUE_GROUPS = """\
# Multiple subscribers with same queue name share messages
await client1.subscribe("work.tasks", handler1, queue="workers")
await client2.subscribe("work.tasks", handler2, queue="workers")
# Messages to work.tasks will be distributed between handlers
"""

IMPORTS = """\
import asyncio
from anynats.compat.nas_pub_sub import NasPubSub, Message

"""
HANDLERS = """\
seen: list[tuple[int, str]] = []

def handler1(msg: Message) -> None:
    seen.append((1, msg.topic))

async def handler2(msg: Message) -> None:
    seen.append((2, msg.topic))

async def until(count: int) -> None:
    while len(seen) < count:
        await asyncio.sleep(0.001)

"""


def _within(client: str, fragment: str, after: str) -> str:
    return (
        f"{IMPORTS}{HANDLERS}async def main():\n"
        f"    async with NasPubSub() as {client}:\n"
        f"{indented(fragment, 2)}{indented(after, 2)}\nasyncio.run(main())\n"
    )


PROGRAMS = {
    "nas_basic_usage": BASIC_USAGE,
    "nas_context_manager": IMPORTS + CONTEXT_MANAGER,
    "nas_sharing": f"{IMPORTS}{HANDLERS}async def main():\n{indented(SHARING)}"
    + indented("""\
await client1.publish("topic2", b"")
await client2.publish("topic1", b"")
await until(2)
print(sorted(seen))
await client1.disconnect()
""")
    + "\nasyncio.run(main())\n",
    "nas_request_reply": _within("client", REQUEST_REPLY, ""),
    "nas_wildcards": _within(
        "client",
        "handler = handler1\n" + WILDCARDS,
        """\
await client.publish("sensors.temp.cpu", b"")
await client.publish("sensors.temp", b"")
await until(3)
print(seen)
""",
    ),
    "nas_queue_groups": _within(
        "client1",
        "client2 = NasPubSub.from_connection(client1)\n" + QUEUE_GROUPS,
        """\
for _ in range(100):
    await client1.publish("work.tasks", b"")
await until(100)
print(len(seen), {who for who, _ in seen} == {1, 2})
""",
    ),
}
