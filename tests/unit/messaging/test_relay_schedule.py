"""Messages that are published later."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from atoll.core import Hooks
from atoll.messaging import MemoryBroker, MemoryMessageQueue, Relay
from atoll.messaging.records import MessagePublished
from atoll.storage import Database
from tests.unit.messaging.fakes import VirtualClock, Witness, message, numbers


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
async def relay(db: Database, broker: MemoryBroker, hooks: Hooks, clock: VirtualClock) -> AsyncIterator[Relay]:
    relay = Relay(db, MemoryMessageQueue(broker), hooks=hooks, clock=clock)
    yield relay
    await relay.stop()


async def schedule(db: Database, number: int, due_at: float | None, key: str = "") -> None:
    async with db.transaction():
        db.outbox.add(message(number, key=key), due_at=due_at)


async def test_a_scheduled_message_goes_out_when_it_is_due_and_not_before(
    db: Database, broker: MemoryBroker, relay: Relay, clock: VirtualClock, hooks: Hooks
) -> None:
    published = Witness(hooks, MessagePublished)
    relay.start()
    await schedule(db, 1, clock.at + 1.0)
    await clock.someone_sleeps_until(clock.at + 1.0)
    assert broker.log == []
    clock.advance(1.0)
    await published.wait_for(1)


async def test_a_scheduled_message_does_not_hold_up_its_key(
    db: Database, broker: MemoryBroker, relay: Relay, clock: VirtualClock
) -> None:
    await schedule(db, 1, clock.at + 60.0, key="k")
    await schedule(db, 2, None, key="k")
    await relay.drain()
    assert numbers(broker.log) == [2]


async def test_a_schedule_outlives_the_relay(
    db: Database, broker: MemoryBroker, relay: Relay, clock: VirtualClock, hooks: Hooks
) -> None:
    await schedule(db, 1, clock.at + 60.0)
    await relay.drain()
    clock.advance(60.0)
    await Relay(db, MemoryMessageQueue(broker), hooks=hooks, clock=clock).drain()
    assert numbers(broker.log) == [1]


async def test_messages_go_out_in_the_order_of_their_times(
    db: Database, broker: MemoryBroker, relay: Relay, clock: VirtualClock
) -> None:
    for number, seconds in ((1, 30.0), (2, 10.0), (3, 20.0)):
        await schedule(db, number, clock.at + seconds, key="k")
    for _ in range(3):
        clock.advance(10.0)
        await relay.drain()
    assert numbers(broker.log) == [2, 3, 1]


async def test_what_is_scheduled_for_later_is_not_counted_as_waiting(db: Database, clock: VirtualClock) -> None:
    await schedule(db, 1, 4e9)
    await schedule(db, 2, 0.0)
    assert await db.outbox.count() == 1


async def test_a_time_that_has_passed_is_now(
    db: Database, broker: MemoryBroker, relay: Relay, clock: VirtualClock
) -> None:
    await schedule(db, 1, 0.0)
    await relay.drain()
    assert numbers(broker.log) == [1]
