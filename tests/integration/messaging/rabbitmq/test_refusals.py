"""What RabbitMQ cannot be used for or with is told in one sentence, which names the way out."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from atoll.messaging import BrokerUnavailable, BrokerUnusable, MessageRefused, open_queue
from atoll.messaging.rabbitmq import RabbitMQMessageQueue
from atoll.messaging.rabbitmq.topology import LOSSY_QUEUE, Namespace
from atoll.testing.queue_suite import HAPPENED, Collector, message
from tests.integration.messaging.rabbitmq.broker import URL, Proxy, TracedQueue, raw
from tests.integration.messaging.rabbitmq.conftest import Open


def url_with(*, user: str = "guest:guest", vhost: str = "") -> str:
    parts = urlsplit(URL)
    return f"amqp://{user}@{parts.hostname}:{parts.port or 5672}/{vhost}"


async def test_a_server_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(BrokerUnavailable, match=f"cannot connect to RabbitMQ at amqp://127.0.0.1:{port}: "):
        await RabbitMQMessageQueue.connect(f"amqp://guest:secret@127.0.0.1:{port}", namespace="shop")


async def test_the_next_server_of_a_cluster_is_tried(namespace: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    queue = await RabbitMQMessageQueue.connect(f"amqp://127.0.0.1:{port},{URL}", namespace=namespace)
    await queue.publish(message())
    await queue.close()


async def test_something_else_that_answers_there_is_told() -> None:
    async def http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(http, "127.0.0.1", 0) as other:
        url = f"amqp://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        with pytest.raises(BrokerUnavailable, match="cannot connect to RabbitMQ"):
            await RabbitMQMessageQueue.connect(url, namespace="shop")


async def test_wrong_credentials_are_told_without_the_password(namespace: str) -> None:
    with pytest.raises(BrokerUnusable, match="refused the user or the password; correct ATOLL_BROKER_URL") as raised:
        await RabbitMQMessageQueue.connect(url_with(user="guest:wrong"), namespace=namespace)
    assert "wrong" not in str(raised.value)


async def test_a_virtual_host_that_is_not_there_is_told(namespace: str) -> None:
    with pytest.raises(BrokerUnusable, match="nowhere has no such virtual host, or not for that user"):
        await RabbitMQMessageQueue.connect(url_with(vhost="nowhere"), namespace=namespace)


@pytest.mark.parametrize(
    ("said", "changed", "told"),
    [
        (b"3.10.8", b"3.9.99", "RabbitMQ 3.9.99 is too old: .*upgrade it"),
        (b"productS\x00\x00\x00\x08RabbitMQ", b"productS\x00\x00\x00\x08LavinnMQ", "the broker is LavinnMQ"),
    ],
)
async def test_a_server_that_would_lose_messages_is_told(
    namespace: str, said: bytes, changed: bytes, told: str
) -> None:
    proxy = Proxy(rewrite=lambda data: data.replace(said, changed))
    await proxy.start()
    with pytest.raises(BrokerUnusable, match=told):
        await RabbitMQMessageQueue.connect(proxy.url, namespace=namespace)
    await proxy.stop()


async def test_a_classic_queue_is_refused_with_the_setting_that_accepts_it(connect: Open, namespace: str) -> None:
    async with raw() as channel:
        await channel.queue_declare(Namespace(namespace).group("g"), durable=True)
    told = f"the queue '{namespace}.group.g' .*remove what is named.*ATOLL_UNSAFE={LOSSY_QUEUE}"
    with pytest.raises(BrokerUnusable, match=told):
        await (await connect()).subscribe("g", [HAPPENED], Collector())


async def test_a_classic_queue_is_used_when_that_is_accepted(namespace: str) -> None:
    async with raw() as channel:
        await channel.queue_declare(Namespace(namespace).group("g"), durable=True)
    queue, collector = await TracedQueue.connect(URL, namespace=namespace, unsafe={LOSSY_QUEUE}), Collector()
    await queue.subscribe("g", [HAPPENED], collector)
    await queue.publish(message(3))
    assert await collector.wait_for(1) == [3]
    await queue.close()


async def test_every_problem_is_told_at_once(namespace: str) -> None:
    names = Namespace(namespace)
    async with raw() as channel:
        await channel.queue_declare(names.events, durable=True)
        await channel.exchange_declare(names.events, exchange_type="fanout", durable=True)
    with pytest.raises(BrokerUnusable, match=f"the exchange '{names.events}' .* and the queue '{names.events}'"):
        await RabbitMQMessageQueue.connect(URL, namespace=namespace)


async def test_a_group_without_types_is_refused(connect: Open) -> None:
    with pytest.raises(BrokerUnusable, match="no event type"):
        await (await connect()).subscribe("g", [], Collector())


async def test_a_key_that_fits_no_header_is_refused_and_harms_no_other_message(connect: Open) -> None:
    queue = await connect()
    with pytest.raises(MessageRefused, match="shorten the event's key"):
        await queue.publish(message(key="k" * 200_000))
    await queue.publish(message())


async def test_the_scheme_of_a_url_leads_to_the_adapter(namespace: str) -> None:
    queue = await open_queue(URL, namespace=namespace)
    assert isinstance(queue, RabbitMQMessageQueue)
    await queue.close()
