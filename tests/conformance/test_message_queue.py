"""Every adapter of the MessageQueue port passes the published suite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.messaging import MemoryBroker, MemoryMessageQueue, MessageQueue
from atoll.messaging.nats import NatsMessageQueue, NatsServer
from atoll.testing.queue_suite import Connect, MessageQueueSuite


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
