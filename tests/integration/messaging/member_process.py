"""A member of a group that can be killed and stopped: prints the number of each message, then settles it."""

from __future__ import annotations

import asyncio
import sys

from atoll.messaging import Delivery, open_queue


async def main(broker_url: str, namespace: str, kind: str) -> None:
    async def tell(delivery: Delivery) -> None:
        sys.stdout.write(f"{delivery.message.data.decode()}\n")
        sys.stdout.flush()
        await asyncio.sleep(0.005)
        await delivery.ack()

    queue = await open_queue(broker_url, namespace=namespace)
    await queue.subscribe("g", [kind], tell, prefetch=8)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
