from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from atoll.contracts import Message
from atoll.core import Clock, Hooks, SystemClock
from atoll.messaging import BrokerUnavailable, MessageRefused, Relay
from atoll.messaging.records import MessagePublished
from atoll.messaging.relay.held import REFUSED_SECONDS
from atoll.messaging.relay.noting import NOTE_SECONDS
from atoll.messaging.relay.relay import PAGE, POLL_SECONDS
from atoll.storage import ConnectionLost, Database
from atoll.storage.broker_position import BrokerPosition
from atoll.storage.outbox import Outbox
from atoll.storage.outbox_lease import OutboxLease
from tests.unit.messaging.fakes import DEADLINE, FailingQueue, VirtualClock, Witness, message, numbers

LOST = BrokerUnavailable("the broker is away")
REFUSED = MessageRefused("too large")

MakeRelay = Callable[..., Relay]


@pytest.fixture
def published(hooks: Hooks) -> Witness:
    return Witness(hooks, MessagePublished)


@pytest.fixture
async def relay_to(db: Database, hooks: Hooks) -> AsyncIterator[MakeRelay]:
    """Make relays that do not wait after a failure, and stop them at the end."""
    relays: list[Relay] = []

    def make(queue: FailingQueue, clock: Clock | None = None, *, keep: float = 3600.0) -> Relay:
        clock = clock or SystemClock()
        relays.append(Relay(db, queue, hooks=hooks, clock=clock, keep=keep, random=lambda: 0.001))
        return relays[-1]

    yield make
    for relay in relays:
        await relay.stop()


async def commit(db: Database, *messages: Message) -> None:
    async with db.transaction():
        for each in messages:
            db.outbox.add(each)


async def all_noted(db: Database) -> None:
    async with asyncio.timeout(DEADLINE):
        while await db.outbox.count():
            pass


async def test_a_message_goes_out_when_its_transaction_commits(
    db: Database, relay_to: MakeRelay, published: Witness
) -> None:
    queue, sent = FailingQueue(), message()
    relay_to(queue).start()
    await commit(db, sent)
    await published.wait_for(1)
    assert queue.broker.log == [sent]


async def test_a_message_of_a_transaction_that_rolled_back_never_goes_out(db: Database, relay_to: MakeRelay) -> None:
    queue, relay = FailingQueue(), relay_to(FailingQueue())
    with pytest.raises(RuntimeError):
        async with db.transaction():
            db.outbox.add(message())
            raise RuntimeError("the command failed")
    await relay.drain()
    assert queue.attempted == []


async def test_messages_of_an_earlier_life_go_out_at_the_start(
    db: Database, relay_to: MakeRelay, published: Witness
) -> None:
    await commit(db, message(1), message(2))
    relay_to(FailingQueue()).start()
    await published.wait_for(2)


async def test_a_published_message_is_not_published_again(
    db: Database, relay_to: MakeRelay, published: Witness
) -> None:
    queue = FailingQueue()
    relay = relay_to(queue)
    relay.start()
    await commit(db, message(1))
    await published.wait_for(1)
    await commit(db, message(2))
    await published.wait_for(2)
    await relay.stop()
    assert (numbers(queue.attempted), await db.outbox.count()) == ([1, 2], 0)


async def test_confirmations_are_noted_soon_without_another_message(
    db: Database, relay_to: MakeRelay, published: Witness
) -> None:
    clock = VirtualClock()
    relay_to(FailingQueue(), clock).start()
    await commit(db, message())
    await published.wait_for(1)
    await clock.someone_sleeps_until(clock.at + NOTE_SECONDS)
    assert await db.outbox.count() == 1
    clock.advance(NOTE_SECONDS)
    await all_noted(db)


async def test_a_key_goes_out_in_order_though_a_publication_fails(
    db: Database, relay_to: MakeRelay, published: Witness
) -> None:
    queue = FailingQueue([None, LOST])
    await commit(db, *(message(number, key="k") for number in range(4)))
    relay_to(queue).start()
    await published.wait_for(4)
    assert numbers(queue.attempted) == [0, 1, 1, 2, 3]
    assert numbers(queue.broker.log) == [0, 1, 2, 3]


async def test_a_refused_message_holds_up_its_own_key_only(db: Database, relay_to: MakeRelay) -> None:
    queue = FailingQueue([REFUSED])
    first, second, other = message(1, key="a"), message(2, key="a"), message(3, key="b")
    await commit(db, first, second, other)
    await relay_to(queue).drain()
    assert queue.broker.log == [other]
    assert await db.outbox.count() == 2


async def test_a_refused_message_is_tried_again_later(db: Database, relay_to: MakeRelay) -> None:
    queue, clock = FailingQueue([REFUSED]), VirtualClock()
    relay = relay_to(queue, clock)
    await commit(db, message(1, key="a"), message(2, key="a"))
    await relay.drain()
    clock.advance(REFUSED_SECONDS)
    await relay.drain()
    assert numbers(queue.broker.log) == [1, 2]


async def test_a_page_full_of_refused_messages_does_not_hide_the_others(db: Database, relay_to: MakeRelay) -> None:
    queue, last = FailingQueue([REFUSED]), message(7, key="b")
    await commit(db, *(message(0, key="a") for _ in range(PAGE + 1)), last)
    await relay_to(queue).drain()
    assert queue.broker.log == [last]


async def test_more_than_a_page_goes_out(db: Database, relay_to: MakeRelay) -> None:
    queue = FailingQueue()
    await commit(db, *(message(number) for number in range(2 * PAGE + 1)))
    await relay_to(queue).drain()
    assert sorted(numbers(queue.broker.log)) == list(range(2 * PAGE + 1))


async def test_draining_stops_at_a_broker_that_fails_and_keeps_the_rest(db: Database, relay_to: MakeRelay) -> None:
    queue = FailingQueue([None, LOST])
    await commit(db, *(message(number, key="k") for number in range(3)))
    await relay_to(queue).drain()
    assert (numbers(queue.attempted), await db.outbox.count()) == ([0, 1], 2)


async def test_the_outbox_is_looked_at_without_a_commit_too(
    db: Database, relay_to: MakeRelay, published: Witness
) -> None:
    clock = VirtualClock()
    relay_to(FailingQueue(), clock).start()
    await clock.someone_sleeps_until(clock.at + POLL_SECONDS)
    await commit(db, message())
    db.outbox.committed.clear()  # as if another process had committed it
    clock.advance(POLL_SECONDS)
    await published.wait_for(1)


async def test_confirmed_messages_are_kept_for_a_while(db: Database, relay_to: MakeRelay) -> None:
    clock, kept = VirtualClock(), "SELECT count(*) FROM atoll_outbox"
    relay = relay_to(FailingQueue(), clock, keep=0.0)
    await commit(db, message())
    await relay.drain()
    assert await db.fetch_value(kept) == 1
    relay.start()
    await clock.someone_sleeps_until(clock.at + POLL_SECONDS)
    clock.at = 4e9
    clock.advance(POLL_SECONDS)
    await clock.someone_sleeps_until(clock.at + POLL_SECONDS)
    assert await db.fetch_value(kept) == 0


async def test_a_failing_database_does_not_end_the_relay(db: Database, relay_to: MakeRelay, published: Witness) -> None:
    await commit(db, message())
    async with db.transaction():
        await db.execute("ALTER TABLE atoll_outbox RENAME TO away")
    clock = VirtualClock()
    relay_to(FailingQueue(), clock).start()
    await clock.someone_sleeps_until(clock.at + 0.00005)
    async with db.transaction():
        await db.execute("ALTER TABLE away RENAME TO atoll_outbox")
    clock.advance(1.0)
    await published.wait_for(1)


async def test_stopping_twice_is_no_error(relay_to: MakeRelay) -> None:
    relay = relay_to(FailingQueue())
    relay.start()
    await relay.stop()
    await relay.stop()


class StumblingLease(OutboxLease):
    """Cannot note the first confirmation."""

    def __init__(self, db: Database, *, owner: str) -> None:
        super().__init__(db, SystemClock(), owner=owner)
        self.stumbled = asyncio.Event()

    async def confirm(self, seqs: Sequence[int], position: BrokerPosition | None = None) -> None:
        if not self.stumbled.is_set():
            self.stumbled.set()
            raise ConnectionLost("the server is away")
        await super().confirm(seqs, position)


class StumblingOutbox(Outbox):
    def __init__(self, db: Database) -> None:
        super().__init__(db, SystemClock())
        self.leased = StumblingLease(db, owner="stumbling")

    def lease(self, *, owner: str, clock: Clock | None = None) -> OutboxLease:
        return self.leased


async def test_a_confirmation_that_cannot_be_noted_does_not_end_the_relay(
    db: Database, relay_to: MakeRelay, published: Witness
) -> None:
    db.outbox = outbox = StumblingOutbox(db)
    relay_to(FailingQueue()).start()
    await commit(db, message(1))
    await asyncio.wait_for(outbox.leased.stumbled.wait(), DEADLINE)
    await commit(db, message(2))
    await published.wait_for(2)
    await all_noted(db)
