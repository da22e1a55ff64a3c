from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from atoll.core import Hooks
from atoll.messaging.nats import NatsMessageQueue, NatsServer
from atoll.storage import Database

Open = Callable[[], Awaitable[NatsMessageQueue]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "nats")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def connect(server: NatsServer) -> AsyncIterator[Open]:
    queues: list[NatsMessageQueue] = []

    async def connect() -> NatsMessageQueue:
        queues.append(await NatsMessageQueue.connect(server.url, namespace="shop", ack_wait=2.0))
        return queues[-1]

    yield connect
    for queue in queues:
        await queue.close()


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/service.db")
    async with database.transaction():
        await database.execute("CREATE TABLE effects (key TEXT NOT NULL, number INTEGER NOT NULL)")
    yield database
    await database.close()
