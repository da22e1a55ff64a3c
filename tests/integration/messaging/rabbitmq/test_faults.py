"""What the suites cannot show of any adapter: RabbitMQ's faults, and what the queue does about them."""

from __future__ import annotations

import asyncio

import pytest

from atoll.messaging import BrokerUnavailable, Delivery, MessagingError
from atoll.messaging.rabbitmq import client
from atoll.messaging.rabbitmq.topology import Namespace
from atoll.testing.broker_suite import arrived, publish_until_stored
from atoll.testing.checks import until
from atoll.testing.queue_suite import DEADLINE, ENDED, HAPPENED, Collector, message
from tests.integration.messaging.handlers import undecodable
from tests.integration.messaging.rabbitmq.broker import URL, Proxy, raw, remove
from tests.integration.messaging.rabbitmq.conftest import Open


async def test_publishing_without_a_connection_fails_at_once(connect: Open, proxy: Proxy) -> None:
    queue = await connect(proxy.url)
    proxy.part()
    with pytest.raises(BrokerUnavailable):
        async with asyncio.timeout(1.0):
            while True:
                await queue.publish(message())


async def test_a_server_that_hangs_is_given_up_on_in_time(
    connect: Open, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PUBLISH_TIMEOUT", 0.2)
    queue = await connect(proxy.url)
    proxy.freeze()
    with pytest.raises(BrokerUnavailable, match="no answer"):
        await queue.publish(message())
    proxy.thaw()


async def test_a_message_at_work_is_handled_once_and_acked_over_the_next_connection(
    connect: Open, proxy: Proxy
) -> None:
    release = asyncio.Event()

    async def work(delivery: Delivery) -> None:
        await release.wait()
        await delivery.ack()

    queue, collector, other = await connect(proxy.url), Collector(then=work), Collector()
    member = await queue.subscribe("g", [HAPPENED], collector)
    await queue.publish(message(1))
    await collector.wait_for(1)
    proxy.cut()
    await publish_until_stored(queue, 2)
    await arrived(collector, 2)
    release.set()
    await member.stop()
    await queue.subscribe("g", [HAPPENED], other)
    await publish_until_stored(queue, 3)
    assert (collector.numbers, await other.wait_for(1)) == ([1, 2], [3])


async def test_an_ack_that_cannot_be_sent_is_told(connect: Open, proxy: Proxy) -> None:
    told: asyncio.Future[MessagingError] = asyncio.get_running_loop().create_future()

    async def cut_then_ack(delivery: Delivery) -> None:
        proxy.part()
        await until(lambda: queue._link._connection is None)
        try:
            await delivery.ack()
        except MessagingError as error:
            told.set_result(error)

    queue = await connect(proxy.url)
    await queue.subscribe("g", [HAPPENED], cut_then_ack)
    await queue.publish(message())
    assert isinstance(await asyncio.wait_for(told, DEADLINE), BrokerUnavailable)


async def test_a_queue_that_an_operator_removed_is_made_again_without_loss(connect: Open, namespace: str) -> None:
    queue, collector = await connect(), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    async with raw() as channel:
        await remove(channel.connection, Namespace(namespace).group("g"))
    await publish_until_stored(queue, 3)
    await arrived(collector, 3)


async def test_a_stream_that_an_operator_removed_is_an_error_once_and_made_again(connect: Open, namespace: str) -> None:
    queue = await connect()
    async with raw() as channel:
        await channel.queue_delete(Namespace(namespace).events)
    with pytest.raises(BrokerUnavailable, match="nothing at .* would keep the message"):
        await queue.publish(message(1))
    await publish_until_stored(queue, 1)
    collector = Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    assert await collector.wait_for(1) == [1]


async def test_closing_while_the_server_is_away_takes_no_time(connect: Open, proxy: Proxy) -> None:
    queue = await connect(proxy.url)
    await queue.subscribe("g", [ENDED], Collector())
    proxy.part()
    async with asyncio.timeout(2.0):
        await queue.close()


async def test_subscribing_while_the_server_is_away_is_an_error_that_may_be_tried_again(
    connect: Open, proxy: Proxy
) -> None:
    queue, collector = await connect(proxy.url), Collector()
    proxy.part()
    with pytest.raises(BrokerUnavailable):
        await queue.subscribe("g", [HAPPENED], collector)
    proxy.join()
    await publish_until_stored(queue, 1)
    await queue.subscribe("g", [HAPPENED], collector)
    assert await collector.wait_for(1) == [1]


async def test_a_connection_that_is_cut_again_and_again_comes_back_each_time(connect: Open, proxy: Proxy) -> None:
    queue, collector = await connect(proxy.url), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    for number in range(10):
        proxy.cut()
        await publish_until_stored(queue, number)
    await until(lambda: set(collector.numbers) == set(range(10)))


async def test_what_is_no_cloud_event_is_delivered_as_undecodable(connect: Open, namespace: str) -> None:
    collector = Collector()
    await (await connect()).subscribe("g", [HAPPENED], collector)
    async with raw() as channel:
        await channel.basic_publish(b"not ours", exchange=Namespace(namespace).events, routing_key=HAPPENED)
    message = (await undecodable(collector)).message
    assert (message.data, message.type) == (b"not ours", HAPPENED)


async def test_what_the_broker_gave_up_is_delivered_as_undecodable(connect: Open, namespace: str) -> None:
    queue, collector = await connect(), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    sent = message(5)
    properties = client.Basic.Properties(headers=dict(sent.headers()))
    async with raw(URL) as channel:
        await channel.basic_publish(
            sent.data, exchange=Namespace(namespace).dead, routing_key="g", properties=properties
        )
    error = await undecodable(collector)
    assert (error.message.id, error.message.data) == (sent.id, sent.data)
    assert "gave up delivering" in str(error)
