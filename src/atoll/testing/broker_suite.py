"""The conformance suite of what a MessageQueue does when its broker fails.

An adapter of a broker that runs outside of the process shows it by passing this beside MessageQueueSuite::

    class TestMyBroker(BrokerFaultSuite):
        @pytest.fixture
        def broker(self) -> FaultyBroker: ...

Each test gets a broker without messages and groups. A test of a fault that cannot be made is skipped by the name
of the fault in FAULTS.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import ClassVar, Final, Protocol

import pytest

from atoll.messaging import BrokerUnavailable, Delivery, MessageQueue
from atoll.testing.checks import equal, holds, until
from atoll.testing.queue_suite import DEADLINE, ENDED, HAPPENED, Collector, leave, message, publish

PUBLISHERS: Final = 10
STORED: Final = 200
_PAUSE: Final = 0.02


class FaultyBroker(Protocol):
    """A real broker, and what can be done to it."""

    async def connect(self) -> MessageQueue:
        """Make a fresh connection, which the fixture closes."""
        ...

    async def crash(self) -> None:
        """Kill the broker without a warning, and start it again on its store."""
        ...

    async def cut(self) -> None:
        """Break every connection; the broker itself goes on."""
        ...

    async def interrupt(self, queue: MessageQueue) -> None:
        """Have the broker end what `queue` receives by, while the connection stays."""
        ...

    async def fill(self) -> None:
        """Leave room for a few more unsettled messages only, for groups that are there."""
        ...

    async def make_room(self) -> None:
        """Undo `fill`, as far as settling the messages does not."""
        ...


class BrokerFaultSuite:
    """What every adapter of a real broker must do. See the module for how to use it."""

    ALL: ClassVar[frozenset[str]] = frozenset({"crash", "cut", "interrupt", "fill"})
    FAULTS: ClassVar[frozenset[str]] = ALL

    @pytest.fixture
    def broker(self) -> FaultyBroker:
        """Override: return the broker under test."""
        raise NotImplementedError("override the fixture `broker`")

    def needs(self, fault: str) -> None:
        """Skip the test, naming `fault`, when it cannot be made."""
        if fault not in self.FAULTS:
            pytest.skip(f"{type(self).__name__} cannot make {fault!r}")

    async def test_a_crash_loses_nothing_that_was_confirmed(self, broker: FaultyBroker) -> None:
        self.needs("crash")
        stored, collector, queue = set[int](), Collector(), await broker.connect()
        publishing = [asyncio.ensure_future(_publish_on(queue, first, stored)) for first in range(PUBLISHERS)]
        await until(lambda: len(stored) >= STORED)
        await broker.crash()
        for each in publishing:
            each.cancel()
        await publish_until_stored(queue, -1)
        await queue.subscribe("g", [HAPPENED], collector, prefetch=1000)
        await arrived(collector, -1)
        holds(stored <= set(collector.numbers), f"{sorted(stored - set(collector.numbers))} were lost")

    async def test_work_goes_on_by_itself_after_a_crash(self, broker: FaultyBroker) -> None:
        self.needs("crash")
        queue, collector = await self._at_work(broker)
        await broker.crash()
        await publish_until_stored(queue, 2)
        await arrived(collector, 2)

    async def test_work_goes_on_by_itself_after_a_lost_connection(self, broker: FaultyBroker) -> None:
        self.needs("cut")
        queue, collector = await self._at_work(broker)
        await broker.cut()
        await publish_until_stored(queue, 2)
        await arrived(collector, 2)

    async def test_work_goes_on_by_itself_when_the_broker_has_ended_a_subscription(self, broker: FaultyBroker) -> None:
        self.needs("interrupt")
        queue, collector = await self._at_work(broker)
        await broker.interrupt(queue)
        await publish_until_stored(queue, 2)
        await arrived(collector, 2)

    async def test_what_was_unsettled_when_the_connection_was_lost_comes_before_what_is_newer(
        self, broker: FaultyBroker
    ) -> None:
        self.needs("cut")
        queue, collector, lost = await broker.connect(), Collector(), Collector(then=leave)
        member = await queue.subscribe("g", [HAPPENED], lost)
        await publish(queue, 3)
        await lost.wait_for(3)
        await broker.cut()
        await member.stop()
        await publish_until_stored(queue, 3)
        await subscribe_until_there(queue, collector)
        equal(await collector.wait_for(4), [0, 1, 2, 3])

    async def test_a_message_that_nobody_takes_yet_is_kept(self, broker: FaultyBroker) -> None:
        queue, other, collector = await broker.connect(), Collector(), Collector()
        await queue.subscribe("other", [ENDED], other)
        await publish(queue, 3)
        await queue.subscribe("g", [HAPPENED], collector)
        equal(await collector.wait_for(3), [0, 1, 2])

    async def test_a_full_broker_says_so_and_loses_nothing_that_it_took(self, broker: FaultyBroker) -> None:
        self.needs("fill")
        queue, full, collector = await broker.connect(), Collector(then=leave), Collector()
        member = await queue.subscribe("g", [HAPPENED], full, prefetch=1)
        await broker.fill()
        taken = await _publish_until_refused(queue)
        await broker.make_room()
        await member.stop()
        await queue.subscribe("g", [HAPPENED], collector)
        await publish_until_stored(queue, taken + 1)
        await arrived(collector, taken + 1)
        missing = set(range(taken)) - set(collector.numbers)
        holds(not missing, f"{sorted(missing)} were confirmed and lost")

    async def test_a_poison_message_comes_again_and_again_and_holds_up_no_other(self, broker: FaultyBroker) -> None:
        async def choke(delivery: Delivery) -> None:
            await (delivery.retry(0.0) if delivery.message.data == b"0" else delivery.ack())

        queue, collector = await broker.connect(), Collector(then=choke)
        await queue.subscribe("g", [HAPPENED], collector)
        await publish(queue, 5)
        await until(lambda: collector.numbers.count(0) > 30)
        await until(lambda: len(set(collector.numbers)) == 5)
        equal(sorted(set(collector.numbers)), [0, 1, 2, 3, 4])

    async def _at_work(self, broker: FaultyBroker) -> tuple[MessageQueue, Collector]:
        """Return a queue and a handler between which a message has travelled."""
        queue, collector = await broker.connect(), Collector()
        await queue.subscribe("g", [HAPPENED], collector)
        await queue.publish(message(1))
        await collector.wait_for(1)
        return queue, collector


async def publish_until_stored(queue: MessageQueue, number: int) -> None:
    """Publish a message, the same again for as long as the broker does not confirm it."""
    sent = message(number)
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await queue.publish(sent)
            except BrokerUnavailable:
                await asyncio.sleep(_PAUSE)


async def subscribe_until_there(queue: MessageQueue, collector: Collector) -> None:
    """Subscribe the group `g`, again for as long as there is no connection."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await queue.subscribe("g", [HAPPENED], collector)
            except BrokerUnavailable:
                await asyncio.sleep(_PAUSE)
            else:
                return


async def arrived(collector: Collector, number: int) -> None:
    """Wait until the message of that number has come."""
    async with asyncio.timeout(DEADLINE):
        while number not in collector.numbers:
            await collector.wait_for(len(collector.deliveries) + 1)


async def _publish_on(queue: MessageQueue, first: int, stored: set[int]) -> None:
    """Publish one after the other until the broker fails, noting what was confirmed."""
    for number in itertools.count(first, PUBLISHERS):
        try:
            await queue.publish(message(number))
        except BrokerUnavailable:
            return
        stored.add(number)


async def _publish_until_refused(queue: MessageQueue) -> int:
    """Publish numbered messages; return the number of the first that was not taken."""
    async with asyncio.timeout(DEADLINE):
        for number in itertools.count():
            try:
                await queue.publish(message(number))
            except BrokerUnavailable as error:
                holds(error.retryable, "a full broker may have room later, so the error must say that")
                return number
    return 0
