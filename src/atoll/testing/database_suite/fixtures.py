"""What every test of the suite runs on: replicas of one database, with the suite's tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from atoll.core.hooks import Hooks
from atoll.storage import Database
from atoll.testing.database_suite.tables import SCHEMA


class Connect(Protocol):
    """Opens the test's database, once more with each call."""

    async def __call__(self, hooks: Hooks | None = None) -> Database: ...


class Replicas:
    """Opens replicas of the database under test."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.opened: list[Database] = []

    async def open(self, hooks: Hooks | None = None) -> Database:
        """One more, closed at the end of the test."""
        self.opened.append(await self._connect(hooks))
        return self.opened[-1]


class DatabaseFixtures:
    """The database under test; `connect` is the adapter's."""

    @pytest.fixture
    def connect(self) -> Connect:
        """Override: return a function that opens the test's database."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    async def replicas(self, connect: Connect) -> AsyncIterator[Replicas]:
        """Open replicas, and close them at the end of the test."""
        replicas = Replicas(connect)
        yield replicas
        for database in replicas.opened:
            await database.close()

    @pytest.fixture
    async def db(self, replicas: Replicas) -> Database:
        """One replica, with the suite's tables."""
        db = await replicas.open()
        await db.engine.script(SCHEMA)
        async with db.transaction():
            for name in ("n", "left", "right"):
                await db.execute("INSERT INTO counters (name, value) VALUES ($1, 0)", name)
        return db

    @pytest.fixture
    async def other(self, db: Database, replicas: Replicas) -> Database:
        """Another replica of the same service."""
        return await replicas.open()
