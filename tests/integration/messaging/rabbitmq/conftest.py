from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from atoll.core import new_id
from atoll.messaging.rabbitmq import RabbitMQMessageQueue, topology
from tests.integration.messaging.rabbitmq.broker import URL, Proxy, TracedQueue, wipe

Open = Callable[..., Awaitable[RabbitMQMessageQueue]]


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody crashes the server here, except where a test says so."""
    monkeypatch.setattr(topology, "SETTLE_SECONDS", 0.0)


@pytest.fixture
async def namespace() -> AsyncIterator[str]:
    """A namespace that is nobody else's, removed at the end."""
    name = f"test-{new_id()}"
    yield name
    await wipe(name)


@pytest.fixture
async def connect(namespace: str) -> AsyncIterator[Open]:
    """Connect to the server, or to that at another URL; closed before the namespace is removed."""
    queues: list[RabbitMQMessageQueue] = []

    async def connect(url: str = URL) -> RabbitMQMessageQueue:
        queues.append(await TracedQueue.connect(url, namespace=namespace))
        return queues[-1]

    yield connect
    for queue in queues:
        await queue.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def other_namespace() -> AsyncIterator[Open]:
    """Connect to the server under another namespace."""
    name = f"test-{new_id()}"
    queue = await TracedQueue.connect(URL, namespace=name)

    async def connect() -> RabbitMQMessageQueue:
        return queue

    yield connect
    await queue.close()
    await wipe(name)
