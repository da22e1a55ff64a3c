"""From one service's commit to another's by way of RabbitMQ: nothing lost, nothing doubled, each key in order."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from atoll.contracts import Message
from atoll.core import Hooks, SystemClock
from atoll.messaging import Consumer, MessageQueue, Relay, UndecodableMessage
from atoll.messaging.rabbitmq import client
from atoll.messaging.rabbitmq.topology import Namespace
from atoll.messaging.records import MessageHandled, MessagePublished
from atoll.storage import Database
from tests.integration.messaging.rabbitmq.broker import URL, Proxy, note_group, raw
from tests.integration.messaging.rabbitmq.conftest import Open
from tests.integration.messaging.service_process import PLACED, Placed
from tests.integration.messaging.test_effectively_once import COUNT, EXPECTED, commit, in_order, placed, settled
from tests.unit.messaging.fakes import Witness


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def begin_relay(stack: AsyncExitStack, db: Database, queue: MessageQueue, hooks: Hooks) -> None:
    relay = Relay(db, queue, hooks=hooks, clock=SystemClock())
    relay.start()
    stack.push_async_callback(relay.stop)


async def begin_consumer(stack: AsyncExitStack, db: Database, queue: MessageQueue, hooks: Hooks) -> Consumer:
    async def handle(received: Message) -> None:
        effect = msgspec.json.decode(received.data, type=Placed)
        await db.execute("INSERT INTO effects (key, number) VALUES ($1, $2)", effect.key, effect.number)

    consumer = Consumer(db, queue, "audit", {PLACED: handle}, hooks=hooks, clock=SystemClock())
    await consumer.start()
    stack.push_async_callback(consumer.stop)
    return consumer


async def test_every_event_has_its_effect_once_and_in_order(
    db: Database, connect: Open, stack: AsyncExitStack, hooks: Hooks
) -> None:
    begin_relay(stack, db, await connect(), hooks)
    await begin_consumer(stack, db, await connect(), hooks)
    await commit(db, range(COUNT))
    assert in_order(await settled(db, COUNT)) == EXPECTED


async def test_events_from_before_the_consumer_was_there_have_their_effects_too(
    db: Database, connect: Open, stack: AsyncExitStack, hooks: Hooks
) -> None:
    published = Witness(hooks, MessagePublished)
    begin_relay(stack, db, await connect(), hooks)
    await commit(db, range(COUNT // 2))
    await published.wait_for(COUNT // 2)
    committing = asyncio.ensure_future(commit(db, range(COUNT // 2, COUNT)))
    await begin_consumer(stack, db, await connect(), hooks)
    await committing
    assert in_order(await settled(db, COUNT)) == EXPECTED


async def test_connections_that_are_cut_again_and_again_change_nothing(
    db: Database, connect: Open, proxy: Proxy, stack: AsyncExitStack, hooks: Hooks
) -> None:
    handled = Witness(hooks, MessageHandled)
    begin_relay(stack, db, await connect(proxy.url), hooks)
    await begin_consumer(stack, db, await connect(proxy.url), hooks)
    for start in range(0, COUNT, 40):
        await commit(db, range(start, start + 40))
        await handled.wait_for(start + 10)
        proxy.cut()
    assert in_order(await settled(db, COUNT)) == EXPECTED
    assert proxy.accepted > 10


async def test_replicas_that_come_and_go_change_nothing(
    db: Database, connect: Open, stack: AsyncExitStack, hooks: Hooks
) -> None:
    begin_relay(stack, db, await connect(), hooks)
    active = await begin_consumer(stack, db, await connect(), hooks)
    committing = asyncio.ensure_future(commit(db, range(COUNT)))
    for reached in (50, 150, 250):
        standby = await begin_consumer(stack, db, await connect(), hooks)
        await settled(db, reached)
        await active.stop()
        active = standby
    await committing
    assert in_order(await settled(db, COUNT)) == EXPECTED


async def test_a_consumer_that_is_killed_again_and_again_changes_nothing(
    db: Database, connect: Open, namespace: str, stack: AsyncExitStack, hooks: Hooks, tmp_path: Path
) -> None:
    note_group(namespace, "audit")
    begin_relay(stack, db, await connect(), hooks)
    url = f"sqlite:///{tmp_path}/receiver.db"
    receiver = await Database.open(url)
    stack.push_async_callback(receiver.close)
    async with receiver.transaction():
        await receiver.execute("CREATE TABLE effects (key TEXT NOT NULL, number INTEGER NOT NULL)")
    committing = asyncio.ensure_future(commit(db, range(COUNT)))
    arguments = ("-m", "tests.integration.messaging.service_process", url, URL, namespace)
    for reached in (40, 130, 270, COUNT):
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        effects = await settled(receiver, reached)
        process.kill()
        await process.wait()
    await committing
    assert in_order(effects) == EXPECTED


async def test_what_the_broker_gave_up_becomes_a_dead_letter(
    db: Database, connect: Open, namespace: str, stack: AsyncExitStack, hooks: Hooks
) -> None:
    handled, sent = Witness(hooks, MessageHandled), placed(1)
    await begin_consumer(stack, db, await connect(), hooks)
    properties = client.Basic.Properties(headers=dict(sent.headers()))
    async with raw() as channel:
        await channel.basic_publish(
            sent.data, exchange=Namespace(namespace).dead, routing_key="audit", properties=properties
        )
    await handled.wait_for(1)
    [letter] = await db.dead_letters.list()
    assert letter.message == sent
    assert letter.error.startswith(UndecodableMessage.__name__)
