"""What is acked is over; all else comes again."""

from __future__ import annotations

import asyncio

from atoll.messaging import Delivery, MessageQueue
from atoll.testing.checks import equal, holds
from atoll.testing.queue_suite.fixtures import Connect, QueueFixtures
from atoll.testing.queue_suite.handlers import (
    DEADLINE,
    HAPPENED,
    Collector,
    leave,
    message,
    pause,
    publish,
)


class SettlingSuite(QueueFixtures):
    """What is acked is over; all else comes again."""

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
