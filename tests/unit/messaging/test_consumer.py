from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from atoll.contracts import Message
from atoll.core import Clock, Hooks, SystemClock, context
from atoll.messaging import Consumer, Delivery, MemoryBroker, MemoryMessageQueue, UndecodableMessage, causation
from atoll.messaging.consumer import EXTEND_SECONDS, Handle
from atoll.messaging.records import MessageHandled
from atoll.resilience import RetryPolicy
from atoll.storage import Database
from tests.unit.messaging.fakes import DEADLINE, PLACED, VirtualClock, Witness, message

AT_ONCE = RetryPolicy(attempts=3, base=0, cap=0)
SLOWLY = RetryPolicy(attempts=3, base=100, cap=100)

Consume = Callable[..., Any]


class Shop:
    """A service with one handler, which notes the number of each message in its table."""

    def __init__(self, db: Database, failures: dict[int, int] | None = None) -> None:
        self.db = db
        self.failures = failures or {}
        self.calls: list[int] = []

    async def handle(self, received: Message) -> None:
        number = int(received.data)
        self.calls.append(number)
        await self.db.execute("INSERT INTO effects (number) VALUES ($1)", number)
        if self.failures.get(number, 0) > 0:
            self.failures[number] -= 1
            raise RuntimeError(f"message {number} cannot be handled")

    async def effects(self) -> list[int]:
        count = await self.db.fetch_value("SELECT group_concat(number) FROM effects")
        return [int(each) for each in str(count).split(",")] if count else []


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(failure_pause=0.0)


@pytest.fixture
def handled(hooks: Hooks) -> Witness:
    return Witness(hooks, MessageHandled)


@pytest.fixture
async def consume(db: Database, broker: MemoryBroker, hooks: Hooks) -> AsyncIterator[Consume]:
    """Start consumers of the group `shop`, and stop them at the end."""
    consumers: list[Consumer] = []

    async def consume(
        handle: Handle,
        *,
        queue: MemoryMessageQueue | None = None,
        retry: RetryPolicy = AT_ONCE,
        clock: Clock | None = None,
        parallel: int = 16,
    ) -> Consumer:
        consumer = Consumer(
            db,
            queue or MemoryMessageQueue(broker),
            "shop",
            {PLACED: handle},
            hooks=hooks,
            clock=clock or SystemClock(),
            retry=retry,
            parallel=parallel,
            random=lambda: 1.0,
        )
        consumers.append(consumer)
        await consumer.start()
        return consumer

    yield consume
    for consumer in consumers:
        await consumer.stop()


class ForgetfulQueue(MemoryMessageQueue):
    """The consumer dies, as far as the broker can see, between its commit and its first acknowledgements."""

    def __init__(self, broker: MemoryBroker, forget: int) -> None:
        super().__init__(broker)
        self.forget = forget

    async def subscribe(self, group: str, types: Any, handler: Any, *, prefetch: int = 256) -> Any:
        async def forgetful(delivery: Delivery) -> None:
            await handler(_Unacked(delivery) if self.forget > 0 else delivery)
            self.forget -= 1
            await delivery.retry(0.0)

        return await super().subscribe(group, types, forgetful, prefetch=prefetch)


class _Unacked:
    def __init__(self, delivery: Delivery) -> None:
        self.message, self.attempt = delivery.message, delivery.attempt

    async def ack(self) -> None: ...

    async def retry(self, after: float) -> None: ...

    async def extend(self) -> None: ...


def outcomes(handled: Witness) -> list[str]:
    return [each.outcome for each in handled.records]


async def test_a_message_is_handled_and_its_effect_committed(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop = Shop(db)
    await consume(shop.handle)
    broker.append(message(1))
    await handled.wait_for(1)
    assert (await shop.effects(), outcomes(handled)) == ([1], ["handled"])


async def test_a_crash_between_commit_and_ack_does_not_run_the_handler_twice(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop = Shop(db)
    await consume(shop.handle, queue=ForgetfulQueue(broker, forget=1))
    broker.append(message(1))
    await handled.wait_for(2)
    assert outcomes(handled) == ["handled", "duplicate"]
    assert (shop.calls, await shop.effects()) == ([1], [1])


async def test_a_handler_that_fails_twice_and_then_succeeds_has_one_effect(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop = Shop(db, failures={1: 2})
    await consume(shop.handle)
    broker.append(message(1))
    await handled.wait_for(3)
    assert outcomes(handled) == ["retried", "retried", "handled"]
    assert (shop.calls, await shop.effects()) == ([1, 1, 1], [1])


async def test_a_message_that_cannot_be_handled_becomes_a_dead_letter(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop, poison = Shop(db, failures={1: 99}), message(1, key="k")
    await consume(shop.handle)
    broker.append(poison)
    await handled.wait_for(3)
    [letter] = await db.dead_letters.list()
    assert (letter.message, letter.consumer, letter.attempts) == (poison, "shop", 3)
    assert letter.error == "RuntimeError: message 1 cannot be handled"
    assert (outcomes(handled), await shop.effects()) == (["retried", "retried", "dead"], [])


async def test_a_dead_letter_that_is_delivered_again_stays_one(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop = Shop(db, failures={1: 3})
    await consume(shop.handle, queue=ForgetfulQueue(broker, forget=1))
    broker.append(message(1))
    await handled.wait_for(4)
    assert outcomes(handled)[2:] == ["dead", "duplicate"]
    assert (len(await db.dead_letters.list()), await shop.effects()) == (1, [])


async def test_a_key_keeps_its_order_while_one_of_its_messages_is_tried_again(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop = Shop(db, failures={1: 2})
    await consume(shop.handle)
    for number in (1, 2, 3):
        broker.append(message(number, key="k"))
    await handled.wait_for(5)
    assert await shop.effects() == [1, 2, 3]


async def test_other_keys_go_on_while_a_message_waits_to_be_tried_again(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop, clock = Shop(db, failures={1: 1}), VirtualClock()
    await consume(shop.handle, retry=SLOWLY, clock=clock)
    for number, key in ((1, "failing"), (2, "failing"), (3, "other"), (4, "other")):
        broker.append(message(number, key=key))
    await handled.wait_for(3)
    assert await shop.effects() == [3, 4]
    await clock.someone_sleeps_until(1100.0)
    clock.advance(100.0)
    await handled.wait_for(5)
    assert await shop.effects() == [3, 4, 1, 2]


async def test_no_more_than_parallel_messages_are_worked_on_at_once(
    broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    running, most = 0, 0

    async def handle(_: Message) -> None:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        for _turn in range(3):
            await asyncio.sleep(0)
        running -= 1

    await consume(handle, parallel=2)
    for number in range(20):
        broker.append(message(number))
    await handled.wait_for(20)
    assert most == 2


async def test_a_handler_runs_in_the_context_of_its_message(
    broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    seen: list[tuple[context.Context, str]] = []
    sent = message(traceparent=f"00-{'a' * 32}-{'b' * 16}-01", request_id="r-1")

    async def handle(_: Message) -> None:
        seen.append((context.current(), causation()))

    await consume(handle)
    broker.append(sent)
    [record] = await handled.wait_for(1)
    [(found, cause)] = seen
    assert (found.trace.trace_id, found.trace.parent_id, found.trace.sampled) == ("a" * 32, "b" * 16, True)
    assert (found.request_id, cause, record.trace) == ("r-1", sent.id, found.trace)


async def test_outside_of_a_handler_there_is_no_cause() -> None:
    assert causation() == ""


async def test_a_message_whose_data_does_not_fit_is_a_dead_letter_at_once(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    async def handle(received: Message) -> None:
        raise UndecodableMessage("the order has no id", received)

    await consume(handle)
    broker.append(message())
    await handled.wait_for(1)
    assert outcomes(handled) == ["dead"]
    assert (await db.dead_letters.list())[0].attempts == 1


async def test_a_type_nobody_handles_is_left_to_others_and_then_a_dead_letter(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    await consume(Shop(db).handle)
    await (await MemoryMessageQueue(broker).subscribe("shop", ["shop.order.Unknown.v9", PLACED], later)).stop()
    broker.append(message(1, kind="shop.order.Unknown.v9"))
    [record] = await handled.wait_for(1)
    assert record.outcome == "dead"
    assert "nothing handles shop.order.Unknown.v9" in (await db.dead_letters.list())[0].error


async def later(delivery: Delivery) -> None:
    """A member of the same group that gives everything back."""
    await delivery.retry(0.0)


async def test_a_dead_letter_that_cannot_be_stored_is_not_lost(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    clock = VirtualClock()
    async with db.transaction():
        await db.execute("ALTER TABLE atoll_dead_letters RENAME TO away")
    await consume(Shop(db, failures={1: 99}).handle, clock=clock, retry=RetryPolicy(attempts=1, base=7, cap=7))
    broker.append(message(1))
    await clock.someone_sleeps_until(1007.0)
    async with db.transaction():
        await db.execute("ALTER TABLE away RENAME TO atoll_dead_letters")
    clock.advance(7.0)
    await handled.wait_for(1)
    assert len(await db.dead_letters.list()) == 1


async def test_stopping_gives_back_what_waits_for_another_attempt(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop, clock = Shop(db, failures={1: 1}), VirtualClock()
    consumer = await consume(shop.handle, retry=SLOWLY, clock=clock)
    for number in (1, 2):
        broker.append(message(number, key="k"))
    await clock.someone_sleeps_until(1100.0)
    await asyncio.wait_for(consumer.stop(), DEADLINE)
    assert await shop.effects() == []
    await consume(shop.handle)
    await handled.wait_for(3)
    assert await shop.effects() == [1, 2]


async def test_stopping_lets_a_running_handler_end(
    db: Database, broker: MemoryBroker, consume: Consume, handled: Witness
) -> None:
    shop, entered, release = Shop(db), asyncio.Event(), asyncio.Event()

    async def handle(received: Message) -> None:
        entered.set()
        await release.wait()
        await shop.handle(received)

    consumer = await consume(handle)
    broker.append(message(1))
    await asyncio.wait_for(entered.wait(), DEADLINE)
    stopping = asyncio.ensure_future(consumer.stop())
    asyncio.get_running_loop().call_soon(release.set)
    await asyncio.wait_for(stopping, DEADLINE)
    assert (await shop.effects(), outcomes(handled)) == ([1], ["handled"])


async def test_what_is_in_hand_is_extended_so_that_nobody_else_gets_it(
    db: Database, consume: Consume, handled: Witness
) -> None:
    clock, extended = VirtualClock(), asyncio.Event()

    class Watched(_Unacked):
        async def extend(self) -> None:
            extended.set()

    class Queue(MemoryMessageQueue):
        async def subscribe(self, group: str, types: Any, handler: Any, *, prefetch: int = 256) -> Any:
            async def watched(delivery: Delivery) -> None:
                await handler(Watched(delivery))

            return await super().subscribe(group, types, watched, prefetch=prefetch)

    broker = MemoryBroker()
    shop = Shop(db, failures={1: 1})
    await consume(shop.handle, queue=Queue(broker), retry=SLOWLY, clock=clock)
    broker.append(message(1))
    await clock.someone_sleeps_until(1100.0)
    clock.advance(EXTEND_SECONDS)
    await asyncio.wait_for(extended.wait(), DEADLINE)


async def test_a_consumer_without_handlers_subscribes_to_nothing(db: Database, hooks: Hooks) -> None:
    broker = MemoryBroker()
    consumer = Consumer(db, MemoryMessageQueue(broker), "idle", {}, hooks=hooks, clock=SystemClock())
    await consumer.start()
    await consumer.stop()
    assert broker.groups == {}
