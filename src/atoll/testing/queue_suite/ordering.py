"""Messages come in order, whichever member of a group gets them."""

from __future__ import annotations

import asyncio

from atoll.messaging import Delivery, MessageQueue
from atoll.testing.checks import equal
from atoll.testing.queue_suite.fixtures import Connect, QueueFixtures
from atoll.testing.queue_suite.handlers import (
    DEADLINE,
    ENDED,
    HAPPENED,
    Collector,
    leave,
    message,
    publish,
    settle_slowly,
)


class OrderSuite(QueueFixtures):
    """Messages come in order, whichever member of a group gets them."""

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
