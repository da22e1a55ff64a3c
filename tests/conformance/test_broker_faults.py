"""Every adapter of a real broker passes the published suite of its faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from atoll.core import new_id
from atoll.messaging import MessageQueue
from atoll.messaging.nats import NatsMessageQueue, NatsServer, subscription
from atoll.messaging.rabbitmq import RabbitMQMessageQueue, RabbitMQServer
from atoll.testing.broker_suite import BrokerFaultSuite, FaultyBroker
from tests.integration.messaging.rabbitmq.broker import Proxy, TracedQueue, close_channel, limit, wipe


class FaultyNats:
    def __init__(self, server: NatsServer, proxy: Proxy) -> None:
        self.server = server
        self.proxy = proxy
        self.queues: list[MessageQueue] = []

    async def connect(self) -> MessageQueue:
        url = f"nats://{self.proxy.address}"
        self.queues.append(await NatsMessageQueue.connect(url, namespace="shop", ack_wait=2.0))
        return self.queues[-1]

    async def crash(self) -> None:
        self.server.kill()
        await self.server.wait()
        await self.server.start()

    async def cut(self) -> None:
        self.proxy.cut()

    async def interrupt(self, queue: MessageQueue) -> None:
        client = await nats.connect(self.server.url)
        await client.jetstream().delete_consumer("shop", "g")
        await client.close()

    async def fill(self) -> None:
        await self._limit(5)

    async def make_room(self) -> None:
        await self._limit(-1)

    async def _limit(self, messages: int) -> None:
        client: Client = await nats.connect(self.server.url)
        config = (await client.jetstream().stream_info("shop")).config
        await client.jetstream().update_stream(config.evolve(max_msgs=messages))
        await client.close()


class TestNats(BrokerFaultSuite):
    @pytest.fixture
    async def broker(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FaultyBroker]:
        monkeypatch.setattr(subscription, "HEARTBEAT_SECONDS", 0.5)
        server = NatsServer(tmp_path)
        await server.start()
        proxy = Proxy(server.url)
        await proxy.start()
        broker = FaultyNats(server, proxy)
        yield broker
        for queue in broker.queues:
            await queue.close()
        await proxy.stop()
        await server.stop()


class FaultyRabbitMQ:
    def __init__(self, server: RabbitMQServer, proxy: Proxy) -> None:
        self.server = server
        self.proxy = proxy
        self.namespace = f"test-{new_id()}"
        self.queues: list[MessageQueue] = []

    async def connect(self) -> MessageQueue:
        self.queues.append(await TracedQueue.connect(self.proxy.url, namespace=self.namespace))
        return self.queues[-1]

    async def crash(self) -> None:
        self.server.kill()
        await self.server.wait()
        await self.server.start()

    async def cut(self) -> None:
        self.proxy.cut()

    async def interrupt(self, queue: MessageQueue) -> None:
        assert isinstance(queue, RabbitMQMessageQueue)
        await close_channel(queue)

    async def fill(self) -> None:
        await limit(self.server, self.namespace, 3)

    async def make_room(self) -> None:
        await limit(self.server, self.namespace, 1000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitMQServer]:
    """A server of our own, which may be killed; it takes seconds to start."""
    server = RabbitMQServer(tmp_path_factory.mktemp("rabbitmq"))
    await server.start()
    yield server
    await server.stop()


@pytest.mark.asyncio(loop_scope="module")
class TestRabbitMQ(BrokerFaultSuite):
    @pytest_asyncio.fixture(loop_scope="module")
    async def broker(self, rabbitmq: RabbitMQServer) -> AsyncIterator[FaultyBroker]:
        proxy = Proxy(rabbitmq.url)
        await proxy.start()
        broker = FaultyRabbitMQ(rabbitmq, proxy)
        yield broker
        for queue in broker.queues:
            await asyncio.wait_for(queue.close(), 10.0)
        await proxy.stop()
        await wipe(broker.namespace, rabbitmq.url)
