"""Where projections run in these tests: their events and views, on each pair of stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from atoll.eventstore import EventStore, Position
from atoll.eventstore.memory import MemoryEventLog
from atoll.projections import Overview, Projection, ProjectionEngine
from atoll.storage import Database
from tests.conformance.projections.views import added

Connect = Callable[[], Awaitable[tuple[Database, EventStore]]]


class Bench:
    """Databases and engines of one test, closed at its end."""

    def __init__(self, connect: Connect, stack: AsyncExitStack) -> None:
        self._connect = connect
        self._stack = stack
        self.db: Database
        self.store: EventStore

    async def connect(self) -> tuple[Database, EventStore]:
        db, store = await self._connect()
        self._stack.push_async_callback(db.close)
        self._stack.push_async_callback(store.close)
        return db, store

    async def engine(
        self, *projections: Projection, owner: str = "test/0", lease: float = 10.0, apart: bool = False
    ) -> ProjectionEngine:
        """Start an engine; `apart` on connections of its own, as another replica has them."""
        db, store = await self.connect() if apart else (self.db, self.store)
        engine = ProjectionEngine(db, store, projections, owner=owner, lease_seconds=lease)
        self._stack.push_async_callback(engine.stop)
        await engine.start()
        return engine

    async def append(self, stream: str, *amounts: int) -> Position:
        return (await self.store.append(stream, added(*amounts))).position


async def until(engine: ProjectionEngine, holds: Callable[[Overview], bool], name: str = "balances") -> None:
    """Wait until the overview of a projection is so."""
    async with asyncio.timeout(20):
        while not holds(next(each for each in await engine.overview() if each.name == name)):
            await engine.next_look()


class Fixtures:
    """A bench on what `connect` of a test's class opens."""

    @pytest.fixture
    async def bench(self, connect: Connect) -> AsyncIterator[Bench]:
        async with AsyncExitStack() as stack:
            bench = Bench(connect, stack)
            bench.db, bench.store = await bench.connect()
            yield bench


class Memory:
    """Events in memory, views on SQLite."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        log = MemoryEventLog()

        async def connect() -> tuple[Database, EventStore]:
            return await Database.open(f"sqlite:///{tmp_path}/service.db"), EventStore(log)

        return connect


class Sqlite:
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        async def connect() -> tuple[Database, EventStore]:
            db = await Database.open(f"sqlite:///{tmp_path}/service.db")
            return db, await EventStore.over(db)

        return connect


class Postgres:
    @pytest.fixture
    def connect(self, postgres_schema: str) -> Connect:
        async def connect() -> tuple[Database, EventStore]:
            db = await Database.open(f"{postgres_schema}&pool=5")
            return db, await EventStore.over(db)

        return connect
