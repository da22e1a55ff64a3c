"""A service starts on a PostgreSQL server that keeps what it is given, and on no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from atoll.core.errors import SettingsError
from atoll.core.ids import new_id
from atoll.storage import ConnectionLost, Database, DatabaseUnusable, StatementFailed
from tests.integration.storage.conftest import Administrator


def changed(url: str, *, user: str = "postgres", port: int = 0, database: str = "") -> str:
    parts = urlsplit(url)
    netloc = f"{user}@{parts.hostname}:{port or parts.port or 5432}"
    return parts._replace(netloc=netloc, path=f"/{database}" if database else parts.path).geturl()


@pytest.fixture
def url(postgres_database: str) -> str:
    """A database of the test's own, which is made, and altered, as no schema can be."""
    return postgres_database


@pytest.fixture
async def poor_role(postgres_server: str) -> AsyncIterator[str]:
    """A role that may log in and nothing more."""
    name = f"atoll_test_{new_id().replace('-', '')}"
    connection = await asyncpg.connect(postgres_server)
    await connection.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    await connection.execute(f"DROP ROLE {name}")
    await connection.close()


async def test_a_missing_database_is_created_once_by_replicas_that_start_together(postgres_database: str) -> None:
    replicas = await asyncio.gather(*(Database.open(postgres_database) for _ in range(4)))
    names = {await each.fetch_value("SELECT current_database()") for each in replicas}
    assert len(names) == 1
    for each in replicas:
        await each.close()


async def test_a_database_that_may_not_be_created_is_told_with_what_to_do(
    postgres_database: str, poor_role: str
) -> None:
    with pytest.raises(DatabaseUnusable, match=r"does not exist and could not be created .* CREATEDB"):
        await Database.open(changed(postgres_database, user=poor_role))


async def test_unknown_credentials_are_told(postgres_database: str) -> None:
    with pytest.raises(DatabaseUnusable, match="does not accept the credentials"):
        await Database.open(changed(postgres_database, user="nobody_of_this_name"))


async def test_no_server_is_told(postgres_database: str) -> None:
    with pytest.raises(DatabaseUnusable, match="no PostgreSQL server answers there"):
        await Database.open(changed(postgres_database, port=1))


async def test_a_server_that_breaks_the_connection_off_may_be_ready_in_a_moment(postgres_database: str) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConnectionLost, match="is not ready, or broke the connection off"):
        await Database.open(changed(postgres_database, port=port))
    server.close()


async def test_a_host_that_does_not_exist_is_told(postgres_database: str) -> None:
    with pytest.raises(DatabaseUnusable, match="no PostgreSQL server answers there"):
        await Database.open("postgresql://postgres@no-such-host.invalid/shop")


async def test_an_option_that_the_driver_does_not_take_is_told(postgres_database: str) -> None:
    with pytest.raises((DatabaseUnusable, SettingsError), match=r"does not take the URL .*sslmode"):
        await Database.open(f"{postgres_database}?sslmode=nonsense")


async def test_asynchronous_commits_stop_the_start_unless_they_are_accepted(
    db: Database, administrator: Administrator, postgres_database: str
) -> None:
    name = await administrator.connection.fetchval("SELECT current_database()")
    await administrator.connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(DatabaseUnusable, match=r"synchronous_commit is off.*ATOLL_UNSAFE=postgres-async-commit"):
        await Database.open(postgres_database)
    accepted = await Database.open(postgres_database, unsafe={"postgres-async-commit"})
    assert await accepted.fetch_value("SHOW synchronous_commit") == "off"
    await accepted.close()


async def test_a_column_type_that_loses_digits_is_refused(db: Database) -> None:
    with pytest.raises(StatementFailed, match=r"DOUBLE PRECISION.*paid_at REAL"):
        await db.engine.script("CREATE TABLE payments (id TEXT, paid_at REAL NOT NULL)")


async def test_no_more_connections_are_opened_than_the_url_allows(
    postgres_database: str, db: Database, administrator: Administrator
) -> None:
    narrow = await Database.open(f"{postgres_database}?pool=2")
    await db.close()
    await asyncio.gather(*(narrow.fetch_value("SELECT 1 FROM pg_sleep(0.01)") for _ in range(10)))
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'atoll'"
    assert await administrator.connection.fetchval(sql) == 2
    await narrow.close()


async def test_closing_waits_for_the_unit_of_work_in_hand(postgres_database: str, db: Database) -> None:
    async with db.transaction():
        await db.execute("INSERT INTO things (id) VALUES (1)")
        closing = asyncio.create_task(db.close())
        await asyncio.sleep(0)
    await closing
    again = await Database.open(postgres_database)
    assert await again.fetch_value("SELECT count(*) FROM things") == 1
    await again.close()
