"""Two relays on one outbox, and one that wakes too late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from atoll.contracts import Message
from atoll.core import Hooks
from atoll.messaging import MemoryBroker, MemoryMessageQueue, Relay
from atoll.messaging.relay.relay import SHARED_POLL_SECONDS
from atoll.storage import Database
from atoll.storage.outbox_lease import LEASE_SECONDS
from tests.unit.messaging.fakes import DEADLINE, VirtualClock, message, numbers


class StoppedQueue:
    """Publishes no sooner than told, as a process that is stopped at its first publication."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.queue = MemoryMessageQueue(broker)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self.attempted: list[Message] = []
        self.subscribe, self.close = self.queue.subscribe, self.queue.close

    async def publish(self, message: Message) -> None:
        self.attempted.append(message)
        self.reached.set()
        await self.go_on.wait()
        await self.queue.publish(message)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


async def commit(db: Database, *messages: Message) -> None:
    async with db.transaction():
        for each in messages:
            db.outbox.add(each)


async def test_a_relay_that_wakes_after_its_lease_repeats_one_message_and_sends_no_other(
    db: Database, hooks: Hooks, clock: VirtualClock
) -> None:
    broker = MemoryBroker()
    stopped = StoppedQueue(broker)
    late = Relay(db, stopped, owner="late", hooks=hooks, clock=clock)
    heir = Relay(db, MemoryMessageQueue(broker), owner="heir", hooks=hooks, clock=clock)
    await commit(db, *(message(number, key="k") for number in range(3)))
    draining = asyncio.create_task(late.drain())
    await asyncio.wait_for(stopped.reached.wait(), DEADLINE)
    clock.advance(LEASE_SECONDS + 1)
    await heir.drain()
    stopped.go_on.set()
    await asyncio.wait_for(draining, DEADLINE)
    assert (numbers(broker.log), numbers(stopped.attempted)) == ([0, 1, 2, 0], [0])


async def test_a_relay_that_lost_its_lease_does_not_undo_a_refill(
    db: Database, hooks: Hooks, clock: VirtualClock
) -> None:
    broker = MemoryBroker()
    stopped = StoppedQueue(broker)
    late = Relay(db, stopped, owner="late", hooks=hooks, clock=clock)
    heir = Relay(db, MemoryMessageQueue(broker), owner="heir", hooks=hooks, clock=clock)
    await commit(db, message(1))
    draining = asyncio.create_task(late.drain())
    await asyncio.wait_for(stopped.reached.wait(), DEADLINE)
    clock.advance(LEASE_SECONDS + 1)
    await heir.drain()
    stopped.go_on.set()
    await asyncio.wait_for(draining, DEADLINE)
    broker.forget()
    await heir.drain()
    assert numbers(broker.log) == [1]


async def test_two_replicas_publish_each_message_once(hooks: Hooks, tmp_path: Path, clock: VirtualClock) -> None:
    broker = MemoryBroker()
    databases = [await Database.open(f"sqlite:///{tmp_path}/shared.db") for _ in range(2)]
    relays = [
        Relay(db, MemoryMessageQueue(broker), owner=str(number), hooks=hooks, clock=clock)
        for number, db in enumerate(databases)
    ]
    for round_ in range(4):
        await commit(databases[round_ % 2], *(message(number) for number in range(25 * round_, 25 * round_ + 25)))
        for relay in relays:
            clock.advance(3.0)
            await relay.drain()
    for db in databases:
        await db.close()
    assert sorted(numbers(broker.log)) == list(range(100))


async def test_a_replica_that_stops_leaves_its_keys_to_the_other_at_once(
    db: Database, hooks: Hooks, clock: VirtualClock
) -> None:
    broker = MemoryBroker()
    one = Relay(db, MemoryMessageQueue(broker), owner="one", hooks=hooks, clock=clock)
    other = Relay(db, MemoryMessageQueue(broker), owner="other", hooks=hooks, clock=clock)
    one.start()
    await clock.someone_sleeps_until(clock.at + 3.0)
    await one.stop()
    await commit(db, message(1))
    await other.drain()
    assert numbers(broker.log) == [1]


async def test_a_replica_finds_what_another_one_has_committed_at_its_next_look(
    hooks: Hooks, tmp_path: Path, clock: VirtualClock
) -> None:
    broker = MemoryBroker()
    databases = [await Database.open(f"sqlite:///{tmp_path}/shared.db") for _ in range(2)]
    relays = [
        Relay(db, MemoryMessageQueue(broker), owner=str(number), hooks=hooks, clock=clock)
        for number, db in enumerate(databases)
    ]
    for relay in relays * 2:
        clock.advance(3.0)
        await relay.drain()
    for relay in relays:
        relay.start()
    await clock.someone_sleeps_until(clock.at + SHARED_POLL_SECONDS)
    await commit(databases[0], *(message(number) for number in range(50)))
    clock.advance(SHARED_POLL_SECONDS)
    async with asyncio.timeout(DEADLINE):
        while len(broker.log) < 50:  # noqa: ASYNC110 - the broker in memory tells nobody
            await asyncio.sleep(0)
    for relay in relays:
        await relay.stop()
    for db in databases:
        await db.close()
