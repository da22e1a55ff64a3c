"""Groups on RabbitMQ: their history, and the turns that their members take."""

from __future__ import annotations

import asyncio

import pytest

from atoll.messaging import Delivery
from atoll.messaging.rabbitmq import subscription
from atoll.testing.checks import until
from atoll.testing.queue_suite import ENDED, HAPPENED, Collector, leave, message, pause, publish
from tests.integration.messaging.rabbitmq.broker import Proxy
from tests.integration.messaging.rabbitmq.conftest import Open


async def test_two_namespaces_of_one_server_are_apart(connect: Open, other_namespace: Open) -> None:
    shop, bank, collector = await connect(), await other_namespace(), Collector()
    await bank.subscribe("g", [HAPPENED], collector)
    await shop.publish(message(1))
    await bank.publish(message(2))
    assert await collector.wait_for(1) == [2]


async def test_every_new_group_gets_the_history_of_its_types_and_then_what_follows(connect: Open) -> None:
    queue, one, other = await connect(), Collector(), Collector()
    await publish(queue, 50)
    await queue.publish(message(99, kind=ENDED))
    await queue.subscribe("one", [HAPPENED], one, prefetch=7)
    await queue.subscribe("other", [HAPPENED, ENDED], other, prefetch=7)
    for number in range(50, 60):
        await queue.publish(message(number))
    assert await one.wait_for(60) == list(range(60))
    assert await other.wait_for(61) == [*range(50), 99, *range(50, 60)]


async def test_the_history_is_read_once(connect: Open) -> None:
    queue, first, second = await connect(), Collector(), Collector()
    await publish(queue, 3)
    member = await queue.subscribe("g", [HAPPENED], first)
    await first.wait_for(3)
    await until(lambda: subscription_of(member)._marker is None)
    await member.stop()
    await queue.publish(message(3))
    await queue.subscribe("g", [HAPPENED], second)
    assert await second.wait_for(1) == [3]


async def test_a_member_that_dies_within_the_history_leaves_all_of_it_to_the_next(connect: Open) -> None:
    dying, queue, first, second = await connect(), await connect(), Collector(then=leave), Collector()
    await publish(queue, 20)
    await dying.subscribe("g", [HAPPENED], first, prefetch=5)
    await first.wait_for(5)
    await queue.publish(message(20))
    await dying.close()
    await queue.subscribe("g", [HAPPENED], second)
    assert await second.wait_for(21) == list(range(21))


async def test_a_history_survives_lost_connections(connect: Open, proxy: Proxy) -> None:
    async def cut_at_times(delivery: Delivery) -> None:
        if len(collector.deliveries) in (5, 40):
            proxy.cut()
        await delivery.ack()

    queue, collector = await connect(), Collector(then=cut_at_times)
    await publish(queue, 30)
    await (await connect(proxy.url)).subscribe("g", [HAPPENED], collector, prefetch=3)
    await queue.publish(message(30))
    await until(lambda: 30 in collector.numbers)
    assert list(dict.fromkeys(collector.numbers)) == list(range(31))


async def test_a_long_history_is_read_once_though_its_marker_is_taken_anew(
    connect: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(delivery: Delivery) -> None:
        await pause(0.02)
        await delivery.ack()

    monkeypatch.setattr(subscription, "REFRESH_SECONDS", 0.1)
    queue, collector = await connect(), Collector(then=slowly)
    await publish(queue, 30)
    await queue.subscribe("g", [HAPPENED], collector, prefetch=1)
    await queue.publish(message(30))
    assert await collector.wait_for(31) == list(range(31))


async def test_nothing_is_missed_when_a_group_begins_while_others_publish(connect: Open) -> None:
    queue, early, collector = await connect(), Collector(), Collector()
    await queue.subscribe("early", [HAPPENED], early)
    publishing = asyncio.ensure_future(publish(queue, 300))
    await early.wait_for(50)
    await (await connect()).subscribe("g", [HAPPENED], collector)
    await publishing
    await until(lambda: 299 in collector.numbers)
    assert list(dict.fromkeys(collector.numbers)) == list(range(300))


async def test_members_take_turns_so_that_the_order_holds_across_them(connect: Open) -> None:
    collector = Collector()
    one, other, queue = await connect(), await connect(), await connect()
    active = await one.subscribe("g", [HAPPENED], collector)
    await other.subscribe("g", [HAPPENED], collector)
    publishing = asyncio.ensure_future(publish(queue, 100))
    await collector.wait_for(30)
    await active.stop()
    await publishing
    assert await collector.wait_for(100) == list(range(100))


async def test_a_type_that_the_active_member_does_not_know_reaches_one_that_does(connect: Open) -> None:
    async def only_known(delivery: Delivery) -> None:
        await (delivery.ack() if delivery.message.type == HAPPENED else delivery.retry(0.01))

    old, new = Collector(then=only_known), Collector()
    one, other, queue = await connect(), await connect(), await connect()
    await one.subscribe("g", [HAPPENED], old)
    await other.subscribe("g", [HAPPENED, ENDED], new)
    await queue.publish(message(1))
    await queue.publish(message(2, kind=ENDED))
    await queue.publish(message(3))
    await until(lambda: 2 in new.numbers)
    await until(lambda: {1, 3} <= {*old.numbers, *new.numbers})


async def test_a_type_that_no_member_knows_comes_again_and_holds_up_no_other(connect: Open) -> None:
    async def only_known(delivery: Delivery) -> None:
        await (delivery.ack() if delivery.message.type == HAPPENED else delivery.retry(0.01))

    queue, first, second = await connect(), Collector(), Collector(then=only_known)
    await (await queue.subscribe("g", [HAPPENED, ENDED], first)).stop()
    await queue.subscribe("g", [HAPPENED], second)
    await queue.publish(message(1, kind=ENDED))
    await queue.publish(message(2))
    await until(lambda: second.numbers.count(1) > 3 and 2 in second.numbers)


def subscription_of(member: object) -> subscription.RabbitMQSubscription:
    assert isinstance(member, subscription.RabbitMQSubscription)
    return member
