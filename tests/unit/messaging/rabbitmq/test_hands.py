from __future__ import annotations

import asyncio

import pytest

from atoll.messaging import BrokerUnavailable, Delivery
from atoll.messaging.rabbitmq.delivery import Incoming
from atoll.messaging.rabbitmq.hands import Hands
from atoll.messaging.rabbitmq.wire import encode
from atoll.testing.queue_suite import Collector
from tests.unit.messaging.fakes import message
from tests.unit.messaging.rabbitmq.deliveries import FakeChannel, delivered

SENT = message(1)


async def keep(_: Incoming) -> bool:
    return False


def incoming(channel: FakeChannel, *, tag: int = 1) -> Incoming:
    return Incoming(delivered(SENT.data, encode(SENT), channel=channel, tag=tag), place="here")


async def test_what_is_at_work_when_its_channel_is_lost_is_settled_over_the_next() -> None:
    release, lost, fresh = asyncio.Event(), FakeChannel(), FakeChannel()

    async def work(delivery: Delivery) -> None:
        await release.wait()
        await delivery.ack()

    collector = Collector(then=work)
    hands = Hands(collector, hold=10.0, offer=keep)
    hands.take(incoming(lost))
    await collector.wait_for(1)
    hands.let_go(lost)
    hands.take(incoming(fresh, tag=7))
    release.set()
    await hands.empty()
    assert (len(collector.deliveries), lost.acked, fresh.acked) == (1, [], [7])


async def test_an_ack_over_a_lost_channel_is_an_error() -> None:
    lost, told = FakeChannel(), asyncio.get_running_loop().create_future()

    async def lose_then_ack(delivery: Delivery) -> None:
        hands.let_go(lost)
        try:
            await delivery.ack()
        except BrokerUnavailable as error:
            told.set_result(error)

    hands = Hands(lose_then_ack, hold=10.0, offer=keep)
    hands.take(incoming(lost))
    assert "was lost" in str(await told)


async def test_a_message_that_rests_is_forgotten_with_its_channel() -> None:
    async def again_soon(delivery: Delivery) -> None:
        await delivery.retry(0.01)

    lost, collector = FakeChannel(), Collector(then=again_soon)
    hands = Hands(collector, hold=10.0, offer=keep)
    hands.take(incoming(lost))
    await collector.wait_for(1)
    await asyncio.sleep(0)
    hands.let_go(lost)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(collector.wait_for(2), 0.05)


async def test_a_message_that_another_member_takes_is_not_handled_again_here() -> None:
    offered = asyncio.Event()

    async def give_away(_: Incoming) -> bool:
        offered.set()
        return True

    async def again(delivery: Delivery) -> None:
        await delivery.retry(0.0)

    collector = Collector(then=again)
    hands = Hands(collector, hold=10.0, offer=give_away)
    hands.take(incoming(FakeChannel()))
    await asyncio.wait_for(offered.wait(), 5.0)
    await hands.empty()
    assert len(collector.deliveries) == 1


async def test_settling_twice_counts_once() -> None:
    async def twice(delivery: Delivery) -> None:
        await delivery.ack()
        await delivery.ack()
        await delivery.retry(0.0)

    channel, collector = FakeChannel(), Collector(then=twice)
    hands = Hands(collector, hold=10.0, offer=keep)
    hands.take(incoming(channel))
    await collector.wait_for(1)
    await hands.empty()
    assert channel.acked == [1]
