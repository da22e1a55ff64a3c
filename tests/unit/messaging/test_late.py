"""A queue whose broker comes later fails like one that lost its connection, and is the real one from then on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from atoll.contracts import Message
from atoll.core import Hooks
from atoll.messaging import BrokerUnavailable, MemoryBroker, MemoryMessageQueue, MessageQueue, Relay
from atoll.messaging.late import LateQueue
from atoll.messaging.port import BatchingQueue, RecallingQueue
from atoll.messaging.records import BrokerForgot, MessagePublished
from atoll.storage import Database
from atoll.storage.broker_position import BrokerPosition
from atoll.testing.queue_suite import HAPPENED, Collector
from tests.unit.messaging.fakes import FailingQueue, Opening, VirtualClock, Witness, message

SOMEWHERE = BrokerPosition(store="s", place=1, witness="w")


class Wire(MemoryMessageQueue):
    """A queue that takes several together, and whose connection may break."""

    batch = 5
    up = True

    async def publish_together(self, messages: Sequence[Message]) -> None:
        for each in messages:
            await self.publish(each)


class Numbered(Wire):
    """A queue that counts its connections from 0."""

    connection = 0


async def connected(queue: MessageQueue) -> LateQueue:
    late = LateQueue(Opening(queue))
    await late.connect()
    return late


async def test_what_is_done_before_it_is_connected_fails_with_the_reason_of_the_last_try() -> None:
    late = LateQueue(Opening(Wire(), BrokerUnavailable("nobody at nats://there")))
    with pytest.raises(BrokerUnavailable):
        await late.connect()
    works = (
        late.publish(message()),
        late.publish_together([message()]),
        late.position(),
        late.remembers(SOMEWHERE),
        late.subscribe("g", [HAPPENED], Collector()),
    )
    for work in works:
        with pytest.raises(BrokerUnavailable, match="^nobody at nats://there$"):
            await work
    assert late.trouble == "nobody at nats://there"


async def test_it_is_connected_once() -> None:
    late = LateQueue(opening := Opening(Wire(), BrokerUnavailable("away")))
    with pytest.raises(BrokerUnavailable):
        await late.connect()
    await late.connect()
    await late.connect()
    assert (opening.attempts, late.trouble) == (2, "")


async def test_it_does_what_the_queue_can_do() -> None:
    late = await connected(Wire())
    await late.publish_together([message(1), message(2)])
    position = await late.position()
    assert (late.batch, position is not None and position.place) == (5, 2)
    assert position is not None
    assert await late.remembers(position)
    assert not await late.remembers(SOMEWHERE)


async def test_over_a_queue_that_can_do_less_it_stores_one_by_one_and_forgets_nothing() -> None:
    late = await connected(plain := FailingQueue())
    assert not isinstance(plain, (BatchingQueue, RecallingQueue))
    await late.publish_together([message(1), message(2)])
    assert (late.batch, len(plain.broker.log)) == (1, 2)
    assert await late.position() is None
    assert await late.remembers(SOMEWHERE)


async def test_its_connection_is_another_one_once_it_has_one() -> None:
    late = LateQueue(Opening(Numbered()))
    before = late.connection
    await late.connect()
    assert late.connection != before


async def test_a_connection_that_is_lost_later_is_trouble() -> None:
    late = await connected(wire := Wire())
    assert not late.trouble
    wire.up = False
    assert "lost" in late.trouble


async def test_closing_before_and_after_is_harmless() -> None:
    await LateQueue(Opening(Wire())).close()
    late = await connected(Wire())
    await late.close()
    await late.close()


async def test_a_relay_publishes_what_has_waited_and_does_not_take_the_broker_for_another(
    db: Database, hooks: Hooks
) -> None:
    broker, clock = MemoryBroker(), VirtualClock()
    published, forgotten = Witness(hooks, MessagePublished), Witness(hooks, BrokerForgot)
    late = LateQueue(Opening(MemoryMessageQueue(broker)))
    relay = Relay(db, late, hooks=hooks, clock=clock, random=lambda: 1.0)
    relay.start()
    async with db.transaction():
        db.outbox.add(message(7))
    await clock.someone_sleeps_until(clock.at + 0.05)
    assert not broker.log
    await late.connect()
    clock.advance(0.05)
    await published.wait_for(1)
    await relay.stop()
    assert [each.data for each in broker.log] == [b"7"]
    assert not forgotten.records
