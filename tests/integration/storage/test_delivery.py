"""Outbox, relay, consumer and inbox on PostgreSQL, with two replicas at each end and every message repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from atoll.contracts import Event, Message, message_of
from atoll.core import Hooks, SystemClock
from atoll.core.context import new_context
from atoll.messaging import Consumer, MemoryBroker, MemoryMessageQueue, Relay
from atoll.storage import Database
from tests.integration.storage.conftest import Administrator

COUNT = 120
SCHEMA = "CREATE TABLE IF NOT EXISTS chain (seq BIGINT PRIMARY KEY, message_id TEXT NOT NULL UNIQUE)"


class Happened(Event, key="key"):
    key: str


@pytest.fixture
async def replicas(postgres_schema: str) -> AsyncIterator[list[Database]]:
    opened = [await Database.open(postgres_schema) for _ in range(2)]
    await opened[0].engine.script(SCHEMA)
    yield opened
    for each in opened:
        await each.close()


async def append(db: Database, message: Message) -> None:
    """Add to a chain of which each link knows the one before it: all handlers want the same row."""
    head = await db.fetch_value("SELECT coalesce(max(seq), 0) FROM chain")
    await db.execute("INSERT INTO chain VALUES ($1, $2)", int(head) + 1, message.id)


async def start(stack: AsyncExitStack, db: Database, broker: MemoryBroker) -> None:
    hooks, clock = Hooks(), SystemClock()

    async def handle(message: Message) -> None:
        await append(db, message)

    relay = Relay(db, MemoryMessageQueue(broker), hooks=hooks, clock=clock)
    relay.start()
    stack.push_async_callback(relay.stop)
    types = {Happened.event_type: handle}
    consumer = Consumer(db, MemoryMessageQueue(broker), "chain", types, hooks=hooks, clock=clock)
    await consumer.start()
    stack.push_async_callback(consumer.stop)


async def emit(db: Database, number: int) -> None:
    event = Happened(key=f"k{number % 7}")
    db.outbox.add(message_of(event, source="test", context=new_context(), time=1.0))


async def linked(administrator: Administrator, count: int) -> list[int]:
    async with asyncio.timeout(60):
        while await administrator.connection.fetchval("SELECT count(*) FROM chain") < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return [row["seq"] for row in await administrator.connection.fetch("SELECT seq FROM chain ORDER BY seq")]


async def publish(replicas: list[Database]) -> None:
    await asyncio.gather(*(replicas[n % 2].atomic(lambda n=n: emit(replicas[n % 2], n)) for n in range(COUNT)))


async def test_each_message_has_its_effect_once_although_both_relays_publish_it(
    replicas: list[Database], administrator: Administrator
) -> None:
    async with AsyncExitStack() as stack:
        broker = MemoryBroker()
        for db in replicas:
            await start(stack, db, broker)
        await publish(replicas)
        assert await linked(administrator, COUNT) == list(range(1, COUNT + 1))
    assert await replicas[0].dead_letters.list() == []


async def test_each_message_has_its_effect_once_although_sessions_are_ended_meanwhile(
    replicas: list[Database], db: Database, administrator: Administrator
) -> None:
    async with AsyncExitStack() as stack:
        broker = MemoryBroker()
        for each in replicas:
            await start(stack, each, broker)
        await publish(replicas)
        for number in range(5):
            await linked(administrator, number * COUNT // 6)
            await administrator.terminate_all()
        assert await linked(administrator, COUNT) == list(range(1, COUNT + 1))
    assert await db.dead_letters.list() == []
