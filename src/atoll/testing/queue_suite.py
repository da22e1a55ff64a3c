"""The conformance suite of the MessageQueue port.

An adapter shows that it is one by passing it, under pytest with pytest-asyncio in its auto mode::

    class TestMyQueue(MessageQueueSuite):
        FEATURES = MessageQueueSuite.ALL - {"delay"}

        @pytest.fixture
        def connect(self) -> Connect:
            async def connect() -> MessageQueue: ...
            return connect

`connect` makes a fresh connection to one broker that was empty when the test began; the suite closes what it
opened. The broker must take a delivery back after `HOLD` seconds without a sign of life. A test of a feature
that is not declared is skipped by the feature's name. `versions`: members of one group may know different types.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar, Final

import pytest

from atoll.contracts import Message
from atoll.core import new_id
from atoll.messaging import Delivery, MessageQueue
from atoll.testing.checks import equal, holds, until

DEADLINE: Final = 20.0
HAPPENED: Final = "shop.test.Happened.v1"
ENDED: Final = "shop.test.Ended.v1"

Connect = Callable[[], Awaitable[MessageQueue]]


def message(number: int = 0, *, kind: str = HAPPENED, key: str = "") -> Message:
    """Return a message unlike all others; `number` is its data."""
    return Message(id=new_id(), type=kind, source="test", time=1e9 + number, key=key, data=str(number).encode())


class Collector:
    """A handler that keeps what it gets and acks it, or does `then` with it."""

    def __init__(self, then: Callable[[Delivery], Awaitable[None]] | None = None) -> None:
        self.deliveries: list[Delivery] = []
        self._then = then
        self._changed = asyncio.Condition()

    async def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        async with self._changed:
            self._changed.notify_all()
        await (self._then or _ack)(delivery)

    @property
    def numbers(self) -> list[int]:
        """The data of what was delivered, in the order of arrival."""
        return [int(each.message.data) for each in self.deliveries]

    async def wait_for(self, count: int) -> list[int]:
        """Wait until `count` deliveries have come; return their numbers."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(self.deliveries) >= count)
        return self.numbers


class MessageQueueSuite:
    """What every adapter of `MessageQueue` must do. See the module for how to use it."""

    ALL: ClassVar[frozenset[str]] = frozenset({"history", "order", "delay", "hold", "versions"})
    FEATURES: ClassVar[frozenset[str]] = ALL
    HOLD: ClassVar[float] = 1.0

    @pytest.fixture
    def connect(self) -> Connect:
        """Override: return a function that connects to the test's broker."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    async def opened(self, connect: Connect) -> AsyncIterator[Connect]:
        """Connect, and close at the end of the test."""
        queues: list[MessageQueue] = []

        async def opened() -> MessageQueue:
            queues.append(await connect())
            return queues[-1]

        yield opened
        for queue in queues:
            await queue.close()

    @pytest.fixture
    async def queue(self, opened: Connect) -> MessageQueue:
        """One connection."""
        return await opened()

    def needs(self, feature: str) -> None:
        """Skip the test, naming `feature`, when the adapter does not declare it."""
        if feature not in self.FEATURES:
            pytest.skip(f"{type(self).__name__} does not declare {feature!r}")

    async def test_a_message_arrives_as_it_was_published(self, queue: MessageQueue) -> None:
        sent = Message(
            id="id %1",
            type=HAPPENED,
            source="s",
            time=1234567890.25,
            key=" Straße 1\r\nce-id: 2",
            data=b"1",
            traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
            request_id='"r"',
            causation="c=1;d",
        )
        collector = Collector()
        await queue.subscribe("g", [HAPPENED], collector)
        await queue.publish(sent)
        await collector.wait_for(1)
        equal(collector.deliveries[0].message, sent)
        equal(collector.deliveries[0].attempt, 1)

    async def test_every_group_gets_every_message(self, queue: MessageQueue) -> None:
        one, other = Collector(), Collector()
        await queue.subscribe("one", [HAPPENED], one)
        await queue.subscribe("other", [HAPPENED], other)
        await publish(queue, 3)
        equal(await one.wait_for(3), [0, 1, 2])
        equal(await other.wait_for(3), [0, 1, 2])

    async def test_a_message_goes_to_one_member_of_a_group(self, opened: Connect) -> None:
        collector = Collector()
        for _ in range(2):
            await (await opened()).subscribe("g", [HAPPENED], collector, prefetch=4)
        await publish(await opened(), 40)
        equal(sorted(await collector.wait_for(40)), list(range(40)))

    async def test_only_the_subscribed_types_are_delivered(self, queue: MessageQueue) -> None:
        collector = Collector()
        await queue.subscribe("g", [ENDED], collector)
        await publish(queue, 2)
        await queue.publish(message(7, kind=ENDED))
        equal(await collector.wait_for(1), [7])

    async def test_messages_published_while_no_member_is_there_wait(self, queue: MessageQueue) -> None:
        first, second = Collector(), Collector()
        await (await queue.subscribe("g", [HAPPENED], first)).stop()
        await publish(queue, 3)
        await queue.subscribe("g", [HAPPENED], second)
        equal(await second.wait_for(3), [0, 1, 2])
        equal(first.numbers, [])

    async def test_a_new_group_gets_what_was_published_before_it(self, queue: MessageQueue) -> None:
        self.needs("history")
        collector = Collector()
        await publish(queue, 3)
        await queue.subscribe("late", [HAPPENED], collector)
        equal(await collector.wait_for(3), [0, 1, 2])

    async def test_messages_arrive_in_the_order_of_publication(self, queue: MessageQueue) -> None:
        self.needs("order")
        collector = Collector()
        await queue.subscribe("g", [HAPPENED, ENDED], collector, prefetch=8)
        for number in range(100):
            await queue.publish(message(number, kind=ENDED if number % 3 else HAPPENED))
        equal(await collector.wait_for(100), list(range(100)))

    async def test_what_was_in_hand_of_a_lost_member_comes_before_what_is_newer(self, opened: Connect) -> None:
        self.needs("order")
        lost, heir = Collector(then=leave), Collector()
        member = await opened()
        await member.subscribe("g", [HAPPENED], lost)
        await publish(member, 3)
        await lost.wait_for(3)
        await member.close()
        queue = await opened()
        await queue.publish(message(3))
        await queue.subscribe("g", [HAPPENED], heir)
        equal(await heir.wait_for(4), [0, 1, 2, 3])

    async def test_of_two_members_one_is_active_so_that_the_order_holds(self, opened: Connect) -> None:
        self.needs("order")
        collector = Collector(then=settle_slowly)
        for _ in range(2):
            await (await opened()).subscribe("g", [HAPPENED], collector, prefetch=8)
        await publish(await opened(), 60)
        equal(await collector.wait_for(60), list(range(60)))

    async def test_when_the_active_member_stops_the_other_goes_on_in_order(self, opened: Connect) -> None:
        self.needs("order")
        first, second = Collector(then=leave), Collector()
        subscription = await (await opened()).subscribe("g", [HAPPENED], first, prefetch=4)
        await publish(await opened(), 10)
        await first.wait_for(4)
        await (await opened()).subscribe("g", [HAPPENED], second, prefetch=4)
        await subscription.stop()
        equal(await second.wait_for(10), list(range(10)))

    async def test_nobody_overtakes_what_a_stopping_member_has_in_hand(self, opened: Connect) -> None:
        self.needs("order")
        release, done = asyncio.Event(), list[int]()

        async def note(delivery: Delivery) -> None:
            done.append(int(delivery.message.data))
            await delivery.ack()

        async def slowly(delivery: Delivery) -> None:
            await release.wait()
            await note(delivery)

        first, second = Collector(then=slowly), Collector(then=note)
        subscription = await (await opened()).subscribe("g", [HAPPENED], first, prefetch=1)
        await publish(await opened(), 2)
        await first.wait_for(1)
        await (await opened()).subscribe("g", [HAPPENED], second, prefetch=1)
        stopping = asyncio.ensure_future(subscription.stop())
        asyncio.get_running_loop().call_later(0.3, release.set)
        await asyncio.wait_for(stopping, DEADLINE)
        await second.wait_for(1)
        equal(sorted(set(done), key=done.index), [0, 1])

    async def test_an_acked_message_does_not_come_again(self, opened: Connect) -> None:
        first, second = Collector(), Collector()
        queue = await opened()
        await queue.subscribe("g", [HAPPENED], first)
        await publish(queue, 1)
        await first.wait_for(1)
        await queue.close()
        queue = await opened()
        await queue.subscribe("g", [HAPPENED], second)
        await queue.publish(message(9))
        equal(await second.wait_for(1), [9])

    async def test_a_message_given_back_comes_again_no_sooner_than_asked(self, queue: MessageQueue) -> None:
        self.needs("delay")
        times: list[float] = []

        async def once_more(delivery: Delivery) -> None:
            times.append(asyncio.get_running_loop().time())
            await (delivery.retry(0.3) if len(times) == 1 else delivery.ack())

        collector = Collector(then=once_more)
        await queue.subscribe("g", [HAPPENED], collector)
        await publish(queue, 1)
        await collector.wait_for(2)
        equal([each.attempt for each in collector.deliveries], [1, 2])
        holds(times[1] - times[0] >= 0.29, f"it came again after {times[1] - times[0]} s, not 0.3")

    async def test_a_message_whose_handler_failed_comes_again(self, queue: MessageQueue) -> None:
        async def fail_once(delivery: Delivery) -> None:
            if len(collector.deliveries) == 1:
                raise RuntimeError("this handler fails once")
            await delivery.ack()

        collector = Collector(then=fail_once)
        await queue.subscribe("g", [HAPPENED], collector)
        await publish(queue, 1)
        equal(await collector.wait_for(2), [0, 0])

    async def test_an_unsettled_message_comes_again_when_its_time_has_run_out(self, queue: MessageQueue) -> None:
        self.needs("hold")
        collector = Collector(then=leave)
        await queue.subscribe("g", [HAPPENED], collector)
        await publish(queue, 1)
        equal(await collector.wait_for(2), [0, 0])

    async def test_an_extended_message_does_not_come_again(self, queue: MessageQueue) -> None:
        self.needs("hold")
        ended = asyncio.Event()

        async def work_on(delivery: Delivery) -> None:
            for _ in range(8):
                await pause(self.HOLD / 4)
                await delivery.extend()
            await delivery.ack()
            ended.set()

        collector = Collector(then=work_on)
        await queue.subscribe("g", [HAPPENED], collector)
        await publish(queue, 1)
        await asyncio.wait_for(ended.wait(), DEADLINE)
        equal(collector.numbers, [0])

    async def test_a_member_that_stops_leaves_its_unsettled_messages_to_the_next(self, queue: MessageQueue) -> None:
        first, second = Collector(then=leave), Collector()
        subscription = await queue.subscribe("g", [HAPPENED], first)
        await publish(queue, 2)
        await first.wait_for(2)
        await subscription.stop()
        await queue.subscribe("g", [HAPPENED], second)
        equal(await second.wait_for(2), [0, 1])

    async def test_no_more_than_prefetch_are_unsettled_at_once(self, queue: MessageQueue) -> None:
        in_hand: list[int] = []
        most: list[int] = []

        async def slowly(delivery: Delivery) -> None:
            in_hand.append(1)
            most.append(len(in_hand))
            await pause(0.002)
            in_hand.pop()
            await delivery.ack()

        collector = Collector(then=slowly)
        await queue.subscribe("g", [HAPPENED], collector, prefetch=3)
        await publish(queue, 30)
        await collector.wait_for(30)
        holds(max(most) <= 3, f"{max(most)} were unsettled at once, not 3 at most")

    async def test_stopping_waits_for_the_handlers_in_hand(self, queue: MessageQueue) -> None:
        release, done = asyncio.Event(), asyncio.Event()

        async def work(delivery: Delivery) -> None:
            await release.wait()
            await delivery.ack()
            done.set()

        collector = Collector(then=work)
        subscription = await queue.subscribe("g", [HAPPENED], collector)
        await publish(queue, 1)
        await collector.wait_for(1)
        stopping = asyncio.ensure_future(subscription.stop())
        asyncio.get_running_loop().call_later(0.05, release.set)
        await asyncio.wait_for(stopping, DEADLINE)
        holds(done.is_set(), "stop() returned while a handler was at work")

    async def test_a_group_may_change_its_types(self, queue: MessageQueue) -> None:
        first, second = Collector(), Collector()
        subscription = await queue.subscribe("g", [HAPPENED], first)
        await publish(queue, 1)
        await first.wait_for(1)
        await subscription.stop()
        await queue.subscribe("g", [ENDED, HAPPENED], second)
        await queue.publish(message(5, kind=ENDED))
        equal(await second.wait_for(1), [5])

    async def test_a_type_that_the_active_member_does_not_know_reaches_one_that_does(self, opened: Connect) -> None:
        self.needs("versions")
        old, new = Collector(then=settle_what_happened), Collector()
        await (await opened()).subscribe("g", [HAPPENED], old)
        await (await opened()).subscribe("g", [HAPPENED, ENDED], new)
        queue = await opened()
        await queue.publish(message(1))
        await queue.publish(message(2, kind=ENDED))
        await queue.publish(message(3))
        await until(lambda: 2 in new.numbers and {1, 3} <= {*old.numbers, *new.numbers})
        holds(old.numbers.count(2) < 5, "the older member was given again and again what it does not know")

    async def test_an_older_member_that_comes_takes_no_type_from_one_that_is_there(self, opened: Connect) -> None:
        self.needs("versions")
        old, new, queue = Collector(then=settle_what_happened), Collector(), await opened()
        await (await opened()).subscribe("g", [HAPPENED, ENDED], new)
        await (await opened()).subscribe("g", [HAPPENED], old)
        await queue.publish(message(1, kind=ENDED))
        await until(lambda: 1 in new.numbers)

    async def test_a_type_that_no_member_knows_any_more_comes_again_and_holds_up_no_other(
        self, opened: Connect
    ) -> None:
        self.needs("versions")
        old, queue = Collector(then=settle_what_happened), await opened()
        await (await opened()).subscribe("g", [HAPPENED], old)
        await (await queue.subscribe("g", [HAPPENED, ENDED], Collector())).stop()
        await queue.publish(message(1, kind=ENDED))
        await queue.publish(message(2))
        await until(lambda: old.numbers.count(1) > 3 and 2 in old.numbers)

    async def test_publishing_the_same_id_again_is_no_error(self, queue: MessageQueue) -> None:
        collector, repeated = Collector(), message(1)
        await queue.subscribe("g", [HAPPENED], collector)
        await queue.publish(repeated)
        await queue.publish(repeated)
        equal((await collector.wait_for(1))[0], 1)

    async def test_many_publishers_lose_nothing(self, queue: MessageQueue) -> None:
        collector = Collector()
        await queue.subscribe("g", [HAPPENED], collector, prefetch=16)
        await asyncio.gather(*(queue.publish(message(number)) for number in range(300)))
        equal(sorted(await collector.wait_for(300)), list(range(300)))

    async def test_closing_twice_is_no_error(self, queue: MessageQueue) -> None:
        await queue.subscribe("g", [HAPPENED], Collector())
        await queue.close()
        await queue.close()


async def publish(queue: MessageQueue, count: int) -> None:
    """Publish `count` messages numbered from 0, one after the other."""
    for number in range(count):
        await queue.publish(message(number))


async def leave(delivery: Delivery) -> None:
    """Do nothing: the delivery stays unsettled."""


async def settle_slowly(delivery: Delivery) -> None:
    """Settle after a moment in which the other member could get what comes next."""
    await pause(0.001)
    await delivery.ack()


async def settle_what_happened(delivery: Delivery) -> None:
    """Settle one type, and give another back, as a consumer that has no handler for it does."""
    await (delivery.ack() if delivery.message.type == HAPPENED else delivery.retry(0.05))


async def pause(seconds: float) -> None:
    """Let time pass for the broker, which measures it by a clock of its own."""
    await asyncio.sleep(seconds)


async def _ack(delivery: Delivery) -> None:
    await delivery.ack()
