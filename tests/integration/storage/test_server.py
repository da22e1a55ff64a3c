"""A PostgreSQL server from the wheel, crashed on purpose."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from atoll.storage import ConnectionLost, Database, StorageError
from atoll.testing.postgres import NoPostgres, PostgresServer, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


async def test_what_was_committed_survives_a_crash_of_the_server_and_the_pool_recovers(
    server: PostgresServer,
) -> None:
    db = await Database.open(f"{server.url}_crash")
    async with db.transaction():
        await db.inbox.first_time("a", "1")
    await asyncio.to_thread(server.stop, signal.SIGQUIT)
    with pytest.raises(ConnectionLost):
        await db.fetch_value("SELECT 1")
    await asyncio.to_thread(server.start)
    assert await db.fetch_value("SELECT count(*) FROM atoll_inbox") == 1
    await db.close()


async def test_no_acknowledged_commit_is_lost_when_the_server_crashes_under_load(server: PostgresServer) -> None:
    db = await Database.open(f"{server.url}_load")
    acknowledged, enough = list[str](), asyncio.Event()

    async def one(name: str) -> None:
        await db.atomic(lambda: db.inbox.first_time("a", name))
        acknowledged.append(name)
        if len(acknowledged) == 100:
            enough.set()

    async def many(worker: int) -> None:
        for number in range(1000):
            try:
                await one(f"{worker}-{number}")
            except StorageError:
                return

    load = asyncio.gather(*(many(worker) for worker in range(4)))
    await asyncio.wait_for(enough.wait(), 30)
    await asyncio.to_thread(server.stop, signal.SIGQUIT)
    await load
    await asyncio.to_thread(server.start)
    one_of = db.engine.dialect.one_of("$1")
    kept = await db.fetch_value(f"SELECT count(*) FROM atoll_inbox WHERE message_id {one_of}", acknowledged)
    assert kept == len(acknowledged)
    await db.close()


def test_a_server_is_started_when_none_is_named_and_none_runs_here() -> None:
    with postgres_server(local="postgresql://postgres@127.0.0.1:1/postgres") as url:
        assert "127.0.0.1" in url


def test_a_named_server_that_does_not_answer_fails() -> None:
    with pytest.raises(NoPostgres, match="does not answer"), postgres_server("postgresql://postgres@127.0.0.1:1/x"):
        pass
