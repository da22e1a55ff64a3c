"""Every adapter of the MessageQueue port passes the published suite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.core import new_id
from atoll.messaging import MemoryBroker, MemoryMessageQueue, MessageQueue
from atoll.messaging.nats import NatsMessageQueue, NatsServer
from atoll.messaging.rabbitmq import topology
from atoll.testing.queue_suite import Connect, MessageQueueSuite
from tests.integration.messaging.rabbitmq.broker import URL, TracedQueue, wipe


class TestMemoryMessageQueue(MessageQueueSuite):
    @pytest.fixture
    def connect(self) -> Connect:
        broker = MemoryBroker(hold=self.HOLD, failure_pause=0.05)

        async def connect() -> MessageQueue:
            return MemoryMessageQueue(broker)

        return connect


class TestNatsMessageQueue(MessageQueueSuite):
    @pytest.fixture
    async def server(self, tmp_path: Path) -> AsyncIterator[NatsServer]:
        server = NatsServer(tmp_path)
        await server.start()
        yield server
        await server.stop()

    @pytest.fixture
    def connect(self, server: NatsServer) -> Connect:
        async def connect() -> MessageQueue:
            return await NatsMessageQueue.connect(server.url, namespace="shop", ack_wait=self.HOLD)

        return connect


class TestRabbitMQMessageQueue(MessageQueueSuite):
    """On a server that is running; without one every test fails."""

    @pytest.fixture
    async def connect(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
        monkeypatch.setattr(topology, "SETTLE_SECONDS", 0.0)  # nobody crashes the server here
        namespace = f"test-{new_id()}"

        async def connect() -> MessageQueue:
            return await TracedQueue.connect(URL, namespace=namespace, hold=self.HOLD)

        yield connect
        await wipe(namespace)
