"""A schema of each test's own, on a real server, and a second way to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from atoll.storage import Database
from tests.integration.storage.proxy import Proxy

SCHEMA = "CREATE TABLE IF NOT EXISTS things (id BIGINT PRIMARY KEY, name TEXT NOT NULL DEFAULT '')"


@pytest.fixture
def url(postgres_schema: str) -> str:
    """Where the test's tables are, on a server that looks for deadlocks after 50 ms instead of a second."""
    return f"{postgres_schema}&deadlock_timeout=50ms"


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """The service's way to its database."""
    database = await Database.open(url)
    await database.engine.script(SCHEMA)
    yield database
    await database.close()


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server."""
    async with Proxy(url) as proxy:
        yield proxy


@pytest.fixture
async def fragile(db: Database, proxy: Proxy) -> AsyncIterator[Database]:
    """The same database through the proxy."""
    database = await Database.open(proxy.url)
    yield database
    await database.close()


class Administrator:
    """Looks at the server from outside of the toolkit."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection

    async def terminate_all(self) -> int:
        """End every other session in this database, as a restart of the server would."""
        sql = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'atoll'"
        )
        return len(await self.connection.fetch(sql))

    async def open_transactions(self) -> int:
        """Count sessions in this database that are within a transaction and do nothing."""
        sql = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
        )
        return int(await self.connection.fetchval(sql))

    async def waiting(self) -> int:
        """Count the service's statements that wait for a lock."""
        sql = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'"
        )
        return int(await self.connection.fetchval(sql))


@pytest.fixture
async def administrator(db: Database, url: str) -> AsyncIterator[Administrator]:
    """A session of the server's administrator in the test's database."""
    connection = await asyncpg.connect(url)
    yield Administrator(connection)
    await connection.close()
