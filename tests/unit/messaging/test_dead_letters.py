"""Order per key when messages become dead letters, and what an operator may do with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from atoll.contracts import Message
from atoll.core import Hooks, SystemClock
from atoll.core.crashing import POINTS
from atoll.core.errors import SettingsError
from atoll.messaging import Consumer, MemoryBroker, MemoryMessageQueue
from atoll.messaging.consumer import LULL_SECONDS
from atoll.messaging.errors import LetterWaits, NoSuchLetter
from atoll.messaging.records import MessageHandled
from atoll.messaging.sweeping import KEEP_SECONDS, InboxSweep
from atoll.resilience import RetryPolicy
from atoll.storage import ConnectionLost, Database, StorageError
from tests.unit.messaging.fakes import PLACED, VirtualClock, Witness, message, numbers

ONCE = RetryPolicy(attempts=1, base=0, cap=0)


class Shop:
    """Notes the number of each message in its table, but for the `poison` ones."""

    def __init__(self, db: Database, *poison: int) -> None:
        self.db = db
        self.poison = set(poison)
        self.calls: list[int] = []

    async def handle(self, received: Message) -> None:
        number = int(received.data)
        self.calls.append(number)
        if number in self.poison:
            raise RuntimeError(f"message {number} cannot be handled")
        await self.db.execute("INSERT INTO effects (number) VALUES ($1)", number)

    async def effects(self) -> list[int]:
        count = await self.db.fetch_value("SELECT group_concat(number) FROM effects")
        return [int(each) for each in str(count).split(",")] if count else []


class Bystander(Shop):
    """Does its work elsewhere: it opens no transaction."""

    async def handle(self, received: Message) -> None:
        number = int(received.data)
        if number in self.poison:
            raise RuntimeError("not this one")
        self.calls.append(number)


Start = Callable[..., Consumer]


@pytest.fixture
def handled(hooks: Hooks) -> Witness:
    return Witness(hooks, MessageHandled)


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(failure_pause=0.0)


@pytest.fixture
async def member(db: Database, broker: MemoryBroker, hooks: Hooks) -> AsyncIterator[Start]:
    """Make members of the group `shop`, and stop them at the end."""
    made: list[Consumer] = []

    def member(shop: Shop, clock: VirtualClock | None = None) -> Consumer:
        made.append(
            Consumer(
                db,
                MemoryMessageQueue(broker),
                "shop",
                {PLACED: shop.handle},
                hooks=hooks,
                clock=clock or SystemClock(),
                retry=ONCE,
            )
        )
        return made[-1]

    yield member
    for each in made:
        await each.stop()


async def letters(db: Database) -> list[int]:
    return numbers([each.message for each in await db.dead_letters.list()])


async def consume(broker: MemoryBroker, handled: Witness, *messages: Message) -> None:
    for each in messages:
        broker.append(each)
    await handled.wait_for(len(handled.records) + len(messages))


async def test_the_later_messages_of_a_key_go_behind_its_dead_letter_and_others_go_on(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, 1)
    await member(shop).start()
    await consume(broker, handled, *(message(n, key=key) for n, key in ((1, "a"), (2, "a"), (3, "b"), (4, "a"))))
    assert (await shop.effects(), await letters(db), shop.calls) == ([3], [1, 2, 4], [1, 3])
    [first, second, _] = await db.dead_letters.list()
    assert (first.attempts, second.attempts, second.error) == (1, 0, f"it came behind the dead letter {first.id}")
    assert "RuntimeError: message 1 cannot be handled" in first.traceback


async def test_dead_letters_without_a_key_hold_nothing_up(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, 1)
    await member(shop).start()
    await consume(broker, handled, message(1), message(2))
    assert (await shop.effects(), await letters(db)) == ([2], [1])


async def test_another_member_puts_messages_behind_dead_letters_that_it_has_not_heard_of(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    knowing, other = member(Shop(db)), Shop(db)
    await member(other).start()
    await consume(broker, handled, message(0, key="b"))
    await knowing._handling.bury(message(1, key="a"), RuntimeError("elsewhere"), attempts=1)
    await consume(broker, handled, message(2, key="a"))
    assert (await other.effects(), await letters(db)) == ([0], [1, 2])


async def test_a_handler_without_a_transaction_is_held_up_too(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Bystander(db, 1)
    await member(shop).start()
    await consume(broker, handled, message(1, key="a"), message(2, key="a"), message(3, key="b"))
    assert (shop.calls, await letters(db)) == ([3], [1, 2])


async def test_a_member_that_takes_over_knows_the_dead_letters_of_the_one_before_it(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    clock, shop = VirtualClock(), Bystander(db)
    await member(shop, clock).start()
    await consume(broker, handled, message(0, key="a"))
    await member(Shop(db))._handling.bury(message(1, key="a"), RuntimeError("elsewhere"), attempts=1)
    clock.advance(LULL_SECONDS)
    await consume(broker, handled, message(2, key="a"))
    assert (shop.calls, await letters(db)) == ([0], [1, 2])


async def test_a_handler_that_uses_no_database_leaves_no_row_in_the_inbox(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Bystander(db)
    await member(shop).start()
    await consume(broker, handled, message(1, key="a"), message(2))
    assert (shop.calls, await db.fetch_value("SELECT count(*) FROM atoll_inbox")) == ([1, 2], 0)


async def test_an_event_emitted_by_a_handler_without_statements_is_published_once(db: Database, member: Start) -> None:
    received = message(1)

    async def emit(_: Message) -> None:
        db.outbox.add(message(2))

    handling = member(Shop(db))._handling
    handling._handlers = {PLACED: emit}
    assert [await handling.handle(received), await handling.handle(received)] == ["handled", "duplicate"]
    assert await db.outbox.count() == 1


async def test_a_handler_that_hides_the_refusal_changes_nothing(db: Database, member: Start) -> None:
    received = message(1)

    async def careless(each: Message) -> None:
        try:
            await db.execute("INSERT INTO effects (number) VALUES (1)")
        except StorageError:
            db.outbox.add(message(2))

    handling = member(Shop(db))._handling
    handling._handlers = {PLACED: careless}
    assert [await handling.handle(received), await handling.handle(received)] == ["handled", "duplicate"]
    assert await db.outbox.count() == 0


async def test_the_transaction_is_not_open_before_the_first_statement_of_the_handler(
    db: Database, member: Start
) -> None:
    async def slow(_: Message) -> None:
        assert not db.unit_of_work().is_open
        async with asyncio.timeout(5):
            await asyncio.create_task(write_elsewhere(db))

    handling = member(Shop(db))._handling
    handling._handlers = {PLACED: slow}
    assert await handling.handle(message(1, key="a")) == "handled"


async def write_elsewhere(db: Database) -> None:
    from atoll.storage.unit_of_work import ambient

    ambient.set(None)
    async with db.transaction():
        await db.execute("INSERT INTO effects (number) VALUES (7)")


async def test_a_replay_handles_the_letters_of_a_key_in_order_and_removes_them(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, 1)
    consumer = member(shop)
    await consumer.start()
    await consume(broker, handled, *(message(n, key="a") for n in (1, 2, 3)))
    shop.poison.clear()
    replayed = await consumer.dead_letters.key("a")
    await consume(broker, handled, message(4, key="a"))
    assert (replayed.handled, replayed.failed, replayed.after) == (3, [], None)
    assert (await shop.effects(), await letters(db)) == ([1, 2, 3, 4], [])


async def test_a_replay_that_fails_keeps_the_letter_with_its_new_error_and_all_behind_it(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, 1)
    consumer = member(shop)
    await consumer.start()
    await consume(broker, handled, *(message(n, key="a") for n in (1, 2, 3)))
    shop.poison = {2}
    [letter, *_] = await db.dead_letters.list()
    replayed = await consumer.dead_letters.one(letter.id)
    assert (replayed.handled, [each.error for each in replayed.failed]) == (
        1,
        ["RuntimeError: message 2 cannot be handled"],
    )
    [first, _] = await db.dead_letters.list()
    assert (await shop.effects(), await letters(db), first.attempts) == ([1], [2, 3], 1)
    assert first.error == "RuntimeError: message 2 cannot be handled"


async def test_a_replay_of_all_goes_on_with_the_next_key_where_one_fails(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, 1, 2, 3)
    consumer = member(shop)
    await consumer.start()
    keys = {1: "a", 2: "", 3: "b", 4: "a", 5: "b"}
    await consume(broker, handled, *(message(n, key=key) for n, key in keys.items()))
    shop.poison = {3}
    replayed = await consumer.dead_letters.all()
    assert (replayed.handled, len(replayed.failed), replayed.after) == (3, 1, None)
    assert (await shop.effects(), await letters(db)) == ([1, 4, 2], [3, 5])


async def test_two_operators_who_replay_at_once_have_each_effect_once(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, *range(20))
    consumer, elsewhere = member(shop), member(shop)
    await consumer.start()
    await consume(broker, handled, *(message(n, key=f"k{n % 3}" if n % 4 else "") for n in range(20)))
    shop.poison.clear()
    done = await asyncio.gather(consumer.dead_letters.all(), elsewhere.dead_letters.all())
    effects = await shop.effects()
    assert (sorted(effects), await letters(db)) == (list(range(20)), [])
    assert sum(each.handled for each in done) == 20
    assert all(
        [n for n in effects if n % 4 and n % 3 == k] == [n for n in range(20) if n % 4 and n % 3 == k] for k in range(3)
    )


async def test_a_letter_behind_another_cannot_be_replayed_before_it(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    consumer = member(Shop(db, 1))
    await consumer.start()
    await consume(broker, handled, message(1, key="a"), message(2, key="a"))
    [first, second] = await db.dead_letters.list()
    with pytest.raises(LetterWaits, match=f"{second.id} comes after {first.id}, which has the same key 'a'"):
        await consumer.dead_letters.one(second.id)


async def test_what_is_not_there_cannot_be_replayed_or_discarded(db: Database, member: Start) -> None:
    replay = member(Shop(db)).dead_letters
    with pytest.raises(NoSuchLetter, match="shop has no dead letter x"):
        await replay.one("x")
    with pytest.raises(NoSuchLetter, match="shop has no dead letter with the key 'x'"):
        await replay.key("x")
    with pytest.raises(NoSuchLetter, match="shop has no dead letter x"):
        await replay.discard("x", "why")


async def test_a_discarded_letter_lets_those_behind_it_go_on(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(db, 1)
    consumer = member(shop)
    await consumer.start()
    await consume(broker, handled, *(message(n, key="a") for n in (1, 2, 3)))
    [letter, *_] = await db.dead_letters.list()
    done = await consumer.dead_letters.discard(letter.id, "a test order")
    assert (done.handled, await shop.effects(), await letters(db)) == (2, [2, 3], [])
    assert "is discarded: a test order" in caplog.text


async def test_a_discarded_message_that_is_delivered_again_stays_discarded(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, 1)
    consumer = member(shop)
    await consumer.start()
    poison = message(1, key="a")
    await consume(broker, handled, poison)
    await consumer.dead_letters.discard(poison.id, "a test order")
    shop.poison.clear()
    await consume(broker, handled, poison)
    assert (handled.records[-1].outcome, await shop.effects()) == ("duplicate", [])


async def test_a_letter_is_replayed_as_it_was_edited(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    shop = Shop(db, 1)
    consumer = member(shop)
    await consumer.start()
    await consume(broker, handled, message(1, key="a"))
    [letter] = await db.dead_letters.list()
    edited = [await db.dead_letters.edit(letter, b"11"), await db.dead_letters.edit(letter, b"12")]
    await consumer.dead_letters.one(letter.id)
    assert (edited, await shop.effects()) == ([True, False], [11])


async def test_a_database_that_is_away_makes_no_dead_letters(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness
) -> None:
    failures = [ConnectionLost("away")] * 5

    class Flaky(Shop):
        async def handle(self, received: Message) -> None:
            if failures:
                raise failures.pop()
            await super().handle(received)

    shop = Flaky(db)
    await member(shop).start()
    broker.append(message(1))
    await handled.wait_for(6)
    assert ([each.outcome for each in handled.records], await letters(db)) == (["retried"] * 5 + ["handled"], [])


async def test_the_inbox_forgets_what_is_older_than_its_window_a_batch_at_a_time(db: Database) -> None:
    clock = VirtualClock()
    db.inbox._clock = clock
    async with db.transaction():
        for number in range(2500):
            await db.inbox.first_time("shop", str(number))
    clock.advance(KEEP_SECONDS)
    async with db.transaction():
        await db.inbox.first_time("shop", "young")
    clock.advance(1)
    assert await InboxSweep(db, clock).sweep() == 2500
    assert await db.fetch_value("SELECT message_id FROM atoll_inbox") == "young"


async def test_a_window_that_would_forget_what_may_be_repeated_is_refused(db: Database) -> None:
    with pytest.raises(SettingsError, match="keep them for 691200 s at least"):
        InboxSweep(db, SystemClock(), keep=7 * 86400)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(("moment", "done"), [("replay.handled", 0), ("replay.committed", 1)])
async def test_a_replay_that_dies_has_happened_whole_or_not_at_all(
    db: Database, broker: MemoryBroker, member: Start, handled: Witness, moment: str, done: int
) -> None:
    def die() -> None:
        raise Killed

    shop = Shop(db, 1)
    consumer = member(shop)
    await consumer.start()
    await consume(broker, handled, message(1, key="a"))
    shop.poison.clear()
    POINTS[moment].arm(die)
    try:
        with pytest.raises(Killed):
            await consumer.dead_letters.all()
    finally:
        POINTS[moment].disarm()
    assert (len(await shop.effects()), len(await letters(db))) == (done, 1 - done)
    await consumer.dead_letters.all()
    assert (await shop.effects(), await letters(db)) == ([1], [])
