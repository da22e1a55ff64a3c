"""Messages published again reach every consumer again, and what consumers have not settled is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.contracts import Message
from atoll.messaging import Delivery, open_queue
from atoll.messaging.nats.server import NatsServer
from atoll.torture.messages import repeat, waiting

NAMESPACE = "shop"
MESSAGE = Message(id="m1", type="shop.order.OrderPlaced.v1", source="order", time=1.0, key="o1", data=b'{"a":1}')


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    server = NatsServer(tmp_path)
    await server.start()
    yield server.url
    await server.stop()


async def test_a_repeated_message_is_delivered_again_under_its_id(url: str) -> None:
    queue = await open_queue(url, namespace=NAMESPACE)
    got: asyncio.Queue[Message] = asyncio.Queue()

    async def take(delivery: Delivery) -> None:
        got.put_nowait(delivery.message)
        await delivery.ack()

    await queue.publish(MESSAGE)
    await queue.subscribe("audit", [MESSAGE.type], take)
    await repeat(url, NAMESPACE, [MESSAGE])
    async with asyncio.timeout(10):
        assert [await got.get(), await got.get()] == [MESSAGE, MESSAGE]
    await queue.close()


async def test_what_a_consumer_has_not_settled_is_counted(url: str) -> None:
    queue = await open_queue(url, namespace=NAMESPACE)
    seen, done = asyncio.Event(), asyncio.Event()

    async def hold(delivery: Delivery) -> None:
        seen.set()
        await done.wait()
        await delivery.ack()

    await queue.subscribe("audit", [MESSAGE.type], hold)
    assert await waiting(url, NAMESPACE, None) == {"audit": 0}
    await queue.publish(MESSAGE)
    await asyncio.wait_for(seen.wait(), 10)
    assert await waiting(url, NAMESPACE, None) == {"audit": 1}
    done.set()
    await queue.close()
