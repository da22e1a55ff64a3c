"""Members of one group may know different types."""

from __future__ import annotations

from atoll.messaging import MessageQueue
from atoll.testing.checks import equal, holds, until
from atoll.testing.queue_suite.fixtures import Connect, QueueFixtures
from atoll.testing.queue_suite.handlers import (
    ENDED,
    HAPPENED,
    Collector,
    message,
    publish,
    settle_what_happened,
)


class VersionSuite(QueueFixtures):
    """Members of one group may know different types."""

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
