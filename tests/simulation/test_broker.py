"""What the simulated broker does beside what every queue does: it loses its store, and says so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from atoll.messaging import BrokerUnavailable, Delivery
from atoll.messaging.port import BatchingQueue, RecallingQueue
from atoll.storage.broker_position import BrokerPosition
from atoll.testing.queue_suite import HAPPENED, Collector, leave, message, publish
from atoll.testing.simulation import Faults
from atoll.testing.simulation.broker import SimulatedBroker
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.queue import SimulatedQueue
from atoll.testing.simulation.trace import Trace


class Post:
    """A broker, and connections to it."""

    def __init__(self, **faults: float) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulationLoop)
        self.loop = loop
        self.weather = Weather(replace(Faults.none(), **faults), Random(0))
        self.broker = SimulatedBroker(loop, self.weather, Trace(lambda: (0.0, 0)), hold=1.0, batch=8)

    def queue(self) -> SimulatedQueue:
        return SimulatedQueue(self.broker, self.loop.process("client", Random(0)))

    @property
    def numbers(self) -> list[int]:
        return [int(each.data) for each in self.broker.log]


async def position_of(queue: SimulatedQueue) -> BrokerPosition:
    position = await queue.position()
    assert position is not None
    return position


async def test_a_queue_tells_what_its_broker_forgot_and_takes_several_together() -> None:
    queue = Post().queue()
    assert isinstance(queue, RecallingQueue)
    assert isinstance(queue, BatchingQueue)


async def test_a_store_that_stays_is_remembered_over_a_crash() -> None:
    post = Post()
    queue = post.queue()
    await publish(queue, 3)
    before, position = queue.connection, await position_of(queue)
    post.broker.crash(1.0)
    await asyncio.sleep(2.0)
    assert queue.connection != before
    assert await queue.position() is None
    assert await queue.remembers(position)


@pytest.mark.parametrize("kept", [0, 1])
async def test_a_store_that_is_wiped_or_put_back_is_not_the_one_it_was(kept: int) -> None:
    post = Post()
    queue = post.queue()
    await queue.publish(message(0))
    first = await position_of(queue)
    await queue.publish(message(1))
    second = await position_of(queue)
    post.broker.crash(1.0)
    post.broker.forget(kept)
    await asyncio.sleep(2.0)
    await publish(queue, 2)
    assert (await queue.remembers(first), await queue.remembers(second)) == (kept == 1, False)


async def test_a_crash_may_lose_the_store() -> None:
    post = Post(store_lost=1.0)
    await publish(post.queue(), 3)
    post.broker.crash(1.0)
    assert len(post.numbers) < 3


async def test_a_group_gets_what_is_published_after_the_store_was_lost() -> None:
    post, collector = Post(), Collector()
    queue = post.queue()
    await queue.subscribe("g", [HAPPENED], collector)
    await publish(queue, 2)
    await collector.wait_for(2)
    post.broker.crash(1.0)
    post.broker.forget()
    await asyncio.sleep(2.0)
    await queue.publish(message(7))
    assert (await collector.wait_for(3))[2:] == [7]


async def test_what_the_active_member_does_not_settle_goes_in_order_to_the_one_that_stands_by() -> None:
    post, stuck, heir = Post(), Collector(then=leave), Collector()
    await post.queue().subscribe("g", [HAPPENED], stuck)
    await post.queue().subscribe("g", [HAPPENED], heir)
    await publish(post.queue(), 3)
    assert await heir.wait_for(3) == [0, 1, 2]
    assert stuck.numbers == [0, 1, 2]


async def test_of_a_batch_that_is_lost_none_is_stored_without_those_before_it() -> None:
    post = Post(publish_lost=1.0)
    queue = post.queue()
    for batch in range(20):
        with pytest.raises(BrokerUnavailable):
            await queue.publish_together([message(10 * batch + number) for number in range(4)])
    await asyncio.sleep(10.0)
    assert post.numbers
    for batch in {number // 10 for number in post.numbers}:
        stored = [number % 10 for number in post.numbers if number // 10 == batch]
        assert stored == list(range(len(stored)))


async def test_a_settlement_over_a_connection_that_broke_on_its_way_is_refused() -> None:
    post, refused = Post(), asyncio.Event()
    queue = post.queue()

    async def settle(delivery: Delivery) -> None:
        acking = asyncio.ensure_future(delivery.ack())
        await asyncio.sleep(0)
        queue.disconnect(0.0)
        with pytest.raises(BrokerUnavailable):
            await acking
        refused.set()

    await queue.subscribe("g", [HAPPENED], settle)
    await queue.publish(message())
    async with asyncio.timeout(60.0):
        await refused.wait()
