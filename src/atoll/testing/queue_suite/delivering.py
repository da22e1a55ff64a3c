"""Who gets a message, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio

from atoll.contracts import Message
from atoll.messaging import MessageQueue
from atoll.testing.checks import equal
from atoll.testing.queue_suite.fixtures import Connect, QueueFixtures
from atoll.testing.queue_suite.handlers import (
    ENDED,
    HAPPENED,
    Collector,
    message,
    publish,
)


class DeliverySuite(QueueFixtures):
    """Who gets a message, and that nothing is lost on the way."""

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
