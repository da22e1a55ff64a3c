"""A broker that lost what it had confirmed is filled again from the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from atoll.contracts import Message
from atoll.core import Hooks, SettingsError
from atoll.messaging import MemoryBroker, MemoryMessageQueue, Relay
from atoll.messaging.records import BrokerForgot, MessagePublished
from atoll.messaging.relay.relay import POLL_SECONDS
from atoll.messaging.repeating import LEAST_INBOX_SECONDS, REPEAT_SECONDS
from atoll.storage import Database
from tests.unit.messaging.fakes import DEADLINE, VirtualClock, Witness, message, numbers

MakeRelay = Callable[[], Relay]


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def make_relay(db: Database, broker: MemoryBroker, hooks: Hooks, clock: VirtualClock) -> AsyncIterator[MakeRelay]:
    relays: list[Relay] = []

    def make() -> Relay:
        relays.append(Relay(db, MemoryMessageQueue(broker), owner="one", hooks=hooks, clock=clock))
        return relays[-1]

    yield make
    for relay in relays:
        await relay.stop()


async def commit(db: Database, *messages: Message) -> None:
    async with db.transaction():
        for each in messages:
            db.outbox.add(each)


async def test_a_wiped_broker_gets_everything_again_in_order_before_what_is_newer(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay, hooks: Hooks
) -> None:
    forgot, relay = Witness(hooks, BrokerForgot), make_relay()
    await commit(db, *(message(number, key="k") for number in range(5)))
    await relay.drain()
    broker.forget()
    await commit(db, message(5, key="k"))
    await relay.drain()
    assert numbers(broker.log) == [0, 1, 2, 3, 4, 5]
    assert [each.messages for each in forgot.records] == [5]


async def test_a_broker_put_back_to_an_older_copy_gets_everything_again(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay
) -> None:
    relay = make_relay()
    await commit(db, *(message(number, key="k") for number in range(5)))
    await relay.drain()
    broker.forget(kept=2)
    await relay.drain()
    assert numbers(broker.log) == [0, 1, 0, 1, 2, 3, 4]


async def test_an_older_copy_is_noticed_though_others_have_published_to_it_since(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay
) -> None:
    relay = make_relay()
    await commit(db, message(0), message(1))
    await relay.drain()
    broker.forget(kept=1)
    for number in range(7, 10):
        broker.append(message(number))
    await relay.drain()
    assert numbers(broker.log) == [0, 7, 8, 9, 0, 1]


async def test_a_loss_while_nothing_is_published_is_noticed_at_the_next_look(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay, clock: VirtualClock, hooks: Hooks
) -> None:
    published = Witness(hooks, MessagePublished)
    make_relay().start()
    await commit(db, message(0))
    await published.wait_for(1)
    await clock.someone_sleeps_until(clock.at + 0.05)
    clock.advance(0.05)
    async with asyncio.timeout(DEADLINE):
        while await db.outbox.count():
            pass
    broker.forget()
    clock.advance(POLL_SECONDS)
    await published.wait_for(2)
    assert numbers(broker.log) == [0]


async def test_a_loss_while_the_service_was_down_is_noticed_at_its_start(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay
) -> None:
    await commit(db, message(0))
    await make_relay().drain()
    broker.forget()
    await make_relay().drain()
    assert numbers(broker.log) == [0]


async def test_a_broker_that_remembers_is_not_filled_again(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay, hooks: Hooks
) -> None:
    forgot = Witness(hooks, BrokerForgot)
    for number in range(3):
        await commit(db, message(number))
        await make_relay().drain()
    assert (numbers(broker.log), forgot.records) == ([0, 1, 2], [])


async def test_a_broker_that_loses_its_store_twice_is_filled_twice(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay
) -> None:
    relay = make_relay()
    await commit(db, message(0))
    for _ in range(2):
        await relay.drain()
        broker.forget()
    await relay.drain()
    assert numbers(broker.log) == [0]


async def test_what_inboxes_may_have_forgotten_is_not_published_again(
    db: Database, broker: MemoryBroker, make_relay: MakeRelay, clock: VirtualClock
) -> None:
    await commit(db, message(0, key="k"))
    await make_relay().drain()
    clock.advance(REPEAT_SECONDS + 1)  # the service was stopped, so nobody has swept its outbox
    await commit(db, message(1, key="k"))
    await make_relay().drain()
    broker.forget()
    await make_relay().drain()
    assert numbers(broker.log) == [1]


def test_a_relay_that_would_outlast_the_inboxes_is_refused(db: Database, hooks: Hooks, clock: VirtualClock) -> None:
    with pytest.raises(SettingsError, match="keep them for 604800 s at most"):
        Relay(db, MemoryMessageQueue(MemoryBroker()), hooks=hooks, clock=clock, keep=LEAST_INBOX_SECONDS)
