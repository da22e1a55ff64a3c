"""What every test of the suite runs on: connections to one event log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar

import pytest

from atoll.eventstore import EventStore
from atoll.storage import Database

Connect = Callable[[], Awaitable[EventStore]]
ConnectWithin = Callable[[], Awaitable[tuple[Database, EventStore]]]


class EventStoreFixtures:
    """The event log under test, by the adapter's `connect` and, with the feature, `connect_within`."""

    ALL: ClassVar[frozenset[str]] = frozenset({"unit of work"})
    FEATURES: ClassVar[frozenset[str]] = ALL

    @pytest.fixture
    def connect(self) -> Connect:
        """Override: return a function that opens the test's store."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    def connect_within(self) -> ConnectWithin:
        """Override, with the feature "unit of work": return a function that opens a database and the store over it."""
        self.needs("unit of work")
        raise NotImplementedError("override the fixture `connect_within`")

    @pytest.fixture
    async def opened(self, connect: Connect) -> AsyncIterator[Connect]:
        """Connect, and close at the end of the test."""
        stores: list[EventStore] = []

        async def opened() -> EventStore:
            stores.append(await connect())
            return stores[-1]

        yield opened
        for each in stores:
            await each.close()

    @pytest.fixture
    async def store(self, opened: Connect) -> EventStore:
        """One connection."""
        return await opened()

    @pytest.fixture
    async def within(self, connect_within: ConnectWithin) -> AsyncIterator[tuple[Database, EventStore]]:
        """A database, and the store over it."""
        db, store = await connect_within()
        yield db, store
        await store.close()
        await db.close()

    def needs(self, feature: str) -> None:
        """Skip the test, naming `feature`, when the adapter does not declare it."""
        if feature not in self.FEATURES:
            pytest.skip(f"{type(self).__name__} does not declare {feature!r}")
