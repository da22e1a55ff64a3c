"""What a broken connection to PostgreSQL does to a unit of work, and what it leaves."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import asyncpg
import pytest

from atoll.storage import CommitUnknown, ConnectionLost, Database, StatementFailed, StoredReply, TransactionConflict
from tests.integration.storage.conftest import Administrator
from tests.integration.storage.proxy import Proxy


async def insert(db: Database, number: int) -> None:
    await db.execute("INSERT INTO things (id) VALUES ($1)", number)


async def count(db: Database) -> int:
    return int(await db.fetch_value("SELECT count(*) FROM things"))


async def test_a_session_ended_by_the_server_is_a_lost_connection_and_nothing_is_committed(
    db: Database, administrator: Administrator
) -> None:
    with pytest.raises(ConnectionLost) as raised:
        async with db.transaction():
            await insert(db, 1)
            await administrator.terminate_all()
            await insert(db, 2)
    assert raised.value.retryable
    assert await count(db) == 0


async def test_a_session_ended_before_the_commit_commits_nothing(db: Database, administrator: Administrator) -> None:
    with pytest.raises((ConnectionLost, CommitUnknown)):
        async with db.transaction():
            await insert(db, 1)
            await administrator.terminate_all()
    assert await count(db) == 0


async def test_the_pool_recovers_when_every_session_was_ended(db: Database, administrator: Administrator) -> None:
    await asyncio.gather(*(count(db) for _ in range(10)))
    assert await administrator.terminate_all() > 1
    async with asyncio.timeout(10):
        while not await works(db):
            pass
    assert await count(db) == 1


async def works(db: Database) -> bool:
    try:
        async with db.transaction():
            await insert(db, 1)
    except ConnectionLost:
        return False
    return True


@pytest.mark.parametrize(("cut", "rows"), [("before", 0), ("after", 1)])
async def test_a_commit_whose_answer_is_lost_is_unknown(
    db: Database, fragile: Database, proxy: Proxy, cut: Literal["before", "after"], rows: int
) -> None:
    with pytest.raises(CommitUnknown) as raised:
        async with fragile.transaction():
            await insert(fragile, 1)
            proxy.cut = cut
    assert raised.value.retryable
    assert await count(db) == rows


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_after_an_unknown_commit_the_key_tells_what_happened(
    db: Database, fragile: Database, proxy: Proxy, cut: Literal["before", "after"]
) -> None:
    async def command() -> None:
        fragile.replies.claim("k", "f")
        await fragile.execute("INSERT INTO things (id) SELECT count(*) FROM things")
        fragile.replies.save("k", StoredReply(fingerprint="f", status=204, body=b""))

    proxy.cut = cut
    with pytest.raises(CommitUnknown):
        await fragile.atomic(command)
    if await fragile.replies.find("k") is None:
        await fragile.atomic(command)
    assert await count(db) == 1


async def test_a_read_through_a_broken_connection_is_told_and_not_repeated(fragile: Database, proxy: Proxy) -> None:
    slow = asyncio.create_task(fragile.fetch_value("SELECT 1 FROM pg_sleep(5)"))
    await running(fragile, "pg_sleep(5)")
    proxy.break_all()
    with pytest.raises(ConnectionLost):
        await slow
    assert await fragile.fetch_value("SELECT 1") == 1


async def running(db: Database, what: str) -> None:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()"
    async with asyncio.timeout(10):
        while not await db.fetch_value(sql, f"%{what}%"):
            pass


async def test_a_server_that_went_away_is_a_lost_connection(proxy: Proxy, db: Database) -> None:
    fragile = await Database.open(proxy.url)
    await proxy.__aexit__(None, None, None)
    with pytest.raises(ConnectionLost):
        await fragile.fetch_value("SELECT 1")
    with pytest.raises(ConnectionLost):
        async with fragile.transaction():
            await insert(fragile, 1)
    await fragile.close()


async def test_units_of_work_cancelled_anywhere_leave_no_transaction_on_the_server(
    db: Database, administrator: Administrator
) -> None:
    async def one(number: int) -> None:
        async with db.transaction():
            await insert(db, number)
            await db.fetch_value("SELECT 1 FROM pg_sleep(0.01)")
            await insert(db, -number)

    for number in range(1, 40):
        task = asyncio.create_task(one(number))
        await asyncio.wait([task], timeout=number * 0.0007)
        task.cancel()
        await asyncio.wait([task])
    assert await administrator.open_transactions() == 0
    assert await db.fetch_value("SELECT coalesce(sum(id), 0) FROM things") == 0


async def test_a_deadlock_is_a_conflict_and_both_pass_when_run_again(db: Database) -> None:
    met = asyncio.Barrier(2)

    async def swap(first: int, second: int, once: list[Any]) -> None:
        await db.execute("UPDATE things SET name = name || $1 WHERE id = $2", "x", first)
        if not once:
            once.append(first)
            await met.wait()
        await db.execute("UPDATE things SET name = name || $1 WHERE id = $2", "x", second)

    async with db.transaction():
        await insert(db, 1)
        await insert(db, 2)
    runs: tuple[list[Any], list[Any]] = ([], [])
    async with asyncio.timeout(20):
        await asyncio.gather(db.atomic(lambda: swap(1, 2, runs[0])), db.atomic(lambda: swap(2, 1, runs[1])))
    assert await db.fetch_value("SELECT string_agg(name, ',') FROM things") == "xx,xx"


async def test_a_deadlock_without_a_second_run_is_told_as_a_conflict(db: Database) -> None:
    met = asyncio.Barrier(2)

    async def swap(first: int, second: int) -> None:
        async with db.transaction("read committed"):
            await db.execute("UPDATE things SET name = 'x' WHERE id = $1", first)
            await met.wait()
            await db.execute("UPDATE things SET name = 'y' WHERE id = $1", second)

    async with db.transaction():
        await insert(db, 1)
        await insert(db, 2)
    results = await asyncio.gather(swap(1, 2), swap(2, 1), return_exceptions=True)
    assert sorted(type(each) for each in results if each) == [TransactionConflict]


async def test_a_statement_whose_plan_a_migration_made_void_is_run_again(
    db: Database, administrator: Administrator
) -> None:
    async def look() -> None:
        async with db.transaction():
            await db.fetch_value("SELECT * FROM things")

    for _ in range(10):
        await look()
    await administrator.connection.execute("ALTER TABLE things ADD COLUMN more TEXT, ALTER name TYPE VARCHAR(10)")
    await db.atomic(lambda: db.fetch_value("SELECT * FROM things"))


async def test_a_transaction_that_failed_on_the_server_is_not_told_as_committed(db: Database) -> None:
    with pytest.raises(StatementFailed, match="undone"):
        async with db.transaction() as unit:
            session: Any = await unit.session()
            await insert(db, 1)
            with pytest.raises(asyncpg.PostgresError):
                await session.connection.execute("nonsense")
    assert await count(db) == 0


async def test_text_with_a_nul_character_is_the_value_s_fault(db: Database) -> None:
    with pytest.raises(StatementFailed) as raised:
        async with db.transaction():
            await db.execute("INSERT INTO things (id, name) VALUES (1, $1)", "a\x00b")
    assert raised.value.code == "invalid"
