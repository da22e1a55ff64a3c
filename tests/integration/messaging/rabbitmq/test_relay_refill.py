"""RabbitMQ loses its store, all of it or a part; the outbox fills it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest

from atoll.core import Hooks, SystemClock
from atoll.messaging import MessageQueue, Relay
from atoll.messaging.rabbitmq.topology import Namespace
from atoll.messaging.records import BrokerForgot, MessagePublished
from atoll.storage import Database
from atoll.testing.checks import until
from atoll.testing.queue_suite import Collector
from tests.integration.messaging.rabbitmq.broker import raw
from tests.integration.messaging.rabbitmq.conftest import Open
from tests.integration.messaging.service_process import PLACED, Placed
from tests.integration.messaging.test_effectively_once import Effect, commit, in_order
from tests.integration.messaging.test_relay_refill import expected, looks_often, noted
from tests.unit.messaging.fakes import Witness, message

COUNT = 30
__all__ = ["looks_often"]  # a fixture


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def forgot(hooks: Hooks) -> Witness:
    return Witness(hooks, BrokerForgot)


def begin_relay(stack: AsyncExitStack, db: Database, queue: MessageQueue, hooks: Hooks) -> Relay:
    relay = Relay(db, queue, owner="slot", hooks=hooks, clock=SystemClock())
    relay.start()
    stack.push_async_callback(relay.stop)
    return relay


async def arrived(queue: MessageQueue, count: int) -> dict[str, list[int]]:
    """Return what a new group gets for the first time, in order by key, once there is so much."""
    collector = Collector()
    await queue.subscribe("late", [PLACED], collector)
    first: dict[str, Placed] = {}

    def all_there() -> bool:
        first.update(
            {
                each.message.id: msgspec.json.decode(each.message.data, type=Placed)
                for each in reversed(collector.deliveries)
            }
        )
        return len(first) == count

    await until(all_there)
    ids = dict.fromkeys(each.message.id for each in collector.deliveries)
    return in_order([Effect(first[each].key, first[each].number) for each in ids])


@pytest.mark.usefixtures("looks_often")
async def test_a_stream_that_is_deleted_while_nothing_is_published_is_filled_again(
    db: Database, connect: Open, namespace: str, stack: AsyncExitStack, hooks: Hooks, forgot: Witness
) -> None:
    begin_relay(stack, db, await connect(), hooks)
    await commit(db, range(COUNT))
    await noted(db)
    async with raw() as channel:
        await channel.queue_delete(Namespace(namespace).events)
    await forgot.wait_for(1)
    await noted(db)
    assert await arrived(await connect(), COUNT) == expected(COUNT)


async def test_a_broker_that_remembers_is_not_filled_again(
    db: Database, connect: Open, stack: AsyncExitStack, hooks: Hooks, forgot: Witness
) -> None:
    published = Witness(hooks, MessagePublished)
    for life in range(3):
        await commit(db, range(COUNT * life, COUNT * (life + 1)))
        relay = begin_relay(stack, db, await connect(), hooks)
        await published.wait_for(COUNT * (life + 1))
        await relay.stop()
    assert forgot.records == []


async def test_a_stream_made_again_is_noticed_though_it_holds_more_than_the_one_before(
    db: Database, connect: Open, namespace: str, stack: AsyncExitStack, hooks: Hooks, forgot: Witness
) -> None:
    relay = begin_relay(stack, db, await connect(), hooks)
    await commit(db, range(COUNT))
    await noted(db)
    await relay.stop()
    async with raw() as channel:
        await channel.queue_delete(Namespace(namespace).events)
    other = await connect()
    for number in range(2 * COUNT):
        await other.publish(message(number, kind="shop.other.Happened.v1"))
    begin_relay(stack, db, await connect(), hooks)
    await forgot.wait_for(1)
    await noted(db)
    assert await arrived(await connect(), COUNT) == expected(COUNT)
