"""What the suite cannot show of any adapter: JetStream's faults, and what the queue does about them."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import psutil
import pytest
from nats.aio.client import Client

from atoll.messaging import (
    BrokerUnavailable,
    BrokerUnusable,
    Delivery,
    MessageRefused,
    MessagingError,
)
from atoll.messaging.nats import NatsMessageQueue, NatsServer, subscription
from atoll.messaging.nats import queue as queue_module
from atoll.testing.broker_suite import arrived, publish_until_stored
from atoll.testing.queue_suite import DEADLINE, ENDED, HAPPENED, Collector, Connect, leave, message
from tests.integration.messaging.handlers import undecodable


@asynccontextmanager
async def raw(server: NatsServer) -> AsyncIterator[Client]:
    """A plain client, for what our own never does."""
    client = await nats.connect(server.url)
    try:
        yield client
    finally:
        await client.close()


async def restart(server: NatsServer) -> None:
    server.kill()
    await server.wait()
    await server.start()


async def publish_until_crash(server: NatsServer, queue: NatsMessageQueue, first: int, stored: set[int]) -> None:
    """Publish one after the other, noting what was confirmed; the server dies at the 300th."""
    for number in itertools.count(first, 20):
        try:
            await queue.publish(message(number))
        except BrokerUnavailable:
            return
        stored.add(number)
        if len(stored) == 300:
            server.kill()


async def test_a_server_that_is_not_there_is_told_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(BrokerUnavailable, match=f"cannot connect to NATS at nats://127.0.0.1:{port}: "):
        await NatsMessageQueue.connect(f"nats://127.0.0.1:{port}", namespace="shop")


async def test_something_else_that_answers_there_is_told_in_one_sentence() -> None:
    async def http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(http, "127.0.0.1", 0) as other:
        url = f"nats://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        with pytest.raises(BrokerUnavailable, match="cannot connect to NATS"):
            await NatsMessageQueue.connect(url, namespace="shop")


class PlainNatsServer(NatsServer):
    def settings(self) -> dict[str, Any]:
        return {name: value for name, value in super().settings().items() if name != "jetstream"}


async def test_a_server_without_jetstream_is_told_in_one_sentence(tmp_path: Path) -> None:
    server = PlainNatsServer(tmp_path)
    await server.start()
    with pytest.raises(BrokerUnavailable, match=r"JetStream at .* is not enabled there"):
        await NatsMessageQueue.connect(server.url, namespace="shop")
    await server.stop()


async def test_a_stream_in_memory_is_refused(server: NatsServer) -> None:
    async with raw(server) as client:
        await client.jetstream().add_stream(name="shop", subjects=["shop.>"], storage="memory")
    with pytest.raises(BrokerUnusable, match=r"'shop' at nats.* keeps its messages in memory; remove it"):
        await NatsMessageQueue.connect(server.url, namespace="shop")


async def test_a_subject_that_another_stream_takes_is_told(server: NatsServer) -> None:
    async with raw(server) as client:
        await client.jetstream().add_stream(name="other", subjects=["shop.*"])
    with pytest.raises(BrokerUnusable, match="overlap"):
        await NatsMessageQueue.connect(server.url, namespace="shop")


async def test_two_namespaces_of_one_server_are_apart(server: NatsServer, connect: Connect) -> None:
    shop, bank, collector = await connect(), await NatsMessageQueue.connect(server.url, namespace="bank"), Collector()
    await bank.subscribe("g", [HAPPENED], collector)
    await shop.publish(message(1))
    await bank.publish(message(2))
    assert await collector.wait_for(1) == [2]
    await bank.close()


async def test_a_repeated_id_is_stored_once(connect: Connect) -> None:
    queue, collector, repeated = await connect(), Collector(), message(1)
    for each in (repeated, repeated, message(2)):
        await queue.publish(each)
    await queue.subscribe("g", [HAPPENED], collector)
    assert await collector.wait_for(2) == [1, 2]


async def test_a_message_too_large_for_the_broker_is_refused(connect: Connect) -> None:
    queue = await connect()
    large = message()
    with pytest.raises(MessageRefused, match="2000000 bytes"):
        await queue.publish(type(large)(id="1", type=HAPPENED, source="s", time=1.0, data=bytes(2_000_000)))


async def test_a_group_without_types_is_refused(connect: Connect) -> None:
    with pytest.raises(BrokerUnusable, match="no event type"):
        await (await connect()).subscribe("g", [], Collector())


async def test_what_is_no_cloud_event_is_delivered_as_undecodable(server: NatsServer, connect: Connect) -> None:
    collector = Collector()
    await (await connect()).subscribe("g", [HAPPENED], collector)
    async with raw(server) as client:
        await client.jetstream().publish(f"shop.{HAPPENED}", b"not ours")
    assert (await undecodable(collector)).message.data == b"not ours"


async def test_publishing_and_consuming_go_on_by_themselves_after_a_crash(server: NatsServer, connect: Connect) -> None:
    queue, collector = await connect(), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    await queue.publish(message(1))
    await collector.wait_for(1)
    await restart(server)
    await publish_until_stored(queue, 2)
    await arrived(collector, 2)


async def test_a_connection_that_ends_without_a_word_is_noticed(server: NatsServer, connect: Connect) -> None:
    queue, collector = await NatsMessageQueue.connect(server.url, namespace="shop"), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    assert queue._link._client is not None
    queue._link._client._closed_cb = None  # closing fails half-way when the socket is reset
    await restart(server)
    await (await connect()).publish(message(1))
    await arrived(collector, 1)
    await queue.close()


async def test_a_crash_while_publishing_loses_nothing_that_was_confirmed(server: NatsServer, connect: Connect) -> None:
    queue, stored, collector = await connect(), set[int](), Collector()
    await asyncio.gather(*(publish_until_crash(server, queue, first, stored) for first in range(20)))
    await restart(server)
    await publish_until_stored(queue, -1)
    await queue.subscribe("g", [HAPPENED], collector, prefetch=5000)
    await arrived(collector, -1)
    assert len(stored) >= 300
    assert stored <= set(collector.numbers)


async def test_publishing_without_a_connection_fails_at_once(server: NatsServer, connect: Connect) -> None:
    queue = await connect()
    server.kill()
    await server.wait()
    with pytest.raises(BrokerUnavailable):
        async with asyncio.timeout(1.0):
            await queue.publish(message())


async def test_a_message_in_hand_is_acked_over_the_next_connection(server: NatsServer, connect: Connect) -> None:
    queue, other = await connect(), Collector()
    first = Collector(then=lambda _: asyncio.sleep(0))
    member = await queue.subscribe("g", [HAPPENED], first)
    await queue.publish(message(1))
    await first.wait_for(1)
    await restart(server)
    await publish_until_stored(queue, 2)
    await arrived(first, 2)
    for delivery in first.deliveries:
        await delivery.ack()
    await member.stop()
    await publish_until_stored(queue, 3)
    await queue.subscribe("g", [HAPPENED], other)
    assert await other.wait_for(1) == [3]


async def test_a_message_at_work_is_not_started_again_when_the_server_comes_back(
    server: NatsServer, connect: Connect
) -> None:
    release = asyncio.Event()

    async def work(delivery: Delivery) -> None:
        await asyncio.wait_for(release.wait(), DEADLINE)
        await delivery.ack()

    queue, collector = await connect(), Collector(then=work)
    subscription = await queue.subscribe("g", [HAPPENED], collector)
    await queue.publish(message(1))
    await collector.wait_for(1)
    await restart(server)
    await publish_until_stored(queue, 2)
    assert await collector.wait_for(2) == [1, 2]
    release.set()
    await subscription.stop()


async def test_stopping_while_messages_stream_in_leaves_the_rest_to_the_next_member(connect: Connect) -> None:
    queue, first, rest = await connect(), Collector(), Collector()
    await asyncio.gather(*(queue.publish(message(number)) for number in range(1000)))
    subscription = await queue.subscribe("g", [HAPPENED], first, prefetch=1000)
    await first.wait_for(1)
    await asyncio.wait_for(subscription.stop(), DEADLINE)
    await queue.subscribe("g", [HAPPENED], rest, prefetch=1000)
    await rest.wait_for(1000 - len(first.deliveries))
    assert sorted({*first.numbers, *rest.numbers}) == list(range(1000))


async def test_an_ack_without_a_connection_is_told(server: NatsServer, connect: Connect) -> None:
    told = asyncio.get_running_loop().create_future()

    async def crash_then_ack(delivery: object) -> None:
        server.kill()
        await server.wait()
        while queue._link.up:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        try:
            await collector.deliveries[0].ack()
        except MessagingError as error:
            told.set_result(error)

    queue, collector = await connect(), Collector(then=crash_then_ack)
    await queue.subscribe("g", [HAPPENED], collector)
    await queue.publish(message())
    assert isinstance(await asyncio.wait_for(told, DEADLINE), BrokerUnavailable)


async def test_a_server_that_lost_its_store_is_set_up_again(server: NatsServer, connect: Connect) -> None:
    queue, collector = await connect(), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    server.kill()
    await server.wait()
    shutil.rmtree(server.directory / "jetstream")
    await server.start()
    await publish_until_stored(queue, 7)
    assert await collector.wait_for(1) == [7]


async def test_a_consumer_that_an_operator_removed_is_made_again(
    server: NatsServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "HEARTBEAT_SECONDS", 0.5)
    queue, collector = await connect(), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    async with raw(server) as client:
        await client.jetstream().delete_consumer("shop", "g")
    await queue.publish(message(3))
    assert await collector.wait_for(1) == [3]


async def test_a_quiet_subscription_outlives_its_polls(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "POLL_SECONDS", 0.5)
    monkeypatch.setattr(subscription, "HEARTBEAT_SECONDS", 0.2)
    queue, collector = await connect(), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(collector.wait_for(1), 1.2)
    await queue.publish(message(4))
    assert await collector.wait_for(1) == [4]


async def test_a_server_that_hangs_is_given_up_on_in_time(
    server: NatsServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "PUBLISH_TIMEOUT", 0.2)
    queue, process = await connect(), psutil.Process(server.pid)
    process.suspend()
    with pytest.raises(BrokerUnavailable, match=r"no answer within 0\.2 s"):
        await queue.publish(message())
    process.resume()


async def test_closing_while_the_server_is_away_takes_no_time(server: NatsServer, connect: Connect) -> None:
    queue = await connect()
    await queue.subscribe("g", [ENDED], Collector())
    server.kill()
    await server.wait()
    async with asyncio.timeout(2.0):
        await queue.close()


async def test_a_server_that_cannot_begin_again_hands_over_in_order_all_the_same(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: object) -> bool:
        return False

    monkeypatch.setattr(subscription, "reset_consumer", unknown)
    first, second = Collector(then=leave), Collector()
    active = await (await connect()).subscribe("g", [HAPPENED], first, prefetch=8)
    queue = await connect()
    for number in range(4):
        await queue.publish(message(number))
    await first.wait_for(4)
    await (await connect()).subscribe("g", [HAPPENED], second, prefetch=8)
    await active.stop()
    for number in range(4, 8):
        await queue.publish(message(number))
    assert await second.wait_for(8) == list(range(8))


async def test_a_member_that_comes_back_does_not_wait_for_the_place_of_the_one_that_died(
    server: NatsServer, connect: Connect
) -> None:
    queue, lost, heir = await connect(), Collector(then=leave), Collector()
    member = await NatsMessageQueue.connect(server.url, namespace="shop")
    await member.subscribe("g", [HAPPENED], lost)
    await queue.publish(message(1))
    await lost.wait_for(1)
    await member._link.close()  # as when its process is killed
    await queue.subscribe("g", [HAPPENED], heir)
    async with asyncio.timeout(subscription.PIN_SECONDS - 1):
        assert await heir.wait_for(1) == [1]
    await member.close()
