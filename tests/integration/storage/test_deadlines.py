"""The deadline of a command holds for its statements, its waiting and its repetitions, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest

from atoll.contracts import command, contract, spec_of
from atoll.core.context import new_context, use
from atoll.core.errors import DeadlineExceeded
from atoll.service.http import Reply, Request
from atoll.service.pipeline import Pipeline
from atoll.storage import ConnectionLost, Database, TransactionConflict
from tests.integration.storage.conftest import Administrator

READ = "SELECT sum(length(name)) FROM things WHERE id = $1"
WRITE = "UPDATE things SET name = name || 'x' WHERE id = $1"


@contract("swaps")
class Swaps(Protocol):
    @command("POST /swap")
    async def swap(self) -> None: ...


@pytest.fixture
async def rows(db: Database) -> Database:
    async with db.transaction():
        for number in (1, 2):
            await db.execute("INSERT INTO things (id) VALUES ($1)", number)
    return db


async def ask(db: Database, method: Callable[[], Awaitable[None]], seconds: float = 20.0) -> Reply:
    endpoint = Pipeline(db).endpoint(spec_of(Swaps).operation("swap"), method)
    with use(new_context(timeout=seconds)):
        return await endpoint.handle(Request(method="POST", path="/swap"))


class Meeting:
    """Two commands that meet in the middle when they run for the first time."""

    def __init__(self, db: Database, before: str, after: str) -> None:
        self.db, self.before, self.after = db, before, after
        self.met = asyncio.Barrier(2)
        self.runs = [0, 0]

    async def run(self, side: int) -> None:
        self.runs[side] += 1
        await self.db.fetch_value(self.before, side + 1)
        if self.runs[side] == 1:
            await self.met.wait()
        await self.db.fetch_value(self.after, 2 - side)


@pytest.mark.parametrize(
    ("before", "after"), [(READ, f"{WRITE} RETURNING 1"), (f"{WRITE} RETURNING 1", f"{WRITE} RETURNING 1")]
)
async def test_a_command_that_meets_another_is_run_again(rows: Database, before: str, after: str) -> None:
    meeting = Meeting(rows, before, after)
    replies = await asyncio.gather(*(ask(rows, lambda side=side: meeting.run(side)) for side in (0, 1)))
    assert [reply.status for reply in replies] == [204, 204]
    assert sum(meeting.runs) > 2


async def test_a_command_that_meets_others_until_its_deadline_is_told_so_in_time(rows: Database) -> None:
    runs: list[int] = []

    async def interrupted() -> None:
        runs.append(1)
        await rows.fetch_value(READ, 1)
        task = asyncio.create_task(elsewhere(rows))
        await task
        await rows.execute(WRITE, 1)

    async with asyncio.timeout(5):
        with pytest.raises((DeadlineExceeded, TransactionConflict)):
            await ask(rows, interrupted, seconds=0.3)
    assert len(runs) > 1


async def elsewhere(db: Database) -> None:
    """Write the row as another process would."""
    session: Any = await db.engine.begin("read committed")
    await session.connection.execute("UPDATE things SET name = 'y' WHERE id = 1")
    await session.commit(())


@asynccontextmanager
async def locked(administrator: Administrator) -> AsyncIterator[None]:
    """Hold a row that everybody wants."""
    async with administrator.connection.transaction():
        await administrator.connection.execute("UPDATE things SET name = 'held' WHERE id = 1")
        yield


async def test_a_statement_that_waits_for_a_lock_is_given_up_at_the_deadline(
    rows: Database, administrator: Administrator
) -> None:
    async def wait() -> None:
        await rows.execute(WRITE, 1)

    async with locked(administrator), asyncio.timeout(10):
        waiting = [ask(rows, wait, seconds=0.3) for _ in range(20)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in results} == {DeadlineExceeded}
        assert (await administrator.open_transactions(), await administrator.waiting()) == (0, 0)
        assert await rows.fetch_value("SELECT count(*) FROM things") == 2
    await ask(rows, wait)
    assert await rows.fetch_value("SELECT name FROM things WHERE id = 1") == "heldx"


async def test_a_transaction_that_its_process_leaves_idle_is_ended_by_the_server_and_its_locks_are_free(
    rows: Database, administrator: Administrator
) -> None:
    assert await rows.fetch_value("SHOW idle_in_transaction_session_timeout") == "10s"
    with pytest.raises(ConnectionLost):
        async with rows.transaction():
            await rows.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            await rows.execute(WRITE, 1)
            await administrator.connection.execute("UPDATE things SET name = 'z' WHERE id = 1")
            await rows.execute(WRITE, 1)
    assert await rows.fetch_value("SELECT name FROM things WHERE id = 1") == "z"
