"""The demonstration for anynats.compat.nas_pub_sub: two clients that share a connection.

    python examples/python/nas_pub_sub.py [port]

Each subscribes, both publish, one answers what the other requests; then one leaves, and the
connection stays until the other leaves too.
"""

import asyncio
import sys

from anynats.compat.nas_pub_sub import Message, NasPubSub


async def main(port: int = 4222) -> None:
    async with NasPubSub("localhost", port, client_id="first") as first:
        second = NasPubSub.from_connection(first)

        async def show(msg: Message) -> None:
            print(f"{msg.topic}: {msg.payload.decode()}")

        async def echo(msg: Message) -> None:
            if msg.reply_to:
                await first.publish(msg.reply_to, msg.payload)

        await first.subscribe("demo.one", show)
        await second.subscribe("demo.two", show)
        await first.subscribe("demo.echo", echo)
        await first.publish("demo.two", b"from the first")
        await second.publish("demo.one", b"from the second")

        answer = await second.request("demo.echo", b"is anybody there?", timeout=2.0)
        print(f"answer: {answer.payload.decode() if answer else None}")
        await second.disconnect()
        print(f"the first is connected: {first.is_connected()}")
    print(f"the first is connected: {first.is_connected()}")


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:2])))
