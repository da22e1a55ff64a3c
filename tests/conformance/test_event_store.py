"""Every adapter of the event log passes the published suite."""

from pathlib import Path

import pytest

from atoll.eventstore import EventStore
from atoll.eventstore.memory import MemoryEventLog
from atoll.storage import Database
from atoll.testing.event_store_suite import Connect, ConnectWithin, EventStoreSuite


class TestMemory(EventStoreSuite):
    FEATURES = EventStoreSuite.ALL - {"unit of work"}

    @pytest.fixture
    def connect(self) -> Connect:
        log = MemoryEventLog()

        async def connect() -> EventStore:
            return EventStore(log)

        return connect


class TestSqlite(EventStoreSuite):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        async def connect() -> EventStore:
            return await EventStore.open(f"sqlite:///{tmp_path}/events.db")

        return connect

    @pytest.fixture
    def connect_within(self, tmp_path: Path) -> ConnectWithin:
        async def connect() -> tuple[Database, EventStore]:
            db = await Database.open(f"sqlite:///{tmp_path}/service.db")
            return db, await EventStore.over(db)

        return connect


class TestPostgres(EventStoreSuite):
    @pytest.fixture
    def connect(self, postgres_schema: str) -> Connect:
        async def connect() -> EventStore:
            return await EventStore.open(postgres_schema)

        return connect

    @pytest.fixture
    def connect_within(self, postgres_schema: str) -> ConnectWithin:
        async def connect() -> tuple[Database, EventStore]:
            db = await Database.open(postgres_schema)
            return db, await EventStore.over(db)

        return connect
