"""A service that can be killed: consumes events into its own database, in which each effect is one row."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from atoll.contracts import Message
from atoll.core import Hooks, SystemClock
from atoll.messaging import Consumer, open_queue
from atoll.storage import Database

PLACED = "shop.order.Placed.v1"


class Placed(msgspec.Struct):
    """What an event of the test says."""

    key: str
    number: int


async def main(database_url: str, broker_url: str, namespace: str = "shop") -> None:
    hooks, clock = Hooks(), SystemClock()
    db = await Database.open(database_url, hooks=hooks, clock=clock)
    queue = await open_queue(broker_url, namespace=namespace)

    async def handle(received: Message) -> None:
        placed = msgspec.json.decode(received.data, type=Placed)
        await db.execute("INSERT INTO effects (key, number) VALUES ($1, $2)", placed.key, placed.number)

    await Consumer(db, queue, "audit", {PLACED: handle}, hooks=hooks, clock=clock).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
